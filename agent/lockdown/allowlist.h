/* The set of programs that may run: SHA-256 digests in an open-addressing table. Its file has
 * sha256sum's form, "<64 hex digits>  <where it was learned>", so that a person can read and check
 * it; the bundle's `allowlist` target has the digests alone. */
#ifndef SEK_AGENT_ALLOWLIST_H
#define SEK_AGENT_ALLOWLIST_H

#include "lib/base/error.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_allowlist {
    uint8_t (*slots)[32]; /* all zero: empty */
    uint32_t cap;         /* a power of two, or 0 */
    uint32_t count;
    /* Called for each line of a text that is parsed; LABEL is what follows the digest. May be NULL.
     */
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
 * SHA-256 of DIGEST and "set-id". A registered program without it is refused when it has the bit.
 */
void sek_allowlist_set_id(const uint8_t digest[32], uint8_t out[32]);
/* Is there an entry with these first eight bytes? */
bool sek_allowlist_has_content(const struct sek_allowlist *list, uint64_t content);
uint64_t sek_allowlist_content(const uint8_t digest[32]);

/* The file TEXT with other entries of source "bundle": those of BUNDLE, and no more. All other
 * lines stay. OUT gets the whole new text. */
enum sek_error sek_allowlist_rebase(const char *name, const char *text, size_t len,
                                    const struct sek_allowlist *bundle, struct sek_text *out,
                                    struct sek_fault *fault);

/* A file that lines are appended to, while others may replace it under an exclusive flock(2). */
struct sek_allowlist_out {
    const char *path; /* borrowed */
    int fd;           /* open for appending; -1: no file */
};
enum sek_error sek_allowlist_open(struct sek_allowlist_out *out, const char *path,
                                  struct sek_fault *fault);
/* Append one line, to the file that has the path now. */
enum sek_error sek_allowlist_append(struct sek_allowlist_out *out, const uint8_t digest[32],
                                    const char *label);
/* Replace the entries of source "bundle" in the file PATH; *CHANGED says whether that was needed.
 */
enum sek_error sek_allowlist_replace_bundle(const char *path, const struct sek_allowlist *bundle,
                                            bool *changed, struct sek_fault *fault);

#endif
