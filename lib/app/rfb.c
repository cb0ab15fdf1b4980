/* RFB, the protocol of VNC (RFC 6143): the handshake up to the desktop's name; a connection is one
 * transaction. Each side's messages are taken in the order that the handshake has them. */
#include "lib/app/app.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_LIMIT 4096u
#define VERSION    12u

enum { RFB_STARTED, RFB_VERSIONS, RFB_SECURITY, RFB_AUTHENTICATED, RFB_COMPLETE };
enum { RFB_EVENT_UNIMPLEMENTED, RFB_EVENT_UNKNOWN_RESULT, RFB_EVENT_MALFORMED, RFB_EVENT_CONFUSED };
enum { SECURITY_NONE = 1, SECURITY_VNC = 2, SECURITY_UNKNOWN = 0xffff };

enum step {
    STEP_VERSION,
    STEP_TYPES,
    STEP_CHALLENGE,
    STEP_RESULT,
    STEP_REASON,
    STEP_INIT,
    STEP_END
};

struct rfb_tx {
    struct sek_tx base;
    char version[2][VERSION]; /* by direction */
    bool has_version[2], has_type, has_result, has_init, shared, has_shared, has_vnc;
    uint32_t type, result;
    uint8_t challenge[16], response[16];
    uint16_t width, height;
    uint8_t format[13];
    struct sek_buffer name, reason;
};

struct rfb_state {
    struct sek_app_state base;
    struct rfb_tx *tx;
    enum step step[2];
    unsigned minor;
};

static enum sek_probe rfb_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    (void)flow, (void)dir;
    if (memcmp(data, "RFB ", len < 4 ? len : 4))
        return SEK_PROBE_NO;
    if (len < VERSION)
        return SEK_PROBE_MORE;
    return data[7] == '.' && data[11] == '\n' ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static void reach(struct rfb_tx *tx, uint8_t progress)
{
    for (int d = 0; d < 2; d++)
        if (tx->base.progress[d] < progress)
            tx->base.progress[d] = progress;
}

static void finish(struct rfb_state *s)
{
    s->step[0] = s->step[1] = STEP_END;
    reach(s->tx, RFB_COMPLETE);
    s->tx->base.complete[0] = s->tx->base.complete[1] = true;
}

static void odd(struct rfb_state *s, unsigned bit)
{
    sek_tx_event_any(&s->tx->base, bit);
    finish(s);
}

static uint32_t read_version(struct rfb_state *s, enum sek_dir dir, struct sek_reader *r)
{
    struct sek_bytes v = sek_reader_bytes(r, VERSION);
    if (r->failed)
        return 0;
    if (memcmp(v.data, "RFB ", 4)) {
        odd(s, RFB_EVENT_MALFORMED);
        return r->pos;
    }
    memcpy(s->tx->version[dir], v.data, VERSION);
    s->tx->has_version[dir] = true;
    s->step[dir] = STEP_TYPES;
    if (dir == SEK_TOSERVER) {
        s->minor = (unsigned)((v.data[9] - '0') * 10 + (v.data[10] - '0'));
        reach(s->tx, RFB_VERSIONS);
        if (s->minor < 7)
            s->step[0] = STEP_CHALLENGE; /* the server decides */
    }
    return r->pos;
}

/* The security type is agreed: what follows on each side. */
static void type_known(struct rfb_state *s, uint32_t type)
{
    s->tx->type = type;
    s->tx->has_type = true;
    reach(s->tx, RFB_SECURITY);
    if (type == SECURITY_NONE) {
        s->step[0] = STEP_INIT;
        s->step[1] = s->minor >= 8 ? STEP_RESULT : STEP_INIT;
    } else if (type == SECURITY_VNC) {
        s->step[0] = s->step[1] = STEP_CHALLENGE;
    } else if (type) {
        odd(s, RFB_EVENT_UNIMPLEMENTED);
    }
}

static uint32_t server_types(struct rfb_state *s, struct sek_reader *r)
{
    if (s->minor < 7) {
        uint32_t type = sek_reader_u32(r);
        if (r->failed)
            return 0;
        s->step[1] = type ? STEP_CHALLENGE : STEP_REASON;
        type_known(s, type);
        return r->pos;
    }
    uint8_t count = sek_reader_u8(r);
    sek_reader_skip(r, count);
    if (r->failed)
        return 0;
    s->step[1] = count ? STEP_CHALLENGE : STEP_REASON;
    return r->pos;
}

