/* The digest set and its text form. */
#include "agent/lockdown/allowlist.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT (64u << 20)

static const uint8_t empty[32];

void sek_allowlist_free(struct sek_allowlist *list)
{
    free(list->slots);
    *list = (struct sek_allowlist){0};
}

/* A digest is random already: its first bytes are the hash. */
static uint32_t slot_of(const struct sek_allowlist *list, const uint8_t digest[32])
{
    uint32_t i;
    memcpy(&i, digest, sizeof i);
    for (i &= list->cap - 1; memcmp(list->slots[i], empty, 32) != 0; i = (i + 1) & (list->cap - 1))
        if (!memcmp(list->slots[i], digest, 32))
            break;
    return i;
}

bool sek_allowlist_has(const struct sek_allowlist *list, const uint8_t digest[32])
{
    return list->cap && memcmp(digest, empty, 32) != 0 &&
           !memcmp(list->slots[slot_of(list, digest)], digest, 32);
}

static enum sek_error grow(struct sek_allowlist *list)
{
    struct sek_allowlist more = *list;
    more.cap = list->cap ? list->cap * 2 : 256;
    more.slots = calloc(more.cap, sizeof *more.slots);
    if (!more.slots)
        return SEK_ENOMEM;
    for (uint32_t i = 0; i < list->cap; i++) {
        if (memcmp(list->slots[i], empty, 32) != 0)
            memcpy(more.slots[slot_of(&more, list->slots[i])], list->slots[i], 32);
    }
    free(list->slots);
    *list = more;
    return SEK_OK;
}

enum sek_error sek_allowlist_add(struct sek_allowlist *list, const uint8_t digest[32])
{
    if (!memcmp(digest, empty, 32))
        return SEK_EINVAL;
    if (sek_allowlist_has(list, digest))
        return SEK_EEXIST;
    if (list->count * 4 >= list->cap * 3) {
        enum sek_error rc = grow(list);
        if (rc)
            return rc;
    }
    memcpy(list->slots[slot_of(list, digest)], digest, 32);
    list->count++;
    return SEK_OK;
}

enum sek_error sek_allowlist_parse(struct sek_allowlist *list, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault)
{
    const char *p = text, *end = text + len;
    for (unsigned line = 1; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (n && *p != '#' && *p != '\r') {
            char hex[65] = "";
            uint8_t digest[32];
            memcpy(hex, p, n < 64 ? n : 64);
            bool ends = n <= 64 || p[64] == ' ' || p[64] == '\t' || p[64] == '\r';
            if (n < 64 || !ends || !sek_hex_decode(hex, digest, 32))
                return sek_fail(fault, SEK_EINVAL,
                                "%s:%u: found '%.20s', expected 64 hexadecimal digits", name, line,
                                hex);
            if (sek_allowlist_add(list, digest) == SEK_ENOMEM)
                return sek_fail(fault, SEK_ENOMEM, "%s:%u: out of memory", name, line);
            if (list->on_label && n > 66)
                list->on_label(list->arg, digest, p + 66, n - 66);
        }
        p += n + 1;
    }
    return SEK_OK;
}

enum sek_error sek_allowlist_load(struct sek_allowlist *list, const char *path,
                                  struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_allowlist_parse(list, path, text, len, fault);
    free(text);
    return rc;
}

void sek_allowlist_set_id(const uint8_t digest[32], uint8_t out[32])
{
    static const char word[6] = {'s', 'e', 't', '-', 'i', 'd'};
    uint8_t both[32 + sizeof word];
    memcpy(both, digest, 32);
    memcpy(both + 32, word, sizeof word);
    sek_sha256(both, sizeof both, out);
}

enum sek_error sek_allowlist_append(int fd, const uint8_t digest[32], const char *label)
{
    char line[64 + 2 + 4096 + 2];
    sek_hex_encode(digest, 32, line);
    int n = 64 + snprintf(line + 64, sizeof line - 64, "  %.4000s", label);
    for (int i = 66; i < n; i++) {
        if (line[i] == '\n')
            line[i] = '?';
    }
    line[n++] = '\n';
    return write(fd, line, (size_t)n) == n ? SEK_OK : SEK_EIO;
}
