/* SMB's outside: NetBIOS session records in the stream, transactions, and what rules can name. A
 * record that is longer than LONG_RECORD is taken piece by piece, so that a read or write of
 * megabytes never has to fit the stream's buffer. */
#include "lib/app/smb.h"
#include "lib/app/file.h"

#include <netinet/in.h>
#include <strings.h>

#define LONG_RECORD 8192u
#define HEAD_ENOUGH 1024u  /* bytes of a long record that hold all headers before the content */
#define TRANSFER_HEAD 128u /* ... of a read or write */
#define TEXT_LIMIT  4096u

enum { NBSS_MESSAGE = 0, NBSS_REQUEST = 0x81, NBSS_POSITIVE, NBSS_NEGATIVE, NBSS_RETARGET,
       NBSS_KEEPALIVE };

static bool is_magic(const uint8_t *p)
{
    return (p[0] >= 0xfc) && p[1] == 'S' && p[2] == 'M' && p[3] == 'B';
}

static enum sek_probe smb_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    static const uint8_t session[] = {NBSS_REQUEST, 0, 0, 0x44, 0x20};
    static const uint8_t accepted[] = {NBSS_POSITIVE, 0, 0, 0};
    (void)flow;
    if (data[0] == NBSS_MESSAGE) {
        if (len < 8)
            return len < 5 || data[4] >= 0xfc ? SEK_PROBE_MORE : SEK_PROBE_NO;
        return is_magic(data + 4) ? SEK_PROBE_YES : SEK_PROBE_NO;
    }
    const uint8_t *want = dir ? accepted : session;
    uint32_t size = dir ? sizeof accepted : sizeof session;
    if (memcmp(data, want, len < size ? len : size))
        return SEK_PROBE_NO;
    return len < size ? SEK_PROBE_MORE : SEK_PROBE_YES;
}

/* --- transactions --- */

struct smb_tx *smb_tx_new(struct smb_state *s, enum smb_kind kind, uint8_t version,
                          uint16_t command)
{
    struct smb_tx *tx = (struct smb_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_SMB);
    if (!tx) {
        if (s->base.last)
            sek_tx_event_any(s->base.last, SMB_EVENT_TOO_MANY);
        return NULL;
    }
    tx->kind = kind;
    tx->version = version;
    tx->command = command;
    return tx;
}

void smb_tx_done(struct smb_tx *tx, enum sek_dir dir)
{
    tx->base.progress[dir] = SMB_COMPLETE;
    tx->base.complete[dir] = true;
}

struct smb_tx *smb_tx_answered(struct smb_state *s, uint8_t version, uint16_t command, uint64_t key)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct smb_tx *tx = (struct smb_tx *)t;
        if (tx->key == key && tx->command == command && tx->version == version &&
            !tx->has_status && tx->kind != SMB_FILE)
            return tx;
    }
    struct smb_tx *tx = smb_tx_new(s, SMB_GENERIC, version, command);
    if (tx) {
        tx->key = key;
        smb_tx_done(tx, SEK_TOSERVER);
    }
    return tx;
}

static void smb_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct smb_tx *tx = (struct smb_tx *)base;
    struct sek_pool *pool = state->pool;
    struct sek_buffer *all[] = {&tx->name, &tx->old_name, &tx->service, &tx->service_answer,
                                &tx->user, &tx->domain, &tx->host, &tx->blob_version,
                                &tx->native_os, &tx->native_lm, &tx->dialects};
    smb_handles_forget((struct smb_state *)state, tx);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sek_buffer_free(pool, all[i]);
    dce_call_free(pool, &tx->call);
    sek_app_files_free(state, base);
    sek_pool_put(pool, tx, sizeof *tx);
}

static void smb_close(struct sek_app_state *state)
{
    struct smb_state *s = (struct smb_state *)state;
    smb_handles_free(s);
    dce_ifaces_free(state->pool, &s->ifaces);
}

/* --- text and security blobs --- */

