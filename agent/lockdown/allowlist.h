/* The set of programs that may run: SHA-256 digests in an open-addressing table. Its file has
 * sha256sum's form, "<64 hex digits>  <where it was learned>", so that a person can read and check
 * it; the bundle's `allowlist` target has the digests alone. */
#ifndef SEK_AGENT_ALLOWLIST_H
#define SEK_AGENT_ALLOWLIST_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_allowlist {
    uint8_t (*slots)[32]; /* all zero: empty */
    uint32_t cap;         /* a power of two, or 0 */
    uint32_t count;
    /* Called for each line of a text that is parsed; LABEL is what follows the digest. May be NULL. */
    void (*on_label)(void *arg, const uint8_t digest[32], const char *label, size_t len);
    void *arg;
};

void sek_allowlist_free(struct sek_allowlist *list);
bool sek_allowlist_has(const struct sek_allowlist *list, const uint8_t digest[32]);
/* SEK_EEXIST when it is there already. */
enum sek_error sek_allowlist_add(struct sek_allowlist *list, const uint8_t digest[32]);
/* Add every line of TEXT; NAME is used in messages ("NAME:LINE: ..."). Empty lines and lines that
 * begin with '#' are skipped. On an error LIST keeps what it had and what came before the line. */
enum sek_error sek_allowlist_parse(struct sek_allowlist *list, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault);
/* Parse a file of at most 64 MiB. */
enum sek_error sek_allowlist_load(struct sek_allowlist *list, const char *path,
                                  struct sek_fault *fault);
/* What stands in the list for a program that may have the set-user-ID or set-group-ID bit: the
 * SHA-256 of DIGEST and "set-id". A registered program without it is refused when it has the bit. */
void sek_allowlist_set_id(const uint8_t digest[32], uint8_t out[32]);
/* Append one line to the open file FD. */
enum sek_error sek_allowlist_append(int fd, const uint8_t digest[32], const char *label);

#endif
