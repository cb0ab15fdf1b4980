/* The baseline: what is known of each file, sorted by path. It is a file that is mapped, not read,
 * so that it costs no memory while nothing happens; changes since it was written are kept beside it
 * and go into a new file, which replaces the old one whole (a power cut leaves one or the other).
 *
 * Form, numbers little-endian: "SEKFIM1\n"; u32 entries; u32 0; u64 time (s); then 112 bytes for
 * each entry (see database.c), then their paths, link targets and texts (zstd), then the SHA-256 of
 * all that is before. */
#ifndef SEK_AGENT_DATABASE_H
#define SEK_AGENT_DATABASE_H

#include "agent/integrity/facts.h"

#include <stddef.h>

struct sek_database;

#define SEK_DATABASE_FILES 200000u /* of one baseline; more are not kept (SEK_ELIMIT) */

/* Open PATH. SEK_ENOTFOUND: there is none, and *OUT is an empty baseline that will be written to
 * PATH; SEK_EINVAL: it is damaged (nothing is opened, and the file stays as it is). */
enum sek_error sek_database_open(const char *path, struct sek_database **out,
                                 struct sek_fault *fault);
/* An empty one that is never written. */
struct sek_database *sek_database_none(void);
void sek_database_close(struct sek_database *db);
size_t sek_database_count(const struct sek_database *db);
uint64_t sek_database_time(const struct sek_database *db);
/* What is known of PATH into FACTS; its text is unpacked into BUFFER (may be NULL: no text). */
bool sek_database_find(const struct sek_database *db, const char *path, struct sek_text *buffer,
                       struct sek_facts *facts);
enum sek_error sek_database_put(struct sek_database *db, const char *path,
                                const struct sek_facts *facts);
void sek_database_remove(struct sek_database *db, const char *path);
/* All paths, sorted; VISIT may put and remove. */
void sek_database_each(struct sek_database *db, void (*visit)(void *arg, const char *path),
                       void *arg);
/* Were there changes since it was written? */
bool sek_database_dirty(const struct sek_database *db);
enum sek_error sek_database_save(struct sek_database *db, struct sek_fault *fault);

/* For tests: is DATA a baseline, apart from its checksum? */
enum sek_error sek_database_check(const char *name, const uint8_t *data, size_t len,
                                  struct sek_fault *fault);

#endif
