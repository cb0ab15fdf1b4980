/* TLS records and handshake messages. Handshake bytes are gathered over records, so that a hello
 * split anywhere is read as one. After the handshake nothing is looked at but heartbeats. */
#include "lib/app/tls.h"

#include <stdio.h>

#define HANDSHAKE_LIMIT 131072u /* one message with its certificates */
#define RECORD_LIMIT    (16384u + 2048u)

enum { RECORD_CCS = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA, RECORD_HEARTBEAT };

static enum sek_probe tls_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    (void)flow;
    if (len < 3)
        return data[0] == RECORD_HANDSHAKE || (dir == SEK_TOSERVER && data[0] & 0x80)
                   ? SEK_PROBE_MORE
                   : SEK_PROBE_NO;
    if (data[0] >= RECORD_CCS && data[0] <= RECORD_HEARTBEAT && data[1] == 3 && data[2] <= 4)
        return SEK_PROBE_YES;
    /* SSLv2 ClientHello in its two-byte header, offering SSL 3 or TLS (RFC 5246 appendix E.2). */
    if (dir == SEK_TOSERVER && data[0] & 0x80 && data[2] == 1) {
        if (len < 5)
            return SEK_PROBE_MORE;
        if ((data[3] == 3 && data[4] <= 4) || (data[3] == 0 && data[4] == 2))
            return SEK_PROBE_YES;
    }
    return SEK_PROBE_NO;
}

struct tls_slice tls_keep(struct tls_state *s, const void *data, uint32_t len)
{
    struct tls_slice slice = {s->tx->text.len, len};
    sek_buffer_add(s->base.pool, &s->tx->text, data, len, 0);
    if (s->tx->text.len != slice.at + len)
        slice.len = 0;
    return slice;
}

static void reach(struct tls_state *s, enum sek_dir dir, enum tls_progress progress)
{
    if (s->tx->base.progress[dir] < progress)
        s->tx->base.progress[dir] = (uint8_t)progress;
}

static void message(struct tls_state *s, enum sek_dir dir, uint8_t type, struct sek_reader body)
{
    switch (type) {
    case 1:
        if (dir == SEK_TOSERVER) {
            tls_client_hello(s, body);
            reach(s, dir, TLS_HELLO);
        }
        return;
    case 2:
        if (dir == SEK_TOCLIENT) {
            tls_server_hello(s, body);
            reach(s, dir, TLS_HELLO);
        }
        return;
    case 11:
        tls_certificates(s, dir, body);
        reach(s, dir, TLS_CERTIFICATE);
        return;
    case 16:
        reach(s, dir, TLS_CERTIFICATE);
        return;
    case 0: case 3: case 4: case 5: case 6: case 8: case 12: case 13: case 14: case 15:
    case 20: case 21: case 22: case 23: case 24: case 25: case 67: case 254:
        return;
    default:
        sek_tx_event(&s->tx->base, dir, TLS_EVENT_HANDSHAKE_MESSAGE);
    }
}

static void handshake(struct tls_state *s, enum sek_dir dir, struct sek_bytes data)
{
    struct sek_buffer *b = &s->handshake[dir];
    sek_buffer_add(s->base.pool, b, data.data, data.len, HANDSHAKE_LIMIT);
    if (b->cut)
        sek_tx_event(&s->tx->base, dir, TLS_EVENT_HANDSHAKE_LENGTH);
    uint32_t pos = 0;
    while (b->len - pos >= 4) {
        struct sek_reader r = sek_reader_make(b->data + pos, b->len - pos);
        uint8_t type = sek_reader_u8(&r);
        uint32_t size = sek_reader_u24(&r);
        if (size > HANDSHAKE_LIMIT) {
            sek_tx_event(&s->tx->base, dir, type > 25 && type != 67 && type != 254
                                                ? TLS_EVENT_HANDSHAKE_MESSAGE
                                                : TLS_EVENT_HANDSHAKE_LENGTH);
            pos = b->len;
            break;
        }
        if (size > sek_reader_left(&r))
            break;
        message(s, dir, type, sek_reader_sub(&r, size));
        pos += 4 + size;
    }
    if (pos == b->len) {
        sek_buffer_free(s->base.pool, b);
    } else if (pos) {
        b->len -= pos;
        memmove(b->data, b->data + pos, b->len);
    }
}

