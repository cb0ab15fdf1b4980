/* RPC calls and replies over UDP, or over TCP with record marks. Data of large reads and writes is
 * taken as it arrives, so that a record need not be there as a whole. */
#include "lib/app/nfs.h"

#include <netinet/in.h>

#define PROGRAM    100003u
#define PORT       2049
#define CALLS_MAX  1024u
#define RECORD_MAX (16u * 1024u * 1024u)
#define HEAD_MAX   8192u /* of a record, in which reads and writes begin their data */
#define AUTH_MAX   4096u

enum { RPC_CALL, RPC_REPLY };
enum { NFS_FRAME_RPC_PDU, NFS_FRAME_RPC_HDR, NFS_FRAME_RPC_DATA, NFS_FRAME_RPC_CREDS,
       NFS_FRAME_PDU, NFS_FRAME_STATUS };

struct sek_bytes nfs_opaque(struct sek_reader *r)
{
    uint32_t len = sek_reader_u32(r);
    struct sek_bytes b = sek_reader_bytes(r, len);
    if (!r->failed)
        sek_reader_skip(r, (4 - len % 4) % 4);
    return r->failed ? (struct sek_bytes){0} : b;
}

static enum sek_probe rpc_probe(const struct sek_flow *flow, const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    sek_reader_skip(&r, 4);
    uint32_t type = sek_reader_u32(&r);
    if (type == RPC_CALL) {
        uint32_t rpc = sek_reader_u32(&r), program = sek_reader_u32(&r);
        uint32_t version = sek_reader_u32(&r);
        return !r.failed && rpc == 2 && program == PROGRAM && version >= 2 && version <= 4
                   ? SEK_PROBE_YES
                   : SEK_PROBE_NO;
    }
    uint32_t state = sek_reader_u32(&r);
    return type == RPC_REPLY && state <= 1 && len >= 24 && sek_port_either(flow, PORT)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

static enum sek_probe nfs_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    (void)dir;
    if (flow->proto == IPPROTO_UDP)
        return len >= 24 ? rpc_probe(flow, data, len) : SEK_PROBE_NO;
    if (data[0] != 0x80 || (len > 11 && (data[8] || data[9] || data[10] || data[11] > 1)))
        return SEK_PROBE_NO;
    if (len < 28)
        return SEK_PROBE_MORE;
    return rpc_probe(flow, data + 4, len - 4);
}

struct nfs_tx *nfs_tx_open(struct nfs_state *s, enum sek_dir dir, uint32_t xid, uint32_t version,
                           uint32_t procedure)
{
    struct nfs_tx *tx = (struct nfs_tx *)sek_tx_new_bounded(&s->base, sizeof *tx, SEK_APP_NFS, dir,
                                                            NFS_EVENT_TOO_MANY_TX);
    if (tx) {
        tx->xid = xid;
        tx->version = version;
        tx->procedure = procedure;
        tx->base.progress[dir] = 1;
    }
    return tx;
}

struct nfs_tx *nfs_tx_by_id(struct nfs_state *s, uint64_t id)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (t->id == id)
            return (struct nfs_tx *)t;
    return NULL;
}

void nfs_tx_credentials(struct nfs_state *s, struct nfs_tx *tx, const struct nfs_credentials *c)
{
    tx->flavor = c->flavor;
    tx->has_creds = c->flavor == RPC_AUTH_UNIX;
    tx->uid = c->uid;
    tx->gid = c->gid;
    if (tx->has_creds)
        tx->machine = sek_slice_keep(s->base.pool, &tx->text, c->machine);
}

/* --- calls that wait for their replies --- */

static void call_free(struct nfs_state *s, struct nfs_call *c)
{
    sek_buffer_free(s->base.pool, &c->name);
    sek_buffer_free(s->base.pool, &c->handle);
    sek_pool_put(s->base.pool, c, sizeof *c);
}

static struct nfs_call *call_new(struct nfs_state *s, uint32_t xid)
{
    if (s->call_count >= CALLS_MAX) { /* the oldest will not be answered any more */
        struct nfs_call **link = &s->calls;
        while ((*link)->next)
            link = &(*link)->next;
        call_free(s, *link);
        *link = NULL;
        s->call_count--;
    }
    struct nfs_call *c = sek_pool_get_zero(s->base.pool, sizeof *c);
    if (c) {
        c->xid = xid;
        c->tx_id = UINT64_MAX;
        c->next = s->calls;
        s->calls = c;
        s->call_count++;
    }
    return c;
}

