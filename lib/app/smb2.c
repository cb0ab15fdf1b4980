/* Messages of SMB 2 and 3 ([MS-SMB2] section 2.2): what of requests and answers rules and EVE use.
 */
#include "lib/app/smb.h"

#include <strings.h>

#define HEADER        64u
#define FLAG_RESPONSE 1u
#define FLAG_ASYNC    2u
#define PENDING       0x103u
#define OVERFLOW      0x80000005u
#define PIPE_TRANSCEIVE 0x0011c017u

enum { NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT, CREATE, CLOSE, FLUSH, READ,
       WRITE, LOCK, IOCTL, CANCEL, ECHO, QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO,
       OPLOCK_BREAK };

struct header {
    uint32_t status, flags, tree;
    uint16_t command;
    uint64_t message_id, session;
};

static bool header_read(struct sek_reader *r, struct header *h)
{
    sek_reader_skip(r, 4);
    uint16_t size = sek_reader_u16le(r);
    sek_reader_skip(r, 2);
    h->status = sek_reader_u32le(r);
    h->command = sek_reader_u16le(r);
    sek_reader_skip(r, 2);
    h->flags = sek_reader_u32le(r);
    sek_reader_skip(r, 4);
    h->message_id = sek_reader_u64le(r);
    sek_reader_skip(r, 4);
    h->tree = sek_reader_u32le(r);
    h->session = sek_reader_u64le(r);
    sek_reader_skip(r, 16);
    if (h->flags & FLAG_ASYNC)
        h->tree = 0;
    return !r->failed && size == HEADER && h->command <= OPLOCK_BREAK;
}

/* LEN bytes at OFFSET from the message's magic; what of it is there. */
static struct sek_bytes part(const struct smb_record *rec, uint32_t offset, uint32_t len,
                             uint32_t *missing)
{
    if (missing)
        *missing = 0;
    if (offset > rec->all.len)
        return (struct sek_bytes){0};
    uint32_t have = rec->all.len - offset < len ? rec->all.len - offset : len;
    if (missing && len - have <= rec->missing)
        *missing = len - have;
    return (struct sek_bytes){rec->all.data + offset, have};
}

static void fid_read(struct sek_reader *r, uint8_t out[16])
{
    struct sek_bytes b = sek_reader_bytes(r, 16);
    memset(out, 0, 16);
    if (b.len == 16)
        memcpy(out, b.data, 16);
}

/* Is LEN more than one read (to the client) or write should have? */
static bool too_large(const struct smb_state *s, enum sek_dir dir, uint32_t len)
{
    uint32_t limit = s->base.settings->smb_transfer[dir];
    return limit && len > limit;
}

static bool ends_with_ipc(const struct sek_buffer *b)
{
    return b->len >= 4 && !strncasecmp((const char *)b->data + b->len - 4, "IPC$", 4);
}

/* --- requests --- */

static void ask_negotiate(struct smb_state *s, struct smb_tx *tx, struct sek_reader *r)
{
    tx->kind = SMB_NEGOTIATE;
    sek_reader_skip(r, 2);
    unsigned count = sek_reader_u16le(r);
    sek_reader_skip(r, 8);
    fid_read(r, tx->guid[0]);
    sek_reader_skip(r, 8);
    for (unsigned i = 0; i < count && i < 32 && sek_reader_left(r) >= 2; i++) {
        struct sek_bytes v = sek_reader_bytes(r, 2);
        sek_buffer_add(s->base.pool, &tx->dialects, v.data, v.len, 0);
    }
    if (r->failed || tx->dialects.len < 2 * count)
        sek_tx_event_any(&tx->base, SMB_EVENT_DIALECTS);
    if (s->dialect)
        sek_tx_event_any(&tx->base, SMB_EVENT_DUPLICATE_NEGOTIATE);
}

static void ask_session(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                        struct sek_reader *r)
{
    tx->kind = SMB_SESSION;
    sek_reader_skip(r, 12);
    uint16_t offset = sek_reader_u16le(r), len = sek_reader_u16le(r);
    smb_security_blob(s, tx, part(rec, offset, len, NULL));
}

static void ask_tree(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                     struct sek_reader *r)
{
    tx->kind = SMB_TREE;
    sek_reader_skip(r, 4);
    uint16_t offset = sek_reader_u16le(r), len = sek_reader_u16le(r);
    smb_text(s, &tx->name, part(rec, offset, len, NULL), true);
    tx->pipe = ends_with_ipc(&tx->name);
}

static void ask_create(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                       struct sek_reader *r)
{
    tx->kind = SMB_CREATE;
    sek_reader_skip(r, 24);
    tx->access = sek_reader_u32le(r);
    sek_reader_skip(r, 8);
    tx->disposition = sek_reader_u32le(r);
    tx->options = sek_reader_u32le(r);
    uint16_t offset = sek_reader_u16le(r), len = sek_reader_u16le(r);
    smb_text(s, &tx->name, part(rec, offset, len, NULL), true);
}

