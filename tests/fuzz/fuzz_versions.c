/* Two versions, split at the first newline: the order is the same both ways, and each equals itself. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vuln/version.h"

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512], upstream[64];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *other = strchr(text, '\n');
    if (!other)
        return 0;
    *other++ = '\0';
    for (int scheme = SEK_VERSION_GENERIC; scheme <= SEK_VERSION_MAVEN; scheme++) {
        int forth = sek_version_compare((enum sek_version_scheme)scheme, text, other);
        int back = sek_version_compare((enum sek_version_scheme)scheme, other, text);
        if (sign(forth) != -sign(back) ||
            sek_version_compare((enum sek_version_scheme)scheme, text, text))
            abort();
        sek_version_upstream((enum sek_version_scheme)scheme, text, upstream, sizeof upstream);
    }
    return 0;
}
