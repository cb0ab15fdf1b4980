/* DHCP for IPv4 (RFC 2131, 2132): each message is a transaction of its own. */
#include "lib/app/kit.h"

#include <stdio.h>
#include <string.h>

enum { DHCP_EVENT_TRUNCATED, DHCP_EVENT_MALFORMED };

#define HEADER   236u
#define OPTIONS_MAX 1500u /* bytes that are kept */

enum { OPTION_PAD = 0, OPTION_SUBNET = 1, OPTION_ROUTERS = 3, OPTION_DNS = 6, OPTION_HOSTNAME = 12,
       OPTION_REQUESTED = 50, OPTION_LEASE = 51, OPTION_TYPE = 53, OPTION_PARAMETERS = 55,
       OPTION_RENEWAL = 58, OPTION_REBINDING = 59, OPTION_VENDOR_CLASS = 60, OPTION_CLIENT_ID = 61,
       OPTION_END = 255 };

struct dhcp_tx {
    struct sek_tx base;
    uint8_t op, hardware_len;
    uint32_t id;
    uint8_t client[4], assigned[4], next_server[4], relay[4], hardware[16];
    struct sek_buffer options; /* code, length, value; checked */
};

static enum sek_probe dhcp_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    static const uint8_t magic[4] = {0x63, 0x82, 0x53, 0x63};
    (void)dir;
    if (!(sek_port_either(flow, 67) || sek_port_either(flow, 68)) || (data[0] != 1 && data[0] != 2))
        return SEK_PROBE_NO;
    return len >= HEADER + 4 && !memcmp(data + HEADER, magic, 4) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

/* The value of option CODE. */
static bool option(const struct dhcp_tx *tx, uint8_t code, struct sek_bytes *out)
{
    struct sek_reader r = sek_reader_make(tx->options.data, tx->options.len);
    while (sek_reader_left(&r)) {
        uint8_t c = sek_reader_u8(&r);
        struct sek_bytes v = sek_reader_bytes(&r, sek_reader_u8(&r));
        if (c == code && !r.failed) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* Options whose values must have a length of their own. */
static bool length_right(uint8_t code, uint8_t len)
{
    switch (code) {
    case OPTION_TYPE:
        return len == 1;
    case OPTION_SUBNET:
    case OPTION_REQUESTED:
    case OPTION_LEASE:
    case OPTION_RENEWAL:
    case OPTION_REBINDING:
        return len == 4;
    case OPTION_ROUTERS:
    case OPTION_DNS:
        return len && len % 4 == 0;
    case OPTION_CLIENT_ID:
        return len >= 2;
    default:
        return true;
    }
}

static void read_options(struct sek_pool *pool, struct dhcp_tx *tx, enum sek_dir dir,
                         struct sek_reader *r)
{
    while (sek_reader_left(r)) {
        uint8_t code = sek_reader_u8(r);
        if (code == OPTION_PAD)
            continue;
        if (code == OPTION_END)
            return;
        uint8_t len = sek_reader_u8(r);
        struct sek_bytes v = sek_reader_bytes(r, len);
        if (r->failed)
            break;
        if (!length_right(code, len)) {
            sek_tx_event(&tx->base, dir, DHCP_EVENT_MALFORMED);
            continue;
        }
        if (tx->options.len + len + 2 > OPTIONS_MAX)
            return;
        sek_buffer_add(pool, &tx->options, &code, 1, 0);
        sek_buffer_add(pool, &tx->options, &len, 1, 0);
        sek_buffer_add(pool, &tx->options, v.data, v.len, 0);
    }
    sek_tx_event(&tx->base, dir, DHCP_EVENT_TRUNCATED); /* no end */
}

static void copy(struct sek_reader *r, uint8_t *to, uint32_t n)
{
    struct sek_bytes b = sek_reader_bytes(r, n);
    if (b.len)
        memcpy(to, b.data, n);
}

static struct sek_app_result dhcp_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct sek_reader r = sek_reader_make(data, len);
    struct dhcp_tx *tx =
        len >= HEADER ? (struct dhcp_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_DHCP) : NULL;
    (void)flags;
    if (!tx)
        return all;
    tx->op = sek_reader_u8(&r);
    sek_reader_skip(&r, 1);
    tx->hardware_len = sek_reader_u8(&r);
    sek_reader_skip(&r, 1);
    tx->id = sek_reader_u32(&r);
    sek_reader_skip(&r, 4);
    copy(&r, tx->client, 4);
    copy(&r, tx->assigned, 4);
    copy(&r, tx->next_server, 4);
    copy(&r, tx->relay, 4);
    copy(&r, tx->hardware, 16);
    sek_reader_skip(&r, 64 + 128 + 4); /* server's name, boot file, magic */
    if (tx->hardware_len > 16)
        tx->hardware_len = 16;
    read_options(state->pool, tx, dir, &r);
    sek_tx_end(&tx->base, dir);
    return all;
}

static void dhcp_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct dhcp_tx *)tx)->options);
    sek_pool_put(state->pool, tx, sizeof(struct dhcp_tx));
}