static uint32_t utf8_put(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    uint32_t n = c < 0x10000 ? 3 : 4;
    if (n == 4)
        out[0] = (uint8_t)(0xf0 | c >> 18);
    out[n - 3] = (uint8_t)(n == 3 ? 0xe0 | c >> 12 : 0x80 | (c >> 12 & 63));
    out[n - 2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[n - 1] = (uint8_t)(0x80 | (c & 63));
    return n;
}

void smb_text(struct smb_state *s, struct sek_buffer *out, struct sek_bytes in, bool unicode)
{
    if (!unicode) {
        uint32_t n = in.len ? (uint32_t)strnlen((const char *)in.data, in.len) : 0;
        sek_buffer_add(s->base.pool, out, in.data, n, TEXT_LIMIT);
        return;
    }
    struct sek_reader r = sek_reader_make(in.data, in.len);
    while (sek_reader_left(&r) >= 2 && out->len < TEXT_LIMIT) {
        uint32_t c = sek_reader_u16le(&r);
        uint8_t bytes[4];
        if (!c)
            return;
        if (c >= 0xd800 && c < 0xdc00 && sek_reader_left(&r) >= 2) {
            uint32_t low = sek_reader_u16le(&r);
            c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
        }
        sek_buffer_add(s->base.pool, out, bytes, utf8_put(c, bytes), 0);
    }
}

/* A field of an NTLMSSP message: length, allocated length, offset in the message. */
static struct sek_bytes ntlm_field(struct sek_reader *r)
{
    uint16_t len = sek_reader_u16le(r);
    sek_reader_skip(r, 2);
    uint32_t offset = sek_reader_u32le(r);
    if (r->failed || offset > r->len || len > r->len - offset)
        return (struct sek_bytes){0};
    return (struct sek_bytes){r->data + offset, len};
}

/* AUTHENTICATE_MESSAGE of [MS-NLMP], wherever it lies in the blob. */
void smb_security_blob(struct smb_state *s, struct smb_tx *tx, struct sek_bytes blob)
{
    const uint8_t *p = blob.len ? memmem(blob.data, blob.len, "NTLMSSP", 8) : NULL;
    if (!p)
        return;
    struct sek_reader r = sek_reader_make(p, (uint32_t)(blob.data + blob.len - p));
    sek_reader_skip(&r, 8);
    uint32_t type = sek_reader_u32le(&r);
    if (type != 3)
        return;
    sek_reader_skip(&r, 16); /* LM and NT responses */
    struct sek_bytes domain = ntlm_field(&r), user = ntlm_field(&r), host = ntlm_field(&r);
    sek_reader_skip(&r, 8); /* session key */
    uint32_t flags = sek_reader_u32le(&r);
    if (r.failed) {
        sek_tx_event_any(&tx->base, SMB_EVENT_NTLMSSP);
        return;
    }
    tx->ntlmssp = true;
    smb_text(s, &tx->domain, domain, flags & 1);
    smb_text(s, &tx->user, user, flags & 1);
    smb_text(s, &tx->host, host, flags & 1);
    struct sek_bytes version = sek_reader_bytes(&r, flags & 0x02000000 ? 8 : 0);
    sek_buffer_add(s->base.pool, &tx->blob_version, version.data, version.len, 0);
}

/* --- the stream --- */

static void frames_of(struct smb_state *s, const struct smb_record *rec, uint32_t whole)
{
    const uint8_t *p = rec->all.data;
    unsigned type = p[0] == 0xff ? SMB_FRAME_1_PDU : p[0] == 0xfe ? SMB_FRAME_2_PDU
                                                                 : SMB_FRAME_3_PDU;
    uint32_t head = p[0] == 0xff ? 32 : p[0] == 0xfe ? 64 : 52;
    if (whole < head)
        return;
    sek_frame_add(&s->base, rec->dir, (uint16_t)type, rec->at, whole, NULL);
    sek_frame_add(&s->base, rec->dir, (uint16_t)(type + 1), rec->at, head, NULL);
    sek_frame_add(&s->base, rec->dir, (uint16_t)(type + 2), rec->at + head, whole - head, NULL);
}

/* One SMB 2 record may hold several messages (NextCommand). */
static void smb2_chain(struct smb_state *s, struct smb_record rec)
{
    for (;;) {
        struct sek_reader r = sek_reader_make(rec.all.data, rec.all.len);
        sek_reader_skip(&r, 20);
        uint32_t next = sek_reader_u32le(&r);
        bool more = !r.failed && next >= 64 && next < rec.all.len;
        struct smb_record one = rec;
        if (more) {
            one.all.len = next;
            one.missing = 0;
        }
        frames_of(s, &one, one.all.len + one.missing);
        smb2_message(s, &one);
        if (!more)
            return;
        rec.all.data += next;
        rec.all.len -= next;
        rec.at += next;
        if (rec.all.len < 64 || !is_magic(rec.all.data))
            return;
    }
}

static void message(struct smb_state *s, enum sek_dir dir, struct sek_bytes all, uint32_t at,
                    uint32_t missing)
{
    struct smb_record rec = {.dir = dir, .all = all, .at = at, .missing = missing};
    if (all.len < 4 || !is_magic(all.data))
        return;
    if (all.data[0] == 0xfe) {
        smb2_chain(s, rec);
        return;
    }
    frames_of(s, &rec, all.len + missing);
    if (all.data[0] == 0xff)
        smb1_message(s, &rec);
}

/* Bytes of a record whose head is behind us. */
static uint32_t record_rest(struct smb_state *s, enum sek_dir dir, const uint8_t *data,
                            uint32_t len)
{
    struct smb_side *side = &s->side[dir];
    uint32_t n = len < side->record_left ? len : side->record_left, skip = 0;
    if (side->file_skip) {
        skip = n < side->file_skip ? n : side->file_skip;
        side->file_skip -= skip;
    }
    uint32_t content = n - skip < side->file_left ? n - skip : side->file_left;
    if (content && side->handle) {
        smb_file_data(s, side->handle, s->dialect ? 2 : 1, dir, side->file_offset,
                      (struct sek_bytes){data + skip, content});
        side->file_offset += content;
    }
    side->file_left -= content;
    side->record_left -= n;
    if (!side->record_left) {
        side->file_left = side->file_skip = 0;
        side->handle = NULL;
    }
    return n;
}

/* Look for a record after missing bytes; what cannot be the beginning of one is consumed. */
static uint32_t resync(struct smb_side *side, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i + 8 <= len; i++) {
        if (!data[i] && is_magic(data + i + 4)) {
            side->resync = false;
            return i;
        }
    }
    return len > 7 ? len - 7 : 0;
}

