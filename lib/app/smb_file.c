/* What is open over SMB: files whose content is put together in order of their offsets, and pipes
 * that carry DCE/RPC. */
#include "lib/app/smb.h"

#define PDU_LIMIT 65536u

void smb_tree_set(struct smb_state *s, uint32_t id, bool pipe)
{
    for (unsigned i = 0; i < SMB_TREES_MAX; i++) {
        if (s->trees[i].id == id) {
            s->trees[i].pipe = pipe;
            return;
        }
    }
    s->trees[s->tree_next++ % SMB_TREES_MAX] = (struct smb_tree){id, pipe};
}

/* 1: pipe, 0: not, -1: the connect was not seen. */
static int tree_is_pipe(const struct smb_state *s, uint32_t id)
{
    for (unsigned i = 0; id && i < SMB_TREES_MAX; i++)
        if (s->trees[i].id == id)
            return s->trees[i].pipe;
    return -1;
}

/* --- handles --- */

static void pieces_free(struct smb_state *s, struct smb_handle *h, enum sek_dir dir)
{
    while (h->pieces[dir]) {
        struct smb_piece *p = h->pieces[dir];
        h->pieces[dir] = p->next;
        sek_buffer_free(s->base.pool, &p->data);
        sek_pool_put(s->base.pool, p, sizeof *p);
    }
    h->piece_count[dir] = h->piece_bytes[dir] = 0;
}

static void file_end(struct smb_handle *h, enum sek_dir dir)
{
    if (h->file[dir])
        h->file[dir]->base.closed = true;
    if (h->file_tx[dir]) {
        smb_tx_done(h->file_tx[dir], SEK_TOSERVER);
        smb_tx_done(h->file_tx[dir], SEK_TOCLIENT);
    }
    h->file[dir] = NULL;
    h->file_tx[dir] = NULL;
}

static void handle_release(struct smb_state *s, struct smb_handle *h)
{
    for (int d = 0; d < 2; d++) {
        file_end(h, d);
        pieces_free(s, h, d);
        sek_buffer_free(s->base.pool, &h->pending[d]);
        if (s->side[d].handle == h)
            s->side[d].handle = NULL;
    }
    sek_buffer_free(s->base.pool, &h->name);
    sek_pool_put(s->base.pool, h, sizeof *h);
    s->handle_count--;
}

static struct smb_handle **handle_find(struct smb_state *s, const uint8_t fid[16])
{
    struct smb_handle **link = &s->handles;
    while (*link && memcmp((*link)->fid, fid, 16))
        link = &(*link)->next;
    return link;
}

void smb_handle_free(struct smb_state *s, const uint8_t fid[16])
{
    struct smb_handle **link = handle_find(s, fid), *h = *link;
    if (!h)
        return;
    *link = h->next;
    handle_release(s, h);
}

struct smb_handle *smb_handle_get(struct smb_state *s, const uint8_t fid[16], uint32_t tree)
{
    struct smb_handle *h = *handle_find(s, fid);
    if (h)
        return h;
    if (s->handle_count >= SMB_HANDLES_MAX) { /* the oldest goes */
        struct smb_handle **link = &s->handles;
        while ((*link)->next)
            link = &(*link)->next;
        struct smb_handle *oldest = *link;
        *link = NULL;
        handle_release(s, oldest);
    }
    if (!(h = sek_pool_get_zero(s->base.pool, sizeof *h)))
        return NULL;
    memcpy(h->fid, fid, 16);
    h->tree = tree;
    h->next = s->handles;
    s->handles = h;
    s->handle_count++;
    return h;
}

void smb_handles_free(struct smb_state *s)
{
    while (s->handles) {
        struct smb_handle *h = s->handles;
        s->handles = h->next;
        handle_release(s, h);
    }
}

void smb_handles_forget(struct smb_state *s, const struct smb_tx *tx)
{
    for (struct smb_handle *h = tx->kind == SMB_FILE ? s->handles : NULL; h; h = h->next) {
        for (int d = 0; d < 2; d++) {
            if (h->file_tx[d] == tx) {
                h->file_tx[d] = NULL;
                h->file[d] = NULL;
            }
        }
    }
}