static struct nfs_call *call_take(struct nfs_state *s, uint32_t xid)
{
    for (struct nfs_call **link = &s->calls; *link; link = &(*link)->next) {
        struct nfs_call *c = *link;
        if (c->xid == xid) {
            *link = c->next;
            s->call_count--;
            return c;
        }
    }
    return NULL;
}

/* --- messages --- */

static void event(struct nfs_state *s, enum sek_dir dir, unsigned bit)
{
    struct nfs_tx *tx = nfs_tx_open(s, dir, 0, 0, 0);
    if (tx) {
        sek_tx_event(&tx->base, dir, bit);
        sek_tx_end(&tx->base, dir);
    }
}

static void read_credentials(struct sek_reader *r, struct nfs_credentials *c)
{
    c->flavor = sek_reader_u32(r);
    uint32_t len = sek_reader_u32(r);
    struct sek_reader body = sek_reader_sub(r, len > AUTH_MAX ? UINT32_MAX : len);
    sek_reader_skip(r, (4 - len % 4) % 4);
    if (c->flavor != RPC_AUTH_UNIX)
        return;
    sek_reader_skip(&body, 4);
    c->machine = nfs_opaque(&body);
    c->uid = sek_reader_u32(&body);
    c->gid = sek_reader_u32(&body);
}

/* R is behind the message type; CUT: the record goes on behind what has arrived. */
static void on_call(struct nfs_state *s, enum sek_dir dir, uint32_t xid, struct sek_reader *r,
                    uint32_t at, uint64_t whole, bool cut)
{
    struct nfs_credentials creds = {0};
    uint32_t rpc = sek_reader_u32(r), program = sek_reader_u32(r), version = sek_reader_u32(r);
    uint32_t procedure = sek_reader_u32(r), creds_at = r->pos;
    read_credentials(r, &creds);
    uint32_t creds_end = r->pos;
    sek_reader_skip(r, 4);
    nfs_opaque(r); /* verifier */
    if (r->failed || rpc != 2) {
        event(s, dir, NFS_EVENT_MALFORMED);
        return;
    }
    if (program != PROGRAM)
        return;
    sek_frame_add(&s->base, dir, NFS_FRAME_RPC_CREDS, at + creds_at, creds_end - creds_at, NULL);
    sek_frame_add(&s->base, dir, NFS_FRAME_RPC_DATA, at + r->pos, whole - r->pos, NULL);
    sek_frame_add(&s->base, dir, NFS_FRAME_PDU, at + r->pos, whole - r->pos, NULL);
    if (version < 2 || version > 4) {
        event(s, dir, version < 2 ? NFS_EVENT_VERSION : NFS_EVENT_NO_VERSION);
        return;
    }
    struct nfs_call *call = call_new(s, xid);
    if (!call)
        return;
    call->version = version;
    call->procedure = procedure;
    if (version == 4)
        nfs4_request(s, dir, call, &creds, r);
    else
        nfs3_request(s, dir, call, &creds, r);
    if (r->failed && !cut && version != 4)
        event(s, dir, NFS_EVENT_MALFORMED);
}

static void on_reply(struct nfs_state *s, enum sek_dir dir, uint32_t xid, struct sek_reader *r,
                     uint32_t at, uint64_t whole)
{
    struct nfs_call *call = call_take(s, xid);
    uint32_t denied = sek_reader_u32(r), accepted = 0;
    struct nfs_tx *tx = call ? nfs_tx_by_id(s, call->tx_id) : NULL;
    if (!denied) {
        sek_reader_skip(r, 4);
        nfs_opaque(r); /* verifier */
        accepted = sek_reader_u32(r);
    }
    if (tx)
        tx->rpc_status = denied;
    if (!r->failed) {
        sek_frame_add(&s->base, dir, NFS_FRAME_RPC_DATA, at + r->pos, whole - r->pos, NULL);
        sek_frame_add(&s->base, dir, NFS_FRAME_PDU, at + r->pos, whole - r->pos, NULL);
        sek_frame_add(&s->base, dir, NFS_FRAME_STATUS, at + r->pos, 4, NULL);
    }
    if (call && !denied && !accepted && !r->failed) {
        if (call->version == 4)
            nfs4_reply(s, dir, call, r);
        else
            nfs3_reply(s, dir, call, r);
    }
    if (tx) {
        tx->base.progress[dir] = 1;
        tx->base.complete[dir] = true;
    }
    if (call)
        call_free(s, call);
}

