/* Names by handle, and the files that reads and writes carry. */
#include "lib/app/nfs.h"

#include <string.h>
#include <zlib.h>

#define NAMES_MAX   512u
#define CONTENT_MAX (100u * 1024u) /* kept of a file */

static bool same(struct sek_bytes a, struct sek_bytes b)
{
    return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static void name_free(struct nfs_state *s, struct nfs_name *n)
{
    sek_buffer_free(s->base.pool, &n->handle);
    sek_buffer_free(s->base.pool, &n->name);
    sek_pool_put(s->base.pool, n, sizeof *n);
}

static void name_forget_oldest(struct nfs_state *s)
{
    struct nfs_name **link = &s->names;
    while (*link && (*link)->next)
        link = &(*link)->next;
    if (*link) {
        name_free(s, *link);
        *link = NULL;
        s->name_count--;
    }
}

void nfs_name_learn(struct nfs_state *s, struct sek_bytes handle, struct sek_bytes name)
{
    struct nfs_name *n;
    if (!handle.len || !name.len)
        return;
    for (n = s->names; n; n = n->next)
        if (same(sek_buffer_view(&n->handle), handle))
            break;
    if (!n) {
        if (s->name_count >= NAMES_MAX)
            name_forget_oldest(s);
        if (!(n = sek_pool_get_zero(s->base.pool, sizeof *n)))
            return;
        n->next = s->names;
        s->names = n;
        s->name_count++;
        sek_buffer_add(s->base.pool, &n->handle, handle.data, handle.len, 0);
    }
    n->name.len = 0;
    sek_buffer_add(s->base.pool, &n->name, name.data, name.len, 0);
}

struct sek_bytes nfs_name_of(const struct nfs_state *s, struct sek_bytes handle)
{
    for (const struct nfs_name *n = s->names; n; n = n->next)
        if (same(sek_buffer_view(&n->handle), handle))
            return sek_buffer_view(&n->name);
    return (struct sek_bytes){0};
}

void nfs_names_free(struct nfs_state *s)
{
    for (struct nfs_name *n = s->names, *next; n; n = next) {
        next = n->next;
        name_free(s, n);
    }
    s->names = NULL;
}

void nfs_tx_handle(struct nfs_state *s, struct nfs_tx *tx, struct sek_bytes handle)
{
    tx->has_handle = true;
    tx->handle_crc = (uint32_t)crc32(0, handle.data, handle.len);
    tx->handle = sek_slice_keep(s->base.pool, &tx->text, handle);
}

struct nfs_tx *nfs_file_find(struct nfs_state *s, enum sek_dir dir, struct sek_bytes handle)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct nfs_tx *tx = (struct nfs_tx *)t;
        struct sek_bytes h;
        if (tx->is_file && tx->file_dir == dir && !tx->file.closed &&
            sek_slice_give(&tx->text, tx->handle, &h) && same(h, handle))
            return tx;
    }
    return NULL;
}

struct nfs_tx *nfs_file(struct nfs_state *s, enum sek_dir dir, struct sek_bytes handle,
                        uint32_t xid, uint32_t version, uint32_t procedure)
{
    struct nfs_tx *tx = nfs_file_find(s, dir, handle);
    if (tx || !(tx = nfs_tx_open(s, SEK_TOSERVER, xid, version, procedure)))
        return tx;
    tx->is_file = true;
    tx->file_dir = dir;
    nfs_tx_handle(s, tx, handle);
    tx->name = sek_slice_keep(s->base.pool, &tx->text, nfs_name_of(s, handle));
    tx->file = (struct sek_file){.dir = dir, .content = &tx->content};
    tx->base.progress[0] = tx->base.progress[1] = 1;
    return tx;
}

void nfs_file_data(struct nfs_state *s, struct nfs_tx *tx, uint64_t offset, struct sek_bytes data)
{
    if (!tx->base.files) {
        tx->base.files = &tx->file;
        sek_slice_give(&tx->text, tx->name, &tx->file.name);
    }
    if (offset > tx->file.size) { /* a part is missing */
        tx->file.truncated = true;
        tx->file.size = offset;
    }
    uint64_t old = tx->file.size - offset; /* what is written again is not looked at again */
    if (old >= data.len)
        return;
    data.data += old;
    data.len -= (uint32_t)old;
    sek_buffer_add(s->base.pool, &tx->content, data.data, data.len, CONTENT_MAX);
    tx->file.truncated |= tx->content.cut;
    tx->file.size += data.len;
}

void nfs_file_close(struct nfs_tx *tx)
{
    tx->file.closed = true;
    tx->base.complete[0] = tx->base.complete[1] = true;
}

void nfs_file_opaque(struct nfs_state *s, enum sek_dir dir, struct nfs_tx *tx, uint64_t offset,
                     struct sek_reader *r, bool closes)
{
    uint32_t len = sek_reader_u32(r);
    if (r->failed)
        return;
    uint32_t have = len < sek_reader_left(r) ? len : sek_reader_left(r);
    struct sek_bytes data = sek_reader_bytes(r, have);
    if (have)
        nfs_file_data(s, tx, offset, data);
    tx->chunks++;
    s->open[dir].data = len - have;
    s->open[dir].tx_id = tx->base.id;
    s->open[dir].closes = closes;
    if (closes && have == len)
        nfs_file_close(tx);
    sek_reader_skip(r, (4 - len % 4) % 4 < sek_reader_left(r) ? (4 - len % 4) % 4
                                                              : sek_reader_left(r));
}