static uint32_t read_result(struct rfb_state *s, struct sek_reader *r)
{
    uint32_t result = sek_reader_u32(r);
    if (r->failed)
        return 0;
    s->tx->result = result;
    s->tx->has_result = true;
    reach(s->tx, RFB_AUTHENTICATED);
    if (result > 2)
        sek_tx_event_any(&s->tx->base, RFB_EVENT_UNKNOWN_RESULT);
    s->step[1] = !result ? STEP_INIT : result == 1 && s->minor >= 8 ? STEP_REASON : STEP_END;
    if (s->step[1] == STEP_END)
        finish(s);
    return r->pos;
}

static uint32_t read_reason(struct rfb_state *s, struct sek_reader *r)
{
    uint32_t len = sek_reader_u32(r);
    if (len > TEXT_LIMIT) {
        odd(s, RFB_EVENT_MALFORMED);
        return r->len;
    }
    struct sek_bytes text = sek_reader_bytes(r, len);
    if (r->failed)
        return 0;
    sek_buffer_add(s->base.pool, &s->tx->reason, text.data, text.len, TEXT_LIMIT);
    finish(s);
    return r->pos;
}

static uint32_t server_init(struct rfb_state *s, struct sek_reader *r)
{
    uint16_t width = sek_reader_u16(r), height = sek_reader_u16(r);
    struct sek_bytes format = sek_reader_bytes(r, 16);
    uint32_t len = sek_reader_u32(r);
    if (len > TEXT_LIMIT) {
        odd(s, RFB_EVENT_MALFORMED);
        return r->len;
    }
    struct sek_bytes name = sek_reader_bytes(r, len);
    if (r->failed)
        return 0;
    s->tx->width = width;
    s->tx->height = height;
    memcpy(s->tx->format, format.data, sizeof s->tx->format);
    s->tx->has_init = true;
    sek_buffer_add(s->base.pool, &s->tx->name, name.data, name.len, TEXT_LIMIT);
    finish(s);
    return r->pos;
}

/* One message; what it took, 0: wait for more or for the other side. */
static uint32_t from_server(struct rfb_state *s, struct sek_reader *r)
{
    switch (s->step[1]) {
    case STEP_VERSION:
        return read_version(s, SEK_TOCLIENT, r);
    case STEP_TYPES:
        return s->tx->has_version[0] ? server_types(s, r) : 0;
    case STEP_CHALLENGE: {
        if (!s->tx->has_type)
            return 0;
        struct sek_bytes b = sek_reader_bytes(r, 16);
        if (r->failed)
            return 0;
        memcpy(s->tx->challenge, b.data, 16);
        s->step[1] = STEP_RESULT;
        return 16;
    }
    case STEP_RESULT:
        return read_result(s, r);
    case STEP_REASON:
        return read_reason(s, r);
    case STEP_INIT:
        return server_init(s, r);
    default:
        return r->len;
    }
}

static uint32_t from_client(struct rfb_state *s, struct sek_reader *r)
{
    switch (s->step[0]) {
    case STEP_VERSION:
        return read_version(s, SEK_TOSERVER, r);
    case STEP_TYPES: {
        uint8_t type = sek_reader_u8(r);
        type_known(s, type);
        return 1;
    }
    case STEP_CHALLENGE: {
        if (!s->tx->has_type)
            return 0;
        struct sek_bytes b = sek_reader_bytes(r, 16);
        if (r->failed)
            return 0;
        memcpy(s->tx->response, b.data, 16);
        s->tx->has_vnc = true;
        s->step[0] = STEP_INIT;
        return 16;
    }
    case STEP_INIT:
        s->tx->shared = sek_reader_u8(r);
        s->tx->has_shared = true;
        s->step[0] = STEP_END;
        return 1;
    default:
        return r->len;
    }
}

static struct sek_app_result rfb_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct rfb_state *s = (struct rfb_state *)state;
    uint32_t pos = 0;
    if (!s->tx && !(s->tx = (struct rfb_tx *)sek_tx_new(state, sizeof *s->tx, SEK_APP_RFB)))
        return (struct sek_app_result){.consumed = len, .error = true};
    while (pos < len) {
        struct sek_reader r = sek_reader_make(data + pos, len - pos);
        enum step step = s->step[dir];
        uint32_t n = dir ? from_server(s, &r) : from_client(s, &r);
        if (!n)
            break;
        if (step != STEP_END)
            sek_frame_add(state, dir, 0, pos, n, &s->tx->base);
        pos += n;
    }
    if (flags & SEK_APP_END)
        s->tx->base.complete[dir] = true;
    return (struct sek_app_result){.consumed = pos};
}

static void rfb_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct rfb_tx *tx = (struct rfb_tx *)base;
    ((struct rfb_state *)state)->tx = NULL;
    sek_buffer_free(state->pool, &tx->name);
    sek_buffer_free(state->pool, &tx->reason);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

/* --- EVE --- */

static void eve_version(struct sek_text *out, const char *key, const char *v)
{
    sek_json_open(out, key, '{');
    sek_json_bytes(out, "major", v + 4, 3);
    sek_json_bytes(out, "minor", v + 8, 3);
    sek_json_close(out, '}');
}

