/* DCE/RPC by itself: connection-oriented over TCP, version 4 datagrams over UDP. One transaction is
 * one call, found again by its call id (TCP) or its activity and sequence number (UDP). */
#include "lib/app/dcerpc.h"

#include <netinet/in.h>
#include <stdio.h>

#define UDP_HEADER 80u

enum { CALL_STARTED, CALL_COMPLETE };

struct dce_tx {
    struct sek_tx base;
    struct dce_call call;
};

struct dce_state {
    struct sek_app_state base;
    struct dce_ifaces ifaces;
};

#define CALL(tx) (((struct dce_tx *)(tx))->call)

static enum sek_probe probe_stream(enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    struct dce_header h;
    if (data[0] != 5 || (len > 1 && data[1])) /* 5.1 is left out: SOCKS begins so */
        return SEK_PROBE_NO;
    if (len < DCE_HEADER)
        return SEK_PROBE_MORE;
    if (!dce_header_read(&r, &h) || h.auth > h.size || !(h.flags & DCE_FIRST) || data[6] || data[7])
        return SEK_PROBE_NO;
    bool answer = h.type == DCE_RESPONSE || h.type == DCE_FAULT || h.type == DCE_BIND_ACK ||
                  h.type == DCE_BIND_NAK || h.type == DCE_ALTER_RESPONSE;
    return answer == (dir == SEK_TOCLIENT) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static enum sek_probe dce_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    if (flow->proto == IPPROTO_TCP)
        return probe_stream(dir, data, len);
    if (len < UDP_HEADER || data[0] != 4 || data[1] > 10 || data[3] & 0xfc || data[4] & 0xee ||
        data[5] > 3)
        return SEK_PROBE_NO;
    uint32_t size = data[4] & 0x10 ? data[74] | (uint32_t)data[75] << 8
                                   : (uint32_t)data[74] << 8 | data[75];
    return size == len - UDP_HEADER || (size && size < len - UDP_HEADER) ? SEK_PROBE_YES
                                                                        : SEK_PROBE_NO;
}

static struct dce_tx *tx_new(struct dce_state *s)
{
    return (struct dce_tx *)sek_tx_new(&s->base, sizeof(struct dce_tx), SEK_APP_DCERPC);
}

/* The call that a PDU in DIR belongs to: one that still waits for that side. */
static struct dce_tx *tx_for(struct dce_state *s, const struct dce_header *h, enum sek_dir dir)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (CALL(t).call_id == h->call_id && !t->complete[dir])
            return (struct dce_tx *)t;
    struct dce_tx *tx = tx_new(s);
    if (tx)
        dce_call_begin(&tx->call, h);
    return tx;
}

static void side_done(struct dce_tx *tx, enum sek_dir dir)
{
    tx->base.progress[dir] = CALL_COMPLETE;
    tx->base.complete[dir] = true;
    if (dir == SEK_TOCLIENT) { /* answered: nothing of the question is to come */
        tx->base.progress[0] = CALL_COMPLETE;
        tx->base.complete[0] = true;
    }
}

static uint32_t stream_pdu(struct dce_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                           bool *bad)
{
    struct sek_reader r = sek_reader_make(data, len);
    struct dce_header h;
    if (len < DCE_HEADER)
        return 0;
    if (!dce_header_read(&r, &h)) {
        *bad = true;
        return 0;
    }
    if (len < h.size)
        return 0;
    struct dce_tx *tx = tx_for(s, &h, dir);
    if (tx) {
        dce_pdu(s->base.pool, &s->ifaces, &tx->call, &h,
                sek_reader_make(data + DCE_HEADER, h.size - DCE_HEADER), dir);
        if (tx->call.ended[dir])
            side_done(tx, dir);
        if (h.type == DCE_AUTH3) /* has no answer */
            side_done(tx, !dir);
    }
    return h.size;
}

static struct dce_tx *udp_tx(struct dce_state *s, const uint8_t *activity, uint32_t sequence)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (CALL(t).sequence == sequence && !memcmp(CALL(t).activity, activity, 16))
            return (struct dce_tx *)t;
    struct dce_tx *tx = tx_new(s);
    if (!tx)
        return NULL;
    tx->call.type[0] = tx->call.type[1] = DCE_NONE;
    tx->call.datagram = true;
    tx->call.sequence = sequence;
    memcpy(tx->call.activity, activity, 16);
    return tx;
}

