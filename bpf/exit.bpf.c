/* Exit control in the kernel: a process of the protected cgroup that connects or sends to a listed
 * address gets EPERM before a packet exists, and user space gets a record that names the process.
 * Where the policy denies by default, the same happens for what the program has not learned, and
 * for ports that it binds.
 *
 * connect4/6 and sendmsg4/6 give the verdict and remember who owns the socket. What passes them by
 * costs other traffic nothing: sockets that are neither TCP nor UDP are born with a mark, and only
 * packets with that mark are queued and judged; connections older than their listing are looked for
 * when the list comes. Where packets cannot be queued, the egress program looks at each. A program
 * is known by the file that its process runs, found at offsets that user space reads from
 * the kernel's own type data. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "bpf/exit.h"
#include "bpf/exit_ranges.h"

#define ALLOW       1
#define DENY        0
#define SOCK_STREAM 1
#define SOCK_DGRAM  2

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SEK_EXIT_LISTS);
    __type(key, __u32);
    __array(
        values, struct {
            __uint(type, BPF_MAP_TYPE_ARRAY);
            __uint(map_flags, BPF_F_INNER_MAP);
            __uint(max_entries, 1);
            __type(key, __u32);
            __uint(value_size, sizeof(struct sek_range4));
        });
} lists4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SEK_EXIT_LISTS);
    __type(key, __u32);
    __array(
        values, struct {
            __uint(type, BPF_MAP_TYPE_ARRAY);
            __uint(map_flags, BPF_F_INNER_MAP);
            __uint(max_entries, 1);
            __type(key, __u32);
            __uint(value_size, sizeof(struct sek_range6));
        });
} lists6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, struct sek_exit_address);
    __type(value, __u64); /* nanoseconds since boot when the block ends */
} addresses SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, __u64);
    __type(value, struct sek_exit_owner);
} owners SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct sek_exit_settings);
} settings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 65536);
} events SEC(".maps");

/* Blocks on egress are many (every retransmission): one record a second and socket is enough. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 256);
    __type(key, __u64);
    __type(value, __u64);
} reported SEC(".maps");

/* Programs that have a number, and what each may reach until when. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, struct sek_exit_file);
    __type(value, __u32);
} programs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, struct sek_exit_learned);
    __type(value, struct sek_exit_until);
} learned SEC(".maps");

/* What was not learned is told once a second each. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 256);
    __type(key, struct sek_exit_learned);
    __type(value, __u64);
} told SEC(".maps");

const volatile struct sek_exit_offsets offsets = {};

static __always_inline const void *element(void *table, __u32 index)
{
    return bpf_map_lookup_elem(table, &index);
}
SEK_RANGES_LOOKUP(in_list4, in_list6, void *, element)

static __always_inline __u32 word4(const __u8 *p)
{
    return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

static __always_inline int in_list(__u32 list, const __u8 *mapped, int v4)
{
    void *table = v4 ? bpf_map_lookup_elem(&lists4, &list) : bpf_map_lookup_elem(&lists6, &list);
    if (!table)
        return 0;
    if (v4)
        return in_list4(table, word4(mapped + 12));
    __u64 halves[2] = {(__u64)word4(mapped) << 32 | word4(mapped + 4),
                       (__u64)word4(mapped + 8) << 32 | word4(mapped + 12)};
    return in_list6(table, halves);
}

/* Also the address of nowhere: who connects to that reaches the device itself. */
static __always_inline int loopback(const __u8 *mapped, int v4)
{
    if (v4)
        return mapped[12] == 127 || !word4(mapped + 12);
    __u64 halves[2];
    __builtin_memcpy(halves, mapped, 16);
    return !halves[0] && (!halves[1] || halves[1] == bpf_cpu_to_be64(1));
}

static __always_inline int listed(const struct sek_exit_settings *s, const __u8 *mapped, int v4)
{
    if (s->filled & SEK_EXIT_BLOCKED) {
        struct sek_exit_address single;
        __builtin_memcpy(single.bytes, mapped, 16);
        __u64 *until = bpf_map_lookup_elem(&addresses, &single);
        if (until && *until > bpf_ktime_get_boot_ns())
            return 1;
    }
    return ((s->filled & SEK_EXIT_FILLED(SEK_EXIT_INDICATORS)) &&
            in_list(SEK_EXIT_INDICATORS, mapped, v4)) ||
           ((s->filled & SEK_EXIT_FILLED(SEK_EXIT_ADDRESSES)) &&
            in_list(SEK_EXIT_ADDRESSES, mapped, v4));
}

