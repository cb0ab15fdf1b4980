/* After loading, only the map, link and ring descriptors are kept: libbpf's object would hold its
 * ELF and type data in memory for nothing. */
#include "agent/guard/exits.h"
#include "agent/guard/process.h"
#include "bpf/exit.h"
#include "bpf/exit.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS 5

struct sek_exits {
    int links[PROGRAMS];
    int prefixes4, prefixes6, addresses, owners, settings;
    struct ring_buffer *ring;
    struct sek_exit_settings now;
    void (*on_connect)(void *arg, const struct sek_connect *connect);
    void *arg;
};

static uint64_t boot_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int take_record(void *arg, void *data, size_t size)
{
    struct sek_exits *exits = arg;
    const struct sek_exit_event *e = data;
    struct sek_connect c = {
        .endpoints = {.target_port = e->port, .protocol = e->protocol},
        .process = {.uid = e->uid},
        .hook = e->hook,
        .blocked = e->blocked,
    };
    if (size < sizeof *e)
        return 0;
    memcpy(c.process.comm, e->comm, sizeof c.process.comm);
    if (e->tgid)
        sek_process_look((int32_t)e->tgid, &c.process);
    memcpy(c.endpoints.target, e->address, 16);
    exits->on_connect(exits->arg, &c);
    return 0;
}

static enum sek_error attach(struct sek_exits *exits, struct exit *skel, int cgroup,
                             struct sek_fault *fault)
{
    const struct {
        struct bpf_program *program;
        enum bpf_attach_type type;
    } table[PROGRAMS] = {
        {skel->progs.exit_connect4, BPF_CGROUP_INET4_CONNECT},
        {skel->progs.exit_connect6, BPF_CGROUP_INET6_CONNECT},
        {skel->progs.exit_sendmsg4, BPF_CGROUP_UDP4_SENDMSG},
        {skel->progs.exit_sendmsg6, BPF_CGROUP_UDP6_SENDMSG},
        {skel->progs.exit_egress, BPF_CGROUP_INET_EGRESS},
    };
    for (int i = 0; i < PROGRAMS; i++) {
        exits->links[i] =
            bpf_link_create(bpf_program__fd(table[i].program), cgroup, table[i].type, NULL);
        if (exits->links[i] < 0)
            return sek_fail(fault, SEK_EUNSUPPORTED, "eBPF %s: cannot attach to the cgroup: %s",
                            bpf_program__name(table[i].program), strerror(errno));
    }
    return SEK_OK;
}

static int keep(const struct bpf_map *map)
{
    return fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
}

/* A network namespace made by ip-netns, and many containers, have a /sys without the cgroup tree:
 * then the tree is mounted for ourselves only, attached nowhere, and PATH is found in it. */
int sek_exits_cgroup(const char *path)
{
    static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        size_t len = strlen(mounts[i]);
        if (strncmp(path, mounts[i], len) != 0 || (path[len] != '/' && path[len] != '\0'))
            continue;
        const char *rest = path + len + strspn(path + len, "/");
        int tree = -1, context = fsopen("cgroup2", FSOPEN_CLOEXEC);
        if (context >= 0 && !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
            tree = fsmount(context, FSMOUNT_CLOEXEC, 0);
        if (tree >= 0)
            fd = openat(tree, *rest ? rest : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (context >= 0)
            close(context);
        if (tree >= 0)
            close(tree);
        break;
    }
    return fd;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

enum sek_error sek_exits_open(const char *cgroup,
                              void (*on_connect)(void *arg, const struct sek_connect *connect),
                              void *arg, struct sek_exits **out, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct exit *skel = NULL;
    struct sek_exits *exits = calloc(1, sizeof *exits);
    int fd = sek_exits_cgroup(cgroup);
    if (!exits || fd < 0) {
        rc = sek_fail(fault, SEK_ENOTFOUND, "%s: cannot open the cgroup: %s", cgroup,
                      strerror(errno));
        goto done;
    }
    memset(exits->links, -1, sizeof exits->links);
    exits->on_connect = on_connect;
    exits->arg = arg;
    libbpf_set_print(quiet);
    skel = exit__open_and_load();
    if (!skel) {
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "eBPF: the kernel does not load the programs: %s",
                      strerror(errno));
        goto done;
    }
    exits->prefixes4 = keep(skel->maps.prefixes4);
    exits->prefixes6 = keep(skel->maps.prefixes6);
    exits->addresses = keep(skel->maps.addresses);
    exits->owners = keep(skel->maps.owners);
    exits->settings = keep(skel->maps.settings);
    exits->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), take_record, exits, NULL);
    if (!exits->ring)
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "eBPF ring buffer: %s", strerror(errno));
    exits->now.generation = 1;
    if (!rc)
        rc = attach(exits, skel, fd, fault);