static void ask_read(struct smb_state *s, struct smb_tx *tx, struct sek_reader *r)
{
    sek_reader_skip(r, 4);
    uint32_t len = sek_reader_u32le(r);
    tx->offset = sek_reader_u64le(r);
    fid_read(r, tx->fid);
    if (too_large(s, SEK_TOCLIENT, len))
        sek_tx_event_any(&tx->base, SMB_EVENT_READ_REQUEST);
}

static void ask_write(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct sek_reader *r)
{
    uint32_t missing;
    sek_reader_skip(r, 2);
    uint16_t at = sek_reader_u16le(r);
    uint32_t len = sek_reader_u32le(r);
    uint64_t offset = sek_reader_u64le(r);
    fid_read(r, tx->fid);
    if (r->failed)
        return;
    if (too_large(s, SEK_TOSERVER, len))
        sek_tx_event_any(&tx->base, SMB_EVENT_WRITE_REQUEST);
    struct sek_bytes data = part(rec, at, len, &missing);
    smb_content(s, rec, 2, smb_handle_get(s, tx->fid, tx->tree), offset, data, missing);
}

static void ask_ioctl(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct sek_reader *r)
{
    tx->kind = SMB_IOCTL;
    sek_reader_skip(r, 4);
    tx->function = sek_reader_u32le(r);
    fid_read(r, tx->fid);
    uint32_t offset = sek_reader_u32le(r), len = sek_reader_u32le(r);
    if (!r->failed && tx->function == PIPE_TRANSCEIVE)
        smb_pipe_data(s, smb_handle_get(s, tx->fid, tx->tree), tx, 2, SEK_TOSERVER,
                      part(rec, offset, len, NULL));
}

static void ask_set_info(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                         struct sek_reader *r)
{
    tx->kind = SMB_SET_INFO;
    sek_reader_skip(r, 2);
    tx->info_class = sek_reader_u8(r);
    tx->info_level = sek_reader_u8(r);
    uint32_t len = sek_reader_u32le(r);
    uint16_t offset = sek_reader_u16le(r);
    sek_reader_skip(r, 6);
    fid_read(r, tx->fid);
    struct smb_handle *h = smb_handle_get(s, tx->fid, tx->tree);
    struct sek_bytes b = part(rec, offset, len, NULL);
    struct sek_reader v = sek_reader_make(b.data, b.len);
    if (h)
        sek_buffer_add(s->base.pool, &tx->old_name, h->name.data, h->name.len, 0);
    if (tx->info_class == 1 && tx->info_level == 10) { /* rename */
        tx->kind = SMB_RENAME;
        sek_reader_skip(&v, 16);
        smb_text(s, &tx->name, sek_reader_bytes(&v, sek_reader_u32le(&v)), true);
    }
}

static void request(struct smb_state *s, const struct smb_record *rec, const struct header *h,
                    struct sek_reader *r)
{
    struct smb_tx *tx = smb_tx_new(s, SMB_GENERIC, 2, h->command);
    if (!tx)
        return;
    tx->key = h->message_id;
    tx->session = h->session;
    tx->tree = h->tree;
    switch (h->command) {
    case NEGOTIATE:
        ask_negotiate(s, tx, r);
        break;
    case SESSION_SETUP:
        ask_session(s, tx, rec, r);
        break;
    case TREE_CONNECT:
        ask_tree(s, tx, rec, r);
        break;
    case CREATE:
        ask_create(s, tx, rec, r);
        break;
    case READ:
        ask_read(s, tx, r);
        break;
    case WRITE:
        ask_write(s, tx, rec, r);
        break;
    case IOCTL:
        ask_ioctl(s, tx, rec, r);
        break;
    case SET_INFO:
        ask_set_info(s, tx, rec, r);
        break;
    case CLOSE:
        sek_reader_skip(r, 8);
        fid_read(r, tx->fid);
        smb_handle_free(s, tx->fid);
        break;
    case CANCEL: /* is not answered */
        smb_tx_done(tx, SEK_TOCLIENT);
        break;
    default:
        break;
    }
    if (r->failed && !rec->missing)
        sek_tx_event_any(&tx->base, SMB_EVENT_MALFORMED);
    smb_tx_done(tx, SEK_TOSERVER);
}

/* --- answers --- */

static void told_negotiate(struct smb_state *s, struct smb_tx *tx, struct sek_reader *r)
{
    tx->kind = SMB_NEGOTIATE;
    sek_reader_skip(r, 4);
    s->dialect = sek_reader_u16le(r);
    sek_reader_skip(r, 2);
    fid_read(r, tx->guid[1]);
    sek_reader_skip(r, 8);
    tx->max_read = sek_reader_u32le(r);
    tx->max_write = sek_reader_u32le(r);
    if (too_large(s, SEK_TOCLIENT, tx->max_read))
        sek_tx_event_any(&tx->base, SMB_EVENT_READ_SIZE);
    if (too_large(s, SEK_TOSERVER, tx->max_write))
        sek_tx_event_any(&tx->base, SMB_EVENT_WRITE_SIZE);
}