/* --- programs and what they learned ---------------------------------------------------------- */

static __always_inline __u64 read_word(__u64 base, __u32 offset)
{
    __u64 value = 0;
    bpf_probe_read_kernel(&value, offsets.word == 4 ? 4 : 8, (void *)(base + offset));
    return value;
}

static __always_inline __u32 read_half(__u64 base, __u32 offset)
{
    __u32 value = 0;
    bpf_probe_read_kernel(&value, sizeof value, (void *)(base + offset));
    return value;
}

/* The file that the current process runs; false for the kernel's own threads. */
static __always_inline int current_file(struct sek_exit_file *file)
{
    __u64 mm = read_word(bpf_get_current_task(), offsets.task_mm), seconds = 0;
    if (!mm)
        return 0;
    __u64 inode = read_word(read_word(mm, offsets.mm_exe_file), offsets.file_inode);
    file->inode = read_word(inode, offsets.inode_ino);
    file->device = read_half(read_word(inode, offsets.inode_sb), offsets.sb_dev);
    bpf_probe_read_kernel(&seconds, sizeof seconds, (void *)(inode + offsets.ctime_s));
    /* The kernel keeps a flag in the highest bit. */
    file->changed_ns = seconds * 1000000000u + (read_half(inode, offsets.ctime_ns) & 0x7fffffffu);
    return 1;
}

static __always_inline int live(const struct sek_exit_learned *key)
{
    const struct sek_exit_until *u = bpf_map_lookup_elem(&learned, key);
    return u && (!u->ns || u->ns > bpf_ktime_get_boot_ns());
}

/* For this program or for any, with this port or, to reach something, with any. */
static __always_inline int may(struct sek_exit_learned *key)
{
    __u32 program = key->program;
    __u16 port = key->port;
    if (live(key))
        return 1;
    key->program = SEK_EXIT_ANY_PROGRAM;
    if (live(key))
        return 1;
    if (!(key->protocol & SEK_EXIT_LISTEN)) {
        key->port = 0;
        if (live(key))
            return 1;
        key->program = program;
        if (live(key))
            return 1;
    }
    key->program = program;
    key->port = port;
    return 0;
}

/* What the settings say of a destination or port that was not learned. Returns its verdict. */
static __always_inline int judge_unlearned(const struct sek_exit_settings *s, __u32 policy,
                                           const __u8 *mapped, __u16 port, __u8 protocol, int hook,
                                           __u64 cookie)
{
    struct sek_exit_file file = {};
    struct sek_exit_learned key = {
        .bits = SEK_EXIT_KEY_BITS + 128, .port = port, .protocol = protocol};
    if (!offsets.word || !current_file(&file))
        return ALLOW;
    __u32 *number = bpf_map_lookup_elem(&programs, &file);
    if (number && *number == SEK_EXIT_OWN_PROGRAM)
        return ALLOW;
    /* A program without a number has what any program may, and nothing else. */
    key.program = number ? *number : ~0u;
    __builtin_memcpy(key.address, mapped, 16);
    if (may(&key))
        return ALLOW;
    int verdict = policy == SEK_EXIT_DENY && s->mode == SEK_EXIT_PREVENT ? DENY : ALLOW;
    __u64 now = bpf_ktime_get_boot_ns();
    /* In this table: which file it is that has no number. */
    key.bits =
        number ? s->news : s->news ^ (__u32)(file.inode ^ file.changed_ns ^ file.changed_ns >> 32);
    __u64 *last = bpf_map_lookup_elem(&told, &key);
    if (last && now - *last < 1000000000u)
        return verdict;
    bpf_map_update_elem(&told, &key, &now, BPF_ANY);
    struct sek_exit_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (!e)
        return verdict;
    __u64 id = bpf_get_current_pid_tgid();
    __builtin_memset(e, 0, sizeof *e);
    e->cookie = cookie;
    e->file = file;
    e->program = number ? *number : 0;
    e->tgid = (__u32)(id >> 32);
    e->pid = (__u32)id;
    e->uid = (__u32)bpf_get_current_uid_gid();
    bpf_get_current_comm(e->comm, sizeof e->comm);
    __builtin_memcpy(e->address, mapped, 16);
    e->port = port;
    e->protocol = protocol;
    e->hook = (__u8)hook;
    e->blocked = verdict == DENY;
    e->why = SEK_EXIT_UNLEARNED;
    bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
    return verdict;
}

