/* The digest set and its text form. */
#include "agent/lockdown/allowlist.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (64u << 20)
#define BUNDLE     "bundle" /* the source of what the manager's bundle allows */

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

/* One line that is neither empty nor a comment. */
static enum sek_error read_line(const char *name, unsigned number, const char *line, size_t n,
                                uint8_t digest[32], struct sek_fault *fault)
{
    char hex[65] = "";
    memcpy(hex, line, n < 64 ? n : 64);
    bool ends = n <= 64 || line[64] == ' ' || line[64] == '\t' || line[64] == '\r';
    return n >= 64 && ends && sek_hex_decode(hex, digest, 32)
               ? SEK_OK
               : sek_fail(fault, SEK_EINVAL, "%s:%u: found '%.20s', expected 64 hexadecimal digits",
                          name, number, hex);
}

static bool has_entry(const char *line, size_t n)
{
    return n && *line != '#' && *line != '\r';
}

enum sek_error sek_allowlist_parse(struct sek_allowlist *list, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault)
{
    const char *at = text, *line;
    size_t n;
    for (unsigned number = 1; sek_text_line(&at, text + len, &line, &n); number++) {
        uint8_t digest[32];
        if (!has_entry(line, n))
            continue;
        enum sek_error rc = read_line(name, number, line, n, digest, fault);
        if (rc)
            return rc;
        if (sek_allowlist_add(list, digest) == SEK_ENOMEM)
            return sek_fail(fault, SEK_ENOMEM, "%s:%u: out of memory", name, number);
        if (list->on_label && n > 66)
            list->on_label(list->arg, digest, line + 66, n - 66);
    }
    return SEK_OK;
}

static void put_line(struct sek_text *out, const uint8_t digest[32], const char *label)
{
    char hex[65];
    sek_hex_encode(digest, 32, hex);
    size_t from = out->len + 66;
    sek_text_printf(out, "%s  %.4000s\n", hex, label);
    for (size_t i = from; i + 1 < out->len; i++) {
        if (out->data[i] == '\n')
            out->data[i] = '?';
    }
}

enum sek_error sek_allowlist_rebase(const char *name, const char *text, size_t len,
                                    const struct sek_allowlist *bundle, struct sek_text *out,
                                    struct sek_fault *fault)
{
    struct sek_allowlist kept = {0};
    const char *at = text, *line;
    enum sek_error rc = SEK_OK;
    size_t n;
    for (unsigned number = 1; !rc && sek_text_line(&at, text + len, &line, &n); number++) {
        uint8_t digest[32];
        bool entry = has_entry(line, n);
        bool from_bundle = n == 66 + strlen(BUNDLE) && !memcmp(line + 66, BUNDLE, strlen(BUNDLE));
        if (entry && (rc = read_line(name, number, line, n, digest, fault)))
            break;
        if (entry && from_bundle && !sek_allowlist_has(bundle, digest))
            continue;
        if (entry && sek_allowlist_add(&kept, digest) == SEK_ENOMEM)
            rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
        sek_text_add(out, line, n);
        sek_text_putc(out, '\n');
    }
    for (uint32_t i = 0; !rc && i < bundle->cap; i++) {
        if (memcmp(bundle->slots[i], empty, 32) != 0 && !sek_allowlist_has(&kept, bundle->slots[i]))
            put_line(out, bundle->slots[i], BUNDLE);
    }
    sek_allowlist_free(&kept);
    return rc || !out->failed ? rc : sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
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

uint64_t sek_allowlist_content(const uint8_t digest[32])
{
    uint64_t content;
    memcpy(&content, digest, sizeof content);
    return content;
}

bool sek_allowlist_has_content(const struct sek_allowlist *list, uint64_t content)
{
    uint32_t i;
    if (!list->cap)
        return false;
    memcpy(&i, &content, sizeof i);
    for (i &= list->cap - 1; memcmp(list->slots[i], empty, 32) != 0;
         i = (i + 1) & (list->cap - 1)) {
        if (!memcmp(list->slots[i], &content, sizeof content))
            return true;
    }
    return false;
}

enum sek_error sek_allowlist_open(struct sek_allowlist_out *out, const char *path,
                                  struct sek_fault *fault)
{
    out->path = path;
    out->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return out->fd >= 0 ? SEK_OK
                        : sek_fail(fault, SEK_EIO, "%s: cannot open: %s", path, strerror(errno));
}

/* Lock the file that has the path now: it may have been replaced since it was opened. */
static bool lock_current(struct sek_allowlist_out *out)
{
    struct stat st;
    while (out->fd >= 0 && !flock(out->fd, LOCK_SH) && !fstat(out->fd, &st)) {
        if (st.st_nlink)
            return true;
        close(out->fd);
        sek_allowlist_open(out, out->path, NULL);
    }
    return false;
}

enum sek_error sek_allowlist_append(struct sek_allowlist_out *out, const uint8_t digest[32],
                                    const char *label)
{
    struct sek_text line = {0};
    put_line(&line, digest, label);
    bool written = !line.failed && lock_current(out) &&
                   write(out->fd, line.data, line.len) == (ssize_t)line.len;
    if (out->fd >= 0)
        flock(out->fd, LOCK_UN);
    sek_text_free(&line);
    return written ? SEK_OK : SEK_EIO;
}

enum sek_error sek_allowlist_replace_bundle(const char *path, const struct sek_allowlist *bundle,
                                            bool *changed, struct sek_fault *fault)
{
    struct sek_allowlist_out file;
    struct sek_text out = {0};
    char *text = NULL;
    size_t len = 0;
    *changed = false;
    enum sek_error rc = sek_allowlist_open(&file, path, fault);
    if (rc)
        return rc;
    if (flock(file.fd, LOCK_EX))
        rc = sek_fail(fault, SEK_EIO, "%s: cannot lock: %s", path, strerror(errno));
    if (!rc)
        rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (!rc)
        rc = sek_allowlist_rebase(path, text, len, bundle, &out, fault);
    *changed = !rc && (out.len != len || memcmp(out.data ? out.data : "", text, len) != 0);
    if (*changed && (rc = sek_file_replace(path, out.data ? out.data : "", out.len, 0600, fault)))
        *changed = false;
    close(file.fd);
    sek_text_free(&out);
    free(text);
    return rc;
}