static void datagram(struct dce_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint8_t uuid[16], activity[16];
    sek_reader_skip(&r, 1);
    struct dce_header h = {.version = 4, .type = sek_reader_u8(&r)};
    uint8_t flags = sek_reader_u8(&r);
    sek_reader_skip(&r, 1);
    h.little = sek_reader_u8(&r) & 0x10;
    sek_reader_skip(&r, 19); /* rest of the data representation, serial, object */
    dce_uuid(&r, h.little, uuid);
    dce_uuid(&r, h.little, activity);
    sek_reader_skip(&r, 4);
    uint16_t version = (uint16_t)dce_u32(&r, h.little);
    uint32_t sequence = dce_u32(&r, h.little);
    uint16_t opnum = dce_u16(&r, h.little);
    sek_reader_skip(&r, 4);
    uint16_t size = dce_u16(&r, h.little);
    sek_reader_skip(&r, 4);
    struct dce_tx *tx = r.failed ? NULL : udp_tx(s, activity, sequence);
    if (!tx)
        return;
    struct dce_call *c = &tx->call;
    struct sek_bytes stub =
        sek_reader_bytes(&r, size < sek_reader_left(&r) ? size : sek_reader_left(&r));
    c->type[dir] = h.type;
    memcpy(c->uuid, uuid, 16);
    c->version = version;
    if (dir == SEK_TOSERVER)
        c->opnum = opnum;
    c->fragments[dir]++;
    sek_buffer_add(s->base.pool, &c->stub[dir], stub.data, stub.len, 256 * 1024);
    if (!(flags & 4) || flags & 2) /* not a fragment, or the last one */
        side_done(tx, dir);
}

static struct sek_app_result dce_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct dce_state *s = (struct dce_state *)state;
    uint32_t pos = 0, n = 0;
    bool bad = false;
    if (state->flow->proto == IPPROTO_UDP) {
        if (len >= UDP_HEADER && data[0] == 4)
            datagram(s, dir, data, len);
        return (struct sek_app_result){.consumed = len};
    }
    while (pos < len && (n = stream_pdu(s, dir, data + pos, len - pos, &bad)))
        pos += n;
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos, .error = bad};
}

static void dce_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    dce_call_free(state->pool, &CALL(tx));
    sek_pool_put(state->pool, tx, sizeof(struct dce_tx));
}

static void dce_close(struct sek_app_state *state)
{
    dce_ifaces_free(state->pool, &((struct dce_state *)state)->ifaces);
}

static void dce_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct dce_call *c = &CALL(base);
    const struct dce_ifaces *ifaces = &((struct dce_state *)state)->ifaces;
    if (c->type[0] != DCE_NONE)
        sek_json_str(out, "request", dce_type_name(c->type[0]));
    sek_json_str(out, "response", c->type[1] == DCE_NONE ? "UNREPLIED" : dce_type_name(c->type[1]));
    if (c->type[0] == DCE_BIND || c->type[0] == DCE_ALTER)
        dce_eve_ifaces(out, ifaces);
    dce_eve_call(out, c);
    if (c->datagram) {
        char text[40];
        const uint8_t *u = c->activity;
        snprintf(text, sizeof text,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
                 u[15]);
        sek_json_str(out, "activityuuid", text);
        sek_json_uint(out, "seqnum", c->sequence);
        sek_json_str(out, "rpc_version", "4.0");
        return;
    }
    char version[8];
    snprintf(version, sizeof version, "5.%u", c->minor);
    sek_json_uint(out, "call_id", c->call_id);
    sek_json_str(out, "rpc_version", version);
}

static bool get_stub(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    *out = sek_buffer_view(&CALL(tx).stub[dir]);
    return !i && out->len;
}

static bool match_iface(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                        const void *test)
{
    (void)dir;
    return dce_iface_match(&((struct dce_state *)s)->ifaces, &CALL(tx), true, test);
}

static bool match_opnum(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                        const void *test)
{
    (void)s, (void)dir;
    return dce_opnum_match(&CALL(tx), test);
}

#define DONE {CALL_COMPLETE, CALL_COMPLETE}

static const struct sek_buffer_def dce_buffers[] = {
    {"dcerpc.stub_data", "dce_stub_data", NULL, 3, DONE, false, false, get_stub},
    {0},
};

static const struct sek_test_def dce_tests[] = {
    {"dcerpc.iface", 3, DONE, dce_iface_parse, match_iface},
    {"dce_iface", 3, DONE, dce_iface_parse, match_iface},
    {"dcerpc.opnum", 3, DONE, dce_opnum_parse, match_opnum},
    {"dce_opnum", 3, DONE, dce_opnum_parse, match_opnum},
    {0},
};

const struct sek_app_ops sek_dcerpc_ops = {
    .id = SEK_APP_DCERPC,
    .name = "dcerpc",
    .eve_key = "dcerpc",
    .also = SEK_APP_BIT(SEK_APP_SMB),
    .transports = 3,
    .probe = dce_probe,
    .state_size = sizeof(struct dce_state),
    .parse = dce_parse,
    .tx_free = dce_tx_free,
    .close = dce_close,
    .eve = dce_eve,
    .buffers = dce_buffers,
    .tests = dce_tests,
    .complete = {CALL_COMPLETE, CALL_COMPLETE},
};
