/* The policy's section "firewall" as a fixed structure: every field is checked here, for the
 * manager that takes the policy and for the agent that puts it into force. It holds numbers and
 * short names only, so that it can be handed to a process that reads no JSON. docs/protocol.md has
 * the form. */
#ifndef SEK_FIREWALL_RULESET_H
#define SEK_FIREWALL_RULESET_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SEK_RULESET_RULES     256
#define SEK_RULESET_SETS      32
#define SEK_RULESET_PREFIXES  4096 /* of all sets and rules together */
#define SEK_RULESET_PORTS     16   /* of one rule */
#define SEK_RULESET_RULE_SETS 8    /* that one rule names */
#define SEK_RULESET_NAME      32   /* bytes of a name, with the NUL */

enum sek_ruleset_mode { SEK_RULESET_OFF, SEK_RULESET_DETECT, SEK_RULESET_ENFORCE };
enum sek_ruleset_action { SEK_RULE_ACCEPT, SEK_RULE_DROP, SEK_RULE_REJECT, SEK_RULE_LOG };
enum sek_ruleset_direction { SEK_RULE_IN, SEK_RULE_OUT, SEK_RULE_FORWARD, SEK_RULE_DIRECTIONS };
enum sek_ruleset_proto { SEK_RULE_ANY, SEK_RULE_TCP, SEK_RULE_UDP, SEK_RULE_ICMP };
enum sek_ruleset_process { SEK_RULE_ALL, SEK_RULE_PROGRAM, SEK_RULE_USER, SEK_RULE_CGROUP };
enum sek_ruleset_unit { SEK_RULE_SECOND, SEK_RULE_MINUTE, SEK_RULE_HOUR, SEK_RULE_DAY };

struct sek_ruleset_prefix {
    uint8_t address[16]; /* IPv4: the first four bytes */
    uint8_t bits;        /* of the 32 or 128; those after them are zero */
    uint8_t v6;
};

struct sek_ruleset_set {
    char name[SEK_RULESET_NAME]; /* letters, digits, '_'; begins with a letter */
    uint16_t first, count;       /* prefixes */
};

struct sek_ruleset_rule {
    char name[SEK_RULESET_NAME]; /* letters, digits, "_.-" */
    uint8_t direction, action, proto;
    uint8_t port_count, set_count;
    uint8_t process_kind, rate_unit;
    uint8_t unused;
    struct {
        uint16_t low, high;
    } ports[SEK_RULESET_PORTS]; /* of the destination */
    uint8_t sets[SEK_RULESET_RULE_SETS];
    uint16_t first, count; /* prefixes; none, and no set: any address */
    uint32_t rate;         /* 0: none */
    char process[200];     /* path, user name or cgroup below the root of cgroup v2 */
    char interface[16];
};

struct sek_ruleset {
    uint8_t mode;
    uint8_t drop_in, drop_out; /* 1: what no rule takes is dropped */
    uint8_t unused;
    uint16_t set_count, rule_count, prefix_count, unused2;
    struct sek_ruleset_set sets[SEK_RULESET_SETS];
    struct sek_ruleset_rule rules[SEK_RULESET_RULES];
    struct sek_ruleset_prefix prefixes[SEK_RULESET_PREFIXES];
};

/* SECTION (NULL: mode off) into *OUT. An unknown field is an error. SEK_EINVAL or SEK_ELIMIT with
 * the field's name ("firewall.rules[2].ports[0]") in FAULT; *OUT is then not to be used. */
enum sek_error sek_ruleset_parse(const json_t *section, struct sek_ruleset *out,
                                 struct sek_fault *fault);
/* Is this a rule set as sek_ruleset_parse makes it? For one that came from another process. */
enum sek_error sek_ruleset_check(const struct sek_ruleset *ruleset, struct sek_fault *fault);

/* "192.0.2.0/24", "2001:db8::1". False: no address or prefix, or bits set after the prefix. */
bool sek_ruleset_prefix(const char *text, struct sek_ruleset_prefix *out);

extern const char *const sek_ruleset_modes[],
    *const sek_ruleset_actions[], *const sek_ruleset_directions[], *const sek_ruleset_protos[],
                                                                       *const sek_ruleset_units[];

#endif
