/* Lockdown in the kernel, beside fanotify: what permission events on marked file systems do not
 * see.
 *
 * On every kernel with raw tracepoints and type information (5.8): a program that starts from
 * memory (memfd), over a mount that carries no mark, or as an interpreter with its code on the
 * command line or on standard input, is ended before its first instruction. With BPF LSM the same
 * is refused as an error, and so are mappings of unregistered files as code, tracing of other
 * processes, kernel modules and BPF programs, and writing to registered programs.
 *
 * Only processes that are inside count: those that run, or descend from, a program of a scope; all
 * of them when the whole device is covered. Content is never judged here: `approved` holds what the
 * responder judged. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/lockdown.h"
#include "bpf/maps.h"

char LICENSE[] SEC("license") = "GPL";

#define SIGKILL       9
#define EPERM         1
#define S_IFMT        0170000
#define S_IFCHR       0020000
#define S_IFREG       0100000
#define S_ISUID       04000
#define S_ISGID       02000
#define S_IXGRP       00010
#define SB_NOUSER     (1ul << 31)
#define PROT_EXEC     4
#define FMODE_WRITE   2
#define PTRACE_ATTACH 2
/* enum kernel_read_file_id, and the same of kernel_load_data_id */
#define READING_MODULE          2
#define READING_KEXEC_IMAGE     3
#define READING_KEXEC_INITRAMFS 4
#define WALK                    48 /* folders from a file to its root, at most */

HASH(devices, 256, __u32, __u8); /* file systems marked as a whole */
HASH(mounts, 1024, __u32, __u8); /* marked mounts, by mount id */
/* File systems whose files have the same numbers in stat(2) as here: only there can be asked
 * whether a file is approved. (Not so on btrfs, and on some overlays.) */
HASH(numbers, 1024, __u32, __u8);
HASH(programs, 512, struct sek_guard_file, struct sek_guard_program);
/* Approved files that are leased to the responder: nobody wrote since, whatever the change time
 * says, and nobody is asked again, so they must not be pushed out by others as those of `approved`
 * are. */
HASH(held, 4096, struct sek_guard_file, struct sek_guard_approved);
HASH(tasks, 65536, __u32, __u32); /* thread group -> SEK_GUARD_... */

MAP(approved, BPF_MAP_TYPE_LRU_HASH, 16384, struct sek_guard_file, struct sek_guard_approved);
ONE(settings, struct sek_guard_settings);
RING(events, 65536);

#include "bpf/lockdown_words.h"

static __always_inline const struct sek_guard_settings *in_force(void)
{
    __u32 zero = 0;
    const struct sek_guard_settings *s = bpf_map_lookup_elem(&settings, &zero);
    return s && s->mode >= SEK_GUARD_DETECT ? s : 0;
}

static __always_inline __u32 flags_of(__u32 tgid)
{
    const __u32 *flags = bpf_map_lookup_elem(&tasks, &tgid);
    return flags ? *flags : 0;
}

/* Does the policy hold for the current process? The agent's own are never restricted. */
static __always_inline int is_inside(const struct sek_guard_settings *s)
{
    __u32 flags = flags_of(current_tgid());
    return !(flags & SEK_GUARD_OWN) && (s->everyone || (flags & SEK_GUARD_INSIDE));
}

/* Report, and say whether to refuse. PATH is a kernel string or null. */
static __always_inline int refuse(const struct sek_guard_settings *s, __u32 reason,
                                  const char *path)
{
    int blocked = s->mode == SEK_GUARD_ENFORCE &&
                  (reason != SEK_GUARD_INLINE || s->inline_policy == SEK_INLINE_DENY);
    struct sek_guard_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e) {
        e->tgid = current_tgid();
        e->reason = reason;
        e->blocked = (__u32)blocked;
        e->unused = 0;
        e->path[0] = '\0';
        if (path)
            bpf_probe_read_kernel_str(e->path, sizeof e->path, path);
        bpf_ringbuf_submit(e, 0);
    }
    return blocked;
}

static __always_inline struct sek_guard_file key_of(struct inode *inode)
{
    struct sek_guard_file key = {.inode = BPF_CORE_READ(inode, i_ino),
                                 .device = BPF_CORE_READ(inode, i_sb, s_dev)};
    return key;
}

