/* What a child of the guard keeps of root's rights. */
#ifndef SEK_AGENT_RIGHTS_H
#define SEK_AGENT_RIGHTS_H

#include <stdbool.h>
#include <sys/capability.h>

/* Keep only the COUNT capabilities KEEP, and never win others. False: errno tells. */
bool sek_rights_keep(const cap_value_t *keep, int count);

#endif