/* RFC 6520; a length beyond the record is CVE-2014-0160. */
static void heartbeat(struct tls_state *s, enum sek_dir dir, struct sek_reader r)
{
    if (s->tx->base.complete[0] && s->tx->base.complete[1]) { /* after the handshake: each its own */
        struct tls_tx *fresh = (struct tls_tx *)sek_tx_new(&s->base, sizeof *fresh, SEK_APP_TLS);
        if (!fresh)
            return;
        fresh->version = s->tx->version;
        fresh->base.progress[0] = fresh->base.progress[1] = TLS_DONE;
        fresh->base.complete[0] = fresh->base.complete[1] = true;
        s->tx = fresh;
    }
    struct sek_tx *tx = &s->tx->base;
    sek_tx_event(tx, dir, TLS_EVENT_HEARTBEAT);
    if (s->encrypted[dir]) { /* only the record's length can be compared with the answer's */
        if (dir == SEK_TOSERVER && !s->heartbeat_request) {
            s->heartbeat_request = true;
            s->heartbeat_len = (uint16_t)r.len;
        } else if (dir == SEK_TOCLIENT && s->heartbeat_request) {
            if (r.len > s->heartbeat_len)
                sek_tx_event(tx, dir, TLS_EVENT_HEARTBEAT_MISMATCH);
            s->heartbeat_request = false;
        }
        return;
    }
    uint8_t type = sek_reader_u8(&r);
    uint16_t size = sek_reader_u16(&r);
    if (r.failed || (type != 1 && type != 2)) {
        sek_tx_event(tx, dir, TLS_EVENT_HEARTBEAT_INVALID);
        return;
    }
    if (type == 1 && size > sek_reader_left(&r))
        sek_tx_event(tx, dir, TLS_EVENT_HEARTBEAT_OVERFLOW);
    if (type == 1) {
        s->heartbeat_request = true;
        s->heartbeat_len = (uint16_t)r.len;
    } else if (s->heartbeat_request) {
        if (r.len > s->heartbeat_len)
            sek_tx_event(tx, dir, TLS_EVENT_HEARTBEAT_MISMATCH);
        s->heartbeat_request = false;
    }
}

static void finish_if_quiet(struct tls_state *s)
{
    if (!s->encrypted[0] || !s->encrypted[1])
        return;
    if (!s->base.settings->tls_inspect_encrypted)
        s->base.flow->flags |= SEK_FLOW_ENCRYPTED;
    if (s->base.settings->tls_bypass_encrypted)
        s->base.flow->flags |= SEK_FLOW_BYPASSED;
    for (int d = 0; d < 2; d++) {
        reach(s, d, TLS_DONE);
        s->tx->base.complete[d] = true;
    }
}

static void record(struct tls_state *s, enum sek_dir dir, uint8_t type, struct sek_bytes body)
{
    switch (type) {
    case RECORD_CCS:
        s->encrypted[dir] = true;
        reach(s, dir, TLS_CERTIFICATE);
        finish_if_quiet(s);
        return;
    case RECORD_HANDSHAKE:
        if (!s->encrypted[dir])
            handshake(s, dir, body);
        return;
    case RECORD_ALERT:
        if (!s->encrypted[dir] && body.len == 2 && body.data[0] == 2)
            sek_tx_event(&s->tx->base, dir, TLS_EVENT_ERROR_MESSAGE);
        return;
    case RECORD_DATA:
        s->encrypted[dir] = true;
        reach(s, dir, TLS_DONE);
        finish_if_quiet(s);
        return;
    case RECORD_HEARTBEAT:
        heartbeat(s, dir, sek_reader_make(body.data, body.len));
        return;
    }
}

/* SSLv2 framing: two bytes of length with the high bit set. */
static uint32_t sslv2_record(struct tls_state *s, enum sek_dir dir, const uint8_t *data,
                             uint32_t len)
{
    if (len < 2)
        return 0;
    uint32_t size = (uint32_t)(data[0] & 0x7f) << 8 | data[1];
    if (size < 9) {
        sek_tx_event(&s->tx->base, dir, TLS_EVENT_SSLV2_HEADER);
        return len;
    }
    if (len < 2 + size)
        return 0;
    struct sek_reader r = sek_reader_make(data + 2, size);
    if (sek_reader_u8(&r) == 1) {
        s->tx->version = sek_reader_u16(&r);
        reach(s, dir, TLS_HELLO);
    }
    return 2 + size;
}

