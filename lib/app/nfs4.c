/* NFS 4.0 and 4.1 compounds: operations one after the other, each read as far as the next one needs.
 * An operation that is not known ends the walk. */
#include "lib/app/nfs.h"

enum { OP_ACCESS = 3, OP_CLOSE, OP_COMMIT, OP_CREATE, OP_DELEGRETURN = 8, OP_GETATTR, OP_GETFH,
       OP_LINK, OP_LOOKUP = 15, OP_LOOKUPP, OP_NVERIFY, OP_OPEN, OP_OPENATTR, OP_OPEN_CONFIRM,
       OP_OPEN_DOWNGRADE, OP_PUTFH, OP_PUTPUBFH, OP_PUTROOTFH, OP_READ, OP_READDIR, OP_READLINK,
       OP_REMOVE, OP_RENAME, OP_RENEW, OP_RESTOREFH, OP_SAVEFH, OP_SECINFO, OP_SETATTR,
       OP_SETCLIENTID, OP_SETCLIENTID_CONFIRM, OP_VERIFY, OP_WRITE, OP_RELEASE_LOCKOWNER,
       OP_BACKCHANNEL_CTL, OP_BIND_CONN, OP_EXCHANGE_ID, OP_CREATE_SESSION, OP_DESTROY_SESSION,
       OP_FREE_STATEID, OP_SECINFO_NO_NAME = 52, OP_SEQUENCE, OP_DESTROY_CLIENTID = 57,
       OP_RECLAIM_COMPLETE };

#define STATEID     16u
#define CHANGE_INFO 20u
#define OPS_MAX     64u

/* Where a compound has come to. */
struct walk {
    struct nfs_state *s;
    struct nfs_call *call;
    const struct nfs_credentials *creds;
    struct sek_bytes handle; /* the current file's */
    struct sek_bytes name;   /* of what was looked up or opened last */
    struct sek_bytes to;
    uint32_t main_op;        /* that the transaction is about; 0: none */
};

static void skip_bitmap(struct sek_reader *r)
{
    uint32_t words = sek_reader_u32(r);
    sek_reader_skip(r, words > 64 ? UINT32_MAX : words * 4);
}

static void skip_attributes(struct sek_reader *r)
{
    skip_bitmap(r);
    nfs_opaque(r);
}

static void op_create(struct walk *w, struct sek_reader *r)
{
    uint32_t type = sek_reader_u32(r);
    if (type == 5)
        nfs_opaque(r); /* the target of a link */
    else if (type == 3 || type == 4)
        sek_reader_skip(r, 8); /* numbers of a device */
    w->name = nfs_opaque(r);
    skip_attributes(r);
    w->main_op = OP_CREATE;
}

static void op_open(struct walk *w, struct sek_reader *r)
{
    sek_reader_skip(r, 12 + 8); /* sequence, access, deny; client */
    nfs_opaque(r);
    if (sek_reader_u32(r) == 1) { /* create */
        uint32_t mode = sek_reader_u32(r);
        if (mode >= 2)
            sek_reader_skip(r, 8);
        if (mode != 2)
            skip_attributes(r);
    }
    uint32_t claim = sek_reader_u32(r);
    if (claim == 1)
        sek_reader_skip(r, 4);
    else if (claim == 2 || claim == 5)
        sek_reader_skip(r, STATEID);
    if (claim == 0 || claim == 2 || claim == 3)
        w->name = nfs_opaque(r);
}

static void op_exchange_id(struct sek_reader *r)
{
    sek_reader_skip(r, 8);
    nfs_opaque(r);
    sek_reader_skip(r, 4);
    if (sek_reader_u32(r) == 2) /* machine credentials: not read */
        sek_reader_skip(r, UINT32_MAX);
    if (sek_reader_u32(r)) {
        nfs_opaque(r);
        nfs_opaque(r);
        sek_reader_skip(r, 12);
    }
}

static void op_read(struct walk *w, struct sek_reader *r)
{
    sek_reader_skip(r, STATEID);
    w->call->offset = sek_reader_u64(r);
    sek_reader_skip(r, 4);
    if (!r->failed)
        w->call->procedure = OP_READ;
}

static void op_write(struct walk *w, struct sek_reader *r)
{
    sek_reader_skip(r, STATEID);
    uint64_t offset = sek_reader_u64(r);
    sek_reader_skip(r, 4);
    if (r->failed)
        return;
    struct nfs_tx *tx = nfs_file(w->s, SEK_TOSERVER, w->handle, w->call->xid, 4, OP_WRITE);
    if (tx)
        nfs_file_opaque(w->s, SEK_TOSERVER, tx, offset, r, false);
}

static void close_file(struct walk *w)
{
    struct nfs_tx *tx = nfs_file_find(w->s, SEK_TOSERVER, w->handle);
    if (tx)
        nfs_file_close(tx);
}

/* Operations whose arguments are all of one size, as bytes; -1: others. */
static int fixed_arguments(uint32_t op)
{
    switch (op) {
    case OP_ACCESS:
    case OP_RECLAIM_COMPLETE:
    case OP_SECINFO_NO_NAME:
        return 4;
    case OP_RENEW:
    case OP_DESTROY_CLIENTID:
        return 8;
    case OP_SETCLIENTID_CONFIRM:
    case OP_DELEGRETURN:
    case OP_DESTROY_SESSION:
    case OP_FREE_STATEID:
        return 16;
    case OP_OPEN_CONFIRM:
        return 20;
    case OP_OPEN_DOWNGRADE:
        return 28;
    case OP_SEQUENCE:
        return 32;
    case OP_GETFH:
    case OP_LOOKUPP:
    case OP_PUTPUBFH:
    case OP_PUTROOTFH:
    case OP_READLINK:
    case OP_RESTOREFH:
    case OP_SAVEFH:
        return 0;
    default:
        return -1;
    }
}