/* --- records --- */

static const char *const type_words[] = {"discover", "1", "offer", "2", "request", "3", "decline",
                                         "4", "ack", "5", "nak", "6", "release", "7", "inform",
                                         "8", NULL};
static const char *const parameter_words[] = {
    "subnet_mask", "1", "router", "3", "dns_server", "6", "hostname", "12", "domain", "15",
    "arp_timeout", "35", "ntp_server", "42", "tftp_server_name", "66", "tftp_server_ip", "150",
    NULL};

static void address_json(struct sek_text *out, const char *key, const uint8_t *p)
{
    char text[16];
    snprintf(text, sizeof text, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
    sek_json_str(out, key, text);
}

static void addresses_json(struct sek_text *out, const char *key, const struct dhcp_tx *tx,
                           uint8_t code)
{
    struct sek_bytes v;
    if (!option(tx, code, &v))
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0; i + 4 <= v.len; i += 4)
        address_json(out, NULL, v.data + i);
    sek_json_close(out, ']');
}

/* Hardware address with colons. */
static void mac_json(struct sek_text *out, const char *key, const uint8_t *p, uint32_t len)
{
    char text[3 * 16 + 1] = {0};
    for (uint32_t i = 0; i < len && i < 16; i++) {
        bool last = i + 1 == len || i == 15;
        snprintf(text + 3 * i, sizeof text - 3 * i, "%02x%s", p[i], last ? "" : ":");
    }
    sek_json_str(out, key, text);
}

static void seconds_json(struct sek_text *out, const char *key, const struct dhcp_tx *tx,
                         uint8_t code)
{
    struct sek_bytes v;
    if (option(tx, code, &v)) {
        struct sek_reader r = sek_reader_make(v.data, v.len);
        sek_json_uint(out, key, sek_reader_u32(&r));
    }
}

static void parameters_json(struct sek_text *out, const struct dhcp_tx *tx)
{
    struct sek_bytes v;
    if (!option(tx, OPTION_PARAMETERS, &v))
        return;
    sek_json_open(out, "params", '[');
    for (uint32_t i = 0; i < v.len; i++) {
        const char *name = sek_word(parameter_words, v.data[i]);
        if (name)
            sek_json_str(out, NULL, name);
    }
    sek_json_close(out, ']');
}