static __always_inline void map4(__u8 *mapped, __u32 address)
{
    __builtin_memset(mapped, 0, 10);
    mapped[10] = mapped[11] = 0xff;
    __builtin_memcpy(mapped + 12, &address, 4);
}

static __always_inline int is_mapped(const __u32 *words)
{
    return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

static __always_inline int outgoing(struct bpf_sock_addr *ctx, const __u8 *mapped, int v4, int hook)
{
    __u32 zero = 0;
    struct sek_exit_owner owner = {};
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    __u64 cookie = bpf_get_socket_cookie(ctx);
    __u64 id = bpf_get_current_pid_tgid();
    owner.tgid = (__u32)(id >> 32);
    owner.pid = (__u32)id;
    owner.uid = (__u32)bpf_get_current_uid_gid();
    bpf_get_current_comm(owner.comm, sizeof owner.comm);
    bpf_map_update_elem(&owners, &cookie, &owner, BPF_ANY);
    if (!s || !s->mode || loopback(mapped, v4))
        return ALLOW;
    if (!listed(s, mapped, v4)) {
        if (s->unlearned == SEK_EXIT_ALLOW_ALL)
            return ALLOW;
        return judge_unlearned(s, s->unlearned, mapped, bpf_ntohs((__u16)ctx->user_port),
                               (__u8)ctx->protocol, hook, cookie);
    }
    int verdict = s->mode == SEK_EXIT_PREVENT ? DENY : ALLOW;
    struct sek_exit_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e) {
        __builtin_memset(e, 0, sizeof *e);
        e->cookie = cookie;
        e->tgid = owner.tgid;
        e->pid = owner.pid;
        e->uid = owner.uid;
        __builtin_memcpy(e->comm, owner.comm, sizeof e->comm);
        __builtin_memcpy(e->address, mapped, 16);
        e->port = bpf_ntohs((__u16)ctx->user_port);
        e->protocol = (__u8)ctx->protocol;
        e->hook = (__u8)hook;
        e->blocked = verdict == DENY;
        bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
    }
    return verdict;
}

static __always_inline int outgoing4(struct bpf_sock_addr *ctx, int hook)
{
    __u8 mapped[16];
    map4(mapped, ctx->user_ip4);
    return outgoing(ctx, mapped, 1, hook);
}

static __always_inline int outgoing6(struct bpf_sock_addr *ctx, int hook)
{
    __u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
    return outgoing(ctx, (const __u8 *)words, is_mapped(words), hook);
}

SEC("cgroup/connect4")
int exit_connect4(struct bpf_sock_addr *ctx)
{
    return outgoing4(ctx, SEK_EXIT_ON_CONNECT);
}

SEC("cgroup/connect6")
int exit_connect6(struct bpf_sock_addr *ctx)
{
    return outgoing6(ctx, SEK_EXIT_ON_CONNECT);
}

SEC("cgroup/sendmsg4")
int exit_sendmsg4(struct bpf_sock_addr *ctx)
{
    return outgoing4(ctx, SEK_EXIT_ON_SENDMSG);
}

SEC("cgroup/sendmsg6")
int exit_sendmsg6(struct bpf_sock_addr *ctx)
{
    return outgoing6(ctx, SEK_EXIT_ON_SENDMSG);
}

/* --- ports that are bound, and sockets of other protocols ------------------------------------- */

static __always_inline int bound(struct bpf_sock_addr *ctx, const __u8 *mapped)
{
    __u32 zero = 0;
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (!s || !s->mode || s->listeners == SEK_EXIT_ALLOW_ALL)
        return ALLOW;
    return judge_unlearned(s, s->listeners, mapped, bpf_ntohs((__u16)ctx->user_port),
                           (__u8)ctx->protocol | SEK_EXIT_LISTEN, SEK_EXIT_ON_BIND,
                           bpf_get_socket_cookie(ctx));
}

