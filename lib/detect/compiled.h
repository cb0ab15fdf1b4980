/* A rule set made ready to run: prefilter databases by protocol, direction, port and buffer, and for
 * each the rules that a hit makes candidates. Read-only once built; workers share it and swap to a
 * newer one between packets. */
#ifndef SEK_DETECT_COMPILED_H
#define SEK_DETECT_COMPILED_H

#include "lib/rules/ruleset.h"

#include <hs/hs.h>
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
};

/* Rules for packets of one protocol, direction and set of ports. */
struct sek_port_group {
    struct sek_prefilter packet; /* patterns looked for in each packet's payload */
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

struct sek_compiled {
    struct sek_rules *rules; /* owned */
    hs_scratch_t *scratch;   /* prototype that workers clone */
    struct sek_port_group *groups;
    uint32_t group_count;
    uint16_t *port_group[SEK_GROUP_PROTOS][2]; /* [protocol][dir][port]; OTHER, ICMP: one entry */
    struct sek_app_group apps[SEK_APP_COUNT][2];
    struct sek_rule **ip_only, **proto_only, **decoder;
    uint32_t ip_only_count, proto_only_count, decoder_count;
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
static inline const struct sek_port_group *sek_group_find(const struct sek_compiled *c,
                                                          enum sek_group_proto proto, int dir,
                                                          uint16_t port)
{
    uint16_t at = c->port_group[proto][dir][proto <= SEK_GROUP_UDP || proto == SEK_GROUP_SCTP ? port : 0];
    return &c->groups[at];
}

#endif