/* --- files --- */

/* Reads go to the client, writes to the server. */
static uint16_t transfer_command(uint8_t version, enum sek_dir dir)
{
    return version == 1 ? (dir ? 0x2e : 0x2f) : (dir ? 8 : 9);
}

static bool file_open(struct smb_state *s, struct smb_handle *h, uint8_t version, enum sek_dir dir,
                      uint64_t offset)
{
    if (h->file[dir])
        return true;
    struct smb_tx *tx = smb_tx_new(s, SMB_FILE, version, transfer_command(version, dir));
    if (!tx)
        return false;
    tx->tree = h->tree;
    tx->base.progress[dir] = SMB_STARTED;
    memcpy(tx->fid, h->fid, 16);
    sek_buffer_add(s->base.pool, &tx->name, h->name.data, h->name.len, 0);
    h->file_tx[dir] = tx;
    h->file[dir] = sek_app_file_new(&s->base, &tx->base, dir, h->name.data, h->name.len);
    h->expected[dir] = offset;
    return h->file[dir] != NULL;
}

static void piece_keep(struct smb_state *s, struct smb_handle *h, enum sek_dir dir, uint64_t offset,
                       struct sek_bytes data)
{
    struct sek_tx *tx = &h->file_tx[dir]->base;
    if (h->piece_count[dir] >= s->base.settings->smb_queue_count[dir]) {
        sek_tx_event_any(tx, dir ? SMB_EVENT_READ_QUEUE_COUNT : SMB_EVENT_WRITE_QUEUE_COUNT);
        return;
    }
    if (h->piece_bytes[dir] + data.len > s->base.settings->smb_queue_size[dir]) {
        sek_tx_event_any(tx, dir ? SMB_EVENT_READ_QUEUE_SIZE : SMB_EVENT_WRITE_QUEUE_SIZE);
        return;
    }
    struct smb_piece *p = sek_pool_get_zero(s->base.pool, sizeof *p);
    if (!p)
        return;
    struct smb_piece **link = &h->pieces[dir];
    while (*link && (*link)->offset <= offset)
        link = &(*link)->next;
    p->offset = offset;
    sek_buffer_add(s->base.pool, &p->data, data.data, data.len, 0);
    p->next = *link;
    *link = p;
    h->piece_count[dir]++;
    h->piece_bytes[dir] += data.len;
}

/* DATA begins at or before what is expected next. */
static void file_append(struct smb_state *s, struct smb_handle *h, enum sek_dir dir,
                        uint64_t offset, struct sek_bytes data)
{
    uint64_t known = h->expected[dir] - offset;
    if (known && data.len)
        sek_tx_event_any(&h->file_tx[dir]->base, SMB_EVENT_FILE_OVERLAP);
    if (known >= data.len)
        return;
    data.data += known;
    data.len -= (uint32_t)known;
    sek_app_file_add(&s->base, h->file[dir], data.data, data.len);
    h->expected[dir] += data.len;
}

void smb_file_data(struct smb_state *s, struct smb_handle *h, uint8_t version, enum sek_dir dir,
                   uint64_t offset, struct sek_bytes data)
{
    if (!data.len || !file_open(s, h, version, dir, offset))
        return;
    if (offset > h->expected[dir]) {
        piece_keep(s, h, dir, offset, data);
        return;
    }
    file_append(s, h, dir, offset, data);
    while (h->pieces[dir] && h->pieces[dir]->offset <= h->expected[dir]) {
        struct smb_piece *p = h->pieces[dir];
        h->pieces[dir] = p->next;
        h->piece_count[dir]--;
        h->piece_bytes[dir] -= p->data.len;
        file_append(s, h, dir, p->offset, sek_buffer_view(&p->data));
        sek_buffer_free(s->base.pool, &p->data);
        sek_pool_put(s->base.pool, p, sizeof *p);
    }
    if (h->file_tx[dir] && !h->file_tx[dir]->base.progress[dir])
        h->file_tx[dir]->base.progress[dir] = SMB_COMPLETE;
}

