/* Errors are values. A function that can fail returns enum sek_error and, when the caller passes a
 * struct sek_fault, writes a sentence that names the place (file:line, field, offset), what was
 * found and what was expected. */
#ifndef SEK_BASE_ERROR_H
#define SEK_BASE_ERROR_H

#include <stdarg.h>

enum sek_error {
    SEK_OK = 0,
    SEK_ENOMEM,       /* memory or a stated memory limit is exhausted */
    SEK_EINVAL,       /* the input is malformed */
    SEK_EIO,          /* the operating system refused a read, write or socket call */
    SEK_ELIMIT,       /* a stated limit (size, depth, count) is exceeded */
    SEK_ESTATE,       /* the call does not fit the object's present state */
    SEK_EAUTH,        /* a credential or signature does not verify */
    SEK_ENOTFOUND,    /* the named thing does not exist */
    SEK_EEXPIRED,     /* signed content or a certificate is past its time */
    SEK_EROLLBACK,    /* content is older than what is already trusted */
    SEK_EUNSUPPORTED, /* valid, but this program cannot do it */
    SEK_EAGAIN,       /* nothing to do now; call again later */
    SEK_EEXIST,       /* the thing is there already */
};

struct sek_fault {
    enum sek_error code;
    char message[512]; /* one line, no newline */
};

/* Short English name of a code ("malformed input"). Never NULL. */
const char *sek_error_name(enum sek_error code);

/* Fill FAULT (may be NULL) with a formatted message; returns CODE, so that a caller can
 * `return sek_fail(fault, SEK_EINVAL, "...")`. */
enum sek_error sek_fail(struct sek_fault *fault, enum sek_error code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "PREFIX: " in front of the message that FAULT already holds; returns FAULT's code. */
enum sek_error sek_fail_context(struct sek_fault *fault, enum sek_error code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