/* Reads and writes go on with what of their content is there, so that missing bytes in it hurt
 * nothing else; so do other messages that are longer than the stream should keep. */
static bool takes_pieces(const uint8_t *p, uint32_t have, uint32_t size)
{
    if (have < TRANSFER_HEAD)
        return false;
    bool transfer = p[0] == 0xff ? p[4] == 0x2e || p[4] == 0x2f
                                 : p[0] == 0xfe && !p[13] && (p[12] == 8 || p[12] == 9);
    return transfer || (size >= LONG_RECORD && have >= HEAD_ENOUGH);
}

/* A new record at DATA: how much of it was used, 0: wait. */
static uint32_t record(struct smb_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                       uint32_t at)
{
    struct smb_side *side = &s->side[dir];
    if (len < 4)
        return 0;
    uint32_t size = (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    uint32_t have = len - 4 < size ? len - 4 : size;
    bool smb = data[0] == NBSS_MESSAGE;
    if (smb && have >= 4 && !is_magic(data + 4)) { /* not a record: find the next */
        side->resync = true;
        return 1;
    }
    if (smb && have < size && !takes_pieces(data + 4, have, size))
        return 0;
    sek_frame_add(&s->base, dir, SMB_FRAME_NBSS_PDU, at, 4ull + size, NULL);
    sek_frame_add(&s->base, dir, SMB_FRAME_NBSS_HDR, at, 4, NULL);
    if (size)
        sek_frame_add(&s->base, dir, SMB_FRAME_NBSS_DATA, at + 4, size, NULL);
    if (smb)
        message(s, dir, (struct sek_bytes){data + 4, have}, at + 4, size - have);
    side->record_left = size - have;
    if (!side->record_left) {
        side->file_left = side->file_skip = 0;
        side->handle = NULL;
    }
    return 4 + have;
}

static void gap(struct smb_state *s, enum sek_dir dir)
{
    struct smb_side *side = &s->side[dir];
    uint64_t lost = s->base.data_offset[dir] - side->next;
    if (lost > side->record_left || !side->record_left) {
        side->record_left = side->file_left = side->file_skip = 0;
        side->handle = NULL;
        side->resync = true;
        return;
    }
    side->record_left -= (uint32_t)lost;
    side->file_offset += lost;
    side->file_left -= lost < side->file_left ? (uint32_t)lost : side->file_left;
    if (side->handle && side->handle->file[dir]) {
        side->handle->file[dir]->base.truncated = true;
        side->handle->expected[dir] = side->file_offset;
    }
}

static struct sek_app_result smb_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct smb_state *s = (struct smb_state *)state;
    struct smb_side *side = &s->side[dir];
    uint32_t pos = 0, n;
    if (flags & SEK_APP_GAP)
        gap(s, dir);
    while (pos < len) {
        bool searching = side->resync;
        if (searching)
            n = resync(side, data + pos, len - pos);
        else if (side->record_left)
            n = record_rest(s, dir, data + pos, len - pos);
        else
            n = record(s, dir, data + pos, len - pos, pos);
        pos += n;
        if (!n && searching == side->resync)
            break; /* more bytes are needed */
    }
    side->next = s->base.data_offset[dir] + pos;
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos};
}

