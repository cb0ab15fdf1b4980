/* Shared by bpf/program.bpf.c and agent/guard/programs.c. */
#ifndef SEK_BPF_PROGRAM_H
#define SEK_BPF_PROGRAM_H

#include <linux/types.h>

struct sek_program_key {
    __u64 inode;
    __u32 device; /* the kernel's form: major << 20 | minor */
    __u32 unused;
};

#endif
