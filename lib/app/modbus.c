/* Modbus/TCP: messages of the stream by their header's length, requests joined with responses. */
#include "lib/app/modbus.h"

#define HEADER     6u    /* up to and with the length */
#define LENGTH_MAX 254u

static enum sek_probe modbus_probe(const struct sek_flow *flow, enum sek_dir dir,
                                   const uint8_t *data, uint32_t len)
{
    bool port = sek_port_either(flow, 502);
    (void)dir;
    if (len > 3 && (data[2] || data[3]))
        return SEK_PROBE_NO;
    if (len < 8)
        return port ? SEK_PROBE_MORE : SEK_PROBE_NO;
    uint32_t length = (uint32_t)(data[4] << 8 | data[5]);
    if (length < 2 || length > LENGTH_MAX)
        return SEK_PROBE_NO;
    if (port)
        return SEK_PROBE_YES;
    /* Elsewhere: only a request of the simplest form, alone and exact. */
    return length == 6 && len == HEADER + 6 && data[7] >= 1 && data[7] <= 6 ? SEK_PROBE_YES
                                                                           : SEK_PROBE_NO;
}

/* Which side of an exchange speaks: a flow that was met in its middle may begin with the server. */
static enum sek_dir role_of(const struct sek_flow *flow, enum sek_dir dir)
{
    return flow->port[0] == 502 && flow->port[1] != 502 ? !dir : dir;
}

static struct modbus_tx *tx_for(struct sek_app_state *state, enum sek_dir dir, uint16_t id)
{
    struct modbus_tx *tx;
    enum sek_dir role = role_of(state->flow, dir);
    if (role == SEK_TOCLIENT) {
        for (struct sek_tx *t = state->first; t; t = t->next) {
            tx = (struct modbus_tx *)t;
            if (!t->complete[dir] && tx->message[0].there &&
                tx->message[0].transaction == id)
                return tx;
        }
    }
    tx = (struct modbus_tx *)sek_tx_new_bounded(state, sizeof *tx, SEK_APP_MODBUS, dir,
                                                MODBUS_EVENT_FLOODED);
    if (tx && role == SEK_TOCLIENT) {
        tx->base.ignore[!dir] = true;
        sek_tx_event(&tx->base, dir, MODBUS_EVENT_UNSOLICITED);
    }
    return tx;
}

static void on_message(struct sek_app_state *state, enum sek_dir dir, struct sek_bytes m)
{
    struct modbus_tx *tx = tx_for(state, dir, (uint16_t)(m.data[0] << 8 | m.data[1]));
    if (!tx)
        return;
    modbus_read(state->pool, tx, dir, role_of(state->flow, dir), m);
    tx->base.progress[dir] = 1;
    tx->base.complete[dir] = true;
}

/* A length that no message can have: tell, and give up. */
static struct sek_app_result bad_length(struct sek_app_state *state, enum sek_dir dir, uint32_t len)
{
    struct modbus_tx *tx =
        (struct modbus_tx *)sek_tx_new_bounded(state, sizeof *tx, SEK_APP_MODBUS, dir,
                                               MODBUS_EVENT_FLOODED);
    if (tx) {
        sek_tx_event(&tx->base, dir, MODBUS_BAD_LENGTH);
        sek_tx_end(&tx->base, dir);
    }
    return (struct sek_app_result){.consumed = len, .error = true};
}

static struct sek_app_result modbus_parse(struct sek_app_state *state, enum sek_dir dir,
                                          const uint8_t *data, uint32_t len, unsigned flags)
{
    uint32_t pos = 0;
    (void)flags;
    while (len - pos >= HEADER) {
        uint32_t length = (uint32_t)(data[pos + 4] << 8 | data[pos + 5]);
        if (length < 2 || length > LENGTH_MAX)
            return bad_length(state, dir, len);
        if (len - pos < HEADER + length)
            break;
        on_message(state, dir, (struct sek_bytes){data + pos, HEADER + length});
        pos += HEADER + length;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void modbus_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct modbus_tx *)tx)->text);
    sek_pool_put(state->pool, tx, sizeof(struct modbus_tx));
}

static const struct sek_buffer_def modbus_buffers[] = {{0}};

static const struct sek_app_event_name modbus_events[] = {
    {"invalid_protocol_id", MODBUS_BAD_PROTOCOL},
    {"unsolicited_response", MODBUS_EVENT_UNSOLICITED},
    {"invalid_length", MODBUS_BAD_LENGTH},
    {"invalid_function_code", MODBUS_BAD_FUNCTION},
    {"invalid_value", MODBUS_BAD_VALUE},
    {"invalid_exception_code", MODBUS_BAD_EXCEPTION},
    {"value_mismatch", MODBUS_EVENT_MISMATCH},
    {"flooded", MODBUS_EVENT_FLOODED},
    {0},
};

const struct sek_app_ops sek_modbus_ops = {
    .id = SEK_APP_MODBUS,
    .name = "modbus",
    .eve_key = "modbus",
    .transports = 1,
    .probe = modbus_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = modbus_parse,
    .tx_free = modbus_tx_free,
    .eve = modbus_eve,
    .buffers = modbus_buffers,
    .tests = modbus_tests,
    .events = modbus_events,
    .complete = {1, 1},
};