enum { TLS_FRAME_PDU, TLS_FRAME_HDR, TLS_FRAME_DATA, TLS_FRAME_ALERT, TLS_FRAME_HEARTBEAT,
       TLS_FRAME_SSL2_HDR, TLS_FRAME_SSL2_PDU };
static const char *const tls_frames[] = {"pdu",      "hdr",      "data",    "alert.pdu",
                                         "hb.pdu",   "ssl2.hdr", "ssl2.pdu", NULL};

static void record_frames(struct tls_state *s, enum sek_dir dir, uint8_t type, uint32_t at,
                          uint32_t size)
{
    struct sek_tx *tx = &s->tx->base;
    if (!sek_frame_add(&s->base, dir, TLS_FRAME_PDU, at, 5ull + size, tx))
        return;
    sek_frame_add(&s->base, dir, TLS_FRAME_HDR, at, 5, tx);
    sek_frame_add(&s->base, dir, TLS_FRAME_DATA, at + 5, size, tx);
    if (type == RECORD_ALERT)
        sek_frame_add(&s->base, dir, TLS_FRAME_ALERT, at, 5ull + size, tx);
    if (type == RECORD_HEARTBEAT)
        sek_frame_add(&s->base, dir, TLS_FRAME_HEARTBEAT, at, 5ull + size, tx);
}

static bool open_tx(struct tls_state *s)
{
    if (!s->tx)
        s->tx = (struct tls_tx *)sek_tx_new(&s->base, sizeof *s->tx, SEK_APP_TLS);
    return s->tx != NULL;
}

static struct sek_app_result tls_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct tls_state *s = (struct tls_state *)state;
    uint32_t pos = 0;
    if (!open_tx(s))
        return (struct sek_app_result){.consumed = len, .error = true};
    while (len - pos >= 1) {
        const uint8_t *p = data + pos;
        if (p[0] & 0x80 && s->tx->base.progress[dir] == TLS_STARTED) {
            uint32_t n = sslv2_record(s, dir, p, len - pos);
            if (!n)
                break;
            sek_frame_add(state, dir, TLS_FRAME_SSL2_HDR, pos, 5, &s->tx->base);
            sek_frame_add(state, dir, TLS_FRAME_SSL2_PDU, pos, n, &s->tx->base);
            pos += n;
            continue;
        }
        if (len - pos < 5)
            break;
        uint32_t size = (uint32_t)(p[3] << 8 | p[4]);
        unsigned bad = p[0] < RECORD_CCS || p[0] > RECORD_HEARTBEAT ? TLS_EVENT_RECORD_TYPE
                       : p[1] != 3 || p[2] > 4                      ? TLS_EVENT_RECORD_VERSION
                       : size > RECORD_LIMIT                        ? TLS_EVENT_RECORD_LENGTH
                                                                    : 0;
        if (bad) {
            sek_tx_event(&s->tx->base, dir, bad);
            sek_tx_event(&s->tx->base, dir, TLS_EVENT_TLS_HEADER);
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        /* Handshake bytes are used as they come, so that a record never has to fit the stream. */
        if (len - pos - 5 < size) {
            if (p[0] == RECORD_DATA)
                record(s, dir, p[0], (struct sek_bytes){p + 5, len - pos - 5});
            break;
        }
        record_frames(s, dir, p[0], pos, size);
        record(s, dir, p[0], (struct sek_bytes){p + 5, size});
        pos += 5 + size;
    }
    if (flags & SEK_APP_END) {
        s->tx->base.complete[dir] = true;
        reach(s, dir, TLS_DONE);
    }
    return (struct sek_app_result){.consumed = pos};
}

void tls_tx_clear(struct sek_pool *pool, struct tls_tx *tx)
{
    sek_buffer_free(pool, &tx->text);
    for (int dir = 0; dir < 2; dir++) {
        sek_buffer_free(pool, &tx->chain[dir].alt_names);
        sek_buffer_free(pool, &tx->chain[dir].certs);
        sek_buffer_free(pool, &tx->random[dir]);
    }
}

