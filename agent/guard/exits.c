/* After loading, only the map, link and ring descriptors are kept: libbpf's object would hold its
 * ELF and type data in memory for nothing. */
#include "agent/guard/exits.h"
#include "agent/ebpf.h"
#include "agent/guard/offsets.h"
#include "agent/guard/process.h"
#include "agent/guard/ranges.h"
#include "bpf/exit.h"
#include "bpf/exit.skel.h"
#include "lib/base/file.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS 7

struct sek_exits {
    int links[PROGRAMS], cgroup, egress, egress_link, asked;
    int lists4, lists6, addresses, owners, settings, programs, learned;
    bool identity; /* the kernel's programs know who calls */
    struct sek_exit_settings now;
    uint32_t epoch; /* of the learned table */
    struct ring_buffer *ring;
    void (*on_record)(void *arg, struct sek_exit_record *record);
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
    struct sek_exit_record r = {
        .connect = {.endpoints = {.target_port = e->port,
                                  .protocol = e->protocol & (uint8_t)~SEK_EXIT_LISTEN},
                    .process = {.uid = e->uid},
                    .hook = e->hook,
                    .blocked = e->blocked},
        .file = e->file,
        .program = e->program,
        .unlearned = e->why == SEK_EXIT_UNLEARNED,
    };
    if (size < sizeof *e)
        return 0;
    memcpy(r.connect.process.comm, e->comm, sizeof r.connect.process.comm);
    if (e->tgid)
        sek_process_look((int32_t)e->tgid, &r.connect.process);
    memcpy(r.connect.endpoints.target, e->address, 16);
    exits->on_record(exits->arg, &r);
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
        {skel->progs.exit_bind4, BPF_CGROUP_INET4_BIND},
        {skel->progs.exit_bind6, BPF_CGROUP_INET6_BIND},
        {skel->progs.exit_socket, BPF_CGROUP_INET_SOCK_CREATE},
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

const char *sek_exits_below_mount(const char *path)
{
    static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        size_t len = strlen(mounts[i]);
        if (!strncmp(path, mounts[i], len) && (path[len] == '/' || !path[len]))
            return path + len;
    }
    return NULL;
}

/* A network namespace made by ip-netns, and many containers, have a /sys without the cgroup tree:
 * then the tree is mounted for ourselves only, attached nowhere, and PATH is found in it. */
int sek_exits_cgroup(const char *path)
{
    const char *rest = sek_exits_below_mount(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !rest)
        return fd;
    rest += strspn(rest, "/");
    int tree = sek_file_system("cgroup2");
    if (tree >= 0)
        fd = openat(tree, *rest ? rest : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree >= 0)
        close(tree);
    return fd;
}

/* With the offsets that name programs; without, where the kernel does not let us use them. */
static struct exit *load(struct sek_exits *exits)
{
    for (int with = 1; with >= 0; with--) {
        struct exit *skel = exit__open();
        if (!skel)
            return NULL;
        exits->identity =
            with && sek_offsets_read((struct sek_exit_offsets *)(uintptr_t)&skel->rodata->offsets);
        if ((!with || exits->identity) && !exit__load(skel))
            return skel;
        exit__destroy(skel);
    }
    return NULL;
}