static const char *result_name(uint32_t result)
{
    static const char *const names[] = {"OK", "FAIL", "TOOMANY"};
    return result < 3 ? names[result] : "UNKNOWN";
}

static void eve_authentication(struct sek_text *out, const struct rfb_tx *tx)
{
    sek_json_open(out, "authentication", '{');
    sek_json_uint(out, "security_type", tx->type);
    if (tx->has_vnc) {
        sek_json_open(out, "vnc", '{');
        sek_json_hex(out, "challenge", tx->challenge, 16);
        sek_json_hex(out, "response", tx->response, 16);
        sek_json_close(out, '}');
    }
    if (tx->has_result)
        sek_json_str(out, "security_result", result_name(tx->result));
    sek_json_close(out, '}');
}

static void eve_framebuffer(struct sek_text *out, const struct rfb_tx *tx)
{
    static const char *const max[] = {"red_max", "green_max", "blue_max"};
    static const char *const shift[] = {"red_shift", "green_shift", "blue_shift"};
    const uint8_t *f = tx->format;
    sek_json_open(out, "framebuffer", '{');
    sek_json_uint(out, "width", tx->width);
    sek_json_uint(out, "height", tx->height);
    sek_json_bytes(out, "name", tx->name.data, tx->name.len);
    sek_json_open(out, "pixel_format", '{');
    sek_json_uint(out, "bits_per_pixel", f[0]);
    sek_json_uint(out, "depth", f[1]);
    sek_json_bool(out, "big_endian", f[2]);
    sek_json_bool(out, "true_color", f[3]);
    for (int i = 0; i < 3; i++)
        sek_json_uint(out, max[i], (uint64_t)f[4 + 2 * i] << 8 | f[5 + 2 * i]);
    for (int i = 0; i < 3; i++)
        sek_json_uint(out, shift[i], f[10 + i]);
    sek_json_close(out, '}');
    sek_json_close(out, '}');
}

static void rfb_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct rfb_tx *tx = (const struct rfb_tx *)base;
    (void)state;
    if (tx->has_version[1])
        eve_version(out, "server_protocol_version", tx->version[1]);
    if (tx->has_version[0])
        eve_version(out, "client_protocol_version", tx->version[0]);
    if (tx->has_type)
        eve_authentication(out, tx);
    if (tx->reason.len)
        sek_json_bytes(out, "server_security_failure_reason", tx->reason.data, tx->reason.len);
    if (tx->has_shared)
        sek_json_bool(out, "screen_shared", tx->shared);
    if (tx->has_init)
        eve_framebuffer(out, tx);
}

/* --- what rules can name --- */

#define TX(tx) ((struct rfb_tx *)(tx))

static bool get_name(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->name);
    return !i && TX(tx)->has_init && out->data;
}

static bool get_type(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->type;
    return !i && TX(tx)->has_type;
}

static bool get_result(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->result < 3 ? TX(tx)->result : 3;
    return !i && TX(tx)->has_result;
}

#define STEP(n) {n, n}

static const struct sek_buffer_def rfb_buffers[] = {
    {"rfb.name", "rfb_name", NULL, 2, STEP(RFB_COMPLETE), false, false, get_name},
    {0},
};

static const char *const result_words[] = {"ok", "0", "fail", "1", "toomany", "2", "unknown", "3",
                                           NULL};

static const struct sek_number_def rfb_numbers[] = {
    {"rfb.sectype", 1, STEP(RFB_SECURITY), get_type, NULL, false},
    {"rfb.secresult", 2, STEP(RFB_AUTHENTICATED), get_result, result_words, false},
    {0},
};

static const struct sek_app_event_name rfb_events[] = {
    {"unimplemented_security_type", RFB_EVENT_UNIMPLEMENTED},
    {"unknown_security_result", RFB_EVENT_UNKNOWN_RESULT},
    {"malformed_message", RFB_EVENT_MALFORMED},
    {"confused_state", RFB_EVENT_CONFUSED},
    {0},
};

static const char *const rfb_frames[] = {"pdu", NULL};

const struct sek_app_ops sek_rfb_ops = {
    .id = SEK_APP_RFB,
    .name = "rfb",
    .eve_key = "rfb",
    .transports = 1,
    .probe = rfb_probe,
    .state_size = sizeof(struct rfb_state),
    .parse = rfb_parse,
    .tx_free = rfb_tx_free,
    .eve = rfb_eve,
    .buffers = rfb_buffers,
    .numbers = rfb_numbers,
    .events = rfb_events,
    .frames = rfb_frames,
    .complete = {RFB_COMPLETE, RFB_COMPLETE},
};
