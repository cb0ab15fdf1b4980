/* What was hashed before, kept in a file between two starts: a program that did not change since is
 * not read again. The file (mode 0600, of root) holds the key of each file and its SHA-256; it is
 * mapped, and a damaged one counts as empty.
 *
 * A digest is kept only when the file had rested for two seconds and nobody had it open for writing
 * before and after it was read: then every later write gives it another change time. What it cannot
 * know is a clock that root sets back, and writes through a shared mapping on tmpfs, which leave
 * the change time alone: the digest that is then used is one of what this file once held. */
#ifndef SEK_AGENT_DIGESTS_H
#define SEK_AGENT_DIGESTS_H

#include "agent/filekey.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

struct sek_digest_entry {
    uint8_t key[SEK_FILE_KEY], digest[32];
};

struct sek_digests {
    const struct sek_digest_entry *known; /* sorted by key */
    size_t count;
    void *map;
    size_t map_len;
    struct sek_text next; /* entries for the next time */
    uint64_t used, read;  /* digests that were known, files that were read */
};

#define SEK_DIGESTS_LIMIT 400000u /* entries; more are not kept */

/* PATH NULL, or no such file: nothing is known. */
void sek_digests_open(struct sek_digests *d, const char *path);
/* Is the digest of a file with this status known? */
bool sek_digests_know(const struct sek_digests *d, const struct stat *st, uint8_t digest[32]);
/* The digest of the open file FD with this status: a known one, or read now. */
enum sek_error sek_digests_of(struct sek_digests *d, int fd, const struct stat *st,
                              uint8_t digest[32]);
/* Write what was asked for since the start to PATH (NULL: nowhere). Frees all. */
enum sek_error sek_digests_close(struct sek_digests *d, const char *path, struct sek_fault *fault);

#endif