static void options_json(struct sek_text *out, const struct dhcp_tx *tx)
{
    struct sek_bytes v;
    if (option(tx, OPTION_CLIENT_ID, &v)) /* a hardware type, then the address */
        mac_json(out, "client_id", v.data + 1, v.len - 1);
    if (option(tx, OPTION_TYPE, &v)) {
        const char *name = sek_word(type_words, v.data[0]);
        sek_json_str(out, "dhcp_type", name ? name : "unknown");
    }
    seconds_json(out, "lease_time", tx, OPTION_LEASE);
    seconds_json(out, "rebinding_time", tx, OPTION_REBINDING);
    seconds_json(out, "renewal_time", tx, OPTION_RENEWAL);
    if (option(tx, OPTION_REQUESTED, &v))
        address_json(out, "requested_ip", v.data);
    if (option(tx, OPTION_SUBNET, &v))
        address_json(out, "subnet_mask", v.data);
    addresses_json(out, "routers", tx, OPTION_ROUTERS);
    addresses_json(out, "dns_servers", tx, OPTION_DNS);
    if (option(tx, OPTION_HOSTNAME, &v))
        sek_json_bytes(out, "hostname", v.data, v.len);
    if (option(tx, OPTION_VENDOR_CLASS, &v))
        sek_json_bytes(out, "vendor_class_identifier", v.data, v.len);
    parameters_json(out, tx);
}

static void dhcp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct dhcp_tx *tx = (const struct dhcp_tx *)base;
    (void)state;
    sek_json_str(out, "type", tx->op == 1 ? "request" : tx->op == 2 ? "reply" : "<unknown>");
    sek_json_uint(out, "id", tx->id);
    mac_json(out, "client_mac", tx->hardware, tx->hardware_len);
    address_json(out, "assigned_ip", tx->assigned);
    address_json(out, "client_ip", tx->client);
    if (tx->op == 2) {
        address_json(out, "relay_ip", tx->relay);
        address_json(out, "next_server_ip", tx->next_server);
    }
    options_json(out, tx);
}

/* --- keywords --- */

#define SECONDS_GETTER(fn, code)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        struct sek_bytes v;                                                                        \
        (void)s, (void)dir;                                                                        \
        if (i || !option((struct dhcp_tx *)tx, code, &v))                                          \
            return false;                                                                          \
        struct sek_reader r = sek_reader_make(v.data, v.len);                                      \
        *out = sek_reader_u32(&r);                                                                 \
        return true;                                                                               \
    }

SECONDS_GETTER(get_lease, OPTION_LEASE)
SECONDS_GETTER(get_rebinding, OPTION_REBINDING)
SECONDS_GETTER(get_renewal, OPTION_RENEWAL)

static bool get_type(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    struct sek_bytes v;
    (void)s, (void)dir;
    if (i || !option((struct dhcp_tx *)tx, OPTION_TYPE, &v))
        return false;
    *out = v.data[0];
    return true;
}

#define TEXT_GETTER(fn, code)                                                                      \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return !i && option((struct dhcp_tx *)tx, code, out);                                      \
    }

TEXT_GETTER(get_hostname, OPTION_HOSTNAME)
TEXT_GETTER(get_vendor_class, OPTION_VENDOR_CLASS)

static const struct sek_buffer_def dhcp_buffers[] = {
    {"dhcp.hostname", NULL, NULL, 3, {1, 1}, false, false, get_hostname},
    {"dhcp.vendor_class_identifier", NULL, NULL, 3, {1, 1}, false, false, get_vendor_class},
    {0},
};

static const struct sek_number_def dhcp_numbers[] = {
    {"dhcp.leasetime", 3, {1, 1}, get_lease, NULL},
    {"dhcp.rebinding_time", 3, {1, 1}, get_rebinding, NULL},
    {"dhcp.renewal_time", 3, {1, 1}, get_renewal, NULL},
    {"dhcp.dhcp_type", 3, {1, 1}, get_type, type_words},
    {0},
};

static const struct sek_app_event_name dhcp_events[] = {
    {"truncated_options", DHCP_EVENT_TRUNCATED},
    {"malformed_options", DHCP_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_dhcp_ops = {
    .id = SEK_APP_DHCP,
    .name = "dhcp",
    .eve_key = "dhcp",
    .transports = 2,
    .probe = dhcp_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = dhcp_parse,
    .tx_free = dhcp_tx_free,
    .eve = dhcp_eve,
    .buffers = dhcp_buffers,
    .numbers = dhcp_numbers,
    .events = dhcp_events,
    .complete = {1, 1},
};
