/* Typed messages between the privileged guard and the sandboxed worker, one datagram each on a
 * SOCK_SEQPACKET pair. Every type has one fixed size or a stated range, checked on receipt, and the
 * guard takes nothing else from the worker. Bulk data travels as a sealed memory file. */
#ifndef SEK_AGENT_MESSAGE_H
#define SEK_AGENT_MESSAGE_H

#include "agent/event.h"
#include "lib/base/error.h"

#include <stdint.h>

enum sek_message_type {
    SEK_MESSAGE_NONE,
    /* worker to guard */
    SEK_MESSAGE_ALIVE,     /* nothing: answer to PING */
    SEK_MESSAGE_VERDICTS,  /* struct sek_verdict, 1..SEK_VERDICTS of them */
    SEK_MESSAGE_FILTER,    /* struct sek_filter: what the kernel shall queue and enforce */
    SEK_MESSAGE_PREFIXES,  /* memory file of struct sek_prefix: list ID (SEK_EXIT_INDICATORS...) */
    SEK_MESSAGE_BLOCK,     /* struct sek_block */
    SEK_MESSAGE_WHO,       /* struct sek_endpoints: answered by OWNER with the same id */
    SEK_MESSAGE_BREAK,     /* struct sek_endpoints: end this local connection */
    SEK_MESSAGE_ANSWER,    /* struct sek_answer: a DNS answer in place of a blocked query */
    SEK_MESSAGE_ALLOWLIST, /* memory file: digests of the bundle, one a line */
    SEK_MESSAGE_WINDOW,    /* struct sek_window: lockdown's maintenance window */
    SEK_MESSAGE_DUTY,      /* struct sek_duty_wish and a memory file: JSON for the duty's process */
    SEK_MESSAGE_FIREWALL,  /* struct sek_firewall_order and a memory file: struct sek_ruleset to apply */
    SEK_MESSAGE_UNLOCK,    /* struct sek_unlock: the uninstall token, as somebody gave it */
    SEK_MESSAGE_UNINSTALL, /* struct sek_unlock: the digest that it must have, of the bundle */
    SEK_MESSAGE_NAMED,     /* struct sek_named: a DNS answer */
    SEK_MESSAGE_LISTED,    /* memory file: the policy's destinations, a learned table */
    SEK_MESSAGE_JUDGE,     /* struct sek_judge: is a packet's target listed? Its verdict is given */
    SEK_MESSAGE_SYNC,      /* nothing: answered by SYNCED when all before it is carried out */
    /* guard to worker */
    SEK_MESSAGE_PING,      /* nothing */
    SEK_MESSAGE_CONNECT,   /* struct sek_connect: the kernel met a listed address */
    SEK_MESSAGE_OWNER,     /* struct sek_process */
    SEK_MESSAGE_LOCKDOWN,  /* struct sek_lockdown_record */
    SEK_MESSAGE_INVENTORY, /* memory file: JSON */
    SEK_MESSAGE_STATE,     /* struct sek_guard_state */
    SEK_MESSAGE_TAMPER,    /* struct sek_tamper: somebody acts against the agent */
    SEK_MESSAGE_FINDING,   /* id: enum sek_duty; an event of that duty, JSON */
    SEK_MESSAGE_FIREWALL_DONE, /* struct sek_firewall_answer: to the order with the same id, or (id 0)
                                  what came about by itself */
    SEK_MESSAGE_SYNCED,        /* id as in SYNC */
    SEK_MESSAGE_UNLOCKED,      /* id as in UNLOCK; struct sek_unlocked */
    SEK_MESSAGE_TYPES
};

#define SEK_VERDICTS     32
#define SEK_FILTER_PORTS 64
#define SEK_MESSAGE_MAX  12288 /* bytes of payload */

enum { SEK_QUEUE_ENTRY, SEK_QUEUE_EXIT, SEK_QUEUES };

struct sek_verdict {
    uint32_t id; /* the kernel's packet id */
    uint8_t queue;
    uint8_t drop;
    uint8_t settled; /* exit: let the rest of this connection pass without asking */
    uint8_t unused;
};

