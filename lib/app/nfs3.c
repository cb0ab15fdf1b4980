/* The procedures of NFS 2 and 3. Those of version 2 differ in their numbers, and in handles of a
 * fixed size. */
#include "lib/app/nfs.h"

#define HANDLE2 32u

static struct sek_bytes read_handle(const struct nfs_call *call, struct sek_reader *r)
{
    return call->version == 2 ? sek_reader_bytes(r, HANDLE2) : nfs_opaque(r);
}

/* The procedure of version 3 that is like one of version 2; UINT32_MAX: none. */
static uint32_t as_version3(const struct nfs_call *call)
{
    static const uint32_t of2[] = {NFS3_NULL, NFS3_GETATTR, NFS3_SETATTR, UINT32_MAX, NFS3_LOOKUP,
                                   NFS3_READLINK, NFS3_READ, UINT32_MAX, UINT32_MAX, NFS3_CREATE,
                                   NFS3_REMOVE, NFS3_RENAME, NFS3_LINK, NFS3_SYMLINK, NFS3_MKDIR,
                                   NFS3_RMDIR, NFS3_READDIR, NFS3_FSSTAT};
    if (call->version != 2)
        return call->procedure;
    return call->procedure < sizeof of2 / sizeof *of2 ? of2[call->procedure] : UINT32_MAX;
}

static struct nfs_tx *open_tx(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                              const struct nfs_credentials *creds)
{
    struct nfs_tx *tx = nfs_tx_open(s, dir, call->xid, call->version, call->procedure);
    if (tx) {
        call->tx_id = tx->base.id;
        nfs_tx_credentials(s, tx, creds);
        tx->base.complete[dir] = true;
    }
    return tx;
}

static void remember(struct nfs_state *s, struct nfs_call *call, struct sek_bytes handle,
                     struct sek_bytes name)
{
    sek_buffer_add(s->base.pool, &call->handle, handle.data, handle.len, 0);
    sek_buffer_add(s->base.pool, &call->name, name.data, name.len, 0);
}

/* A directory's handle, and a name in it. */
static void named(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                  const struct nfs_credentials *creds, struct sek_reader *r, bool with_handle)
{
    struct sek_bytes handle = read_handle(call, r), name = nfs_opaque(r);
    struct nfs_tx *tx = open_tx(s, dir, call, creds);
    if (!tx || r->failed)
        return;
    remember(s, call, handle, name);
    tx->name = sek_slice_keep(s->base.pool, &tx->text, name);
    if (with_handle)
        nfs_tx_handle(s, tx, handle);
}

static void rename_file(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                        const struct nfs_credentials *creds, struct sek_reader *r)
{
    named(s, dir, call, creds, r, true);
    struct nfs_tx *tx = nfs_tx_by_id(s, call->tx_id);
    read_handle(call, r);
    struct sek_bytes to = nfs_opaque(r);
    if (tx && !r->failed)
        tx->to = sek_slice_keep(s->base.pool, &tx->text, to);
}

/* A handle whose name may be known. */
static void handled(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                    const struct nfs_credentials *creds, struct sek_reader *r)
{
    struct sek_bytes handle = read_handle(call, r);
    struct nfs_tx *tx = open_tx(s, dir, call, creds);
    if (!tx || r->failed)
        return;
    nfs_tx_handle(s, tx, handle);
    tx->name = sek_slice_keep(s->base.pool, &tx->text, nfs_name_of(s, handle));
}

static void read_file(struct nfs_state *s, struct nfs_call *call,
                      const struct nfs_credentials *creds, struct sek_reader *r)
{
    struct sek_bytes handle = read_handle(call, r);
    call->offset = call->version == 2 ? sek_reader_u32(r) : sek_reader_u64(r);
    if (r->failed)
        return;
    bool known = nfs_file_find(s, SEK_TOCLIENT, handle);
    struct nfs_tx *tx =
        nfs_file(s, SEK_TOCLIENT, handle, call->xid, call->version, call->procedure);
    remember(s, call, handle, (struct sek_bytes){0});
    if (tx && !known)
        nfs_tx_credentials(s, tx, creds);
}

