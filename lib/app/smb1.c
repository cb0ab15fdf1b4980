/* Messages of SMB 1 ([MS-CIFS] section 2.2, [MS-SMB]): a fixed header, words of parameters, bytes
 * of data; AndX commands form a chain inside one message. */
#include "lib/app/smb.h"

#include <strings.h>

#define HEADER        32u
#define FLAG_REPLY    0x80u
#define FLAG2_UNICODE 0x8000u
#define CHAIN_MAX     8
#define TRANSACT      0x26
#define OVERFLOW      0x80000005u
#define DOS_MORE      0x00ea0001u

enum { CLOSE = 0x04, READ_OLD = 0x0a, WRITE_OLD = 0x0b, TRANS = 0x25,
       OPEN_ANDX = 0x2d, READ_ANDX = 0x2e, WRITE_ANDX = 0x2f, LOCKING_ANDX = 0x24, NEGOTIATE = 0x72,
       SESSION_SETUP = 0x73, LOGOFF = 0x74, TREE_CONNECT = 0x75, NT_CREATE = 0xa2,
       NT_CANCEL = 0xa4 };

struct header {
    uint8_t command, flags;
    uint16_t flags2, tree, user;
    uint32_t status;
    uint64_t key;
    bool unicode;
};

/* One command of a message. */
struct block {
    struct sek_reader words, bytes;
    uint32_t bytes_at; /* from the magic on */
};

static bool header_read(struct sek_reader *r, struct header *h)
{
    sek_reader_skip(r, 4);
    h->command = sek_reader_u8(r);
    h->status = sek_reader_u32le(r);
    h->flags = sek_reader_u8(r);
    h->flags2 = sek_reader_u16le(r);
    uint16_t pid_high = sek_reader_u16le(r);
    sek_reader_skip(r, 10);
    h->tree = sek_reader_u16le(r);
    uint16_t pid = sek_reader_u16le(r);
    h->user = sek_reader_u16le(r);
    uint16_t mid = sek_reader_u16le(r);
    h->key = (uint64_t)pid_high << 32 | (uint32_t)pid << 16 | mid;
    h->unicode = h->flags2 & FLAG2_UNICODE;
    return !r->failed;
}

static bool block_read(struct sek_reader *r, struct block *b)
{
    b->words = sek_reader_sub(r, sek_reader_u8(r) * 2u);
    uint32_t count = sek_reader_u16le(r);
    b->bytes_at = r->pos;
    /* The count says too little for a long read or write; what is there is there. */
    uint32_t left = sek_reader_left(r);
    b->bytes = sek_reader_make(r->data + r->pos, count < left ? count : left);
    return !r->failed;
}

static struct sek_bytes part(const struct smb_record *rec, uint32_t offset, uint32_t len,
                             uint32_t *missing)
{
    *missing = 0;
    if (offset > rec->all.len)
        return (struct sek_bytes){0};
    uint32_t have = rec->all.len - offset < len ? rec->all.len - offset : len;
    if (len - have <= rec->missing)
        *missing = len - have;
    return (struct sek_bytes){rec->all.data + offset, have};
}

/* The next string of the data bytes; UTF-16 lies at even offsets from the message's beginning. */
static struct sek_bytes string_next(struct block *b, bool unicode)
{
    struct sek_reader *r = &b->bytes;
    if (unicode && (b->bytes_at + r->pos) % 2)
        sek_reader_skip(r, 1);
    uint32_t begin = r->pos, step = unicode ? 2 : 1;
    while (sek_reader_left(r) >= step) {
        uint32_t at = r->pos;
        uint16_t c = unicode ? sek_reader_u16le(r) : sek_reader_u8(r);
        if (!c)
            return (struct sek_bytes){r->data + begin, at - begin};
    }
    return (struct sek_bytes){r->data + begin, r->pos - begin};
}

static void fid_make(uint16_t fid, uint8_t out[16])
{
    memset(out, 0, 16);
    out[0] = (uint8_t)fid;
    out[1] = (uint8_t)(fid >> 8);
    out[15] = 1; /* never the empty one */
}

/* --- requests --- */

