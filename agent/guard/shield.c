/* BPF LSM programs, a mark in the state folder, a timer that the clock cancels, control groups. */
#include "agent/guard/shield.h"
#include "agent/ebpf.h"
#include "bpf/shield.skel.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LINKS          10
#define NOTICED_US     2000000
#define BOOT_ID_LENGTH 36

struct sek_shield {
    int links[LINKS];
    unsigned link_count;
    int own, setters;
    const char *const *paths; /* of the setters */
    struct ring_buffer *ring;
    void (*on_event)(void *arg, const struct sek_shield_event *event);
    void *arg;
};

/* --- BPF LSM -------------------------------------------------------------------------------------- */

static int take_event(void *arg, void *data, size_t size)
{
    struct sek_shield *s = arg;
    if (size >= sizeof(struct sek_shield_event) && s->on_event)
        s->on_event(s->arg, data);
    return 0;
}

static struct sek_shield_file key_of(const struct stat *st)
{
    return (struct sek_shield_file){.inode = st->st_ino,
                                    .device = sek_ebpf_device(st->st_dev)};
}

static void find_setters(struct sek_shield *s)
{
    const uint8_t one = 1;
    struct stat st;
    for (const char *const *path = s->paths; *path; path++) {
        if (stat(*path, &st))
            continue;
        const struct sek_shield_file key = key_of(&st);
        bpf_map_update_elem(s->setters, &key, &one, BPF_ANY);
    }
}

bool sek_shield_sets_clock(struct sek_shield *s, uint32_t pid)
{
    char path[32];
    uint8_t one;
    struct stat st;
    snprintf(path, sizeof path, "/proc/%u/exe", pid);
    if (stat(path, &st))
        return false;
    const struct sek_shield_file key = key_of(&st);
    find_setters(s);
    return !bpf_map_lookup_elem(s->setters, &key, &one);
}

/* The state folder, the setters, and this process as the first of its own. */
static enum sek_error fill(struct sek_shield *s, struct shield *skel, const char *state,
                           struct sek_fault *fault)
{
    uint32_t zero = 0, pid = (uint32_t)getpid();
    uint8_t one = 1;
    struct stat st;
    if (stat(state, &st))
        return sek_fail(fault, SEK_EIO, "%s: %s", state, strerror(errno));
    const struct sek_shield_file folder = key_of(&st);
    s->own = sek_ebpf_keep(bpf_map__fd(skel->maps.own));
    s->setters = sek_ebpf_keep(bpf_map__fd(skel->maps.setters));
    find_setters(s);
    if (bpf_map_update_elem(s->own, &pid, &one, BPF_ANY) ||
        bpf_map_update_elem(bpf_map__fd(skel->maps.folder), &zero, &folder, BPF_ANY))
        return sek_fail(fault, SEK_EIO, "eBPF maps: %s", strerror(errno));
    s->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), take_event, s, NULL);
    return s->ring ? SEK_OK
                   : sek_fail(fault, SEK_EUNSUPPORTED, "eBPF ring buffer: %s", strerror(errno));
}

enum sek_error sek_shield_open(const char *state, const char *const *setters,
                               struct sek_shield **out, struct sek_fault *fault)
{
    *out = NULL;
    if (!sek_ebpf_runs_lsm())
        return sek_fail(fault, SEK_EUNSUPPORTED, "no BPF LSM (Linux 5.10 with bpf in lsm=)");
    struct sek_shield *s = calloc(1, sizeof *s);
    struct shield *skel = s ? shield__open_and_load() : NULL;
    if (!skel) {
        free(s);
        return sek_fail(fault, SEK_EUNSUPPORTED, "BPF LSM: %s", sek_ebpf_why(errno));
    }
    s->own = s->setters = -1;
    s->paths = setters;
    enum sek_error rc = fill(s, skel, state, fault);
    if (!rc)
        rc = sek_ebpf_attach(skel->obj, s->links, LINKS, &s->link_count, fault);
    shield__destroy(skel);
    if (rc)
        sek_shield_close(s);
    else
        *out = s;
    return rc;
}

void sek_shield_close(struct sek_shield *s)
{
    if (!s)
        return;
    while (s->link_count)
        close(s->links[--s->link_count]);
    ring_buffer__free(s->ring);
    if (s->own >= 0)
        close(s->own);
    if (s->setters >= 0)
        close(s->setters);
    free(s);
}

int sek_shield_fd(const struct sek_shield *s)
{
    return s ? ring_buffer__epoll_fd(s->ring) : -1;
}