/* --- what rules can name --- */

#define TX(tx) ((struct smb_tx *)(tx))

static bool give(const struct sek_buffer *b, uint32_t i, struct sek_bytes *out)
{
    *out = sek_buffer_view(b);
    return !i && b->len;
}

/* Until the server has said what it is, a pipe's tree counts as a share too. */
static bool get_share(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    (void)s, (void)dir;
    return TX(tx)->kind == SMB_TREE && !TX(tx)->pipe_told && give(&TX(tx)->name, i, out);
}

static bool get_pipe(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    return TX(tx)->kind == SMB_TREE && (TX(tx)->pipe || TX(tx)->pipe_told) &&
           give(&TX(tx)->name, i, out);
}

static bool get_user(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    return give(&TX(tx)->user, i, out);
}

static bool get_domain(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    (void)s, (void)dir;
    return give(&TX(tx)->domain, i, out);
}

static bool get_stub(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    return TX(tx)->kind == SMB_CALL && give(&TX(tx)->call.stub[dir], i, out);
}

static bool get_version(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                        uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->version;
    return !i;
}

static bool match_iface(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                        const void *test)
{
    (void)dir;
    return TX(tx)->kind == SMB_CALL &&
           dce_iface_match(&((struct smb_state *)s)->ifaces, &TX(tx)->call, false, test);
}

static bool match_opnum(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                        const void *test)
{
    (void)s, (void)dir;
    return TX(tx)->kind == SMB_CALL && dce_opnum_match(&TX(tx)->call, test);
}

#define DONE {SMB_COMPLETE, SMB_COMPLETE}