static void ask_negotiate(struct smb_state *s, struct smb_tx *tx, struct block *b)
{
    tx->kind = SMB_NEGOTIATE;
    while (sek_reader_left(&b->bytes)) {
        if (sek_reader_u8(&b->bytes) != 2) {
            sek_tx_event_any(&tx->base, SMB_EVENT_DIALECTS);
            return;
        }
        struct sek_bytes name = string_next(b, false);
        sek_buffer_add(s->base.pool, &tx->dialects, name.data, name.len, 4096);
        sek_buffer_add(s->base.pool, &tx->dialects, "", 1, 4096);
    }
    if (s->negotiated)
        sek_tx_event_any(&tx->base, SMB_EVENT_DUPLICATE_NEGOTIATE);
}

static void ask_session(struct smb_state *s, struct smb_tx *tx, const struct header *h,
                        struct block *b)
{
    bool extended = b->words.len == 24;
    struct sek_bytes blob = {0};
    tx->kind = SMB_SESSION;
    sek_reader_skip(&b->words, 14);
    uint16_t first = sek_reader_u16le(&b->words), second = sek_reader_u16le(&b->words);
    if (extended) {
        blob = sek_reader_bytes(&b->bytes, first);
    } else { /* passwords, then account and domain */
        sek_reader_skip(&b->bytes, (uint32_t)first + (b->words.len == 26 ? second : 0));
        smb_text(s, &tx->user, string_next(b, h->unicode), h->unicode);
        smb_text(s, &tx->domain, string_next(b, h->unicode), h->unicode);
    }
    smb_security_blob(s, tx, blob);
    smb_text(s, &tx->native_os, string_next(b, h->unicode), h->unicode);
    smb_text(s, &tx->native_lm, string_next(b, h->unicode), h->unicode);
}

static void ask_tree(struct smb_state *s, struct smb_tx *tx, const struct header *h,
                     struct block *b)
{
    tx->kind = SMB_TREE;
    sek_reader_skip(&b->words, 6);
    sek_reader_skip(&b->bytes, sek_reader_u16le(&b->words)); /* password */
    smb_text(s, &tx->name, string_next(b, h->unicode), h->unicode);
    smb_text(s, &tx->service, string_next(b, false), false);
    tx->pipe = (tx->service.len == 3 && !memcmp(tx->service.data, "IPC", 3)) ||
               (tx->name.len >= 4 &&
                !strncasecmp((const char *)tx->name.data + tx->name.len - 4, "IPC$", 4));
}

static void ask_create(struct smb_state *s, struct smb_tx *tx, const struct header *h,
                       struct block *b)
{
    tx->kind = SMB_CREATE;
    sek_reader_skip(&b->words, 5);
    uint16_t len = sek_reader_u16le(&b->words);
    sek_reader_skip(&b->words, 8);
    tx->access = sek_reader_u32le(&b->words);
    sek_reader_skip(&b->words, 16);
    tx->disposition = sek_reader_u32le(&b->words);
    tx->options = sek_reader_u32le(&b->words);
    if (h->unicode && b->bytes_at % 2)
        sek_reader_skip(&b->bytes, 1);
    uint32_t left = sek_reader_left(&b->bytes);
    smb_text(s, &tx->name, sek_reader_bytes(&b->bytes, len < left ? len : left), h->unicode);
}

static void ask_open(struct smb_state *s, struct smb_tx *tx, const struct header *h,
                     struct block *b)
{
    tx->kind = SMB_CREATE;
    smb_text(s, &tx->name, string_next(b, h->unicode), h->unicode);
}

static void ask_write(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct block *b)
{
    struct sek_reader *w = &b->words;
    bool wide = w->len == 28;
    uint32_t missing;
    sek_reader_skip(w, 4);
    fid_make(sek_reader_u16le(w), tx->fid);
    uint64_t offset = sek_reader_u32le(w);
    sek_reader_skip(w, 8);
    uint32_t len = (uint32_t)sek_reader_u16le(w) << 16;
    len |= sek_reader_u16le(w);
    uint16_t at = sek_reader_u16le(w);
    if (wide)
        offset |= (uint64_t)sek_reader_u32le(w) << 32;
    if (w->failed)
        return;
    struct sek_bytes data = part(rec, at, len, &missing);
    smb_content(s, rec, 1, smb_handle_get(s, tx->fid, tx->tree), offset, data, missing);
}

static void ask_write_old(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                          struct block *b)
{
    fid_make(sek_reader_u16le(&b->words), tx->fid);
    uint32_t len = sek_reader_u16le(&b->words), offset = sek_reader_u32le(&b->words), missing;
    struct sek_bytes data = part(rec, b->bytes_at + 3, len, &missing);
    smb_content(s, rec, 1, smb_handle_get(s, tx->fid, tx->tree), offset, data, missing);
}

