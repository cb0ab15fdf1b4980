/* The dpkg status database, read without dpkg: paragraphs of "Field: value" lines (deb-control(5)).
 * Values are views into the text; nothing is allocated. */
#ifndef SEK_AGENT_DPKG_H
#define SEK_AGENT_DPKG_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sek_field {
    const char *data;
    size_t len;
};

struct sek_package {
    struct sek_field name, version, arch;
    struct sek_field source, source_version; /* the package's own where the database names none */
    struct sek_field cpe;                    /* OpenWrt's CPE-ID: "cpe:/a:vendor:product" */
};

/* Visit every package whose files are on the disk, until VISIT returns false. A paragraph without
 * a name or version, a line that is no field, or a NUL byte is SEK_EINVAL naming NAME:LINE; what
 * was visited before it stays visited. */
enum sek_error sek_dpkg_parse(const char *name, const char *text, size_t len,
                              bool (*visit)(void *arg, const struct sek_package *package),
                              void *arg, struct sek_fault *fault);
/* The same of a control file, whose package is there although no Status says so. */
enum sek_error sek_dpkg_control(const char *name, const char *text, size_t len,
                                bool (*visit)(void *arg, const struct sek_package *package),
                                void *arg, struct sek_fault *fault);

#endif