static void tls_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct tls_tx *tx = (struct tls_tx *)base;
    tls_tx_clear(state->pool, tx);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void tls_close(struct sek_app_state *state)
{
    struct tls_state *s = (struct tls_state *)state;
    sek_buffer_free(state->pool, &s->handshake[0]);
    sek_buffer_free(state->pool, &s->handshake[1]);
}

static const char *version_name(uint16_t v)
{
    switch (v) {
    case 0x0002:
    case 0x0200:
        return "SSLv2";
    case 0x0300:
        return "SSLv3";
    case 0x0301:
        return "TLS 1.0";
    case 0x0302:
        return "TLS 1.1";
    case 0x0303:
        return "TLS 1.2";
    case 0x0304:
        return "TLS 1.3";
    default:
        return "UNDETERMINED";
    }
}

static void eve_text(struct sek_text *out, const char *key, const struct tls_tx *tx,
                     struct tls_slice v)
{
    if (v.len)
        sek_json_bytes(out, key, tx->text.data + v.at, v.len);
}

static void eve_ja3(struct sek_text *out, const char *key, const char *hash, const struct tls_tx *tx,
                    struct tls_slice text)
{
    if (!hash[0])
        return;
    sek_json_open(out, key, '{');
    sek_json_str(out, "hash", hash);
    eve_text(out, "string", tx, text);
    sek_json_close(out, '}');
}

static void eve_alpns(struct sek_text *out, const char *key, struct sek_bytes list)
{
    if (!list.len)
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0;; i++) {
        struct sek_bytes name = tls_alpn(list, i);
        if (!name.len)
            break;
        sek_json_bytes(out, NULL, name.data, name.len);
    }
    sek_json_close(out, ']');
}

static void eve_chain(struct sek_text *out, const struct tls_tx *tx, const struct tls_chain *chain)
{
    eve_text(out, "subject", tx, chain->subject);
    eve_text(out, "issuerdn", tx, chain->issuer);
    eve_text(out, "serial", tx, chain->serial);
    eve_text(out, "fingerprint", tx, chain->fingerprint);
    eve_text(out, "notbefore", tx, chain->not_before);
    eve_text(out, "notafter", tx, chain->not_after);
}

static void tls_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct tls_tx *tx = (const struct tls_tx *)base;
    (void)state;
    eve_chain(out, tx, &tx->chain[SEK_TOCLIENT]);
    eve_text(out, "sni", tx, tx->sni);
    sek_json_str(out, "version", version_name(tx->version));
    eve_ja3(out, "ja3", tx->ja3_hash, tx, tx->ja3);
    eve_ja3(out, "ja3s", tx->ja3s_hash, tx, tx->ja3s);
    const char *ja4 = tls_ja4((struct tls_tx *)base, 't');
    if (*ja4)
        sek_json_str(out, "ja4", ja4);
    eve_alpns(out, "client_alpns", tls_text(tx, tx->alpn[0]));
    eve_alpns(out, "server_alpns", tls_text(tx, tx->alpn[1]));
    if (tx->chain[SEK_TOSERVER].count) {
        sek_json_open(out, "client", '{');
        eve_chain(out, tx, &tx->chain[SEK_TOSERVER]);
        sek_json_close(out, '}');
    }
}

/* --- what rules can name --- */

#define TEXT_GETTER(fn, field)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = tls_text((struct tls_tx *)tx, ((struct tls_tx *)tx)->field);                        \
        return !i && out->data;                                                                    \
    }

TEXT_GETTER(get_sni, sni)
TEXT_GETTER(get_ja3, ja3)
TEXT_GETTER(get_ja3s, ja3s)

static bool get_alpn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    *out = tls_alpn(tls_text((struct tls_tx *)tx, ((struct tls_tx *)tx)->alpn[dir]), i);
    return out->len;
}

static bool get_ja4(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                    struct sek_bytes *out)
{
    const char *text = tls_ja4((struct tls_tx *)tx, 't');
    (void)s, (void)dir;
    *out = (struct sek_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
    return !i && out->len;
}

/* What a certificate says is there in the direction of the side that sent it. */
#define CERT_GETTER(fn, field)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s;                                                                                   \
        *out = tls_text((struct tls_tx *)tx, ((struct tls_tx *)tx)->chain[dir].field);             \
        return !i && out->data;                                                                    \
    }