/* False when the operation is not known. */
static bool operation(struct walk *w, uint32_t op, struct sek_reader *r)
{
    int fixed = fixed_arguments(op);
    if (fixed >= 0) {
        sek_reader_skip(r, (uint32_t)fixed);
        return true;
    }
    switch (op) {
    case OP_PUTFH:
        w->handle = nfs_opaque(r);
        return true;
    case OP_LOOKUP:
    case OP_SECINFO:
        w->name = nfs_opaque(r);
        return true;
    case OP_LINK:
    case OP_REMOVE:
        w->name = nfs_opaque(r);
        w->main_op = op;
        return true;
    case OP_RENAME:
        w->name = nfs_opaque(r);
        w->to = nfs_opaque(r);
        w->main_op = op;
        return true;
    case OP_GETATTR:
        skip_bitmap(r);
        return true;
    case OP_SETATTR:
        sek_reader_skip(r, STATEID);
        skip_attributes(r);
        return true;
    case OP_CREATE:
        op_create(w, r);
        return true;
    case OP_OPEN:
        op_open(w, r);
        return true;
    case OP_READ:
        op_read(w, r);
        return true;
    case OP_WRITE:
        op_write(w, r);
        return true;
    case OP_READDIR:
        sek_reader_skip(r, 24);
        skip_bitmap(r);
        return true;
    case OP_CLOSE:
        sek_reader_skip(r, 4 + STATEID);
        close_file(w);
        return true;
    case OP_COMMIT:
        sek_reader_skip(r, 12);
        close_file(w);
        return true;
    case OP_EXCHANGE_ID:
        op_exchange_id(r);
        return true;
    default:
        return false;
    }
}

void nfs4_request(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                  const struct nfs_credentials *creds, struct sek_reader *r)
{
    struct walk w = {.s = s, .call = call, .creds = creds};
    if (call->procedure != 1) /* not a compound */
        return;
    nfs_opaque(r); /* tag */
    sek_reader_skip(r, 4);
    uint32_t count = sek_reader_u32(r);
    for (uint32_t i = 0; i < count && i < OPS_MAX && !r->failed; i++)
        if (!operation(&w, sek_reader_u32(r), r))
            break;
    sek_buffer_add(s->base.pool, &call->handle, w.handle.data, w.handle.len, 0);
    sek_buffer_add(s->base.pool, &call->name, w.name.data, w.name.len, 0);
    if (!w.main_op)
        return;
    struct nfs_tx *tx = nfs_tx_open(s, dir, call->xid, 4, w.main_op);
    if (!tx)
        return;
    call->tx_id = tx->base.id;
    nfs_tx_credentials(s, tx, creds);
    tx->base.complete[dir] = true;
    tx->name = sek_slice_keep(s->base.pool, &tx->text, w.name);
    if (w.handle.len)
        nfs_tx_handle(s, tx, w.handle);
    if (w.main_op == OP_RENAME)
        tx->to = sek_slice_keep(s->base.pool, &tx->text, w.to);
}

/* Past the result of OP; false when it is not known how. */
static bool result(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call, uint32_t op,
                   struct sek_reader *r)
{
    switch (op) {
    case OP_SEQUENCE:
        sek_reader_skip(r, 36);
        return true;
    case OP_PUTFH:
    case OP_PUTROOTFH:
    case OP_PUTPUBFH:
    case OP_LOOKUP:
    case OP_LOOKUPP:
    case OP_SAVEFH:
    case OP_RESTOREFH:
    case OP_RENEW:
        return true;
    case OP_GETATTR:
        skip_attributes(r);
        return true;
    case OP_GETFH:
        nfs_name_learn(s, nfs_opaque(r), sek_buffer_view(&call->name));
        return true;
    case OP_ACCESS:
        sek_reader_skip(r, 8);
        return true;
    case OP_CLOSE:
        sek_reader_skip(r, STATEID);
        return true;
    case OP_REMOVE:
        sek_reader_skip(r, CHANGE_INFO);
        return true;
    case OP_CREATE:
        sek_reader_skip(r, CHANGE_INFO);
        skip_bitmap(r);
        return true;
    case OP_SETATTR:
        skip_bitmap(r);
        return true;
    case OP_OPEN:
        sek_reader_skip(r, STATEID + CHANGE_INFO + 4);
        skip_bitmap(r);
        return sek_reader_u32(r) == 0; /* without a delegation */
    case OP_READ: {
        bool end = sek_reader_u32(r);
        struct nfs_tx *tx = nfs_file(s, SEK_TOCLIENT, sek_buffer_view(&call->handle), call->xid, 4,
                                     OP_READ);
        if (tx && !r->failed)
            nfs_file_opaque(s, dir, tx, call->offset, r, end);
        return true;
    }
    default:
        return false;
    }
}

void nfs4_reply(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call, struct sek_reader *r)
{
    struct nfs_tx *tx = nfs_tx_by_id(s, call->tx_id);
    uint32_t status = sek_reader_u32(r);
    if (!call->procedure || r->failed)
        return;
    if (tx)
        tx->status = status;
    nfs_opaque(r); /* tag */
    uint32_t count = sek_reader_u32(r);
    for (uint32_t i = 0; i < count && i < OPS_MAX && !r->failed; i++) {
        uint32_t op = sek_reader_u32(r);
        if (sek_reader_u32(r) || !result(s, dir, call, op, r))
            return;
    }
}
