/* What the shield's programs and user space share. */
#ifndef SEK_BPF_SHIELD_H
#define SEK_BPF_SHIELD_H

#include <linux/types.h>

enum sek_shield_reason {
    SEK_SHIELD_NONE,
    SEK_SHIELD_SIGNAL, /* the agent was to be ended or stopped by a signal */
    SEK_SHIELD_TRACED, /* it was to be traced, or its memory written */
    SEK_SHIELD_FILES,  /* a file of its state was to be removed, renamed or written */
    SEK_SHIELD_CLOCK,  /* the clock was to be set by a program that does not keep the time */
    SEK_SHIELD_REASONS
};

struct sek_shield_file {
    __u64 inode;
    __u32 device; /* major << 20 | minor */
    __u32 unused;
};

struct sek_shield_event {
    __u32 tgid;
    __u32 uid;
    __u32 reason; /* enum sek_shield_reason */
    __u32 signal;
    char comm[16];
};

#endif
