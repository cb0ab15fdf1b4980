/* DNS over HTTP/2 (RFC 8484): the parser is HTTP/2's; a transaction has the buffers of both
 * protocols. The rows of DNS are wrapped, so that they look at the message in the body. */
#include "lib/app/http2.h"

#define ROWS_MAX 24
#define TABLE_MAX 96

static struct sek_buffer_def buffers[TABLE_MAX];
static struct sek_number_def numbers[TABLE_MAX];

static struct sek_tx *dns_of(struct sek_tx *tx, enum sek_dir dir)
{
    return ((struct h2_tx *)tx)->side[dir].dns;
}

/* One getter for each row of DNS. */
#define ROW(n)                                                                                     \
    static bool buffer_##n(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,           \
                           uint32_t i, struct sek_bytes *out)                                      \
    {                                                                                              \
        struct sek_tx *dns = dns_of(tx, dir);                                                      \
        return dns && sek_dns_ops.buffers[n].get(s, dns, dir, i, out);                             \
    }                                                                                              \
    static bool number_##n(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,           \
                           uint32_t i, uint64_t *out)                                              \
    {                                                                                              \
        struct sek_tx *dns = dns_of(tx, dir);                                                      \
        return dns && sek_dns_ops.numbers[n].get(s, dns, dir, i, out);                             \
    }

ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9) ROW(10) ROW(11)
ROW(12) ROW(13) ROW(14) ROW(15) ROW(16) ROW(17) ROW(18) ROW(19) ROW(20) ROW(21) ROW(22) ROW(23)

#define LIST(kind)                                                                                 \
    {kind##_0, kind##_1, kind##_2, kind##_3, kind##_4, kind##_5, kind##_6, kind##_7, kind##_8,     \
     kind##_9, kind##_10, kind##_11, kind##_12, kind##_13, kind##_14, kind##_15, kind##_16,        \
     kind##_17, kind##_18, kind##_19, kind##_20, kind##_21, kind##_22, kind##_23}

typedef bool (*buffer_getter)(struct sek_app_state *, struct sek_tx *, enum sek_dir, uint32_t,
                              struct sek_bytes *);
typedef bool (*number_getter)(struct sek_app_state *, struct sek_tx *, enum sek_dir, uint32_t,
                              uint64_t *);

__attribute__((constructor)) static void tables_build(void)
{
    static const buffer_getter wrapped[ROWS_MAX] = LIST(buffer);
    static const number_getter wrapped_numbers[ROWS_MAX] = LIST(number);
    unsigned n = 0, at = 0;
    for (const struct sek_buffer_def *d = h2_buffers; d->name && n < TABLE_MAX - 1; d++)
        buffers[n++] = *d;
    for (const struct sek_buffer_def *d = sek_dns_ops.buffers;
         d->name && at < ROWS_MAX && n < TABLE_MAX - 1; d++, at++) {
        buffers[n] = *d;
        buffers[n].progress[0] = buffers[n].progress[1] = H2_COMPLETE;
        buffers[n++].get = wrapped[at];
    }
    n = at = 0;
    for (const struct sek_number_def *d = h2_numbers; d->name && n < TABLE_MAX - 1; d++)
        numbers[n++] = *d;
    for (const struct sek_number_def *d = sek_dns_ops.numbers;
         d->name && at < ROWS_MAX && n < TABLE_MAX - 1; d++, at++) {
        numbers[n] = *d;
        numbers[n].progress[0] = numbers[n].progress[1] = H2_COMPLETE;
        numbers[n++].get = wrapped_numbers[at];
    }
}

/* The answer, when there is one, holds the question too. */
static void doh2_eve_more(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out)
{
    struct sek_tx *dns = dns_of(tx, SEK_TOCLIENT);
    if (!dns)
        dns = dns_of(tx, SEK_TOSERVER);
    if (!dns)
        return;
    sek_json_open(out, "dns", '{');
    sek_dns_ops.eve(state, dns, out);
    sek_json_close(out, '}');
}

static enum sek_probe never(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                            uint32_t len)
{
    (void)flow, (void)dir, (void)data, (void)len;
    return SEK_PROBE_NO; /* an HTTP/2 flow becomes this */
}

static void doh2_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_http2_ops.tx_free(state, tx);
}

static void doh2_close(struct sek_app_state *state)
{
    sek_http2_ops.close(state);
}

const struct sek_app_ops sek_doh2_ops = {
    .id = SEK_APP_DOH2,
    .name = "doh2",
    .eve_key = "http",
    .transports = 1,
    .probe = never,
    .state_size = sizeof(struct h2_state),
    .parse = h2_parse,
    .tx_free = doh2_tx_free,
    .close = doh2_close,
    .eve = h2_eve,
    .eve_more = doh2_eve_more,
    .buffers = buffers,
    .numbers = numbers,
    .tests = h2_tests,
    .events = h2_events,
    .complete = {H2_COMPLETE, H2_COMPLETE},
};