done:
    exit__destroy(skel);
    if (fd >= 0)
        close(fd);
    if (rc && exits)
        sek_exits_close(exits);
    else
        *out = exits;
    return rc;
}

void sek_exits_close(struct sek_exits *exits)
{
    if (!exits)
        return;
    for (int i = 0; i < PROGRAMS; i++) {
        if (exits->links[i] >= 0)
            close(exits->links[i]);
    }
    ring_buffer__free(exits->ring);
    const int maps[] = {exits->prefixes4, exits->prefixes6, exits->addresses, exits->owners,
                        exits->settings};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        if (maps[i] > 0)
            close(maps[i]);
    }
    free(exits);
}

int sek_exits_fd(const struct sek_exits *exits)
{
    return ring_buffer__epoll_fd(exits->ring);
}

void sek_exits_serve(struct sek_exits *exits)
{
    ring_buffer__consume(exits->ring);
}

static void write_settings(struct sek_exits *exits)
{
    uint32_t zero = 0;
    bpf_map_update_elem(exits->settings, &zero, &exits->now, BPF_ANY);
}

void sek_exits_mode(struct sek_exits *exits, uint8_t mode)
{
    exits->now.mode = mode == SEK_MODE_PREVENT  ? SEK_EXIT_PREVENT
                      : mode == SEK_MODE_DETECT ? SEK_EXIT_DETECT
                                                : 0;
    write_settings(exits);
}

static int put_prefix(struct sek_exits *exits, const struct sek_prefix *p, uint32_t generation)
{
    struct sek_exit_prefix value = {.generation = generation};
    if (p->ttl_s)
        value.expiry = (uint32_t)(boot_ns() / 1000000000u) + p->ttl_s;
    if (p->v6) {
        struct sek_exit_key6 key = {.bits = p->bits > 128 ? 128 : p->bits};
        memcpy(key.address, p->address, 16);
        return bpf_map_update_elem(exits->prefixes6, &key, &value, BPF_ANY);
    }
    struct sek_exit_key4 key = {.bits = p->bits > 32 ? 32 : p->bits};
    memcpy(key.address, p->address, 4);
    return bpf_map_update_elem(exits->prefixes4, &key, &value, BPF_ANY);
}

/* Delete what is older than the present generation. A key is deleted only after the walk has moved
 * past it: the walk restarts when its key is gone. */
static void sweep(int map, uint32_t generation)
{
    uint8_t key[2][sizeof(struct sek_exit_key6)];
    struct sek_exit_prefix value;
    bool old = false;
    int at = 0;
    int more = bpf_map_get_next_key(map, NULL, key[0]);
    while (!more) {
        old = !bpf_map_lookup_elem(map, key[at], &value) && value.generation != generation;
        more = bpf_map_get_next_key(map, key[at], key[!at]);
        if (old)
            bpf_map_delete_elem(map, key[at]);
        at = !at;
    }
}

enum sek_error sek_exits_prefixes(struct sek_exits *exits, const struct sek_prefix *list,
                                  size_t count, struct sek_fault *fault)
{
    uint32_t next = exits->now.generation + 1;
    for (size_t i = 0; i < count; i++) {
        if (put_prefix(exits, &list[i], next))
            return sek_fail(fault, SEK_ELIMIT, "eBPF prefix table: %s at %zu of %zu prefixes",
                            strerror(errno), i, count);
    }
    exits->now.generation = next;
    write_settings(exits);
    sweep(exits->prefixes4, next);
    sweep(exits->prefixes6, next);
    return SEK_OK;
}

enum sek_error sek_exits_block(struct sek_exits *exits, const uint8_t address[16], uint32_t ttl_s,
                               struct sek_fault *fault)
{
    struct sek_exit_address key;
    uint64_t until = boot_ns() + ttl_s * 1000000000ull;
    memcpy(key.bytes, address, 16);
    if (!ttl_s)
        bpf_map_delete_elem(exits->addresses, &key);
    else if (bpf_map_update_elem(exits->addresses, &key, &until, BPF_ANY))
        return sek_fail(fault, SEK_ELIMIT, "eBPF address table: %s", strerror(errno));
    return SEK_OK;
}

int32_t sek_exits_owner(const struct sek_exits *exits, uint64_t cookie)
{
    struct sek_exit_owner owner;
    if (bpf_map_lookup_elem(exits->owners, &cookie, &owner))
        return 0;
    return (int32_t)owner.tgid;
}
