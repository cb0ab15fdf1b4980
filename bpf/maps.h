/* What the programs share: forms of maps, and which process does something. After bpf_helpers.h and
 * bpf_core_read.h. */
#ifndef SEK_BPF_MAPS_H
#define SEK_BPF_MAPS_H

#include "bpf/kernel.h"

#define MAP(name, map_type, size, key_type, value_type)                                            \
    struct {                                                                                       \
        __uint(type, map_type);                                                                    \
        __uint(max_entries, size);                                                                 \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } name SEC(".maps")
/* A hash that takes memory as it is filled. */
#define HASH(name, size, key_type, value_type)                                                     \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_HASH);                                                           \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, size);                                                                 \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } name SEC(".maps")
/* One value, at key 0. */
#define ONE(name, value_type) MAP(name, BPF_MAP_TYPE_ARRAY, 1, __u32, value_type)
#define RING(name, size)                                                                           \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_RINGBUF);                                                        \
        __uint(max_entries, size);                                                                 \
    } name SEC(".maps")

static __always_inline __u32 current_tgid(void)
{
    return (__u32)(bpf_get_current_pid_tgid() >> 32);
}

/* Of sched_process_exit: the process that ends, or 0 when it was only a thread. */
static __always_inline __u32 ended_process(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *task = (void *)ctx->args[0];
    __u32 tgid = (__u32)BPF_CORE_READ(task, tgid);
    return (__u32)BPF_CORE_READ(task, pid) == tgid ? tgid : 0;
}

#endif