/* A packet of the exit queue from a socket without a verdict of its own (neither TCP nor UDP). */
struct sek_judge {
    struct sek_endpoints endpoints;
    uint32_t id; /* the kernel's packet id */
};

struct sek_port {
    uint16_t port;
    uint8_t udp;
    uint8_t unused;
};

enum { SEK_MODE_OFF, SEK_MODE_DETECT, SEK_MODE_PREVENT };

struct sek_filter {
    uint8_t entry_mode, exit_mode;
    uint8_t inside_mode; /* enum sek_lockdown_mode */
    uint8_t names;       /* 1: look at DNS and TLS of outgoing connections */
    uint8_t urls;        /* 1: look at HTTP of outgoing connections */
    uint8_t inline_code; /* SEK_INLINE_...: scripts on the command line or standard input */
    uint8_t strict_scripts; /* 1: every text that an interpreter opens is a script */
    uint8_t window_only;    /* 1: updaters are trusted within a maintenance window only */
    uint8_t trust_packages; /* 1: what the package database vouches for is registered */
    uint8_t listed_only;    /* 1: what is on the device does not count as registered */
    uint8_t unlearned;      /* SEK_EXIT_ALLOW_ALL...: destinations that were not learned */
    uint8_t listeners;      /* the same of ports */
    uint8_t resolvers;      /* 1: look at the ports of encrypted DNS */
    uint16_t port_count;
    struct sek_port ports[SEK_FILTER_PORTS]; /* that have a virtual patch */
    char scopes[4][200];                     /* lockdown mounts; "" after the last */
};

struct sek_prefix {
    uint8_t address[16]; /* 4 or 16 bytes used */
    uint8_t bits;
    uint8_t v6;
    uint16_t unused;
};

struct sek_block {
    uint8_t address[16]; /* IPv4-mapped for IPv4 */
    uint32_t ttl_s;      /* 0: end the block now */
};

/* Somebody acted against the agent. */
struct sek_tamper {
    uint8_t blocked;
    uint8_t unused[3];
    struct sek_process process; /* pid 0: not known */
    char what[160];             /* in words */
};

struct sek_window {
    uint32_t seconds;  /* from now; 0: ends the window */
    char updater[256]; /* one more program that may install meanwhile; "" none */
};

struct sek_named {
    uint8_t address[16];
    uint32_t ttl_s;
    char name[256]; /* lower case */
};

struct sek_answer {
    struct sek_endpoints query; /* source: the asking program; target: the server */
    uint16_t len;
    uint8_t data[1232];
};

struct sek_connect {
    struct sek_endpoints endpoints;
    struct sek_process process;
    uint8_t hook; /* SEK_EXIT_ON_... of bpf/exit.h */
    uint8_t blocked;
    uint8_t why;    /* enum sek_why */
    char name[256]; /* of the target, when a DNS answer told it; "" */
};

enum sek_why {
    SEK_WHY_LISTED,
    SEK_WHY_LEARNED,             /* a new permission, in learn mode */
    SEK_WHY_UNKNOWN_PROGRAM,     /* nothing was learned or listed for it */
    SEK_WHY_CHANGED_PROGRAM,     /* only for another content of the file */
    SEK_WHY_UNKNOWN_DESTINATION, /* the program has other destinations */
    SEK_WHY_UNKNOWN_PORT,        /* that it binds */
    SEK_WHY_NOT_KNOWN_YET,       /* permitted from now on */
    SEK_WHY_TABLE_FULL,          /* nothing more can be learned */
    SEK_WHYS
};

/* What a process of its own does beside the worker, when the policy wants it. */
enum sek_duty { SEK_DUTY_INTEGRITY, SEK_DUTY_LOGS, SEK_DUTY_MALWARE, SEK_DUTIES };

struct sek_duty_wish {
    uint8_t duty; /* enum sek_duty */
    uint8_t wanted;
    uint16_t unused;
};

struct sek_unlock {
    char text[200];
};

