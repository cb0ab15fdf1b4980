/* Sockets carry the number of the program that made them in the upper bits of their mark, so that
 * packet filter rules can name programs. A program is its file: device and inode of the executable.
 * Sockets made before the number was known carry none. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/kernel.h"
#include "bpf/program.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct sek_program_key);
    __type(value, __u32); /* the mark's bits */
} programs SEC(".maps");

SEC("cgroup/sock_create")
int program_mark(struct bpf_sock *socket)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
    struct sek_program_key key = {};
    if (!inode)
        return 1;
    key.inode = BPF_CORE_READ(inode, i_ino);
    key.device = BPF_CORE_READ(inode, i_sb, s_dev);
    const __u32 *mark = bpf_map_lookup_elem(&programs, &key);
    if (mark)
        socket->mark = (socket->mark & 0x00ffffff) | *mark;
    return 1;
}
