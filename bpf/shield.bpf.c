/* The agent's shield, by BPF LSM: nobody but the service manager (process 1) and the agent itself may
 * end, stop or trace the agent's processes, or remove, rename or write what is in its state folder.
 * The clock is set by the programs that keep the time only: who can set it can bring back the change
 * time of a file, and make the agent's records lie.
 * Its processes are found by descent: what the first of them forks belongs to it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/maps.h"
#include "bpf/shield.h"

char LICENSE[] SEC("license") = "GPL";

#define EPERM         1
#define SIGCHLD       17
#define SIGCONT       18
#define FMODE_WRITE   2
#define PTRACE_ATTACH 2
#define CAP_SYS_TIME  25
#define DEPTH         6 /* folders from a file up to the state folder, at most */

MAP(own, BPF_MAP_TYPE_HASH, 256, __u32, __u8); /* thread groups */
ONE(folder, struct sek_shield_file);
MAP(setters, BPF_MAP_TYPE_HASH, 64, struct sek_shield_file, __u8); /* programs that keep the time */
RING(events, 4096);

static __always_inline int is_own(__u32 tgid)
{
    return bpf_map_lookup_elem(&own, &tgid) != 0;
}

static __always_inline int refuse(__u32 reason, __u32 signal)
{
    struct sek_shield_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e) {
        e->tgid = current_tgid();
        e->uid = (__u32)bpf_get_current_uid_gid();
        e->reason = reason;
        e->signal = signal;
        bpf_get_current_comm(e->comm, sizeof e->comm);
        bpf_ringbuf_submit(e, 0);
    }
    return -EPERM;
}

SEC("raw_tp/sched_process_fork")
int shield_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
    __u32 from = (__u32)BPF_CORE_READ(parent, tgid), to = (__u32)BPF_CORE_READ(child, tgid);
    __u8 one = 1;
    if (from != to && is_own(from))
        bpf_map_update_elem(&own, &to, &one, BPF_ANY);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int shield_exit(struct bpf_raw_tracepoint_args *ctx)
{
    __u32 tgid = ended_process(ctx);
    if (tgid)
        bpf_map_delete_elem(&own, &tgid);
    return 0;
}

SEC("lsm/task_kill")
int BPF_PROG(shield_kill, struct task_struct *task, void *info, int signal)
{
    __u32 caller = current_tgid();
    if (!is_own((__u32)BPF_CORE_READ(task, tgid)) || is_own(caller) || caller == 1 ||
        signal == 0 || signal == SIGCHLD || signal == SIGCONT)
        return 0;
    return refuse(SEK_SHIELD_SIGNAL, (__u32)signal);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(shield_trace, struct task_struct *child, unsigned int mode)
{
    if (!(mode & PTRACE_ATTACH) || !is_own((__u32)BPF_CORE_READ(child, tgid)) ||
        is_own(current_tgid()))
        return 0;
    return refuse(SEK_SHIELD_TRACED, 0);
}

/* Is DENTRY the state folder, or below it? */
static __always_inline int in_state(struct dentry *dentry)
{
    __u32 zero = 0;
    const struct sek_shield_file *f = bpf_map_lookup_elem(&folder, &zero);
    if (!f || !f->inode)
        return 0;
    for (int i = 0; i < DEPTH; i++) {
        struct inode *inode = BPF_CORE_READ(dentry, d_inode);
        if (inode && BPF_CORE_READ(inode, i_ino) == f->inode &&
            BPF_CORE_READ(inode, i_sb, s_dev) == f->device)
            return 1;
        dentry = BPF_CORE_READ(dentry, d_parent);
    }
    return 0;
}

static __always_inline int check_file(struct dentry *dentry)
{
    return in_state(dentry) && !is_own(current_tgid()) ? refuse(SEK_SHIELD_FILES, 0) : 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(shield_unlink, struct inode *dir, struct dentry *dentry)
{
    return check_file(dentry);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(shield_rmdir, struct inode *dir, struct dentry *dentry)
{
    return check_file(dentry);
}

SEC("lsm/inode_rename")
int BPF_PROG(shield_rename, struct inode *dir, struct dentry *dentry)
{
    return check_file(dentry);
}

SEC("lsm/file_open")
int BPF_PROG(shield_open, struct file *file)
{
    return BPF_CORE_READ(file, f_mode) & FMODE_WRITE ? check_file(BPF_CORE_READ(file, f_path.dentry))
                                                     : 0;
}

/* Every way to set or steer a clock asks for this capability: clock_settime(), settimeofday(),
 * clock_adjtime(), the real-time clock's device. */
SEC("lsm/capable")
int BPF_PROG(shield_clock, const void *cred, void *ns, int capability)
{
    if (capability != CAP_SYS_TIME || current_tgid() == 1)
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
    struct sek_shield_file key = {};
    if (inode) {
        key.inode = BPF_CORE_READ(inode, i_ino);
        key.device = BPF_CORE_READ(inode, i_sb, s_dev);
    }
    return bpf_map_lookup_elem(&setters, &key) ? 0 : refuse(SEK_SHIELD_CLOCK, 0);
}
