/* Packages of RPM before 4.16: a hash of Berkeley DB, whose values are header blobs and whose keys
 * are package numbers. Every page is looked at in the order of the file, so no bucket is computed:
 * hash pages hold pairs of key and value, and a value that does not fit lies in a chain of overflow
 * pages. Integers are in the order of the machine that wrote the file. Pages with checksums or
 * encryption, which RPM never made, are not read. Source: Berkeley DB's page formats (db_page.h).
 */
#include "agent/inventory/rpm.h"
#include "lib/base/reader.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC       0x00061561u
#define META_BYTES  72u
#define PAGE_HEADER 26u
#define PAGE_LEAST  512u
#define PAGE_MOST   65536u

enum page_type { PAGE_HASH_UNSORTED = 2, PAGE_OVERFLOW = 7, PAGE_HASH_META = 8, PAGE_HASH = 13 };
enum item_type { ITEM_DATA = 1, ITEM_OFFPAGE = 3 };

struct bdb {
    const char *name;
    const struct sek_view *view;
    bool big; /* the file's integers */
    uint32_t page_size, last;
    uint64_t left; /* bytes of values that may still come: a value cannot be there twice */
    uint8_t *page, *chain, *value;
    void (*blob)(void *arg, const uint8_t *data, size_t len);
    void *arg;
};

struct page {
    struct sek_reader r; /* after the header */
    uint32_t next;
    uint16_t entries, used;
    uint8_t type;
};

static uint32_t u32(const struct bdb *b, struct sek_reader *r)
{
    return b->big ? sek_reader_u32(r) : sek_reader_u32le(r);
}

static uint16_t u16(const struct bdb *b, struct sek_reader *r)
{
    return b->big ? sek_reader_u16(r) : sek_reader_u16le(r);
}

static bool read_page(const struct bdb *b, uint32_t number, uint8_t *bytes, struct page *out)
{
    if (number > b->last ||
        !sek_view_read(b->view, (uint64_t)number * b->page_size, bytes, b->page_size))
        return false;
    out->r = sek_reader_make(bytes, b->page_size);
    sek_reader_skip(&out->r, 16);
    out->next = u32(b, &out->r);
    out->entries = u16(b, &out->r);
    out->used = u16(b, &out->r);
    sek_reader_skip(&out->r, 1);
    out->type = sek_reader_u8(&out->r);
    return true;
}

static enum sek_error read_meta(struct bdb *b, struct sek_fault *fault)
{
    uint8_t bytes[META_BYTES];
    if (!sek_view_read(b->view, 0, bytes, sizeof bytes))
        return sek_fail(fault, SEK_EINVAL, "%s: %llu bytes are no Berkeley DB file", b->name,
                        (unsigned long long)b->view->size);
    struct sek_reader r = sek_reader_make(bytes, sizeof bytes);
    sek_reader_skip(&r, 12);
    uint32_t magic = sek_reader_u32(&r);
    b->big = magic == MAGIC;
    if (!b->big && magic != __builtin_bswap32(MAGIC))
        return sek_fail(fault, SEK_EINVAL,
                        "%s: found 0x%08x at byte 12; a Berkeley DB hash has 0x%08x there", b->name,
                        magic, MAGIC);
    uint32_t version = u32(b, &r);
    b->page_size = u32(b, &r);
    uint8_t encrypted = sek_reader_u8(&r), type = sek_reader_u8(&r), flags = sek_reader_u8(&r);
    sek_reader_skip(&r, 5);
    b->last = u32(b, &r);
    if (version < 5 || version > 10 || encrypted || type != PAGE_HASH_META || flags)
        return sek_fail(fault, SEK_EUNSUPPORTED,
                        "%s: version %u, encryption %u, page type %u, flags %u; versions 5 to 10 "
                        "of a plain hash are read",
                        b->name, version, encrypted, type, flags);
    if (b->page_size < PAGE_LEAST || b->page_size > PAGE_MOST ||
        (b->page_size & (b->page_size - 1)))
        return sek_fail(fault, SEK_EINVAL, "%s: pages of %u bytes; %u to %u expected", b->name,
                        b->page_size, PAGE_LEAST, PAGE_MOST);
    if (b->last >= b->view->size / b->page_size)
        return sek_fail(fault, SEK_EINVAL, "%s: %u pages of %u bytes do not fit into %llu bytes",
                        b->name, b->last + 1u, b->page_size, (unsigned long long)b->view->size);
    b->left = b->view->size;
    return SEK_OK;
}