static void ask_read(struct smb_tx *tx, struct block *b)
{
    struct sek_reader *w = &b->words;
    sek_reader_skip(w, 4);
    fid_make(sek_reader_u16le(w), tx->fid);
    tx->offset = sek_reader_u32le(w);
    sek_reader_skip(w, 10);
    if (w->len == 24)
        tx->offset |= (uint64_t)sek_reader_u32le(w) << 32;
}

/* TransactNmPipe: DCE/RPC both ways. */
static void ask_trans(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct block *b)
{
    struct sek_reader *w = &b->words;
    uint32_t missing;
    sek_reader_skip(w, 22);
    uint16_t len = sek_reader_u16le(w), at = sek_reader_u16le(w);
    sek_reader_skip(w, 2);
    uint16_t function = sek_reader_u16le(w), fid = sek_reader_u16le(w);
    if (w->failed || function != TRANSACT)
        return;
    fid_make(fid, tx->fid);
    smb_pipe_data(s, smb_handle_get(s, tx->fid, tx->tree), tx, 1, SEK_TOSERVER,
                  part(rec, at, len, &missing));
}

static void ask(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                const struct header *h, uint8_t command, struct block *b)
{
    switch (command) {
    case NEGOTIATE:
        ask_negotiate(s, tx, b);
        return;
    case SESSION_SETUP:
        ask_session(s, tx, h, b);
        return;
    case TREE_CONNECT:
        ask_tree(s, tx, h, b);
        return;
    case NT_CREATE:
        ask_create(s, tx, h, b);
        return;
    case OPEN_ANDX:
        ask_open(s, tx, h, b);
        return;
    case WRITE_ANDX:
        ask_write(s, tx, rec, b);
        return;
    case WRITE_OLD:
        ask_write_old(s, tx, rec, b);
        return;
    case READ_ANDX:
        ask_read(tx, b);
        return;
    case READ_OLD:
        fid_make(sek_reader_u16le(&b->words), tx->fid);
        sek_reader_skip(&b->words, 2);
        tx->offset = sek_reader_u32le(&b->words);
        return;
    case TRANS:
        ask_trans(s, tx, rec, b);
        return;
    case CLOSE:
        fid_make(sek_reader_u16le(&b->words), tx->fid);
        smb_handle_free(s, tx->fid);
        return;
    case NT_CANCEL: /* is not answered */
        smb_tx_done(tx, SEK_TOCLIENT);
        return;
    default:
        return;
    }
}

/* --- answers --- */

static void told_negotiate(struct smb_state *s, struct smb_tx *tx, struct block *b)
{
    uint16_t index = sek_reader_u16le(&b->words);
    const uint8_t *p = tx->dialects.data, *end = p ? p + tx->dialects.len : NULL;
    s->negotiated = true;
    tx->dialect_index = index;
    for (; p && p < end; index--) {
        size_t n = strnlen((const char *)p, (size_t)(end - p));
        if (!index) {
            size_t keep = n < sizeof s->dialect1 - 1 ? n : sizeof s->dialect1 - 1;
            memcpy(s->dialect1, p, keep);
            s->dialect1[keep] = '\0';
            return;
        }
        p += n + 1;
    }
}

static void told_create(struct smb_state *s, struct smb_tx *tx, struct block *b, bool nt)
{
    struct sek_reader *w = &b->words;
    sek_reader_skip(w, nt ? 5 : 4);
    uint16_t fid = sek_reader_u16le(w);
    if (nt) {
        sek_reader_skip(w, 4);
        for (int i = 0; i < 4; i++)
            tx->times[i] = sek_reader_u64le(w);
        sek_reader_skip(w, 12);
        tx->size = sek_reader_u64le(w);
    }
    fid_make(fid, tx->fid);
    struct smb_handle *h = w->failed ? NULL : smb_handle_get(s, tx->fid, tx->tree);
    if (h && !h->name.len)
        sek_buffer_add(s->base.pool, &h->name, tx->name.data, tx->name.len, 0);
}

static void told_read(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                      struct block *b, bool old)
{
    struct sek_reader *w = &b->words;
    uint32_t len, at, missing;
    if (old) {
        len = sek_reader_u16le(w);
        at = b->bytes_at + 3;
    } else {
        sek_reader_skip(w, 10);
        len = sek_reader_u16le(w);
        at = sek_reader_u16le(w);
        len |= (uint32_t)sek_reader_u16le(w) << 16;
    }
    if (w->failed || !tx->fid[15])
        return;
    struct sek_bytes data = part(rec, at, len, &missing);
    smb_content(s, rec, 1, smb_handle_get(s, tx->fid, tx->tree), tx->offset, data, missing);
}

