/* Names of error codes and the formatting of faults. */
#include "lib/base/error.h"

#include <stdio.h>
#include <string.h>

const char *sek_error_name(enum sek_error code)
{
    static const char *const names[] = {
        [SEK_OK] = "ok",
        [SEK_ENOMEM] = "out of memory",
        [SEK_EINVAL] = "malformed input",
        [SEK_EIO] = "input/output error",
        [SEK_ELIMIT] = "limit exceeded",
        [SEK_ESTATE] = "wrong state",
        [SEK_EAUTH] = "not authentic",
        [SEK_ENOTFOUND] = "not found",
        [SEK_EEXPIRED] = "expired",
        [SEK_EROLLBACK] = "older than trusted content",
        [SEK_EUNSUPPORTED] = "not supported",
        [SEK_EAGAIN] = "try again",
        [SEK_EEXIST] = "exists already",
    };
    if ((unsigned)code >= sizeof names / sizeof names[0] || !names[code])
        return "unknown error";
    return names[code];
}

enum sek_error sek_fail(struct sek_fault *fault, enum sek_error code, const char *fmt, ...)
{
    if (fault) {
        va_list ap;
        va_start(ap, fmt);
        fault->code = code;
        vsnprintf(fault->message, sizeof fault->message, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum sek_error sek_fail_context(struct sek_fault *fault, enum sek_error code, const char *fmt, ...)
{
    if (fault) {
        char inner[sizeof fault->message];
        char prefix[200];
        va_list ap;
        memcpy(inner, fault->message, sizeof inner);
        va_start(ap, fmt);
        vsnprintf(prefix, sizeof prefix, fmt, ap);
        va_end(ap);
        fault->code = code;
        snprintf(fault->message, sizeof fault->message, "%s: %.*s", prefix,
                 (int)(sizeof fault->message - sizeof prefix - 3), inner);
    }
    return code;
}