enum sek_error sek_exits_open(const char *cgroup,
                              void (*on_record)(void *arg, struct sek_exit_record *record),
                              void *arg, struct sek_exits **out, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct exit *skel = NULL;
    struct sek_exits *exits = calloc(1, sizeof *exits);
    int fd = sek_exits_cgroup(cgroup);
    if (exits) { /* closing it must close nothing else */
        memset(exits->links, -1, sizeof exits->links);
        exits->egress_link = -1;
        exits->cgroup = fd;
    }
    if (!exits || fd < 0) {
        rc = sek_fail(fault, SEK_ENOTFOUND, "%s: cannot open the cgroup: %s", cgroup,
                      strerror(errno));
        goto done;
    }
    exits->on_record = on_record;
    exits->arg = arg;
    sek_ebpf_quiet();
    skel = load(exits);
    if (!skel) {
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "eBPF as of Linux 5.8: %s",
                      strerror(errno));
        goto done;
    }
    exits->lists4 = sek_ebpf_keep(bpf_map__fd(skel->maps.lists4));
    exits->lists6 = sek_ebpf_keep(bpf_map__fd(skel->maps.lists6));
    exits->programs = sek_ebpf_keep(bpf_map__fd(skel->maps.programs));
    exits->learned = sek_ebpf_keep(bpf_map__fd(skel->maps.learned));
    exits->addresses = sek_ebpf_keep(bpf_map__fd(skel->maps.addresses));
    exits->owners = sek_ebpf_keep(bpf_map__fd(skel->maps.owners));
    exits->settings = sek_ebpf_keep(bpf_map__fd(skel->maps.settings));
    exits->egress = sek_ebpf_keep(bpf_program__fd(skel->progs.exit_egress));
    exits->asked = sek_ebpf_keep(bpf_program__fd(skel->progs.exit_listed));
    exits->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), take_record, exits, NULL);
    if (!exits->ring)
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "eBPF ring buffer: %s", strerror(errno));
    if (!rc)
        rc = attach(exits, skel, fd, fault);
done:
    exit__destroy(skel);
    if (!exits && fd >= 0)
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
    const int maps[] = {exits->lists4,   exits->lists6,   exits->addresses, exits->owners,
                        exits->settings, exits->programs, exits->learned, exits->egress,
                        exits->asked,    exits->cgroup,   exits->egress_link};
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

void sek_exits_set(struct sek_exits *exits, uint8_t mode, uint32_t unlearned, uint32_t listeners)
{
    exits->now.mode = mode == SEK_MODE_PREVENT  ? SEK_EXIT_PREVENT
                      : mode == SEK_MODE_DETECT ? SEK_EXIT_DETECT
                                                : 0;
    exits->now.unlearned = unlearned;
    exits->now.listeners = listeners;
    write_settings(exits);
}

enum sek_error sek_exits_each_packet(struct sek_exits *exits, struct sek_fault *fault)
{
    if (exits->egress_link >= 0)
        return SEK_OK;
    exits->egress_link = bpf_link_create(exits->egress, exits->cgroup, BPF_CGROUP_INET_EGRESS, NULL);
    return exits->egress_link >= 0
               ? SEK_OK
               : sek_fail(fault, SEK_EUNSUPPORTED, "eBPF on packets: cannot attach to the cgroup: %s",
                          strerror(errno));
}

bool sek_exits_listed(const struct sek_exits *exits, const uint8_t address[16])
{
    struct {
        struct ethhdr link;
        union {
            struct iphdr v4;
            struct ipv6hdr v6;
        };
    } __attribute__((packed)) packet = {0};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &packet, .data_size_in = sizeof packet,
                .repeat = 1);
    bool v4 = sek_address_is4(address);
    packet.link.h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6);
    if (v4) {
        packet.v4.version = 4;
        packet.v4.ihl = 5;
        memcpy(&packet.v4.daddr, address + 12, 4);
    } else {
        packet.v6.version = 6;
        memcpy(&packet.v6.daddr, address, 16);
    }
    return exits->now.filled && !bpf_prog_test_run_opts(exits->asked, &options) && !options.retval;
}

uint8_t sek_exits_mode(const struct sek_exits *exits)
{
    return (uint8_t)exits->now.mode;
}

/* A map of the table's size takes the place of the one before in one step. */
static enum sek_error put_table(int lists, uint32_t list, const void *table, uint32_t elements,
                                uint32_t size, struct sek_fault *fault)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
    int map =
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "exit_list", sizeof(uint32_t), size, elements, &options);
    uint32_t *keys = calloc(elements, sizeof *keys), done = elements;
    for (uint32_t i = 0; keys && i < elements; i++)
        keys[i] = i;
    bool good = map >= 0 && keys && !bpf_map_update_batch(map, keys, table, &done, NULL) &&
                !bpf_map_update_elem(lists, &list, &map, BPF_ANY);
    enum sek_error rc =
        good ? SEK_OK
             : sek_fail(fault, SEK_ELIMIT, "eBPF list of %u ranges: %s", elements, strerror(errno));
    free(keys);
    if (map >= 0)
        close(map);
    return rc;
}