/* The value of TOTAL bytes in the chain that begins at page FIRST. */
static enum sek_error read_chain(struct bdb *b, uint32_t first, uint32_t total,
                                 struct sek_fault *fault)
{
    uint32_t have = 0;
    if (total > SEK_RPM_BLOB_MAX || total > b->left)
        return sek_fail(fault, SEK_ELIMIT, "%s: a value of %u bytes, at most %u expected", b->name,
                        total, SEK_RPM_BLOB_MAX);
    uint8_t *more = realloc(b->value, total ? total : 1);
    if (!more)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", b->name);
    b->value = more;
    b->left -= total;
    for (uint32_t number = first; have < total;) {
        struct page p;
        if (!read_page(b, number, b->chain, &p) || p.type != PAGE_OVERFLOW || !p.used ||
            p.used > total - have || p.used > sek_reader_left(&p.r))
            return sek_fail(fault, SEK_EINVAL,
                            "%s: page %u does not go on with the value that page %u begins",
                            b->name, number, first);
        memcpy(b->value + have, sek_reader_bytes(&p.r, p.used).data, p.used);
        have += p.used;
        number = p.next;
    }
    b->blob(b->arg, b->value, total);
    return SEK_OK;
}

/* The item that lies from FROM up to TO in the page. A short value is the counter of packages,
 * whose key is number 0. */
static enum sek_error read_item(struct bdb *b, uint32_t from, uint32_t to, struct sek_fault *fault)
{
    struct sek_reader r = sek_reader_make(b->page + from, to - from);
    uint8_t type = sek_reader_u8(&r);
    if (type == ITEM_DATA && sek_reader_left(&r) > 8 && sek_reader_left(&r) <= b->left) {
        b->left -= sek_reader_left(&r);
        b->blob(b->arg, r.data + r.pos, sek_reader_left(&r));
    } else if (type == ITEM_OFFPAGE) {
        sek_reader_skip(&r, 3);
        uint32_t first = u32(b, &r), total = u32(b, &r);
        if (!r.failed)
            return read_chain(b, first, total, fault);
    }
    return SEK_OK;
}

/* Items lie from the end of the page to its begin; of each two the second is the value. */
static enum sek_error read_hash_page(struct bdb *b, uint32_t number, struct page *p,
                                     struct sek_fault *fault)
{
    uint32_t end = b->page_size;
    enum sek_error rc = SEK_OK;
    for (uint32_t i = 0; i < p->entries && !rc; i++) {
        uint32_t from = u16(b, &p->r);
        if (p->r.failed || from < p->r.pos || from >= end)
            return sek_fail(fault, SEK_EINVAL, "%s: page %u: item %u of %u lies outside of it",
                            b->name, number, i, p->entries);
        if (i % 2)
            rc = read_item(b, from, end, fault);
        end = from;
    }
    return rc;
}

enum sek_error sek_rpm_bdb(const char *name, const struct sek_view *view,
                           void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                           struct sek_fault *fault)
{
    struct bdb b = {.name = name, .view = view, .blob = blob, .arg = arg};
    enum sek_error rc = read_meta(&b, fault);
    if (rc)
        return rc;
    b.page = malloc(b.page_size);
    b.chain = malloc(b.page_size);
    if (!b.page || !b.chain)
        rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    for (uint32_t i = 1; !rc && i <= b.last; i++) {
        struct page p;
        if (!read_page(&b, i, b.page, &p))
            rc = sek_fail(fault, SEK_EIO, "%s: page %u of %u cannot be read", name, i, b.last);
        else if (p.type == PAGE_HASH || p.type == PAGE_HASH_UNSORTED)
            rc = read_hash_page(&b, i, &p, fault);
    }
    free(b.page);
    free(b.chain);
    free(b.value);
    return rc;
}