/* A message of WHOLE bytes, of which DATA has arrived. */
static void on_message(struct nfs_state *s, enum sek_dir dir, struct sek_bytes data, uint32_t at,
                       uint64_t whole)
{
    struct sek_reader r = sek_reader_make(data.data, data.len);
    uint32_t xid = sek_reader_u32(&r), type = sek_reader_u32(&r);
    sek_frame_add(&s->base, dir, NFS_FRAME_RPC_PDU, at, whole, NULL);
    sek_frame_add(&s->base, dir, NFS_FRAME_RPC_HDR, at, 8, NULL);
    if (type == RPC_CALL)
        on_call(s, dir, xid, &r, at, whole, data.len < whole);
    else if (type == RPC_REPLY)
        on_reply(s, dir, xid, &r, at, whole);
    else
        event(s, dir, NFS_EVENT_MALFORMED);
}

/* Bytes of a record that on_message was shown only the beginning of. */
static uint32_t take_rest(struct nfs_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    uint32_t n = len < s->open[dir].data ? len : s->open[dir].data;
    struct nfs_tx *tx = n ? nfs_tx_by_id(s, s->open[dir].tx_id) : NULL;
    if (tx)
        nfs_file_data(s, tx, tx->file.size, (struct sek_bytes){data, n});
    s->open[dir].data -= n;
    if (tx && !s->open[dir].data && s->open[dir].closes)
        nfs_file_close(tx);
    uint32_t rest = len - n < s->open[dir].rest ? len - n : s->open[dir].rest;
    if (!s->open[dir].data)
        s->open[dir].rest -= rest;
    else
        rest = 0;
    return n + rest;
}

static struct sek_app_result stream(struct nfs_state *s, enum sek_dir dir, const uint8_t *data,
                                    uint32_t len)
{
    uint32_t pos = 0;
    while (pos < len) {
        if (s->open[dir].data || s->open[dir].rest) {
            pos += take_rest(s, dir, data + pos, len - pos);
            continue;
        }
        if (len - pos < 4)
            break;
        struct sek_reader mark = sek_reader_make(data + pos, 4);
        uint32_t size = sek_reader_u32(&mark) & 0x7fffffff, have = len - pos - 4;
        if (size > RECORD_MAX || size < 8) {
            event(s, dir, NFS_EVENT_MALFORMED);
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        if (have < size && have < HEAD_MAX)
            break;
        if (have > size)
            have = size;
        on_message(s, dir, (struct sek_bytes){data + pos + 4, have}, pos + 4, size);
        /* What opaque data is still to come is counted from the record's end. */
        uint32_t missing = size - have;
        if (s->open[dir].data > missing)
            s->open[dir].data = missing;
        s->open[dir].rest = missing - s->open[dir].data;
        pos += 4 + have;
    }
    return (struct sek_app_result){.consumed = pos};
}

static struct sek_app_result nfs_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct nfs_state *s = (struct nfs_state *)state;
    (void)flags;
    if (state->flow->proto != IPPROTO_UDP)
        return stream(s, dir, data, len);
    on_message(s, dir, (struct sek_bytes){data, len}, 0, len);
    s->open[dir].data = 0;
    return (struct sek_app_result){.consumed = len};
}

static void nfs_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct nfs_tx *tx = (struct nfs_tx *)base;
    sek_buffer_free(state->pool, &tx->text);
    sek_buffer_free(state->pool, &tx->content);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void nfs_close(struct sek_app_state *state)
{
    struct nfs_state *s = (struct nfs_state *)state;
    for (struct nfs_call *c = s->calls, *next; c; c = next) {
        next = c->next;
        call_free(s, c);
    }
    nfs_names_free(s);
}

static const struct sek_app_event_name nfs_events[] = {
    {"malformed_data", NFS_EVENT_MALFORMED},
    {"non_existing_version", NFS_EVENT_NO_VERSION},
    {"unsupported_version", NFS_EVENT_VERSION},
    {"too_many_transactions", NFS_EVENT_TOO_MANY_TX},
    {0},
};

const struct sek_app_ops sek_nfs_ops = {
    .id = SEK_APP_NFS,
    .name = "nfs",
    .eve_key = "nfs",
    .transports = 3,
    .probe = nfs_probe,
    .state_size = sizeof(struct nfs_state),
    .parse = nfs_parse,
    .tx_free = nfs_tx_free,
    .close = nfs_close,
    .eve = nfs_eve,
    .eve_more = nfs_eve_beside,
    .buffers = nfs_buffers,
    .numbers = nfs_numbers,
    .tests = nfs_tests,
    .events = nfs_events,
    .frames = (const char *const[]){"rpc.pdu", "rpc.hdr", "rpc.data", "rpc.creds", "nfs.pdu",
                                    "nfs.status", NULL},
    .complete = {1, 1},
};
