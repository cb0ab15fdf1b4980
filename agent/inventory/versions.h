/* Open-source components in programs and libraries, by the version strings that they contain. A
 * table says which string shows which component (versions_table.c); Hyperscan finds the strings,
 * the file is read in pieces. A component that would get two versions from one file gets none. */
#ifndef SEK_AGENT_VERSIONS_H
#define SEK_AGENT_VERSIONS_H

#include "agent/inventory/view.h"
#include "lib/base/error.h"

struct sek_versions; /* compiled patterns */

struct sek_version_row {
    const char *name;
    const char *cpe;     /* "a:vendor:product", the part first */
    const char *anchor;  /* literal that is looked for */
    const char *pattern; /* PCRE over the whole printable string around it; group 1: the version */
    const char *lone;    /* instead of a group: the version is a string of its own like this */
    const char *library; /* a file that names this library uses another file's copy, and only says
                            which version it was built with; NULL: no such case */
};

extern const struct sek_version_row sek_version_rows[];
extern const unsigned sek_version_row_count;

struct sek_versions *sek_versions_open(struct sek_fault *fault);
void sek_versions_close(struct sek_versions *v);

/* Call FOUND for each component of the file VIEW whose path is PATH. */
enum sek_error
sek_versions_scan(struct sek_versions *v, const struct sek_view *view, const char *path,
                  void (*found)(void *arg, const struct sek_version_row *row, const char *version),
                  void *arg, struct sek_fault *fault);

/* "cpe:2.3:a:vendor:product:1.2.3:*:*:*:*:*:*:*" of PART:VENDOR:PRODUCT ("a:vendor:product"). */
void sek_cpe(const char *product, const char *version, char *out, size_t size);

#endif
