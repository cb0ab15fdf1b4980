/* What the lockdown programs and user space share. Devices are in the kernel's form
 * (major << 20 | minor). */
#ifndef SEK_BPF_LOCKDOWN_H
#define SEK_BPF_LOCKDOWN_H

#include <linux/types.h>

#define SEK_GUARD_SCOPES 8
#define SEK_GUARD_PATH   128

/* The modes are those of enum sek_lockdown_mode. */
enum { SEK_GUARD_DETECT = 2, SEK_GUARD_ENFORCE = 3 };

/* Policy for scripts without a file: `-c`, `-e`, an awk program, variables that are code, standard
 * input that is no terminal. */
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
    SEK_GUARD_SET_ID, /* a registered program with a set-ID bit that it was not registered with */
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
    __u32 set_id;  /* registered with its set-ID bit */
    __u64 content; /* the first bytes of its digest */
};

/* Flags of a process, by thread group; inherited by fork. */
enum { SEK_GUARD_INSIDE = 1, SEK_GUARD_UPDATER = 2, SEK_GUARD_OWN = 4 };

/* What a program file is, and of an interpreter how it reads its command line. */
enum {
    SEK_GUARD_IS_UPDATER = 1,
    SEK_GUARD_IS_INTERPRETER = 2,
    SEK_GUARD_IS_MULTICALL = 4,   /* busybox: the applet's name says what it is */
    SEK_GUARD_IS_SHELL = 8,       /* '+' begins options too, "-" ends them, values are words */
    SEK_GUARD_IS_EDITOR = 16,     /* operands are no scripts, and options may follow them */
    SEK_GUARD_FIRST_IS_CODE = 32, /* awk: the first operand is the program, unless -f named one */
    SEK_GUARD_WORD_OPTIONS = 64,  /* gdb: one dash begins a long option */
    SEK_GUARD_GUESSES = 128,      /* a long option that is not known may take the next word */
    SEK_GUARD_URLS = 256,         /* code may come in a "data:" or "php:" address */
    SEK_GUARD_READS_INPUT = 512,  /* standard input is code whatever the command line says */
};

#define SEK_GUARD_VARIABLES 6
#define SEK_GUARD_NAME      32

/* The masks hold letters of options: bit 0 for 'a', bit 32 for 'A'. */
struct sek_guard_program {
    __u64 flags;
    __u64 code;     /* the value, or standard input, is code: sh -c, perl -e */
    __u64 values;   /* takes the rest of the word or the next word: python -W */
    __u64 attached; /* takes only the rest of the word: perl -i.bak */
    __u64 files;    /* the value is a script: awk -f */
    __u64 modules;  /* the value is a module's name, or is code: perl -M; in `files` too: it is the
                       script, and what follows belongs to it: python -m */
    __u64 input;    /* standard input is code even when there is a script: python -i */
    __u64 info;     /* without a script nothing is run: python -V */
    /* How environment variables begin that are code, up to 16 bytes of them under a mask; an empty
     * mask ends the list. The variable `text_variable` only counts when it holds code. */
    struct sek_guard_variable {
        __u64 text[2], mask[2];
    } variables[SEK_GUARD_VARIABLES], text_variable;
    __u32 id; /* of the interpreter in names of options */
    __u32 unused;
};

/* A long option or a module of the interpreter ID, or (0) an applet's name. */
struct sek_guard_name {
    char text[SEK_GUARD_NAME];
    __u32 interpreter;
    __u32 unused;
};

/* What a long option or module is. */
enum {
    SEK_GUARD_NAME_UNKNOWN,
    SEK_GUARD_NAME_PLAIN,
    SEK_GUARD_NAME_INFO,
    SEK_GUARD_NAME_VALUE,
    SEK_GUARD_NAME_FILE,
    SEK_GUARD_NAME_CODE,
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
