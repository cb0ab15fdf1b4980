/* Address and port sets of a rule header: lists, negation, ranges, CIDR, variables. A set is kept as
 * sorted ranges, so a look-up is a binary search. */
#ifndef SEK_RULES_SETS_H
#define SEK_RULES_SETS_H

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/wide.h"
#include "lib/packet/address.h"

#include <stddef.h>

struct sek_range4 {
    uint32_t low, high; /* host order, inclusive */
};
struct sek_range6 {
    struct sek_wide low, high;
};

struct sek_address_set {
    struct sek_range4 *v4;
    struct sek_range6 *v6;
    uint32_t v4_count, v6_count;
};

struct sek_port_set {
    uint64_t bits[1024];
};

/* Variables ("HOME_NET" -> text); borrowed from the configuration. */
struct sek_variables;
struct sek_variables *sek_variables_new(void);
void sek_variables_free(struct sek_variables *v);
bool sek_variables_set(struct sek_variables *v, const char *name, const char *value, bool port);
/* HOME_NET, EXTERNAL_NET, the usual servers and ports. */
bool sek_variables_defaults(struct sek_variables *v);

/* Parse TEXT; *OUT is NULL for `any`. The set lives in ARENA. */
enum sek_error sek_address_set_parse(struct sek_arena *arena, const struct sek_variables *v,
                                     const char *text, const struct sek_address_set **out,
                                     struct sek_fault *fault);
enum sek_error sek_port_set_parse(struct sek_arena *arena, const struct sek_variables *v,
                                  const char *text, const struct sek_port_set **out,
                                  struct sek_fault *fault);

bool sek_address_set_has(const struct sek_address_set *set, const struct sek_addr *addr,
                         int version);
static inline bool sek_port_set_has(const struct sek_port_set *set, uint16_t port)
{
    return !set || set->bits[port / 64] >> (port % 64) & 1;
}

#endif
