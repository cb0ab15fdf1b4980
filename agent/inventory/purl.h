/* Package URLs (the purl specification, ECMA-427): pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS. */
#ifndef SEK_AGENT_PURL_H
#define SEK_AGENT_PURL_H

#include "agent/inventory/list.h"
#include "agent/inventory/os.h"

#include <stdbool.h>

#define SEK_PURL_MAX 1024 /* bytes, with the NUL */

struct sek_purl {
    char type[32], space[256], name[256], version[256];
    char arch[32], distro[64], epoch[16], upstream[256];
};

/* Take TEXT apart, percent-decoded; false when it is no purl or a part is longer than its field. */
bool sek_purl_parse(const char *text, struct sek_purl *out);

/* The purl of ITEM on a system OS; "" when it has none. */
void sek_purl_make(const struct sek_item *item, const struct sek_os *os, char out[SEK_PURL_MAX]);

/* Ecosystem and name (both hold SIZE bytes) as OSV has them. OS gives the release where the purl
 * names a distribution without one. */
void sek_purl_osv(const struct sek_purl *purl, const struct sek_os *os, char *ecosystem, char *name,
                  size_t size);

#endif
