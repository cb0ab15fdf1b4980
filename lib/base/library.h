/* Shared libraries that are opened when they are needed: a device that lacks one does without what
 * it is for. A static program opens none, and says so. */
#ifndef SEK_BASE_LIBRARY_H
#define SEK_BASE_LIBRARY_H

#include "lib/base/error.h"

/* For dlsym and dlclose. NULL: FAULT says why (SEK_EUNSUPPORTED); PACKAGE is Debian's that holds
 * NAME. */
void *sek_library_open(const char *name, const char *package, struct sek_fault *fault);

#endif
