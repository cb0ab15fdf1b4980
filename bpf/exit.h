/* What the exit programs and user space share: keys and values of their maps, and the record of a
 * connection to a listed address. Addresses are in network order, ports in host order. */
#ifndef SEK_BPF_EXIT_H
#define SEK_BPF_EXIT_H

#include <linux/types.h>

enum { SEK_EXIT_DETECT = 1, SEK_EXIT_PREVENT = 2 };
enum { SEK_EXIT_ON_CONNECT = 1, SEK_EXIT_ON_SENDMSG = 2, SEK_EXIT_ON_PACKET = 3 };

struct sek_exit_key4 {
    __u32 bits;
    __u8 address[4];
};

struct sek_exit_key6 {
    __u32 bits;
    __u8 address[16];
};

/* A listed prefix counts while its generation is the present or the next one: a list is replaced by
 * loading the new one, moving sek_exit_settings.generation on, and deleting what is older. */
struct sek_exit_prefix {
    __u32 generation;
    __u32 expiry; /* seconds since boot; 0: never */
};

struct sek_exit_settings {
    __u32 mode; /* 0: off */
    __u32 generation;
};

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

struct sek_exit_event {
    __u64 cookie;
    __u32 tgid;
    __u32 pid;
    __u32 uid;
    char comm[16];
    __u8 address[16]; /* IPv4-mapped for IPv4 */
    __u16 port;
    __u8 protocol;
    __u8 hook; /* SEK_EXIT_ON_... */
    __u8 blocked;
    __u8 unused[3];
};

#endif