CERT_GETTER(get_subject, subject)
CERT_GETTER(get_issuer, issuer)
CERT_GETTER(get_serial, serial)
CERT_GETTER(get_fingerprint, fingerprint)

#define HASH_GETTER(fn, field)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = (struct sek_bytes){(uint8_t *)((struct tls_tx *)tx)->field, 32};                    \
        return !i && ((struct tls_tx *)tx)->field[0];                                              \
    }

HASH_GETTER(get_ja3_hash, ja3_hash)
HASH_GETTER(get_ja3s_hash, ja3s_hash)

static bool get_cert(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    const struct tls_chain *chain = &((const struct tls_tx *)base)->chain[dir];
    (void)s;
    if (i >= chain->count)
        return false;
    uint32_t at = i ? chain->end[i - 1] : 0;
    *out = (struct sek_bytes){chain->certs.data + at, chain->end[i] - at};
    return true;
}

static bool get_alt_name(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    const struct tls_chain *chain = &((const struct tls_tx *)base)->chain[dir];
    const uint8_t *p = chain->alt_names.data, *end = p ? p + chain->alt_names.len : NULL;
    (void)s;
    for (; p && p < end; i--) {
        size_t n = strnlen((const char *)p, (size_t)(end - p));
        if (!i) {
            *out = (struct sek_bytes){p, (uint32_t)n};
            return true;
        }
        p += n + 1;
    }
    return false;
}

static bool get_random(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    (void)s;
    *out = sek_buffer_view(&((struct tls_tx *)tx)->random[dir]);
    return !i && out->data;
}

static bool get_random_time(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                            struct sek_bytes *out)
{
    if (!get_random(s, tx, dir, i, out) || out->len < 4)
        return false;
    out->len = 4;
    return true;
}

static bool get_random_bytes(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                             struct sek_bytes *out)
{
    if (!get_random(s, tx, dir, i, out) || out->len <= 4)
        return false;
    *out = (struct sek_bytes){out->data + 4, out->len - 4};
    return true;
}

static bool get_version(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                        uint64_t *out)
{
    (void)s, (void)dir;
    *out = ((struct tls_tx *)tx)->version;
    return !i && *out;
}

static bool get_chain_len(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          uint64_t *out)
{
    (void)s;
    *out = ((struct tls_tx *)tx)->chain[dir].count;
    return !i && *out;
}

#define HELLO {TLS_HELLO, TLS_HELLO}
#define CERT  {TLS_CERTIFICATE, TLS_CERTIFICATE}

static const struct sek_buffer_def tls_buffers[] = {
    {"tls.sni", "tls_sni", NULL, 1, HELLO, false, false, get_sni},
    {"tls.alpn", NULL, NULL, 3, HELLO, true, false, get_alpn},
    {"ja3.hash", "ja3_hash", NULL, 1, HELLO, false, false, get_ja3_hash},
    {"ja3.string", "ja3_string", NULL, 1, HELLO, false, false, get_ja3},
    {"ja3s.hash", NULL, NULL, 2, HELLO, false, false, get_ja3s_hash},
    {"ja3s.string", NULL, NULL, 2, HELLO, false, false, get_ja3s},
    {"ja4.hash", "ja4_hash", NULL, 1, HELLO, false, false, get_ja4},
    {"tls.random", NULL, NULL, 3, HELLO, false, false, get_random},
    {"tls.random_time", NULL, NULL, 3, HELLO, false, false, get_random_time},
    {"tls.random_bytes", NULL, NULL, 3, HELLO, false, false, get_random_bytes},
    {"tls.cert_subject", "tls_cert_subject", NULL, 3, CERT, false, false, get_subject},
    {"tls.cert_issuer", "tls_cert_issuer", NULL, 3, CERT, false, false, get_issuer},
    {"tls.cert_serial", "tls_cert_serial", NULL, 3, CERT, false, false, get_serial},
    {"tls.cert_fingerprint", "tls_cert_fingerprint", NULL, 3, CERT, false, false, get_fingerprint},
    {"tls.subjectaltname", NULL, NULL, 3, CERT, true, false, get_alt_name},
    {"tls.certs", NULL, NULL, 3, CERT, true, false, get_cert},
    {0},
};

