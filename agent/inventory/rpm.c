/* Header blobs and the ndb database. All offsets are checked against the store. */
#include "agent/inventory/rpm.h"
#include "lib/base/reader.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TAGS_MAX  65535u
#define FILES_MAX 1000000u

enum tag {
    TAG_NAME = 1000,
    TAG_VERSION = 1001,
    TAG_RELEASE = 1002,
    TAG_EPOCH = 1003,
    TAG_ARCH = 1022,
    TAG_SOURCERPM = 1044,
    TAG_DIRINDEXES = 1116,
    TAG_BASENAMES = 1117,
    TAG_DIRNAMES = 1118,
};
enum type { TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18N = 9 };

struct entry {
    uint32_t type, offset, count;
};

struct header {
    struct sek_bytes store;
    struct entry name, version, release, epoch, arch, source, dirindexes, basenames, dirnames;
};

static struct entry *entry_of(struct header *h, uint32_t tag)
{
    switch (tag) {
    case TAG_NAME:
        return &h->name;
    case TAG_VERSION:
        return &h->version;
    case TAG_RELEASE:
        return &h->release;
    case TAG_EPOCH:
        return &h->epoch;
    case TAG_ARCH:
        return &h->arch;
    case TAG_SOURCERPM:
        return &h->source;
    case TAG_DIRINDEXES:
        return &h->dirindexes;
    case TAG_BASENAMES:
        return &h->basenames;
    case TAG_DIRNAMES:
        return &h->dirnames;
    }
    return NULL;
}

/* The string at *OFFSET of the store, which moves past it; NULL when it does not end there. */
static const char *next_text(const struct header *h, uint32_t *offset, size_t *len)
{
    if (*offset >= h->store.len)
        return NULL;
    const char *text = (const char *)h->store.data + *offset;
    const char *end = memchr(text, '\0', h->store.len - *offset);
    if (!end)
        return NULL;
    *len = (size_t)(end - text);
    *offset += (uint32_t)*len + 1;
    return text;
}

static const char *text_of(const struct header *h, const struct entry *e)
{
    size_t len;
    uint32_t at = e->offset;
    bool text = e->count &&
                (e->type == TYPE_STRING || e->type == TYPE_STRING_ARRAY || e->type == TYPE_I18N);
    const char *found = text ? next_text(h, &at, &len) : NULL;
    return found ? found : "";
}

static bool number_of(const struct header *h, const struct entry *e, uint32_t index, uint32_t *out)
{
    struct sek_reader r = sek_reader_make(h->store.data, h->store.len);
    if (e->type != TYPE_INT32 || index >= e->count)
        return false;
    sek_reader_skip(&r, e->offset);
    sek_reader_skip(&r, index < UINT32_MAX / 4 ? index * 4 : UINT32_MAX);
    *out = sek_reader_u32(&r);
    return !r.failed;
}

static enum sek_error read_index(struct header *h, const uint8_t *blob, size_t len,
                                 struct sek_fault *fault)
{
    if (len > SEK_RPM_BLOB_MAX)
        return sek_fail(fault, SEK_ELIMIT, "header of %zu bytes, at most %u expected", len,
                        SEK_RPM_BLOB_MAX);
    struct sek_reader r = sek_reader_make(blob, (uint32_t)len);
    uint32_t count = sek_reader_u32(&r), bytes = sek_reader_u32(&r);
    if (r.failed || count > TAGS_MAX || (uint64_t)count * 16 + bytes > sek_reader_left(&r))
        return sek_fail(fault, SEK_EINVAL,
                        "header of %zu bytes: %u tags and %u bytes of values do not fit", len,
                        count, bytes);
    struct sek_reader index = sek_reader_sub(&r, count * 16);
    h->store = sek_reader_bytes(&r, bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct entry *e = entry_of(h, sek_reader_u32(&index)), value;
        value.type = sek_reader_u32(&index);
        value.offset = sek_reader_u32(&index);
        value.count = sek_reader_u32(&index);
        if (!e)
            continue;
        if (value.offset > bytes)
            return sek_fail(fault, SEK_EINVAL, "tag %u of the header: offset %u is past its end", i,
                            value.offset);
        *e = value;
    }
    return SEK_OK;
}

/* Folder names are looked up by number; most packages use few, and in order, so the last place is
 * kept. */
struct folder {
    uint32_t number, next; /* the offset after the folder's name */
    const char *text;
    size_t len;
};

static bool folder_at(const struct header *h, struct folder *f, uint32_t number)
{
    if (f->text && f->number == number)
        return true;
    if (!f->text || number < f->number)
        *f = (struct folder){.number = UINT32_MAX, .next = h->dirnames.offset};
    while (f->number != number) {
        f->text = next_text(h, &f->next, &f->len);
        if (!f->text)
            return false;
        f->number++;
    }
    return true;
}