enum sek_error sek_exits_list(struct sek_exits *exits, uint32_t which,
                              const struct sek_prefix *list, size_t count, struct sek_fault *fault)
{
    struct sek_range4 *table4 = NULL;
    struct sek_range6 *table6 = NULL;
    uint32_t elements;
    enum sek_error rc = sek_ranges4_build(list, count, &table4, &elements, fault);
    if (!rc)
        rc = put_table(exits->lists4, which, table4, elements, sizeof *table4, fault);
    free(table4);
    if (!rc)
        rc = sek_ranges6_build(list, count, &table6, &elements, fault);
    if (!rc)
        rc = put_table(exits->lists6, which, table6, elements, sizeof *table6, fault);
    free(table6);
    if (count)
        exits->now.filled |= SEK_EXIT_FILLED(which);
    else
        exits->now.filled &= ~SEK_EXIT_FILLED(which);
    write_settings(exits);
    return rc;
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
    if (ttl_s && !(exits->now.filled & SEK_EXIT_BLOCKED)) {
        exits->now.filled |= SEK_EXIT_BLOCKED;
        write_settings(exits);
    }
    return SEK_OK;
}

int32_t sek_exits_owner(const struct sek_exits *exits, uint64_t cookie)
{
    struct sek_exit_owner owner;
    if (bpf_map_lookup_elem(exits->owners, &cookie, &owner))
        return 0;
    return (int32_t)owner.tgid;
}

/* --- programs and what they may reach -------------------------------------------------------- */

bool sek_exits_knows_programs(const struct sek_exits *exits)
{
    return exits && exits->identity;
}

struct sek_exit_file sek_exits_file(const struct stat *st)
{
    return (struct sek_exit_file){
        .inode = st->st_ino,
        .changed_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec,
        .device = sek_ebpf_device(st->st_dev),
    };
}

void sek_exits_program(struct sek_exits *exits, const struct sek_exit_file *file, uint32_t number)
{
    bpf_map_update_elem(exits->programs, file, &number, BPF_ANY);
}

enum sek_error sek_exits_learn(struct sek_exits *exits, const struct sek_exit_learned *key,
                               uint32_t ttl_s, struct sek_fault *fault)
{
    const struct sek_exit_until until = {.ns = ttl_s ? boot_ns() + ttl_s * 1000000000ull : 0,
                                         .epoch = exits->epoch};
    if (bpf_map_update_elem(exits->learned, key, &until, BPF_ANY))
        return sek_fail(fault, SEK_ELIMIT, "eBPF table of learned destinations: %s",
                        strerror(errno));
    return SEK_OK;
}

void sek_exits_news(struct sek_exits *exits)
{
    exits->now.news++;
    write_settings(exits);
}

void sek_exits_begin(struct sek_exits *exits)
{
    exits->epoch++;
}

static bool is_old(const struct sek_exits *exits, const struct sek_exit_learned *key)
{
    struct sek_exit_until until;
    return !bpf_map_lookup_elem(exits->learned, key, &until) &&
           (until.epoch != exits->epoch || (until.ns && until.ns < boot_ns()));
}

/* A key is deleted only after the walk has moved past it: the walk begins anew when its key is
 * gone. */
void sek_exits_sweep(struct sek_exits *exits)
{
    struct sek_exit_learned key[2];
    int at = 0, more = bpf_map_get_next_key(exits->learned, NULL, &key[0]);
    while (!more) {
        bool old = is_old(exits, &key[at]);
        more = bpf_map_get_next_key(exits->learned, &key[at], &key[!at]);
        if (old)
            bpf_map_delete_elem(exits->learned, &key[at]);
        at = !at;
    }
}

void sek_exits_forget_programs(struct sek_exits *exits, uint32_t below)
{
    struct sek_exit_file key[2];
    uint32_t number;
    int at = 0, more = bpf_map_get_next_key(exits->programs, NULL, &key[0]);
    while (!more) {
        bool old = !bpf_map_lookup_elem(exits->programs, &key[at], &number) && number < below &&
                   number != SEK_EXIT_OWN_PROGRAM;
        more = bpf_map_get_next_key(exits->programs, &key[at], &key[!at]);
        if (old)
            bpf_map_delete_elem(exits->programs, &key[at]);
        at = !at;
    }
}