/* An SMB 1 negotiation may be answered in SMB 2. */
static struct smb_tx *negotiate_waiting(struct smb_state *s)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (((struct smb_tx *)t)->kind == SMB_NEGOTIATE && !((struct smb_tx *)t)->has_status)
            return (struct smb_tx *)t;
    return NULL;
}

static void told_create(struct smb_state *s, struct smb_tx *tx, struct sek_reader *r)
{
    sek_reader_skip(r, 8);
    for (int i = 0; i < 4; i++)
        tx->times[i] = sek_reader_u64le(r);
    sek_reader_skip(r, 8);
    tx->size = sek_reader_u64le(r);
    sek_reader_skip(r, 8);
    fid_read(r, tx->fid);
    struct smb_handle *h = r->failed ? NULL : smb_handle_get(s, tx->fid, tx->tree);
    if (h && !h->name.len)
        sek_buffer_add(s->base.pool, &h->name, tx->name.data, tx->name.len, 0);
}

static void told_read(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct sek_reader *r)
{
    uint32_t missing;
    static const uint8_t none[16];
    sek_reader_skip(r, 2);
    uint8_t at = sek_reader_u8(r);
    sek_reader_skip(r, 1);
    uint32_t len = sek_reader_u32le(r);
    if (r->failed || !memcmp(tx->fid, none, 16))
        return;
    if (too_large(s, SEK_TOCLIENT, len))
        sek_tx_event_any(&tx->base, SMB_EVENT_READ_RESPONSE);
    struct sek_bytes data = part(rec, at, len, &missing);
    smb_content(s, rec, 2, smb_handle_get(s, tx->fid, tx->tree), tx->offset, data, missing);
}

static void told_ioctl(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                       struct sek_reader *r)
{
    uint8_t fid[16];
    sek_reader_skip(r, 4);
    uint32_t function = sek_reader_u32le(r);
    fid_read(r, fid);
    sek_reader_skip(r, 8);
    uint32_t offset = sek_reader_u32le(r), len = sek_reader_u32le(r);
    if (!r->failed && function == PIPE_TRANSCEIVE)
        smb_pipe_data(s, smb_handle_get(s, fid, tx->tree), tx, 2, SEK_TOCLIENT,
                      part(rec, offset, len, NULL));
}

static void response(struct smb_state *s, const struct smb_record *rec, const struct header *h,
                     struct sek_reader *r)
{
    if (h->status == PENDING)
        return;
    struct smb_tx *tx = h->command == NEGOTIATE ? negotiate_waiting(s) : NULL;
    if (!tx)
        tx = smb_tx_answered(s, 2, h->command, h->message_id);
    bool failed = h->status && h->status != OVERFLOW && h->status != 0xc0000016;
    if (!tx)
        return;
    tx->status = h->status;
    tx->has_status = true;
    if (h->session)
        tx->session = h->session;
    if (h->command == TREE_CONNECT || (!tx->tree && h->tree))
        tx->tree = h->tree;
    switch (failed ? CANCEL : h->command) {
    case NEGOTIATE:
        told_negotiate(s, tx, r);
        break;
    case TREE_CONNECT:
        sek_reader_skip(r, 2);
        tx->share_type = sek_reader_u8(r);
        tx->pipe_told = tx->share_type == 2;
        smb_tree_set(s, h->tree, tx->pipe_told);
        break;
    case CREATE:
        told_create(s, tx, r);
        break;
    case READ:
        told_read(s, tx, rec, r);
        break;
    case IOCTL:
        told_ioctl(s, tx, rec, r);
        break;
    default:
        break;
    }
    if (r->failed && !rec->missing && !failed)
        sek_tx_event_any(&tx->base, SMB_EVENT_MALFORMED);
    if (tx->kind != SMB_CALL || failed || tx->call.ended[1])
        smb_tx_done(tx, SEK_TOCLIENT);
}

void smb2_message(struct smb_state *s, const struct smb_record *rec)
{
    struct sek_reader r = sek_reader_make(rec->all.data, rec->all.len);
    struct header h;
    if (!header_read(&r, &h)) {
        struct smb_tx *tx = smb_tx_new(s, SMB_GENERIC, 2, 0xff);
        if (tx) {
            sek_tx_event_any(&tx->base, SMB_EVENT_MALFORMED);
            smb_tx_done(tx, SEK_TOSERVER);
            smb_tx_done(tx, SEK_TOCLIENT);
        }
        return;
    }
    bool answer = h.flags & FLAG_RESPONSE;
    if (answer == (rec->dir == SEK_TOCLIENT)) {
        answer ? response(s, rec, &h, &r) : request(s, rec, &h, &r);
        return;
    }
    struct smb_tx *tx = smb_tx_new(s, SMB_GENERIC, 2, h.command);
    if (!tx)
        return;
    sek_tx_event_any(&tx->base,
                     answer ? SMB_EVENT_RESPONSE_TO_SERVER : SMB_EVENT_REQUEST_TO_CLIENT);
    smb_tx_done(tx, SEK_TOSERVER);
    smb_tx_done(tx, SEK_TOCLIENT);
}
