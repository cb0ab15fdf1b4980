/* The bundle's target "addresses": a plain list for what is too long for indicators.json. One IPv4
 * or IPv6 address or prefix a line, blanks around it and a comment behind '#' allowed. It goes to
 * the kernel as it is; the device keeps nothing more of it. */
#ifndef SEK_AGENT_ADDRESSES_H
#define SEK_AGENT_ADDRESSES_H

#include "agent/message.h"

#include <stddef.h>

#define SEK_ADDRESSES_LIMIT 2000000u /* lines */

/* How many lines of TEXT name an address. */
size_t sek_addresses_count(const char *text, size_t len);
/* Fill LIST, which has room for CAP of them; *COUNT were read. A line that is no address fails the
 * whole list, and the message names the line. */
enum sek_error sek_addresses_parse(const char *text, size_t len, struct sek_prefix *list,
                                   size_t cap, size_t *count, struct sek_fault *fault);

#endif