static const struct sek_buffer_def smb_buffers[] = {
    {"smb.share", "smb_share", NULL, 1, DONE, false, false, get_share},
    {"smb.named_pipe", "smb_named_pipe", NULL, 1, DONE, false, false, get_pipe},
    {"smb.ntlmssp_user", "smb_ntlmssp_user", NULL, 1, DONE, false, false, get_user},
    {"smb.ntlmssp_domain", "smb_ntlmssp_domain", NULL, 1, DONE, false, false, get_domain},
    {"dcerpc.stub_data", "dce_stub_data", NULL, 3, DONE, false, false, get_stub},
    {"file.data", "file_data", NULL, 3, DONE, true, true, sek_app_file_data},
    {"file.magic", NULL, NULL, 3, DONE, true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 3, DONE, true, false, sek_app_file_name},
    {0},
};

static const struct sek_number_def smb_numbers[] = {
    {"smb.version", 3, DONE, get_version, NULL},
    {"smb_version", 3, DONE, get_version, NULL},
    {"filesize", 3, DONE, sek_app_file_size, NULL},
    {0},
};

static const struct sek_test_def smb_tests[] = {
    {"dcerpc.iface", 3, DONE, dce_iface_parse, match_iface},
    {"dce_iface", 3, DONE, dce_iface_parse, match_iface},
    {"dcerpc.opnum", 3, DONE, dce_opnum_parse, match_opnum},
    {"dce_opnum", 3, DONE, dce_opnum_parse, match_opnum},
    {0},
};

static const struct sek_app_event_name smb_events[] = {
    {"internal_error", SMB_EVENT_INTERNAL_ERROR},
    {"malformed_data", SMB_EVENT_MALFORMED},
    {"record_overflow", SMB_EVENT_RECORD_OVERFLOW},
    {"malformed_ntlmssp_request", SMB_EVENT_NTLMSSP},
    {"negotiate_malformed_dialects", SMB_EVENT_DIALECTS},
    {"duplicate_negotiate", SMB_EVENT_DUPLICATE_NEGOTIATE},
    {"file_overlap", SMB_EVENT_FILE_OVERLAP},
    {"request_to_client", SMB_EVENT_REQUEST_TO_CLIENT},
    {"response_to_server", SMB_EVENT_RESPONSE_TO_SERVER},
    {"negotiate_max_read_size_too_large", SMB_EVENT_READ_SIZE},
    {"negotiate_max_write_size_too_large", SMB_EVENT_WRITE_SIZE},
    {"read_request_too_large", SMB_EVENT_READ_REQUEST},
    {"read_response_too_large", SMB_EVENT_READ_RESPONSE},
    {"read_queue_size_exceeded", SMB_EVENT_READ_QUEUE_SIZE},
    {"read_queue_cnt_exceeded", SMB_EVENT_READ_QUEUE_COUNT},
    {"write_request_too_large", SMB_EVENT_WRITE_REQUEST},
    {"write_queue_size_exceeded", SMB_EVENT_WRITE_QUEUE_SIZE},
    {"write_queue_cnt_exceeded", SMB_EVENT_WRITE_QUEUE_COUNT},
    {"too_many_transactions", SMB_EVENT_TOO_MANY},
    {0},
};

static const char *const smb_frames[] = {
    "nbss.pdu", "nbss.hdr", "nbss.data", "smb1.pdu", "smb1.hdr", "smb1.data", "smb2.pdu",
    "smb2.hdr", "smb2.data", "smb3.pdu", "smb3.hdr", "smb3.data", NULL};

const struct sek_app_ops sek_smb_ops = {
    .id = SEK_APP_SMB,
    .name = "smb",
    .eve_key = "smb",
    .transports = 1,
    .probe = smb_probe,
    .state_size = sizeof(struct smb_state),
    .parse = smb_parse,
    .tx_free = smb_tx_free,
    .close = smb_close,
    .eve = smb_eve,
    .buffers = smb_buffers,
    .numbers = smb_numbers,
    .tests = smb_tests,
    .events = smb_events,
    .frames = smb_frames,
    .complete = {SMB_COMPLETE, SMB_COMPLETE},
    .gaps = true,
};
