/* EtherNet/IP encapsulation over TCP and UDP: messages by their header's length, commands joined
 * with replies by session and sender context. */
#include "lib/app/enip.h"

#include <netinet/in.h>

#define HEADER 24u
#define PORT   44818

enum { ENIP_FRAME_HEADER, ENIP_FRAME_DATA, ENIP_FRAME_PDU };

static bool command_known(uint16_t c)
{
    return c == ENIP_NOP || c == ENIP_LIST_SERVICES || c == ENIP_RR_DATA || c == ENIP_UNIT_DATA ||
           c == ENIP_INDICATE_STATUS || c == ENIP_CANCEL ||
           (c >= ENIP_LIST_IDENTITY && c <= ENIP_UNREGISTER);
}

static bool status_known(uint32_t s)
{
    return s <= 3 || s == 0x64 || s == 0x65 || s == 0x69 || s == 0x6a;
}

static enum sek_probe enip_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    bool port = sek_port_either(flow, PORT);
    (void)dir;
    if (!port)
        return SEK_PROBE_NO;
    if (len < 2)
        return SEK_PROBE_MORE;
    if (!command_known((uint16_t)(data[0] | data[1] << 8)))
        return SEK_PROBE_NO;
    if (len < HEADER)
        return flow->proto == IPPROTO_TCP ? SEK_PROBE_MORE : SEK_PROBE_NO;
    struct sek_reader r = sek_reader_make(data + 2, HEADER - 2);
    uint16_t length = sek_reader_u16le(&r);
    sek_reader_skip(&r, 4);
    uint32_t status = sek_reader_u32le(&r);
    sek_reader_skip(&r, 8);
    uint32_t options = sek_reader_u32le(&r);
    if (options || !status_known(status))
        return SEK_PROBE_NO;
    return flow->proto == IPPROTO_TCP || len >= HEADER + length ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static struct enip_tx *tx_for(struct sek_app_state *state, enum sek_dir dir,
                              const struct enip_pdu *p)
{
    struct enip_tx *tx;
    if (dir == SEK_TOCLIENT) {
        for (struct sek_tx *t = state->first; t; t = t->next) {
            tx = (struct enip_tx *)t;
            const struct enip_pdu *q = &tx->pdu[SEK_TOSERVER];
            if (q->there && !t->complete[SEK_TOCLIENT] && q->command == p->command &&
                (q->session == p->session || p->command == ENIP_REGISTER) &&
                !memcmp(q->context, p->context, sizeof q->context))
                return tx;
        }
    }
    tx = (struct enip_tx *)sek_tx_new_bounded(state, sizeof *tx, SEK_APP_ENIP, dir,
                                              ENIP_EVENT_TOO_MANY_TX);
    if (tx && dir == SEK_TOCLIENT)
        tx->base.ignore[SEK_TOSERVER] = true;
    return tx;
}

static void on_message(struct sek_app_state *state, enum sek_dir dir, const uint8_t *data,
                       uint16_t length)
{
    struct enip_pdu p = {.there = true, .length = length};
    struct sek_reader r = sek_reader_make(data, HEADER);
    p.command = sek_reader_u16le(&r);
    sek_reader_skip(&r, 2);
    p.session = sek_reader_u32le(&r);
    p.status = sek_reader_u32le(&r);
    memcpy(p.context, sek_reader_bytes(&r, 8).data, 8);
    struct enip_tx *tx = tx_for(state, dir, &p);
    if (!tx)
        return;
    tx->pdu[dir] = p;
    if (!enip_body(state->pool, tx, &tx->pdu[dir], dir,
                   (struct sek_bytes){data + HEADER, length}))
        sek_tx_event(&tx->base, dir, ENIP_EVENT_INVALID_PDU);
    tx->base.progress[dir] = 1;
    tx->base.complete[dir] = true;
}

static struct sek_app_result enip_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    uint32_t pos = 0;
    (void)flags;
    while (len - pos >= HEADER) {
        uint16_t length = (uint16_t)(data[pos + 2] | data[pos + 3] << 8);
        if (!command_known((uint16_t)(data[pos] | data[pos + 1] << 8))) {
            struct enip_tx *tx = (struct enip_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_ENIP);
            if (tx) {
                sek_tx_event(&tx->base, dir, ENIP_EVENT_INVALID_PDU);
                sek_tx_end(&tx->base, dir);
            }
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        if (len - pos < HEADER + length)
            break;
        sek_frame_add(state, dir, ENIP_FRAME_PDU, pos, HEADER + length, NULL);
        sek_frame_add(state, dir, ENIP_FRAME_HEADER, pos, HEADER, NULL);
        sek_frame_add(state, dir, ENIP_FRAME_DATA, pos + HEADER, length, NULL);
        on_message(state, dir, data + pos, length);
        pos += HEADER + length;
    }
    return (struct sek_app_result){.consumed = state->flow->proto == IPPROTO_TCP ? pos : len};
}

static void enip_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct enip_tx *tx = (struct enip_tx *)base;
    for (int d = 0; d < 2; d++) {
        sek_buffer_free(state->pool, &tx->pdu[d].messages);
        sek_buffer_free(state->pool, &tx->pdu[d].paths);
    }
    sek_buffer_free(state->pool, &tx->text);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const struct sek_app_event_name enip_events[] = {
    {"too_many_transactions", ENIP_EVENT_TOO_MANY_TX},
    {"invalid_pdu", ENIP_EVENT_INVALID_PDU},
    {0},
};

const struct sek_app_ops sek_enip_ops = {
    .id = SEK_APP_ENIP,
    .name = "enip",
    .eve_key = "enip",
    .transports = 3,
    .probe = enip_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = enip_parse,
    .tx_free = enip_tx_free,
    .eve = enip_eve,
    .buffers = enip_buffers,
    .numbers = enip_numbers,
    .tests = enip_tests,
    .events = enip_events,
    .frames = (const char *const[]){"hdr", "data", "pdu", NULL},
    .complete = {1, 1},
};
