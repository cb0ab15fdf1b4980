/* dlopen(3). musl's static programs have it as a call that always fails. */
#include "lib/base/library.h"

#include <dlfcn.h>
#include <stddef.h>

void *sek_library_open(const char *name, const char *package, struct sek_fault *fault)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library)
        return library;
#ifdef __GLIBC__
    sek_fail(fault, SEK_EUNSUPPORTED, "%s is not installed (package %s)", name, package);
#else
    (void)package;
    sek_fail(fault, SEK_EUNSUPPORTED, "a static agent opens no %s", name);
#endif
    return NULL;
}
