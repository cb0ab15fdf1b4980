/* Package databases of the system: dpkg, opkg, apk and RPM, with the files that packages own. */
#ifndef SEK_AGENT_PACKAGES_H
#define SEK_AGENT_PACKAGES_H

#include "agent/inventory/list.h"
#include "agent/inventory/owner.h"
#include "lib/base/error.h"

/* Read every database below ROOT into LIST (with ECOSYSTEM) and OWNERS; *COUNT gets the number of
 * databases. There may be none. A damaged text database is an error that names its line; an RPM
 * database of a form that is not read is a note. */
enum sek_error sek_packages_read(const char *root, const char *ecosystem, struct sek_list *list,
                                 struct sek_owners *owners, unsigned *count,
                                 struct sek_fault *fault);

#endif