SEC("cgroup/bind4")
int exit_bind4(struct bpf_sock_addr *ctx)
{
    __u8 mapped[16];
    map4(mapped, ctx->user_ip4);
    return bound(ctx, mapped);
}

SEC("cgroup/bind6")
int exit_bind6(struct bpf_sock_addr *ctx)
{
    __u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
    return bound(ctx, (const __u8 *)words);
}

/* connect() of other protocols passes no program: their packets are marked, and whether such a
 * socket may be is asked instead. */
SEC("cgroup/sock_create")
int exit_socket(struct bpf_sock *ctx)
{
    __u32 zero = 0;
    __u8 none[16] = {};
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if ((ctx->type == SOCK_STREAM && ctx->protocol == IPPROTO_TCP) ||
        (ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP))
        return ALLOW;
    __u32 mark = (ctx->mark & ~SEK_MARK_MASK) | SEK_MARK_RAW;
    asm volatile("" : "+r"(mark)); /* the verifier takes a store of the whole word only */
    ctx->mark = mark;
    if (!s || !s->mode || s->unlearned == SEK_EXIT_ALLOW_ALL)
        return ALLOW;
    return judge_unlearned(s, s->unlearned, none, 0, SEK_EXIT_RAW, SEK_EXIT_ON_SOCKET, 0);
}

static __always_inline void report_packet(struct __sk_buff *skb, const __u8 *mapped, __u8 protocol,
                                          int blocked)
{
    __u64 cookie = bpf_get_socket_cookie(skb);
    __u64 now = bpf_ktime_get_boot_ns();
    __u64 *last = bpf_map_lookup_elem(&reported, &cookie);
    if (last && now - *last < 1000000000u)
        return;
    bpf_map_update_elem(&reported, &cookie, &now, BPF_ANY);
    struct sek_exit_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (!e)
        return;
    __builtin_memset(e, 0, sizeof *e);
    struct sek_exit_owner *owner = bpf_map_lookup_elem(&owners, &cookie);
    if (owner) {
        e->tgid = owner->tgid;
        e->pid = owner->pid;
        e->uid = owner->uid;
        __builtin_memcpy(e->comm, owner->comm, sizeof e->comm);
    }
    e->cookie = cookie;
    __builtin_memcpy(e->address, mapped, 16);
    e->protocol = protocol;
    e->hook = SEK_EXIT_ON_PACKET;
    e->blocked = (__u8)blocked;
    bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/* The target of a packet, IPv4-mapped for IPv4; its family and protocol. False: not IP. */
static __always_inline int packet_target(struct __sk_buff *skb, __u8 *mapped, int *v4,
                                         __u8 *protocol)
{
    *v4 = skb->protocol == bpf_htons(ETH_P_IP);
    if (*v4) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip))
            return 0;
        map4(mapped, ip.daddr);
        *protocol = ip.protocol;
    } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip))
            return 0;
        __builtin_memcpy(mapped, &ip.daddr, 16);
        *protocol = ip.nexthdr;
    } else {
        return 0;
    }
    return !loopback(mapped, *v4);
}

SEC("cgroup_skb/egress")
int exit_egress(struct __sk_buff *skb)
{
    __u32 zero = 0;
    __u8 mapped[16], protocol;
    int v4;
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (!s || !s->mode || !s->filled || !packet_target(skb, mapped, &v4, &protocol) ||
        !listed(s, mapped, v4))
        return ALLOW;
    int blocked = s->mode == SEK_EXIT_PREVENT;
    report_packet(skb, mapped, protocol, blocked);
    return blocked ? DENY : ALLOW;
}

/* Not attached: user space asks with a packet whose target it wants to know about. */
SEC("cgroup_skb/egress")
int exit_listed(struct __sk_buff *skb)
{
    __u32 zero = 0;
    __u8 mapped[16], protocol;
    int v4;
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    return s && packet_target(skb, mapped, &v4, &protocol) && listed(s, mapped, v4) ? DENY : ALLOW;
}

char LICENSE[] SEC("license") = "GPL";
