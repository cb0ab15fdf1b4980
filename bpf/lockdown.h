/* What the lockdown programs and user space share. Devices are in the kernel's form
 * (major << 20 | minor). */
#ifndef SEK_BPF_LOCKDOWN_H
#define SEK_BPF_LOCKDOWN_H

#include <linux/types.h>

#define SEK_GUARD_SCOPES 8
#define SEK_GUARD_PATH   128

/* The modes are those of enum sek_lockdown_mode. */
enum { SEK_GUARD_DETECT = 2, SEK_GUARD_ENFORCE = 3 };

/* Policy for scripts without a file: `-c`, `-e`, standard input that is no terminal. */
enum { SEK_INLINE_ALLOW, SEK_INLINE_DETECT, SEK_INLINE_DENY };

/* Why something was refused. */
enum sek_guard_reason {
    SEK_GUARD_NONE,
    SEK_GUARD_MEMORY,    /* a program without a file system: memfd */
    SEK_GUARD_UNCOVERED, /* below a scope, over a mount that carries no mark */
    SEK_GUARD_OUTSIDE,   /* the whole device is covered, this file system is not */
    SEK_GUARD_INLINE,    /* a script on the command line or standard input */
    SEK_GUARD_MAPPED,    /* a file mapped as code that is not registered */
    SEK_GUARD_TRACED,    /* another process was to be traced or its memory written */
    SEK_GUARD_MODULE,    /* a kernel module or image from memory, or not registered */
    SEK_GUARD_BPF,       /* a BPF program was to be loaded */
    SEK_GUARD_WRITTEN,   /* a registered program was to be opened for writing */
    SEK_GUARD_SET_ID,    /* a registered program with a set-ID bit that it was not registered with */
    SEK_GUARD_REASONS
};

struct sek_guard_file {
    __u64 inode;
    __u32 device;
    __u32 unused;
};

/* A file whose content is registered, as it was when it was judged. */
struct sek_guard_approved {
    __u64 size;
    __u64 changed_s; /* status change time */
    __u32 changed_ns;
    __u32 set_id; /* registered with its set-ID bit */
};

/* Flags of a process, by thread group; inherited by fork. */
enum { SEK_GUARD_INSIDE = 1, SEK_GUARD_UPDATER = 2, SEK_GUARD_OWN = 4 };

/* What a program file is. The masks hold letters of options: bit 0 for 'a', bit 32 for 'A'. */
enum { SEK_GUARD_IS_UPDATER = 1, SEK_GUARD_IS_INTERPRETER = 2 };
struct sek_guard_program {
    __u64 flags;
    __u64 code;   /* options whose value, or standard input, is code: sh -c, perl -e */
    __u64 values; /* other options that take the next word: python -W */
    __u64 files;  /* options whose value is a script: awk -f */
};

struct sek_guard_settings {
    __u32 mode;
    __u32 inline_policy;
    __u32 everyone; /* every process counts as inside: the whole device is covered */
    __u32 scopes;
    struct sek_guard_file roots[SEK_GUARD_SCOPES]; /* root folders of the scopes */
};

struct sek_guard_event {
    __u32 tgid;
    __u32 reason;
    __u32 blocked;
    __u32 unused;
    char path[SEK_GUARD_PATH];
};

#endif
