/* Loads the programs. Afterwards only descriptors of maps, links and the ring are kept: libbpf's
 * object would hold its ELF and type data in memory for nothing. */
#include "agent/lockdown/kernel.h"
#include "agent/ebpf.h"
#include "agent/lockdown/script.h"
#include "bpf/lockdown.skel.h"
#include "lib/base/linux.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS 16

struct sek_kernel_guard {
    int links[LINKS];
    unsigned link_count;
    int devices, mounts, numbers, programs, applets, names, tasks, approved, held, settings;
    struct ring_buffer *ring;
    bool lsm;
    void (*on_event)(void *arg, const struct sek_guard_event *event);
    void *arg;
};

static int take_event(void *arg, void *data, size_t size)
{
    struct sek_kernel_guard *g = arg;
    if (size >= sizeof(struct sek_guard_event) && g->on_event)
        g->on_event(g->arg, data);
    return 0;
}

static struct lockdown *load(bool lsm)
{
    struct bpf_program *program;
    struct lockdown *skel = lockdown__open();
    if (!skel)
        return NULL;
    bpf_object__for_each_program(program, skel->obj)
    {
        if (!lsm && !strncmp(bpf_program__section_name(program), "lsm", 3))
            bpf_program__set_autoload(program, false);
    }
    if (!lockdown__load(skel))
        return skel;
    lockdown__destroy(skel);
    return NULL;
}

static void keep_maps(struct sek_kernel_guard *g, const struct lockdown *skel)
{
    g->devices = sek_ebpf_keep(bpf_map__fd(skel->maps.devices));
    g->mounts = sek_ebpf_keep(bpf_map__fd(skel->maps.mounts));
    g->numbers = sek_ebpf_keep(bpf_map__fd(skel->maps.numbers));
    g->programs = sek_ebpf_keep(bpf_map__fd(skel->maps.programs));
    g->applets = sek_ebpf_keep(bpf_map__fd(skel->maps.applets));
    g->names = sek_ebpf_keep(bpf_map__fd(skel->maps.names));
    g->tasks = sek_ebpf_keep(bpf_map__fd(skel->maps.tasks));
    g->approved = sek_ebpf_keep(bpf_map__fd(skel->maps.approved));
    g->held = sek_ebpf_keep(bpf_map__fd(skel->maps.held));
    g->settings = sek_ebpf_keep(bpf_map__fd(skel->maps.settings));
    g->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), take_event, g, NULL);
}

static void tell_name(void *arg, const struct sek_guard_name *name, uint32_t kind,
                      const struct sek_interpreter *applet)
{
    const struct sek_kernel_guard *g = arg;
    struct sek_guard_program program;
    if (applet) {
        sek_interpreter_program(applet, &program);
        bpf_map_update_elem(g->applets, name, &program, BPF_ANY);
    } else {
        bpf_map_update_elem(g->names, name, &kind, BPF_ANY);
    }
}

static enum sek_error open_with(bool lsm, struct sek_kernel_guard **out, struct sek_fault *fault)
{
    struct sek_kernel_guard *g = calloc(1, sizeof *g);
    struct lockdown *skel = g ? load(lsm) : NULL;
    if (!skel) {
        free(g);
        return sek_fail(fault, SEK_EUNSUPPORTED, "lockdown's programs: %s",
                        sek_ebpf_why(errno));
    }
    g->lsm = lsm;
    keep_maps(g, skel);
    sek_interpreter_names(tell_name, g);
    enum sek_error rc =
        g->ring ? sek_ebpf_attach(skel->obj, g->links, LINKS, &g->link_count, fault)
                : sek_fail(fault, SEK_EUNSUPPORTED, "eBPF ring buffer: %s", strerror(errno));
    lockdown__destroy(skel);
    if (rc)
        sek_kernel_guard_close(g);
    else
        *out = g;
    return rc;
}

/* A kernel may have BPF LSM and no way to attach to it (arm64 before Linux 6.4). */
enum sek_error sek_kernel_guard_open(struct sek_kernel_guard **out, struct sek_fault *fault)
{
    *out = NULL;
    sek_ebpf_quiet();
    if (sek_ebpf_runs_lsm() && !open_with(true, out, fault))
        return SEK_OK;
    return open_with(false, out, fault);
}

void sek_kernel_guard_close(struct sek_kernel_guard *g)
{
    if (!g)
        return;
    while (g->link_count)
        close(g->links[--g->link_count]);
    const int maps[] = {g->devices, g->mounts, g->numbers,  g->programs, g->applets,
                        g->names,   g->tasks,  g->approved, g->held,     g->settings};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        close(maps[i]);
    ring_buffer__free(g->ring);
    free(g);
}

bool sek_kernel_guard_has_lsm(const struct sek_kernel_guard *g)
{
    return g && g->lsm;
}

void sek_kernel_guard_set(struct sek_kernel_guard *g, const struct sek_guard_settings *settings)
{
    uint32_t zero = 0;
    if (g)
        bpf_map_update_elem(g->settings, &zero, settings, BPF_ANY);
}

void sek_kernel_guard_device(struct sek_kernel_guard *g, dev_t device)
{
    uint32_t key = sek_ebpf_device(device);
    uint8_t one = 1;
    if (g)
        bpf_map_update_elem(g->devices, &key, &one, BPF_ANY);
}