static void write_file(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                       struct sek_reader *r)
{
    struct sek_bytes handle = nfs_opaque(r);
    uint64_t offset = sek_reader_u64(r);
    sek_reader_skip(r, 8); /* count, how stable */
    if (r->failed)
        return;
    struct nfs_tx *tx = nfs_file(s, dir, handle, call->xid, call->version, call->procedure);
    if (tx)
        nfs_file_opaque(s, dir, tx, offset, r, false);
}

static void commit(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                   const struct nfs_credentials *creds, struct sek_reader *r)
{
    struct sek_reader look = *r;
    struct nfs_tx *file = nfs_file_find(s, dir, nfs_opaque(&look));
    if (file)
        nfs_file_close(file);
    handled(s, dir, call, creds, r);
}

void nfs3_request(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                  const struct nfs_credentials *creds, struct sek_reader *r)
{
    switch (as_version3(call)) {
    case NFS3_NULL:
        return;
    case NFS3_LOOKUP:
        named(s, dir, call, creds, r, false);
        return;
    case NFS3_CREATE:
    case NFS3_MKDIR:
    case NFS3_REMOVE:
    case NFS3_RMDIR:
        named(s, dir, call, creds, r, true);
        return;
    case NFS3_RENAME:
        rename_file(s, dir, call, creds, r);
        return;
    case NFS3_GETATTR:
    case NFS3_ACCESS:
        handled(s, dir, call, creds, r);
        return;
    case NFS3_READ:
        read_file(s, call, creds, r);
        return;
    case NFS3_WRITE:
        write_file(s, dir, call, r);
        return;
    case NFS3_COMMIT:
        commit(s, dir, call, creds, r);
        return;
    default:
        open_tx(s, dir, call, creds);
    }
}

/* Attributes that may follow an operation. */
static void skip_attributes(struct sek_reader *r)
{
    if (sek_reader_u32(r))
        sek_reader_skip(r, 84);
}

/* The entries of a directory with their handles. */
static void read_entries(struct nfs_state *s, struct sek_reader *r)
{
    skip_attributes(r);
    sek_reader_skip(r, 8); /* verifier */
    while (sek_reader_u32(r)) {
        sek_reader_skip(r, 8);
        struct sek_bytes name = nfs_opaque(r);
        sek_reader_skip(r, 8);
        skip_attributes(r);
        if (sek_reader_u32(r)) {
            struct sek_bytes handle = nfs_opaque(r);
            if (!r->failed)
                nfs_name_learn(s, handle, name);
        }
    }
}

static void read_reply(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                       struct sek_reader *r)
{
    struct sek_bytes handle = sek_buffer_view(&call->handle);
    bool end = false;
    if (call->version == 2) { /* it does not tell the end, but the size */
        sek_reader_skip(r, 20);
        uint32_t size = sek_reader_u32(r);
        sek_reader_skip(r, 44);
        struct sek_reader look = *r;
        end = call->offset + sek_reader_u32(&look) >= size;
    } else {
        skip_attributes(r);
        sek_reader_skip(r, 4);
        end = sek_reader_u32(r);
    }
    struct nfs_tx *tx =
        nfs_file(s, SEK_TOCLIENT, handle, call->xid, call->version, call->procedure);
    if (tx && !r->failed)
        nfs_file_opaque(s, dir, tx, call->offset, r, end);
}

void nfs3_reply(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call, struct sek_reader *r)
{
    struct nfs_tx *tx = nfs_tx_by_id(s, call->tx_id);
    struct sek_bytes name = sek_buffer_view(&call->name);
    uint32_t procedure = as_version3(call);
    if (procedure == NFS3_NULL)
        return;
    uint32_t status = sek_reader_u32(r);
    if (tx && !r->failed)
        tx->status = status;
    if (r->failed || status)
        return;
    if (procedure == NFS3_LOOKUP)
        nfs_name_learn(s, read_handle(call, r), name);
    else if (procedure == NFS3_CREATE && (call->version == 2 || sek_reader_u32(r)))
        nfs_name_learn(s, read_handle(call, r), name);
    else if (procedure == NFS3_READDIRPLUS)
        read_entries(s, r);
    else if (procedure == NFS3_READ)
        read_reply(s, dir, call, r);
}
