/* Installed packages of RPM. A package is a header blob: counts, an index of tags, a store of their
 * values (RPM's file format documentation, "Header"). The databases that hold such blobs are SQLite
 * (rpmdb.sqlite, RPM 4.16), ndb (Packages.db) and Berkeley DB (Packages, before RPM 4.16). */
#ifndef SEK_AGENT_RPM_H
#define SEK_AGENT_RPM_H

#include "agent/inventory/view.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_RPM_BLOB_MAX (32u << 20) /* bytes of one header */

struct sek_rpm {
    const char *name, *version, *release, *arch, *source; /* "" when the header has none */
    bool has_epoch;
    uint32_t epoch;
};

/* Read the header BLOB: PACKAGE is told first (false: go no further), then each FILE's path. What
 * is passed lives until the call returns. SEK_EINVAL names the tag or count that does not fit. */
enum sek_error sek_rpm_header(const uint8_t *blob, size_t len,
                              bool (*package)(void *arg, const struct sek_rpm *rpm),
                              void (*file)(void *arg, const char *path, size_t len), void *arg,
                              struct sek_fault *fault);

/* Call BLOB for each header of an ndb database's BYTES. */
enum sek_error sek_rpm_ndb(const char *name, const uint8_t *bytes, size_t len,
                           void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                           struct sek_fault *fault);

/* The same of a Berkeley DB hash, of which a page and a value are held in memory. SEK_EINVAL names
 * the page; what came before it was passed. */
enum sek_error sek_rpm_bdb(const char *name, const struct sek_view *view,
                           void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                           struct sek_fault *fault);

/* The same of the SQLite database in the file PATH, by libsqlite3 when it is installed
 * (SEK_EUNSUPPORTED otherwise). */
enum sek_error sek_rpm_sqlite(const char *path,
                              void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                              struct sek_fault *fault);

#endif