static void read_files(const struct header *h,
                       void (*file)(void *arg, const char *path, size_t len), void *arg)
{
    char path[PATH_MAX];
    uint32_t at = h->basenames.offset, number;
    /* A hostile header could name a far folder for each file: steps are counted. */
    uint64_t steps = 0;
    struct folder f = {0};
    for (uint32_t i = 0; i < h->basenames.count && i < FILES_MAX && steps < 16u * FILES_MAX; i++) {
        size_t len;
        const char *base = next_text(h, &at, &len);
        if (!base || !number_of(h, &h->dirindexes, i, &number) || number >= h->dirnames.count)
            return;
        steps += f.text && number >= f.number ? number - f.number : number;
        if (!folder_at(h, &f, number))
            return;
        int n = snprintf(path, sizeof path, "%s%s", f.text, base);
        if (n > 0 && (size_t)n < sizeof path)
            file(arg, path, (size_t)n);
    }
}

enum sek_error sek_rpm_header(const uint8_t *blob, size_t len,
                              bool (*package)(void *arg, const struct sek_rpm *rpm),
                              void (*file)(void *arg, const char *path, size_t len), void *arg,
                              struct sek_fault *fault)
{
    struct header h = {0};
    enum sek_error rc = read_index(&h, blob, len, fault);
    if (rc)
        return rc;
    struct sek_rpm rpm = {
        .name = text_of(&h, &h.name),
        .version = text_of(&h, &h.version),
        .release = text_of(&h, &h.release),
        .arch = text_of(&h, &h.arch),
        .source = text_of(&h, &h.source),
    };
    rpm.has_epoch = number_of(&h, &h.epoch, 0, &rpm.epoch);
    if (!*rpm.name || !*rpm.version)
        return sek_fail(fault, SEK_EINVAL, "header without %s",
                        *rpm.name ? "tag 1001 (version)" : "tag 1000 (name)");
    if (package(arg, &rpm) && h.basenames.type == TYPE_STRING_ARRAY &&
        h.dirnames.type == TYPE_STRING_ARRAY)
        read_files(&h, file, arg);
    return SEK_OK;
}

/* ndb: a header of 32 bytes, pages of slots (16 bytes each: "Slot", package number, block, blocks),
 * then blobs in blocks of 16 bytes ("BlbS", package number, generation, length, data). */
#define NDB_PAGE  4096u
#define NDB_BLOCK 16u

enum sek_error sek_rpm_ndb(const char *name, const uint8_t *bytes, size_t len,
                           void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                           struct sek_fault *fault)
{
    struct sek_reader r = sek_reader_make(bytes, len < UINT32_MAX ? (uint32_t)len : 0);
    uint32_t magic = sek_reader_u32(&r), version = sek_reader_u32le(&r);
    sek_reader_skip(&r, 4);
    uint32_t pages = sek_reader_u32le(&r);
    if (r.failed || magic != 0x52706d50 || version != 0)
        return sek_fail(fault, SEK_EINVAL,
                        "%s: found 0x%08x, version %u; an ndb database begins "
                        "with \"RpmP\", version 0",
                        name, magic, version);
    if (!pages || pages > len / NDB_PAGE)
        return sek_fail(fault, SEK_EINVAL, "%s: %u pages of slots do not fit into %zu bytes", name,
                        pages, len);
    sek_reader_skip(&r, 32 - r.pos);
    while (r.pos + 16 <= pages * NDB_PAGE) {
        uint32_t slot = sek_reader_u32(&r), package = sek_reader_u32le(&r);
        uint64_t at = (uint64_t)sek_reader_u32le(&r) * NDB_BLOCK;
        sek_reader_skip(&r, 4);
        if (r.failed || slot != 0x536c6f74)
            return sek_fail(fault, SEK_EINVAL, "%s: byte %u: a slot expected", name, r.pos);
        if (!package)
            continue;
        struct sek_reader b = sek_reader_make(bytes, (uint32_t)len);
        sek_reader_skip(&b, at < len ? (uint32_t)at : UINT32_MAX);
        uint32_t start = sek_reader_u32(&b), number = sek_reader_u32le(&b);
        sek_reader_skip(&b, 4);
        struct sek_bytes data = sek_reader_bytes(&b, sek_reader_u32le(&b));
        if (b.failed || start != 0x426c6253 || number != package)
            return sek_fail(fault, SEK_EINVAL, "%s: package %u: no blob of it at byte %llu", name,
                            package, (unsigned long long)at);
        blob(arg, data.data, data.len);
    }
    return SEK_OK;
}