static __always_inline int is_root(const struct sek_guard_settings *s, struct inode *inode)
{
    struct sek_guard_file key = key_of(inode);
    for (int i = 0; i < SEK_GUARD_SCOPES; i++) {
        if ((__u32)i < s->scopes && s->roots[i].inode == key.inode &&
            s->roots[i].device == key.device)
            return 1;
    }
    return 0;
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
    return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* Below a scope's root folder, whatever mount it was reached over? */
static __always_inline int below_folder(const struct sek_guard_settings *s, struct dentry *d)
{
    for (int i = 0; i < WALK; i++) {
        struct dentry *parent = BPF_CORE_READ(d, d_parent);
        if (is_root(s, BPF_CORE_READ(d, d_inode)))
            return 1;
        if (parent == d)
            return 0;
        d = parent;
    }
    return 0;
}

/* On a mount that was put below a marked one, or below a scope's root? */
static __always_inline int below_mount(const struct sek_guard_settings *s, struct mount *m)
{
    for (int i = 0; i < 8; i++) {
        struct mount *parent = BPF_CORE_READ(m, mnt_parent);
        __u32 device = BPF_CORE_READ(parent, mnt.mnt_sb, s_dev);
        __u32 id = (__u32)BPF_CORE_READ(parent, mnt_id);
        if (parent == m)
            return 0;
        if (bpf_map_lookup_elem(&mounts, &id) || bpf_map_lookup_elem(&devices, &device))
            return 1;
        if (is_root(s, BPF_CORE_READ(m, mnt_mountpoint, d_inode)))
            return 1;
        m = parent;
    }
    return 0;
}

/* Where a file lies. NONE: on a marked mount or file system, so the responder judges it. A global
 * function, so that its loops are verified once and not for each use. */
__noinline int guard_place(__u64 address)
{
    struct file *file = (void *)address;
    const struct sek_guard_settings *s = in_force();
    struct super_block *sb = BPF_CORE_READ(file, f_inode, i_sb);
    struct mount *m = mount_of(BPF_CORE_READ(file, f_path.mnt));
    __u32 device = BPF_CORE_READ(sb, s_dev), id = (__u32)BPF_CORE_READ(m, mnt_id);
    if (!s || bpf_map_lookup_elem(&devices, &device) || bpf_map_lookup_elem(&mounts, &id))
        return SEK_GUARD_NONE;
    if (BPF_CORE_READ(sb, s_flags) & SB_NOUSER)
        return SEK_GUARD_MEMORY;
    if (below_folder(s, BPF_CORE_READ(file, f_path.dentry)) || below_mount(s, m))
        return SEK_GUARD_UNCOVERED;
    return SEK_GUARD_OUTSIDE;
}

static __always_inline __u32 place_of(struct file *file)
{
    __u64 address = 0;
    bpf_probe_read_kernel(&address, sizeof address,
                          &file); /* a number: functions take no pointers */
    return (__u32)guard_place(address);
}

static __always_inline const struct sek_guard_approved *approval_of(struct sek_guard_file *key)
{
    const struct sek_guard_approved *a = bpf_map_lookup_elem(&held, key);
    return a ? a : bpf_map_lookup_elem(&approved, key);
}

static __always_inline int is_approved(struct inode *inode)
{
    struct sek_guard_file key = key_of(inode);
    const struct sek_guard_approved *a;
    __u64 seconds;
    __u32 ns;
    if (BPF_CORE_READ(inode, i_writecount.counter) > 0)
        return 0;
    if (bpf_map_lookup_elem(&held, &key)) /* links, owners and modes change the time as well */
        return 1;
    if (!(a = bpf_map_lookup_elem(&approved, &key)))
        return 0;
    if (bpf_core_field_exists(((struct inode___split *)0)->i_ctime_sec)) {
        seconds = (__u64)BPF_CORE_READ((struct inode___split *)inode, i_ctime_sec);
        ns = BPF_CORE_READ((struct inode___split *)inode, i_ctime_nsec);
    } else if (bpf_core_field_exists(((struct inode___private *)0)->__i_ctime)) {
        seconds = (__u64)BPF_CORE_READ((struct inode___private *)inode, __i_ctime.tv_sec);
        ns = (__u32)BPF_CORE_READ((struct inode___private *)inode, __i_ctime.tv_nsec);
    } else {
        seconds = (__u64)BPF_CORE_READ((struct inode___plain *)inode, i_ctime.tv_sec);
        ns = (__u32)BPF_CORE_READ((struct inode___plain *)inode, i_ctime.tv_nsec);
    }
    /* The highest bit of the nanoseconds marks "was asked for" in kernels with fine times. */
    return a->size == (__u64)BPF_CORE_READ(inode, i_size) && a->changed_s == seconds &&
           a->changed_ns == (ns & 0x7fffffff);
}

/* What is wrong with FILE as code, for a process that is INSIDE or not. */
static __always_inline __u32 fault_of(const struct sek_guard_settings *s, struct file *file,
                                      int inside)
{
    __u32 place = place_of(file);
    if (place == SEK_GUARD_UNCOVERED && is_approved(BPF_CORE_READ(file, f_inode)))
        return SEK_GUARD_NONE;
    if (place == SEK_GUARD_UNCOVERED)
        return place;
    if (place == SEK_GUARD_OUTSIDE)
        return s->everyone && inside ? place : SEK_GUARD_NONE;
    return place == SEK_GUARD_MEMORY && inside ? place : SEK_GUARD_NONE;
}

/* --- programs that start ------------------------------------------------------------------------
 */

/* A script that lies in memory only is reached over a descriptor. */
static __always_inline __u32 script_fault(const struct sek_guard_settings *s,
                                          struct linux_binprm *bprm, int inside)
{
    char name[24] = {0};
    const char *filename = BPF_CORE_READ(bprm, filename);
    if (filename == BPF_CORE_READ(bprm, interp))
        return SEK_GUARD_NONE;
    bpf_probe_read_kernel_str(name, sizeof name, filename);
    int number = descriptor_in(name);
    struct file *file = number >= 0 ? descriptor((__u32)number) : 0;
    return file ? fault_of(s, file, inside) : SEK_GUARD_NONE;
}

/* Code that is no file, on the command line, in the environment or from a descriptor. */
static __always_inline __u32 inline_fault(const struct sek_guard_settings *s,
                                          const struct sek_guard_program *p)
{
    int stream;
    if (runs_inline(p, &stream))
        return SEK_GUARD_INLINE;
    struct file *file = stream >= 0 ? descriptor((__u32)stream) : 0;
    if (!file)
        return SEK_GUARD_NONE;
    __u32 type = type_of(file);
    if (type != S_IFCHR && type != S_IFREG)
        return SEK_GUARD_INLINE; /* a pipe: nobody judges what comes out of it */
    return fault_of(s, file, 1); /* the file of a file system is judged when it is opened */
}

/* The bit came after the program was judged: that changes no content, so nobody asks again. */
static __always_inline int has_new_set_id(struct inode *inode)
{
    struct sek_guard_file key = key_of(inode);
    __u32 mode = BPF_CORE_READ(inode, i_mode);
    if (!(mode & S_ISUID) && (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP))
        return 0;
    const struct sek_guard_approved *a = approval_of(&key);
    return a && !a->set_id;
}

/* Whoever runs a program of a scope is inside from now on. */
static __always_inline void note_start(struct file *file, const struct sek_guard_program *p,
                                       const struct sek_guard_settings *s)
{
    __u32 tgid = current_tgid(), before = flags_of(tgid), flags = before;
    if (place_of(file) == SEK_GUARD_NONE)
        flags |= SEK_GUARD_INSIDE;
    if (p && p->flags & SEK_GUARD_IS_UPDATER)
        flags |= SEK_GUARD_UPDATER;
    if (flags != before)
        bpf_map_update_elem(&tasks, &tgid, &flags, BPF_ANY);
}

SEC("raw_tp/sched_process_exec")
int guard_exec(struct bpf_raw_tracepoint_args *ctx)
{
    struct linux_binprm *bprm = (void *)ctx->args[2];
    const struct sek_guard_settings *s = in_force();
    if (!s)
        return 0;
    struct file *file = BPF_CORE_READ(bprm, file);
    struct sek_guard_file key = key_of(BPF_CORE_READ(file, f_inode));
    const struct sek_guard_program *p = bpf_map_lookup_elem(&programs, &key);
    int inside = is_inside(s);
    __u32 reason = fault_of(s, file, inside);
    note_start(file, p, s);
    if (!reason)
        reason = script_fault(s, bprm, inside);
    if (!reason && has_new_set_id(BPF_CORE_READ(file, f_inode)))
        reason = SEK_GUARD_SET_ID;
    if (!reason && s->inline_policy != SEK_INLINE_ALLOW && p &&
        p->flags & SEK_GUARD_IS_INTERPRETER && is_inside(s))
        reason = inline_fault(s, p);
    if (reason && refuse(s, reason, BPF_CORE_READ(bprm, filename)))
        bpf_send_signal(SIGKILL);
    return 0;
}

SEC("raw_tp/sched_process_fork")
int guard_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
    __u32 from = (__u32)BPF_CORE_READ(parent, tgid), to = (__u32)BPF_CORE_READ(child, tgid);
    __u32 flags = from == to ? 0 : flags_of(from);
    if (flags)
        bpf_map_update_elem(&tasks, &to, &flags, BPF_ANY);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int guard_exit(struct bpf_raw_tracepoint_args *ctx)
{
    __u32 tgid = ended_process(ctx);
    if (tgid)
        bpf_map_delete_elem(&tasks, &tgid);
    return 0;
}

/* --- BPF LSM: the same as errors, and what only it can see ---------------------------------------
 */

static __always_inline int deny(const struct sek_guard_settings *s, __u32 reason, const char *path)
{
    return refuse(s, reason, path) ? -EPERM : 0;
}

/* Asked for a script and again for its interpreter. */
SEC("lsm/bprm_check_security")
int BPF_PROG(guard_bprm, struct linux_binprm *bprm)
{
    const struct sek_guard_settings *s = in_force();
    __u32 reason = s ? fault_of(s, BPF_CORE_READ(bprm, file), is_inside(s)) : SEK_GUARD_NONE;
    return reason ? deny(s, reason, BPF_CORE_READ(bprm, filename)) : 0;
}

/* Does FILE lie on a file system that the responder judges, and is it not what was registered? The
 * responder lets everybody read such a file because this is asked of everybody. */
static __always_inline int is_strange(const struct sek_guard_settings *s, struct file *file)
{
    __u32 device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    return bpf_map_lookup_elem(&numbers, &device) && !(flags_of(current_tgid()) & SEK_GUARD_OWN) &&
           place_of(file) == SEK_GUARD_NONE && !is_approved(BPF_CORE_READ(file, f_inode));
}

static __always_inline int check_code(struct file *file)
{
    const struct sek_guard_settings *s = in_force();
    if (!s || !file)
        return 0;
    if (is_strange(s, file))
        return deny(s, SEK_GUARD_MAPPED, 0);
    __u32 reason = is_inside(s) ? fault_of(s, file, 1) : SEK_GUARD_NONE;
    return reason ? deny(s, reason, 0) : 0;
}

SEC("lsm/mmap_file")
int BPF_PROG(guard_mmap, struct file *file, unsigned long asked, unsigned long prot)
{
    return prot & PROT_EXEC ? check_code(file) : 0;
}

SEC("lsm/file_mprotect")
int BPF_PROG(guard_mprotect, struct vm_area_struct *vma, unsigned long asked, unsigned long prot)
{
    return prot & PROT_EXEC ? check_code(BPF_CORE_READ(vma, vm_file)) : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(guard_ptrace, struct task_struct *child, unsigned int mode)
{
    const struct sek_guard_settings *s = in_force();
    return s && mode & PTRACE_ATTACH && is_inside(s) ? deny(s, SEK_GUARD_TRACED, 0) : 0;
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(guard_traceme, struct task_struct *parent)
{
    const struct sek_guard_settings *s = in_force();
    return s && is_inside(s) ? deny(s, SEK_GUARD_TRACED, 0) : 0;
}

static __always_inline int is_kernel_code(int id)
{
    return id == READING_MODULE || id == READING_KEXEC_IMAGE || id == READING_KEXEC_INITRAMFS;
}

SEC("lsm/kernel_read_file")
int BPF_PROG(guard_read_file, struct file *file, int id)
{
    const struct sek_guard_settings *s = in_force();
    if (!s || !is_kernel_code(id) ||
        (!is_strange(s, file) && (!is_inside(s) || is_approved(BPF_CORE_READ(file, f_inode)))))
        return 0;
    return deny(s, SEK_GUARD_MODULE, 0);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(guard_load_data, int id)
{
    const struct sek_guard_settings *s = in_force();
    return s && is_kernel_code(id) && is_inside(s) ? deny(s, SEK_GUARD_MODULE, 0) : 0;
}

/* The service manager loads programs for its units; nobody else does. */
SEC("lsm/bpf")
int BPF_PROG(guard_bpf, int command)
{
    const struct sek_guard_settings *s = in_force();
    return s && command == BPF_PROG_LOAD && current_tgid() != 1 && is_inside(s)
               ? deny(s, SEK_GUARD_BPF, 0)
               : 0;
}

SEC("lsm/file_open")
int BPF_PROG(guard_open, struct file *file)
{
    const struct sek_guard_settings *s;
    if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE) || !(s = in_force()) || !is_inside(s))
        return 0;
    struct sek_guard_file key = key_of(BPF_CORE_READ(file, f_inode));
    if (!approval_of(&key) || flags_of(current_tgid()) & SEK_GUARD_UPDATER)
        return 0;
    return deny(s, SEK_GUARD_WRITTEN, 0);
}
