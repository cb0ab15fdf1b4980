/* Exit control in the kernel: a process of the protected cgroup that connects or sends to a listed
 * address gets EPERM before a packet exists, and user space gets a record that names the process.
 *
 * connect4/6 and sendmsg4/6 give the verdict and remember who owns the socket; the egress program
 * is the backstop for what passes them by (raw sockets, connections older than their listing). */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "bpf/exit.h"

#define ALLOW 1
#define DENY  0

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 2000000);
    __type(key, struct sek_exit_key4);
    __type(value, struct sek_exit_prefix);
} prefixes4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1000000);
    __type(key, struct sek_exit_key6);
    __type(value, struct sek_exit_prefix);
} prefixes6 SEC(".maps");

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

/* While a new list is being loaded its entries carry the next generation and count already, so that
 * no listed prefix is without effect at any time. */
static __always_inline int live(const struct sek_exit_prefix *p, __u32 generation, __u64 now)
{
    return p && p->generation - generation <= 1 && (!p->expiry || p->expiry > now / 1000000000u);
}

static __always_inline int listed(const __u8 *mapped, int v4, const struct sek_exit_settings *s)
{
    struct sek_exit_address single;
    __u64 now = bpf_ktime_get_boot_ns();
    __builtin_memcpy(single.bytes, mapped, 16);
    __u64 *until = bpf_map_lookup_elem(&addresses, &single);
    if (until && *until > now)
        return 1;
    if (v4) {
        struct sek_exit_key4 key = {.bits = 32};
        __builtin_memcpy(key.address, mapped + 12, 4);
        return live(bpf_map_lookup_elem(&prefixes4, &key), s->generation, now);
    }
    struct sek_exit_key6 key = {.bits = 128};
    __builtin_memcpy(key.address, mapped, 16);
    return live(bpf_map_lookup_elem(&prefixes6, &key), s->generation, now);
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
    if (!s || !s->mode || !listed(mapped, v4, s))
        return ALLOW;
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

SEC("cgroup_skb/egress")
int exit_egress(struct __sk_buff *skb)
{
    __u32 zero = 0;
    __u8 mapped[16], protocol;
    struct sek_exit_settings *s = bpf_map_lookup_elem(&settings, &zero);
    int v4 = skb->protocol == bpf_htons(ETH_P_IP);
    if (!s || !s->mode)
        return ALLOW;
    if (v4) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip))
            return ALLOW;
        map4(mapped, ip.daddr);
        protocol = ip.protocol;
    } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip))
            return ALLOW;
        __builtin_memcpy(mapped, &ip.daddr, 16);
        protocol = ip.nexthdr;
    } else {
        return ALLOW;
    }
    if (!listed(mapped, v4, s))
        return ALLOW;
    int blocked = s->mode == SEK_EXIT_PREVENT;
    report_packet(skb, mapped, protocol, blocked);
    return blocked ? DENY : ALLOW;
}

char LICENSE[] SEC("license") = "Apache-2.0";