void sek_shield_serve(struct sek_shield *s,
                      void (*on_event)(void *arg, const struct sek_shield_event *event), void *arg)
{
    s->on_event = on_event;
    s->arg = arg;
    ring_buffer__consume(s->ring);
}

/* --- ended by force ------------------------------------------------------------------------------- */

static bool read_boot_id(char out[BOOT_ID_LENGTH + 1])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, BOOT_ID_LENGTH) : -1;
    if (fd >= 0)
        close(fd);
    out[BOOT_ID_LENGTH] = '\0';
    return n == BOOT_ID_LENGTH;
}

bool sek_shield_entered(const char *state)
{
    char path[512], boot[BOOT_ID_LENGTH + 1], *text;
    size_t len;
    bool before = false;
    snprintf(path, sizeof path, "%s/running", state);
    if (!read_boot_id(boot))
        return false;
    if (!sek_file_read(path, 4096, &text, &len, NULL)) {
        before = len >= BOOT_ID_LENGTH && !memcmp(text, boot, BOOT_ID_LENGTH);
        free(text);
    }
    sek_file_replace(path, boot, BOOT_ID_LENGTH, 0600, NULL);
    return before;
}

void sek_shield_left(const char *state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/running", state);
    unlink(path);
}

/* --- clock ------------------------------------------------------------------------------------------ */

static int64_t clock_offset(void)
{
    return (int64_t)sek_clock_wall_us() - (int64_t)sek_clock_mono_us();
}

static int64_t offset_seen;

static bool arm(int fd)
{
    /* Far away: only the cancelling matters. */
    const struct itimerspec far = {.it_value = {.tv_sec = sizeof(time_t) > 4 ? (time_t)(1ull << 40) : INT32_MAX}};
    offset_seen = clock_offset();
    return !timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

int sek_shield_clock(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0 && !arm(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

int64_t sek_shield_clock_changed(int fd)
{
    uint64_t expired;
    if (read(fd, &expired, sizeof expired) >= 0 || errno != ECANCELED)
        return 0;
    int64_t changed = clock_offset() - offset_seen;
    arm(fd);
    return changed > NOTICED_US || changed < -NOTICED_US ? changed : 0;
}

/* --- limits ------------------------------------------------------------------------------------------ */

static bool put(const char *folder, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

static bool limit_v2(unsigned memory_mib, unsigned cpu_percent)
{
    static const char folder[] = "/sys/fs/cgroup/sekisho-agent";
    char memory[32] = "max", cpu[48] = "max 100000";
    put("/sys/fs/cgroup", "cgroup.subtree_control", "+memory +cpu");
    if (mkdir(folder, 0755) && errno != EEXIST)
        return false;
    if (memory_mib)
        snprintf(memory, sizeof memory, "%llu", (unsigned long long)memory_mib << 20);
    if (cpu_percent)
        snprintf(cpu, sizeof cpu, "%u 100000", cpu_percent * 1000);
    return put(folder, "memory.max", memory) && put(folder, "cpu.max", cpu) &&
           put(folder, "cgroup.procs", "0");
}

static bool limit_v1(unsigned memory_mib, unsigned cpu_percent)
{
    static const char memory_folder[] = "/sys/fs/cgroup/memory/sekisho-agent",
                      cpu_folder[] = "/sys/fs/cgroup/cpu/sekisho-agent";
    char memory[32] = "-1", cpu[32] = "-1";
    if ((mkdir(memory_folder, 0755) && errno != EEXIST) ||
        (mkdir(cpu_folder, 0755) && errno != EEXIST))
        return false;
    if (memory_mib)
        snprintf(memory, sizeof memory, "%llu", (unsigned long long)memory_mib << 20);
    if (cpu_percent)
        snprintf(cpu, sizeof cpu, "%u", cpu_percent * 1000);
    return put(memory_folder, "memory.limit_in_bytes", memory) &&
           put(cpu_folder, "cpu.cfs_quota_us", cpu) && put(memory_folder, "cgroup.procs", "0") &&
           put(cpu_folder, "cgroup.procs", "0");
}

enum sek_error sek_shield_limit(unsigned memory_mib, unsigned cpu_percent, struct sek_fault *fault)
{
    if ((!memory_mib && !cpu_percent) || limit_v2(memory_mib, cpu_percent) ||
        limit_v1(memory_mib, cpu_percent))
        return SEK_OK;
    return sek_fail(fault, SEK_EUNSUPPORTED, "no control group with limits: %s", strerror(errno));
}