static const char *const version_words[] = {"1.0", "769", "1.1", "770", "1.2", "771", "1.3", "772",
                                            "sslv2", "2", "sslv3", "768", "tls1.0", "769",
                                            "tls1.1", "770", "tls1.2", "771", "tls1.3", "772",
                                            NULL};

static const struct sek_number_def tls_numbers[] = {
    {"tls.version", 3, HELLO, get_version, version_words},
    {"tls.cert_chain_len", 3, CERT, get_chain_len, NULL},
    {0},
};

static const struct sek_state_name tls_states[] = {
    {"client_in_progress", 0, TLS_STARTED},   {"client_hello_done", 0, TLS_HELLO},
    {"client_cert_done", 0, TLS_CERTIFICATE}, {"client_handshake_done", 0, TLS_DONE},
    {"client_finished", 0, UINT8_MAX},        {"server_in_progress", 1, TLS_STARTED},
    {"server_hello", 1, TLS_HELLO},           {"server_hello_done", 1, TLS_HELLO},
    {"server_cert_done", 1, TLS_CERTIFICATE}, {"server_handshake_done", 1, TLS_DONE},
    {"server_finished", 1, UINT8_MAX},        {0},
};

static const struct sek_app_event_name tls_events[] = {
    {"invalid_sslv2_header", TLS_EVENT_SSLV2_HEADER},
    {"invalid_tls_header", TLS_EVENT_TLS_HEADER},
    {"invalid_record_type", TLS_EVENT_RECORD_TYPE},
    {"invalid_record_version", TLS_EVENT_RECORD_VERSION},
    {"invalid_ssl_record", TLS_EVENT_RECORD_LENGTH},
    {"invalid_record_length", TLS_EVENT_RECORD_LENGTH},
    {"invalid_handshake_message", TLS_EVENT_HANDSHAKE_MESSAGE},
    {"handshake_invalid_length", TLS_EVENT_HANDSHAKE_LENGTH},
    {"invalid_certificate", TLS_EVENT_CERTIFICATE},
    {"certificate_invalid_length", TLS_EVENT_CERTIFICATE_LENGTH},
    {"certificate_invalid_der", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_missing_element", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_unknown_element", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_string", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_version", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_serial", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_algorithmidentifier", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_x509name", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_date", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_validity", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_extensions", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_subject", TLS_EVENT_CERTIFICATE_DER},
    {"certificate_invalid_issuer", TLS_EVENT_CERTIFICATE_DER},
    {"heartbeat_message", TLS_EVENT_HEARTBEAT},
    {"invalid_heartbeat_message", TLS_EVENT_HEARTBEAT_INVALID},
    {"overflow_heartbeat_message", TLS_EVENT_HEARTBEAT_OVERFLOW},
    {"dataleak_heartbeat_mismatch", TLS_EVENT_HEARTBEAT_MISMATCH},
    {"multiple_sni_extensions", TLS_EVENT_MULTIPLE_SNI},
    {"invalid_sni_type", TLS_EVENT_SNI_TYPE},
    {"invalid_sni_length", TLS_EVENT_SNI_LENGTH},
    {"too_many_records_in_packet", TLS_EVENT_TOO_MANY_RECORDS},
    {"invalid_alert_message", TLS_EVENT_ALERT},
    {"error_message_encountered", TLS_EVENT_ERROR_MESSAGE},
    {0},
};

const struct sek_app_ops sek_tls_ops = {
    .id = SEK_APP_TLS,
    .name = "tls",
    .aliases = (const char *const[]){"ssl", NULL},
    .eve_key = "tls",
    .transports = 1,
    .probe = tls_probe,
    .state_size = sizeof(struct tls_state),
    .parse = tls_parse,
    .tx_free = tls_tx_free,
    .close = tls_close,
    .eve = tls_eve,
    .buffers = tls_buffers,
    .numbers = tls_numbers,
    .tests = tls_tests,
    .events = tls_events,
    .frames = tls_frames,
    .states = tls_states,
    .complete = {TLS_DONE, TLS_DONE},
};