/* --- pipes --- */

/* The transaction of a PDU: the call it continues or answers, else TX, else a new one. */
static struct smb_tx *call_tx(struct smb_state *s, struct smb_tx *tx, uint8_t version,
                              const struct dce_header *h, enum sek_dir dir)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct smb_tx *x = (struct smb_tx *)t;
        if (x->kind == SMB_CALL && x->call.call_id == h->call_id && !x->call.ended[dir] &&
            (dir == SEK_TOSERVER || x->call.type[0] != DCE_NONE))
            return x;
    }
    if (!tx || tx->kind == SMB_CALL)
        tx = smb_tx_new(s, SMB_CALL, version, transfer_command(version, dir));
    if (!tx)
        return NULL;
    tx->kind = SMB_CALL;
    dce_call_begin(&tx->call, h);
    tx->call.in_pipe = true;
    return tx;
}

static void pdu(struct smb_state *s, struct smb_tx *carrier, uint8_t version, enum sek_dir dir,
                const struct dce_header *h, struct sek_bytes body)
{
    struct smb_tx *tx = call_tx(s, carrier, version, h, dir);
    if (!tx)
        return;
    dce_pdu(s->base.pool, &s->ifaces, &tx->call, h, sek_reader_make(body.data, body.len), dir);
    if (!tx->call.ended[dir])
        return;
    smb_tx_done(tx, dir);
    if (dir == SEK_TOCLIENT || h->type == DCE_AUTH3) {
        smb_tx_done(tx, SEK_TOSERVER);
        smb_tx_done(tx, SEK_TOCLIENT);
    }
}

void smb_pipe_data(struct smb_state *s, struct smb_handle *h, struct smb_tx *tx, uint8_t version,
                   enum sek_dir dir, struct sek_bytes data)
{
    struct sek_buffer none = {0}, *pending = h ? &h->pending[dir] : &none;
    if (pending->len) {
        sek_buffer_add(s->base.pool, pending, data.data, data.len, PDU_LIMIT);
        data = sek_buffer_view(pending);
    }
    struct sek_reader r = sek_reader_make(data.data, data.len);
    while (sek_reader_left(&r) >= DCE_HEADER) {
        struct sek_reader head = r;
        struct dce_header dce;
        if (!dce_header_read(&head, &dce)) {
            sek_buffer_free(s->base.pool, pending);
            return;
        }
        if (sek_reader_left(&r) < dce.size && h)
            break;
        struct sek_reader body = sek_reader_sub(
            &r, dce.size < sek_reader_left(&r) ? dce.size : sek_reader_left(&r));
        pdu(s, tx, version, dir, &dce,
            (struct sek_bytes){body.data + DCE_HEADER, body.len - DCE_HEADER});
    }
    if (pending->len) {
        pending->len -= r.pos;
        memmove(pending->data, pending->data + r.pos, pending->len);
    } else if (h && sek_reader_left(&r)) {
        sek_buffer_add(s->base.pool, pending, r.data + r.pos, sek_reader_left(&r), PDU_LIMIT);
    }
    if (!pending->len)
        sek_buffer_free(s->base.pool, pending);
}

static bool is_pipe(const struct smb_state *s, const struct smb_handle *h, struct sek_bytes data)
{
    int known = tree_is_pipe(s, h->tree);
    struct sek_reader r = sek_reader_make(data.data, data.len);
    struct dce_header dce;
    if (known >= 0)
        return known;
    return !h->file[0] && !h->file[1] && dce_header_read(&r, &dce);
}

void smb_content(struct smb_state *s, const struct smb_record *rec, uint8_t version,
                 struct smb_handle *h, uint64_t offset, struct sek_bytes data, uint32_t missing)
{
    struct smb_side *side = &s->side[rec->dir];
    if (!h)
        return;
    if (is_pipe(s, h, data)) {
        smb_pipe_data(s, h, NULL, version, rec->dir, data);
        return;
    }
    smb_file_data(s, h, version, rec->dir, offset, data);
    if (missing) {
        side->handle = h;
        side->file_left = missing;
        side->file_offset = offset + data.len;
    }
}
