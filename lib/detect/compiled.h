/* A rule set made ready to run: prefilter databases by protocol, direction, port and buffer, and for
 * each the rules that a hit makes candidates. Read-only once built; workers share it and swap to a
 * newer one between packets. */
#ifndef SEK_DETECT_COMPILED_H
#define SEK_DETECT_COMPILED_H

#include "lib/base/matcher.h"
#include "lib/rules/ruleset.h"

#include <stdatomic.h>

/* A rule that pattern N of a database leads to; the hit counts only if it ends in [low, high]. */
struct sek_hit {
    struct sek_rule *rule;
    uint32_t low, high;
};

/* One Hyperscan database over literals. */
struct sek_prefilter {
    hs_database_t *db; /* NULL: no patterns */
    uint32_t pattern_count, rule_count;
    uint32_t *first;   /* hits of pattern i are hits[first[i]] .. hits[first[i + 1]] */
    struct sek_hit *hits;
    size_t bytes;      /* of the database */
    uint32_t reach;    /* no match matters that ends beyond it */
    uint32_t longest;  /* pattern, in bytes */
};

/* Patterns that can stand at one place of a packet only. */
struct sek_fixed_slot {
    uint32_t value; /* first bytes, folded */
    struct sek_rule *rule;
};
struct sek_fixed_class {
    uint16_t at;   /* place in the payload */
    uint8_t bytes; /* that are looked at: 1 to 4 */
    uint32_t mask;
    uint64_t seen; /* a bit for each hash that occurs: most packets end here */
    struct sek_fixed_slot *slots;
};
struct sek_fixed {
    struct sek_fixed_class *classes;
    uint32_t count;
};
void sek_fixed_look(const struct sek_fixed *f, const uint8_t *data, uint32_t len,
                    void (*found)(void *ctx, const struct sek_rule *rule), void *ctx);

/* Rules for packets of one protocol and direction: for every port, or for a set of ports. */
struct sek_port_group {
    struct sek_fixed fixed;      /* patterns with one place in each packet's payload */
    struct sek_prefilter head;   /* patterns looked for at the beginning of each packet's payload */
    struct sek_prefilter packet; /* ... in all of it */
    struct sek_prefilter stream; /* ... in the stream */
    struct sek_rule **always;    /* rules without a pattern */
    uint32_t always_count;
    uint32_t rule_count;
};

enum sek_group_proto { SEK_GROUP_TCP, SEK_GROUP_UDP, SEK_GROUP_ICMP, SEK_GROUP_SCTP,
                       SEK_GROUP_OTHER, SEK_GROUP_PROTOS };

/* Views of one protocol and direction, in the order in which transactions reach them. */
struct sek_view_group {
    struct sek_view *view;
    struct sek_prefilter prefilter;
    uint8_t progress;
    bool growing, multi;
};

struct sek_app_group {
    struct sek_view_group *views;
    uint32_t view_count;
    struct sek_rule **always; /* transaction rules without a pattern */
    uint32_t always_count;
};

/* Rules about nothing but addresses, found by the side of theirs that says more. Each side and IP
 * version has a sorted list of address ranges that do not overlap; range i leads to the rules
 * rules[first[i]] .. rules[first[i + 1]]. */
struct sek_ip_side {
    struct sek_wide *low; /* of each range; it ends where the next begins */
    uint32_t *first;
    uint32_t count;
    struct sek_rule **rules;
};
struct sek_ip_only {
    struct sek_ip_side side[2][2]; /* [source, destination][IPv4, IPv6] */
    struct sek_rule **wide;        /* rules whose addresses say little on both sides */
    uint32_t wide_count;
    uint32_t count;
};
/* Rules that may hold for ADDR on SIDE (0 source, 1 destination); the other side, ports and protocol
 * are still to be checked. */
uint32_t sek_ip_only_find(const struct sek_ip_only *all, int side, int version,
                          const struct sek_addr *addr, struct sek_rule *const **rules);

struct sek_compiled {
    struct sek_rules *rules; /* owned */
    hs_scratch_t *scratch;   /* prototype that workers clone */
    struct sek_port_group any_port[SEK_GROUP_PROTOS][2]; /* [protocol][dir] */
    struct sek_port_group *groups;
    uint32_t group_count;
    uint16_t *port_group[SEK_GROUP_PROTOS][2]; /* [protocol][dir][port]: number of a group + 1; 0: none */
    struct sek_app_group apps[SEK_APP_COUNT][2];
    struct sek_ip_only ip_only;
    struct sek_rule **frames[2]; /* rules about frames that may hold in that direction */
    uint32_t frame_count[2];
    uint64_t frame_apps; /* protocols whose frames they name, as bits */
    struct sek_rule **proto_only, **decoder;
    uint32_t proto_only_count, decoder_count;
    struct matcher_cache *cache; /* while compiling */
    size_t database_bytes;
    double compile_seconds;
    uint64_t version; /* grows with each set a program loads */
};

/* Takes RULES over (finished with sek_rules_finish), also on failure. */
struct sek_compiled *sek_compile(struct sek_rules *rules, struct sek_fault *fault);
void sek_compiled_free(struct sek_compiled *compiled);

/* For rules that must all be good (a bundle's): finish and compile RULES, or say which one failed.
 * Takes RULES over, also on failure. */
enum sek_error sek_compile_all(struct sek_rules *rules, struct sek_compiled **out,
                               struct sek_fault *fault);

enum sek_group_proto sek_group_of(uint8_t ip_proto);

#endif
