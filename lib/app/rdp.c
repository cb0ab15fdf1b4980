/* RDP connections: the negotiation of X.224, the MCS connect, and that TLS begins. What comes then is
 * encrypted and passes unread. */
#include "lib/app/rdp.h"

#include <string.h>

enum { NEGOTIATION_REQUEST = 1, NEGOTIATION_RESPONSE, NEGOTIATION_FAILURE };
enum { RDP_EVENT_MALFORMED };

struct rdp_state {
    struct sek_app_state base;
    bool done; /* encrypted, or connected */
};

static const char cookie_name[] = "Cookie: mstshash=";

static enum sek_probe rdp_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    uint32_t size = sek_tpkt_size(data, len);
    if (size == UINT32_MAX || (len > 5 && (data[5] & 0xf0) != (dir ? SEK_COTP_CC : SEK_COTP_CR)))
        return SEK_PROBE_NO;
    if (len < 12)
        return len < 11 || size > 11 ? SEK_PROBE_MORE : sek_port_either(flow, 3389) ? SEK_PROBE_YES
                                                                                   : SEK_PROBE_NO;
    if (size > 1024 || data[4] + 5u != size)
        return SEK_PROBE_NO;
    /* Behind the fixed part: a cookie or a routing token, or a negotiation structure. */
    return data[11] == 'C' || (data[11] >= 1 && data[11] <= 3) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static struct rdp_tx *tx_open(struct rdp_state *s, enum sek_dir dir, enum rdp_step step)
{
    struct rdp_tx *tx = (struct rdp_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_RDP);
    if (tx) {
        tx->step = (uint8_t)step;
        sek_tx_end(&tx->base, dir);
    }
    return tx;
}

/* Type, flags, length, a number. */
static void negotiation(struct rdp_tx *tx, struct sek_reader *r)
{
    if (sek_reader_left(r) < 8)
        return;
    uint8_t type = sek_reader_u8(r);
    tx->flags = sek_reader_u8(r);
    sek_reader_skip(r, 2);
    tx->protocol = sek_reader_u32le(r);
    tx->negotiated = type >= NEGOTIATION_REQUEST && type <= NEGOTIATION_FAILURE;
    tx->failed = type == NEGOTIATION_FAILURE;
}

static void initial_request(struct rdp_state *s, enum sek_dir dir, struct sek_reader r)
{
    struct rdp_tx *tx = tx_open(s, dir, RDP_INITIAL_REQUEST);
    const uint8_t *p = r.data + r.pos;
    const uint8_t *end = sek_reader_left(&r) ? memmem(p, sek_reader_left(&r), "\r\n", 2) : NULL;
    if (!tx)
        return;
    if (end && *p == 'C') {
        uint32_t n = (uint32_t)(end - p), name = sizeof cookie_name - 1;
        if (n >= name && !memcmp(p, cookie_name, name))
            tx->cookie = sek_slice_keep(s->base.pool, &tx->text,
                                        (struct sek_bytes){p + name, n - name});
        sek_reader_skip(&r, n + 2);
    }
    negotiation(tx, &r);
}

static void initial_response(struct rdp_state *s, enum sek_dir dir, struct sek_reader r)
{
    struct rdp_tx *tx = tx_open(s, dir, RDP_INITIAL_RESPONSE);
    if (tx)
        negotiation(tx, &r);
}

/* MCS: its connect messages have BER tags of two bytes. */
static void data(struct rdp_state *s, enum sek_dir dir, struct sek_reader r)
{
    uint16_t tag = sek_reader_u16(&r);
    if (tag == 0x7f65 && dir == SEK_TOSERVER) {
        struct rdp_tx *tx = tx_open(s, dir, RDP_CONNECT_REQUEST);
        if (tx)
            rdp_connect_read(s->base.pool, tx, r);
    } else if (tag == 0x7f66 && dir == SEK_TOCLIENT) {
        tx_open(s, dir, RDP_CONNECT_RESPONSE);
        s->done = true;
    }
}

static void packet(struct rdp_state *s, enum sek_dir dir, struct sek_reader r)
{
    struct sek_reader variable;
    uint8_t code;
    sek_reader_skip(&r, SEK_TPKT_HEADER);
    if (!sek_cotp_read(&r, &code, &variable)) {
        struct rdp_tx *tx = tx_open(s, dir, dir ? RDP_INITIAL_RESPONSE : RDP_INITIAL_REQUEST);
        if (tx)
            sek_tx_event(&tx->base, dir, RDP_EVENT_MALFORMED);
        return;
    }
    if (code == SEK_COTP_CR && dir == SEK_TOSERVER)
        initial_request(s, dir, variable);
    else if (code == SEK_COTP_CC && dir == SEK_TOCLIENT)
        initial_response(s, dir, variable);
    else if (code == SEK_COTP_DT)
        data(s, dir, r);
}

static struct sek_app_result rdp_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *bytes, uint32_t len, unsigned flags)
{
    struct rdp_state *s = (struct rdp_state *)state;
    uint32_t pos = 0;
    (void)flags;
    while (!s->done && pos < len) {
        if (bytes[pos] == 0x16) { /* a TLS handshake */
            tx_open(s, dir, RDP_TLS_HANDSHAKE);
            s->done = true;
            break;
        }
        uint32_t size = sek_tpkt_size(bytes + pos, len - pos);
        if (size == UINT32_MAX)
            return (struct sek_app_result){.consumed = len, .error = true};
        if (!size || size > len - pos)
            return (struct sek_app_result){.consumed = pos};
        packet(s, dir, sek_reader_make(bytes + pos, size));
        pos += size;
    }
    return (struct sek_app_result){.consumed = len};
}

static void rdp_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct rdp_tx *)tx)->text);
    sek_pool_put(state->pool, tx, sizeof(struct rdp_tx));
}

static const struct sek_app_event_name rdp_events[] = {
    {"malformed_data", RDP_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_rdp_ops = {
    .id = SEK_APP_RDP,
    .name = "rdp",
    .eve_key = "rdp",
    .transports = 1,
    .probe = rdp_probe,
    .state_size = sizeof(struct rdp_state),
    .parse = rdp_parse,
    .tx_free = rdp_tx_free,
    .eve = rdp_eve,
    .buffers = rdp_buffers,
    .numbers = rdp_numbers,
    .events = rdp_events,
    .complete = {1, 1},
};