struct sek_unlocked {
    uint8_t failed;
    char text[200];
};

/* Orders about the device's firewall rules. */
enum sek_firewall_verb {
    SEK_FIREWALL_SHOW,
    SEK_FIREWALL_APPLY,
    SEK_FIREWALL_KEEP, /* confirm what is pending */
    SEK_FIREWALL_ROLLBACK,
    SEK_FIREWALL_OFF,
    SEK_FIREWALL_VERBS
};

struct sek_firewall_order {
    uint8_t verb;
    uint8_t by_policy; /* 1: the manager's; KEEP and OFF then leave a local rule set alone */
    uint16_t within_s; /* APPLY: until it is rolled back */
};

struct sek_firewall_answer {
    uint8_t verb;
    uint8_t failed; /* text says why */
    uint8_t confirmed, pending, by_policy;
    uint8_t told; /* 1: worth an event */
    uint16_t seconds; /* until the pending one is rolled back */
    char digest[65], refused[65];
    char text[400];
};

/* One line of `doctor`. */
enum sek_protection { SEK_PROTECTION_ABSENT, SEK_PROTECTION_PARTIAL, SEK_PROTECTION_FULL };
enum {
    SEK_STATE_ENTRY,    /* queueing of patched ports */
    SEK_STATE_BLOCK,    /* address sets */
    SEK_STATE_ADDRESS,  /* exit: cgroup programs */
    SEK_STATE_NAMES,    /* exit: queueing of DNS, TLS, HTTP */
    SEK_STATE_UNLEARNED, /* exit: deny by default */
    SEK_STATE_LOCKDOWN, /* inside */
    SEK_STATE_SHIELD,   /* self-protection */
    SEK_STATE_FIREWALL, /* the policy's rules */
    SEK_STATE_DUTY,     /* the first of SEK_DUTIES rows */
    SEK_STATES = SEK_STATE_DUTY + SEK_DUTIES
};

struct sek_guard_state {
    struct {
        uint8_t level; /* enum sek_protection */
        char why[160];
    } part[SEK_STATES];
    uint8_t inside_mode;
    uint8_t firewall_pending; /* 1: the policy's rule set waits for its confirmation */
    uint64_t lockdown_asked, lockdown_denied, lockdown_learned;
    uint64_t prefixes;
};

struct sek_message {
    uint32_t type;
    uint32_t id;
    int fd; /* -1, or a received descriptor that the receiver closes */
    uint32_t len;
    union {
        uint8_t data[SEK_MESSAGE_MAX];
        struct sek_verdict verdicts[SEK_VERDICTS];
        struct sek_filter filter;
        struct sek_block block;
        struct sek_endpoints endpoints;
        struct sek_answer answer;
        struct sek_window window;
        struct sek_tamper tamper;
        struct sek_named named;
        struct sek_connect connect;
        struct sek_judge judge;
        struct sek_process process;
        struct sek_lockdown_record lockdown;
        struct sek_guard_state state;
        struct sek_duty_wish duty;
        struct sek_firewall_order firewall;
        struct sek_unlock unlock;
        struct sek_unlocked unlocked;
        struct sek_firewall_answer firewall_done;
    };
};

/* Send; FD is -1 or a descriptor to pass on. SEK_EAGAIN: the other side does not keep up. */
enum sek_error sek_message_send(int socket, uint32_t type, uint32_t id, const void *data,
                                uint32_t len, int fd);
/* Receive one message. SEK_EAGAIN: none; SEK_ENOTFOUND: the other side is gone; SEK_EINVAL: not a
 * message of this protocol (it was dropped). FROM_WORKER: which direction's types are expected. */
enum sek_error sek_message_receive(int socket, bool from_worker, struct sek_message *m);

/* A sealed memory file with LEN bytes of DATA, or -1. */
int sek_memory_file(const char *name, const void *data, size_t len);
/* Map the whole of memory file FD read-only; NULL when it is empty, larger than LIMIT, or could
 * still change. Unmap with munmap(*LEN). */
void *sek_memory_map(int fd, size_t limit, size_t *len);

#endif