static void told_trans(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                       struct block *b)
{
    struct sek_reader *w = &b->words;
    uint32_t missing;
    sek_reader_skip(w, 12);
    uint16_t len = sek_reader_u16le(w), at = sek_reader_u16le(w);
    if (!w->failed && tx->fid[15])
        smb_pipe_data(s, smb_handle_get(s, tx->fid, tx->tree), tx, 1, SEK_TOCLIENT,
                      part(rec, at, len, &missing));
}

static void told(struct smb_state *s, struct smb_tx *tx, const struct smb_record *rec,
                 const struct header *h, uint8_t command, struct block *b)
{
    switch (command) {
    case NEGOTIATE:
        told_negotiate(s, tx, b);
        return;
    case SESSION_SETUP:
        tx->session = h->user;
        return;
    case TREE_CONNECT:
        smb_text(s, &tx->service_answer, string_next(b, false), false);
        tx->tree = h->tree;
        tx->pipe_told = tx->service_answer.len == 3 && !memcmp(tx->service_answer.data, "IPC", 3);
        smb_tree_set(s, h->tree, tx->pipe_told);
        return;
    case NT_CREATE:
        told_create(s, tx, b, true);
        return;
    case OPEN_ANDX:
        told_create(s, tx, b, false);
        return;
    case READ_ANDX:
        told_read(s, tx, rec, b, false);
        return;
    case READ_OLD:
        told_read(s, tx, rec, b, true);
        return;
    case TRANS:
        told_trans(s, tx, rec, b);
        return;
    default:
        return;
    }
}

/* --- messages --- */

static bool has_next(uint8_t command)
{
    return command == LOCKING_ANDX || command == OPEN_ANDX || command == READ_ANDX ||
           command == WRITE_ANDX || command == SESSION_SETUP || command == LOGOFF ||
           command == TREE_CONNECT || command == NT_CREATE;
}

static void one_command(struct smb_state *s, const struct smb_record *rec, const struct header *h,
                        uint8_t command, struct block *b)
{
    bool answer = rec->dir == SEK_TOCLIENT;
    struct smb_tx *tx = answer ? smb_tx_answered(s, 1, command, h->key)
                               : smb_tx_new(s, SMB_GENERIC, 1, command);
    if (!tx)
        return;
    if (!answer) {
        tx->key = h->key;
        tx->tree = h->tree;
        tx->session = h->user;
        ask(s, tx, rec, h, command, b);
        smb_tx_done(tx, SEK_TOSERVER);
        return;
    }
    tx->status = h->status;
    tx->has_status = true;
    bool failed = h->status && h->status != OVERFLOW && h->status != DOS_MORE &&
                  h->status != 0xc0000016;
    if (!failed)
        told(s, tx, rec, h, command, b);
    if (tx->kind != SMB_CALL || failed || tx->call.ended[1])
        smb_tx_done(tx, SEK_TOCLIENT);
}

void smb1_message(struct smb_state *s, const struct smb_record *rec)
{
    struct sek_reader r = sek_reader_make(rec->all.data, rec->all.len);
    struct header h;
    bool ok = header_read(&r, &h);
    bool answer = ok && h.flags & FLAG_REPLY;
    if (ok && answer != (rec->dir == SEK_TOCLIENT)) {
        struct smb_tx *tx = smb_tx_new(s, SMB_GENERIC, 1, h.command);
        if (tx) {
            sek_tx_event_any(&tx->base,
                             answer ? SMB_EVENT_RESPONSE_TO_SERVER : SMB_EVENT_REQUEST_TO_CLIENT);
            smb_tx_done(tx, SEK_TOSERVER);
            smb_tx_done(tx, SEK_TOCLIENT);
        }
        return;
    }
    uint8_t command = h.command;
    for (int i = 0; ok && i < CHAIN_MAX; i++) {
        struct block b;
        if (!block_read(&r, &b))
            return;
        struct sek_reader andx = b.words;
        uint8_t next = sek_reader_u8(&andx);
        sek_reader_skip(&andx, 1);
        uint16_t at = sek_reader_u16le(&andx);
        one_command(s, rec, &h, command, &b);
        if (!has_next(command) || andx.failed || next == 0xff || at < r.pos || at >= r.len)
            return;
        r.pos = at;
        command = next;
    }
}
