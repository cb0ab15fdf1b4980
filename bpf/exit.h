/* What the exit programs and user space share: keys and values of their maps, and the record of a
 * connection that is told. Addresses are in network order, ports in host order. */
#ifndef SEK_BPF_EXIT_H
#define SEK_BPF_EXIT_H

#include <linux/types.h>

/* Marks of the agent on packets and sockets; the other bits belong to others. */
#define SEK_MARK_MASK    0x00ff0000u
#define SEK_MARK_SETTLED 0x005e0000u /* the rest of this connection passes unseen */
#define SEK_MARK_RAW     0x005d0000u /* of a socket that is neither TCP nor UDP */

enum { SEK_EXIT_DETECT = 1, SEK_EXIT_PREVENT = 2 };
enum {
    SEK_EXIT_ON_CONNECT = 1,
    SEK_EXIT_ON_SENDMSG,
    SEK_EXIT_ON_PACKET,
    SEK_EXIT_ON_BIND,
    SEK_EXIT_ON_SOCKET,
};
/* Why a record was made. */
enum { SEK_EXIT_LISTED, SEK_EXIT_UNLEARNED };

/* There are two lists of ranges: the indicators, which change often, and the long plain list. */
enum { SEK_EXIT_INDICATORS, SEK_EXIT_ADDRESSES, SEK_EXIT_LISTS };

/* What becomes of a destination (or of a port that is bound) that was not learned. */
enum { SEK_EXIT_ALLOW_ALL, SEK_EXIT_LEARN, SEK_EXIT_NOTE, SEK_EXIT_DENY };

struct sek_exit_settings {
    __u32 mode;      /* 0: off */
    __u32 unlearned; /* destinations: SEK_EXIT_ALLOW_ALL... */
    __u32 listeners; /* ports */
    __u32 filled;    /* what is not empty: SEK_EXIT_FILLED(list), SEK_EXIT_BLOCKED */
    __u32 news;      /* another number: what was told is told again */
};

#define SEK_EXIT_FILLED(list) (1u << (list))
#define SEK_EXIT_BLOCKED      0x100u /* single addresses */

/* A single address blocked for a time, from the fleet or from a name's DNS answer. IPv4 addresses
 * are IPv4-mapped. */
struct sek_exit_address {
    __u8 bytes[16];
};

/* Who opened a socket, by socket cookie. */
struct sek_exit_owner {
    __u32 tgid;
    __u32 pid;
    __u32 uid;
    char comm[16];
};

/* A program's file. Its change time makes a file that was written again another program. */
struct sek_exit_file {
    __u64 inode;
    __u64 changed_ns;
    __u32 device; /* as the kernel counts: major << 20 | minor */
    __u32 unused;
};

/* Numbers of programs with a meaning; the learned ones begin behind. */
enum { SEK_EXIT_ANY_PROGRAM, SEK_EXIT_OWN_PROGRAM, SEK_EXIT_FIRST_PROGRAM };

#define SEK_EXIT_LISTEN   0x80 /* with the protocol: a port that the program may bind */
#define SEK_EXIT_RAW      0x7f /* as protocol: sockets that are neither TCP nor UDP */
#define SEK_EXIT_KEY_BITS 64   /* of a learned key in front of the address */

/* Port 0: any. BITS counts from `program` on. */
struct sek_exit_learned {
    __u32 bits;
    __u32 program;
    __u16 port;
    __u8 protocol;
    __u8 unused;
    __u8 address[16]; /* IPv4-mapped for IPv4 */
};

struct sek_exit_until {
    __u64 ns;    /* since boot; 0: for ever */
    __u32 epoch; /* of the table that it is from */
    __u32 unused;
};

/* Where the kernel keeps what names a program; all 0 when that is not known. Filled before loading.
 */
struct sek_exit_offsets {
    __u32 word; /* bytes of a pointer */
    __u32 task_mm, mm_exe_file, file_inode, inode_ino, inode_sb, sb_dev, ctime_s, ctime_ns;
};

struct sek_exit_event {
    __u64 cookie;
    struct sek_exit_file file;
    __u32 program; /* its number; 0: none */
    __u32 tgid;
    __u32 pid;
    __u32 uid;
    char comm[16];
    __u8 address[16]; /* IPv4-mapped for IPv4 */
    __u16 port;
    __u8 protocol;
    __u8 hook; /* SEK_EXIT_ON_... */
    __u8 blocked;
    __u8 why; /* SEK_EXIT_LISTED... */
    __u8 unused[6];
};

#endif
