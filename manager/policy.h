/* The policy: its sections and their members in one table, from which come the defaults, the check,
 * and a JSON Schema that forms and command lines are made by. docs/protocol.md says what each
 * member means. The section "firewall" is checked by lib/firewall, as the agent does. */
#ifndef SEK_MANAGER_POLICY_H
#define SEK_MANAGER_POLICY_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SEK_POLICY_ITEM         199  /* bytes of a list's item */
#define SEK_POLICY_DESTINATIONS 2000 /* lines of exit.destinations */
#define SEK_POLICY_POINTER      256

enum sek_policy_item {
    SEK_ITEM_PATHS,  /* absolute paths */
    SEK_ITEM_SCOPES, /* absolute paths, or "all" */
    SEK_ITEM_NAMES,  /* names or patterns */
};

struct sek_policy_number {
    const char *name;
    json_int_t low, high, fallback;
};

struct sek_policy_word {
    const char *name;
    const char *words[5]; /* the first is the default */
};

struct sek_policy_list {
    const char *name;
    enum sek_policy_item item;
    unsigned limit;           /* of items; what the agent takes */
    const char *fallback[12]; /* all empty: the device's own defaults hold */
};

struct sek_policy_section {
    const char *name;
    const char *modes[5]; /* the first is the default */
    struct sek_policy_number numbers[5];
    struct sek_policy_list lists[4];
    struct sek_policy_word words[6];
    const char *flag, *path; /* names of one member each, left to the device's defaults */
    bool destinations;
};

/* Ends with a NULL name; "firewall" is not in it. */
extern const struct sek_policy_section sek_policy_sections[];

/* The policy that a tenant starts with (new reference). */
json_t *sek_policy_initial(void);
/* SEK_EINVAL or SEK_ELIMIT; the message is "PLACE: what was found or expected", PLACE as
 * "exit.default" or "firewall.rules[2].ports[0]". */
enum sek_error sek_policy_check(const json_t *policy, struct sek_fault *fault);
/* PLACE of such a message as a JSON pointer (RFC 6901): "/firewall/rules/2/ports/0". The rest of
 * the message. */
const char *sek_policy_place(const struct sek_fault *fault, char pointer[SEK_POLICY_POINTER]);
/* As a JSON Schema (draft 2020-12; new reference). */
json_t *sek_policy_schema(void);

#endif