void sek_kernel_guard_numbers(struct sek_kernel_guard *g, dev_t device)
{
    uint32_t key = sek_ebpf_device(device);
    uint8_t one = 1;
    if (g)
        bpf_map_update_elem(g->numbers, &key, &one, BPF_ANY);
}

void sek_kernel_guard_mount(struct sek_kernel_guard *g, uint32_t id, bool marked)
{
    uint8_t one = 1;
    if (g && marked)
        bpf_map_update_elem(g->mounts, &id, &one, BPF_ANY);
    else if (g)
        bpf_map_delete_elem(g->mounts, &id);
}

static struct sek_guard_file key_of(const struct stat *st)
{
    return (struct sek_guard_file){.inode = st->st_ino,
                                   .device = sek_ebpf_device(st->st_dev)};
}

void sek_kernel_guard_program(struct sek_kernel_guard *g, const struct stat *st,
                              const struct sek_guard_program *program)
{
    struct sek_guard_file key = key_of(st);
    if (g)
        bpf_map_update_elem(g->programs, &key, program, BPF_ANY);
}

bool sek_kernel_guard_covers(const struct sek_kernel_guard *g, const struct stat *st)
{
    uint32_t device = sek_ebpf_device(st->st_dev);
    uint8_t value;
    return g && !bpf_map_lookup_elem(g->devices, &device, &value) &&
           !bpf_map_lookup_elem(g->numbers, &device, &value);
}

void sek_kernel_guard_hold(struct sek_kernel_guard *g, const struct stat *st, bool held)
{
    struct sek_guard_file key = key_of(st);
    struct sek_guard_approved value;
    if (g && !held)
        bpf_map_delete_elem(g->held, &key);
    else if (g && !bpf_map_lookup_elem(g->approved, &key, &value))
        bpf_map_update_elem(g->held, &key, &value, BPF_ANY);
}

void sek_kernel_guard_disapprove(struct sek_kernel_guard *g, const struct stat *st)
{
    struct sek_guard_file key = key_of(st);
    if (!g)
        return;
    bpf_map_delete_elem(g->approved, &key);
    bpf_map_delete_elem(g->held, &key);
}

static void prune(int map, bool (*keep)(const void *arg, uint64_t content), const void *arg)
{
    struct sek_guard_file key, next;
    struct sek_guard_approved value;
    bool more = !bpf_map_get_next_key(map, NULL, &next);
    while (more) {
        key = next;
        more = !bpf_map_get_next_key(map, &key, &next);
        if (!bpf_map_lookup_elem(map, &key, &value) && !keep(arg, value.content))
            bpf_map_delete_elem(map, &key);
    }
}

void sek_kernel_guard_prune(struct sek_kernel_guard *g,
                            bool (*keep)(const void *arg, uint64_t content), const void *arg)
{
    if (!g)
        return;
    prune(g->approved, keep, arg);
    prune(g->held, keep, arg);
}

void sek_kernel_guard_approve(struct sek_kernel_guard *g, const struct stat *st, bool set_id,
                              uint64_t content)
{
    struct sek_guard_file key = key_of(st);
    struct sek_guard_approved value = {
        .size = (uint64_t)st->st_size,
        .changed_s = (uint64_t)st->st_ctim.tv_sec,
        .changed_ns = (uint32_t)st->st_ctim.tv_nsec,
        .set_id = set_id,
        .content = content,
    };
    if (g)
        bpf_map_update_elem(g->approved, &key, &value, BPF_ANY);
}

void sek_kernel_guard_task(struct sek_kernel_guard *g, pid_t pid, uint32_t flags)
{
    uint32_t key = (uint32_t)pid;
    if (g)
        bpf_map_update_elem(g->tasks, &key, &flags, BPF_ANY);
}

/* Does the program of PID lie on a marked mount or file system? */
static bool runs_inside(struct sek_kernel_guard *g, pid_t pid)
{
    char path[40];
    struct statx st;
    uint8_t value;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_MNT_ID, &st))
        return false;
    uint32_t device = st.stx_dev_major << 20 | st.stx_dev_minor;
    uint32_t mount = (uint32_t)st.stx_mnt_id;
    return !bpf_map_lookup_elem(g->devices, &device, &value) ||
           (st.stx_mask & STATX_MNT_ID && !bpf_map_lookup_elem(g->mounts, &mount, &value));
}

void sek_kernel_guard_seed(struct sek_kernel_guard *g)
{
    DIR *dir = g ? opendir("/proc") : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        uint32_t pid = (uint32_t)strtoul(e->d_name, NULL, 10), flags = SEK_GUARD_INSIDE;
        if (pid && runs_inside(g, (pid_t)pid))
            bpf_map_update_elem(g->tasks, &pid, &flags, BPF_NOEXIST);
    }
    if (dir)
        closedir(dir);
}

int sek_kernel_guard_fd(const struct sek_kernel_guard *g)
{
    return g ? ring_buffer__epoll_fd(g->ring) : -1;
}

void sek_kernel_guard_serve(struct sek_kernel_guard *g,
                            void (*on_event)(void *arg, const struct sek_guard_event *event),
                            void *arg)
{
    g->on_event = on_event;
    g->arg = arg;
    ring_buffer__consume(g->ring);
}
