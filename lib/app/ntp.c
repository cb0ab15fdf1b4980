/* NTP (RFC 5905, RFC 1305) over UDP: each message is a transaction of its own. */
#include "lib/app/kit.h"

#include <stdio.h>

enum { NTP_EVENT_MALFORMED };

#define HEADER_LEN  48u
#define CONTROL_LEN 12u
#define PRIVATE_LEN 8u

struct ntp_tx {
    struct sek_tx base;
    uint8_t version, mode, stratum;
    uint8_t reference[4];
    bool timed; /* the message has a stratum and a reference */
};

static uint32_t least(uint8_t mode)
{
    return mode == 6 ? CONTROL_LEN : mode == 7 ? PRIVATE_LEN : HEADER_LEN;
}

static enum sek_probe ntp_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    uint8_t version = data[0] >> 3 & 7, mode = data[0] & 7;
    (void)dir;
    return sek_port_either(flow, 123) && version >= 1 && version <= 4 && mode && len >= least(mode)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

static struct sek_app_result ntp_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct ntp_tx *tx = len ? (struct ntp_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_NTP) : NULL;
    (void)flags;
    if (!tx)
        return all;
    tx->version = data[0] >> 3 & 7;
    tx->mode = data[0] & 7;
    if (len < least(tx->mode)) {
        sek_tx_event(&tx->base, dir, NTP_EVENT_MALFORMED);
    } else if (tx->mode < 6) {
        tx->timed = true;
        tx->stratum = data[1];
        memcpy(tx->reference, data + 12, sizeof tx->reference);
    }
    sek_tx_end(&tx->base, dir);
    return all;
}

static void ntp_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_pool_put(state->pool, tx, sizeof(struct ntp_tx));
}

static void ntp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ntp_tx *tx = (const struct ntp_tx *)base;
    const uint8_t *r = tx->reference;
    char text[12];
    (void)state;
    sek_json_uint(out, "version", tx->version);
    sek_json_uint(out, "mode", tx->mode);
    if (!tx->timed)
        return;
    sek_json_uint(out, "stratum", tx->stratum);
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x", r[0], r[1], r[2], r[3]);
    sek_json_str(out, "reference_id", text);
}

SEK_NUMBER_GETTER(get_version, ntp_tx, true, tx->version)
SEK_NUMBER_GETTER(get_mode, ntp_tx, true, tx->mode)
SEK_NUMBER_GETTER(get_stratum, ntp_tx, tx->timed, tx->stratum)

static bool get_reference(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){((struct ntp_tx *)tx)->reference, 4};
    return !i && ((struct ntp_tx *)tx)->timed;
}

static const struct sek_buffer_def ntp_buffers[] = {
    {"ntp.reference_id", NULL, NULL, 3, {1, 1}, false, false, get_reference},
    {0},
};

static const char *const mode_words[] = {
    "reserved", "0", "symmetric_active", "1", "symmetric_passive", "2", "client", "3", "server",
    "4", "broadcast", "5", "control", "6", "private", "7", NULL};

static const struct sek_number_def ntp_numbers[] = {
    {"ntp.version", 3, {1, 1}, get_version, NULL},
    {"ntp.mode", 3, {1, 1}, get_mode, mode_words},
    {"ntp.stratum", 3, {1, 1}, get_stratum, NULL},
    {0},
};

static const struct sek_app_event_name ntp_events[] = {
    {"malformed_data", NTP_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_ntp_ops = {
    .id = SEK_APP_NTP,
    .name = "ntp",
    .eve_key = "ntp",
    .transports = 2,
    .probe = ntp_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = ntp_parse,
    .tx_free = ntp_tx_free,
    .eve = ntp_eve,
    .buffers = ntp_buffers,
    .numbers = ntp_numbers,
    .events = ntp_events,
    .complete = {1, 1},
};
