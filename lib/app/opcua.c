/* OPC UA binary over TCP (OPC 10000-6): each message is a transaction of its own. Services and the
 * nodes they name are read where the channel does not encrypt; of a long message, its beginning. */
#include "lib/app/kit.h"

#include <stdio.h>
#include <string.h>

enum { OPCUA_EVENT_MALFORMED, OPCUA_EVENT_TOO_LARGE };

#define HEADER      8u
#define HEAD_MAX    8192u /* of a message, that is looked into */
#define MESSAGE_MAX (64u * 1024u * 1024u)
#define NODES_MAX   64u
#define TEXT_MAX    512u  /* of a node's name */

/* Numbers of the services' types in their binary encoding. */
enum { FIND_SERVERS = 422, GET_ENDPOINTS = 428, BROWSE = 527, READ = 631, WRITE = 673, CALL = 712 };

struct opcua_tx {
    struct sek_tx base;
    uint8_t type; /* position in type_words */
    char chunk;
    uint32_t size, channel, request;
    bool has_service, has_error, has_channel;
    uint32_t service, error;
    struct sek_buffer text;
    struct sek_slice url, policy, reason;
    struct sek_slice nodes[NODES_MAX];
    unsigned node_count;
};

struct opcua_state {
    struct sek_app_state base;
    uint32_t skip[2];  /* bytes of a message that are not looked into */
    bool continued[2]; /* the message goes on in the next chunk */
};

static const char *const type_words[] = {"HEL", "0", "ACK", "1", "ERR", "2", "RHE", "3",
                                         "OPN", "4", "CLO", "5", "MSG", "6", NULL};
enum { TYPE_HELLO, TYPE_ACK, TYPE_ERROR, TYPE_REVERSE, TYPE_OPEN, TYPE_CLOSE, TYPE_MESSAGE };

/* The type at P; -1: none. */
static int type_of(const uint8_t *p)
{
    for (int i = 0; type_words[i]; i += 2)
        if (!memcmp(p, type_words[i], 3))
            return i / 2;
    return -1;
}

static enum sek_probe opcua_probe(const struct sek_flow *flow, enum sek_dir dir,
                                  const uint8_t *data, uint32_t len)
{
    (void)flow, (void)dir;
    if (!data[0] || !strchr("HAERCOM", data[0]))
        return SEK_PROBE_NO;
    if (len >= 4 && (type_of(data) < 0 || !strchr("FCA", data[3])))
        return SEK_PROBE_NO;
    if (len < HEADER)
        return SEK_PROBE_MORE;
    struct sek_reader r = sek_reader_make(data + 4, 4);
    uint32_t size = sek_reader_u32le(&r);
    return size >= HEADER && size <= MESSAGE_MAX && data[3] ? SEK_PROBE_YES : SEK_PROBE_NO;
}

/* A string or byte string: a length of four bytes, all ones for none. */
static struct sek_bytes read_string(struct sek_reader *r)
{
    uint32_t len = sek_reader_u32le(r);
    return len == UINT32_MAX ? (struct sek_bytes){0} : sek_reader_bytes(r, len);
}

static void skip_string(struct sek_reader *r)
{
    read_string(r);
}

/* A node's identifier as text ("i=2258", "ns=2;s=Pump") of at most SIZE bytes; its number when it has
 * one in namespace 0. */
static uint32_t read_node(struct sek_reader *r, char *text, size_t size, int *len)
{
    uint8_t kind = sek_reader_u8(r);
    uint32_t namespace = 0, number = UINT32_MAX;
    char prefix[20] = "";
    *len = 0;
    if ((kind & 0x3f) == 0) {
        number = sek_reader_u8(r);
    } else if ((kind & 0x3f) == 1) {
        namespace = sek_reader_u8(r);
        number = sek_reader_u16le(r);
    } else {
        namespace = sek_reader_u16le(r);
        if ((kind & 0x3f) == 2)
            number = sek_reader_u32le(r);
    }
    if (namespace)
        snprintf(prefix, sizeof prefix, "ns=%u;", namespace);
    if (number != UINT32_MAX) {
        *len = snprintf(text, size, "%si=%u", prefix, number);
    } else if ((kind & 0x3f) == 3 || (kind & 0x3f) == 5) {
        struct sek_bytes b = read_string(r);
        *len = snprintf(text, size, "%s%c=%.*s", prefix, (kind & 0x3f) == 3 ? 's' : 'b',
                        (int)(b.len < size ? b.len : size), b.data ? (const char *)b.data : "");
    } else if ((kind & 0x3f) == 4) {
        struct sek_bytes b = sek_reader_bytes(r, 16);
        *len = snprintf(text, size, "%sg=", prefix);
        for (uint32_t i = 0; i < b.len; i++)
            *len += snprintf(text + *len, size - (size_t)*len, "%02x", b.data[i]);
    } else {
        r->failed = true;
    }
    if (*len >= (int)size)
        *len = (int)size - 1;
    return namespace ? UINT32_MAX : number;
}

static void node_add(struct sek_pool *pool, struct opcua_tx *tx, struct sek_reader *r)
{
    char text[TEXT_MAX];
    int len;
    read_node(r, text, sizeof text, &len);
    if (!r->failed && len > 0 && tx->node_count < NODES_MAX)
        tx->nodes[tx->node_count++] = sek_slice_keep(
            pool, &tx->text, (struct sek_bytes){(const uint8_t *)text, (uint32_t)len});
}

static void skip_node(struct sek_reader *r)
{
    char text[TEXT_MAX];
    int len;
    read_node(r, text, sizeof text, &len);
}

/* What stands before every request: token, time, handle, diagnostics, audit entry, hint, more. */
static void skip_request_header(struct sek_reader *r)
{
    skip_node(r);
    sek_reader_skip(r, 8 + 4 + 4);
    skip_string(r);
    sek_reader_skip(r, 4);
    skip_node(r);
    if (sek_reader_u8(r))
        skip_string(r);
}

static void read_nodes(struct sek_pool *pool, struct opcua_tx *tx, struct sek_reader *r)
{
    sek_reader_skip(r, 8 + 4); /* age, timestamps */
    uint32_t count = sek_reader_u32le(r);
    for (uint32_t i = 0; i < count && !r->failed && i < NODES_MAX; i++) {
        node_add(pool, tx, r);
        sek_reader_skip(r, 4);
        skip_string(r);
        sek_reader_skip(r, 2);
        skip_string(r);
    }
}

static void browse_nodes(struct sek_pool *pool, struct opcua_tx *tx, struct sek_reader *r)
{
    skip_node(r);
    sek_reader_skip(r, 8 + 4 + 4); /* of the view: time, version; most references */
    uint32_t count = sek_reader_u32le(r);
    for (uint32_t i = 0; i < count && !r->failed && i < NODES_MAX; i++) {
        node_add(pool, tx, r);
        sek_reader_skip(r, 4);
        skip_node(r);
        sek_reader_skip(r, 1 + 4 + 4);
    }
}

static void request_body(struct sek_pool *pool, struct opcua_tx *tx, struct sek_reader *r)
{
    struct sek_bytes url;
    skip_request_header(r);
    switch (tx->service) {
    case READ:
        read_nodes(pool, tx, r);
        return;
    case BROWSE:
        browse_nodes(pool, tx, r);
        return;
    case WRITE: /* values have no fixed size: the first node */
        if (sek_reader_u32le(r))
            node_add(pool, tx, r);
        return;
    case CALL: /* the object, and its method */
        if (sek_reader_u32le(r)) {
            node_add(pool, tx, r);
            node_add(pool, tx, r);
        }
        return;
    case FIND_SERVERS:
    case GET_ENDPOINTS:
        url = read_string(r);
        if (!r->failed && url.data)
            tx->url = sek_slice_keep(pool, &tx->text, url);
        return;
    }
}

static const char *const service_words[] = {
    "service_fault", "397", "find_servers_request", "422", "find_servers_response", "425",
    "get_endpoints_request", "428", "get_endpoints_response", "431", "register_server_request",
    "437", "register_server_response", "440", "open_secure_channel_request", "446",
    "open_secure_channel_response", "449", "close_secure_channel_request", "452",
    "close_secure_channel_response", "455", "create_session_request", "461",
    "create_session_response", "464", "activate_session_request", "467",
    "activate_session_response", "470", "close_session_request", "473", "close_session_response",
    "476", "cancel_request", "479", "cancel_response", "482", "add_nodes_request", "488",
    "add_nodes_response", "491", "add_references_request", "494", "add_references_response", "497",
    "delete_nodes_request", "500", "delete_nodes_response", "503", "delete_references_request",
    "506", "delete_references_response", "509", "browse_request", "527", "browse_response", "530",
    "browse_next_request", "533", "browse_next_response", "536",
    "translate_browse_paths_request", "554", "translate_browse_paths_response", "557",
    "register_nodes_request", "560", "register_nodes_response", "563", "unregister_nodes_request",
    "566", "unregister_nodes_response", "569", "query_first_request", "615",
    "query_first_response", "618", "query_next_request", "621", "query_next_response", "624",
    "read_request", "631", "read_response", "634", "history_read_request", "664",
    "history_read_response", "667", "write_request", "673", "write_response", "676",
    "history_update_request", "700", "history_update_response", "703", "call_request", "712",
    "call_response", "715", "create_monitored_items_request", "751",
    "create_monitored_items_response", "754", "modify_monitored_items_request", "763",
    "modify_monitored_items_response", "766", "set_monitoring_mode_request", "769",
    "set_monitoring_mode_response", "772", "set_triggering_request", "775",
    "set_triggering_response", "778", "delete_monitored_items_request", "781",
    "delete_monitored_items_response", "784", "create_subscription_request", "787",
    "create_subscription_response", "790", "modify_subscription_request", "793",
    "modify_subscription_response", "796", "set_publishing_mode_request", "799",
    "set_publishing_mode_response", "802", "publish_request", "826", "publish_response", "829",
    "republish_request", "832", "republish_response", "835", "transfer_subscriptions_request",
    "841", "transfer_subscriptions_response", "844", "delete_subscriptions_request", "847",
    "delete_subscriptions_response", "850", NULL};

/* The service: a type of namespace 0 that is known, or the message is encrypted. */
static void read_service(struct sek_pool *pool, struct opcua_tx *tx, enum sek_dir dir,
                         struct sek_reader *r)
{
    char text[TEXT_MAX];
    int len;
    tx->request = (sek_reader_skip(r, 4), sek_reader_u32le(r)); /* behind the sequence number */
    uint32_t number = read_node(r, text, sizeof text, &len);
    if (r->failed || number == UINT32_MAX || !sek_word(service_words, number))
        return;
    tx->service = number;
    tx->has_service = true;
    if (dir == SEK_TOSERVER)
        request_body(pool, tx, r);
}

static bool read_body(struct sek_pool *pool, struct opcua_tx *tx, enum sek_dir dir,
                      struct sek_reader *r)
{
    struct sek_bytes b;
    switch (tx->type) {
    case TYPE_HELLO:
        sek_reader_skip(r, 20); /* version, sizes */
        b = read_string(r);
        if (!r->failed)
            tx->url = sek_slice_keep(pool, &tx->text, b);
        return !r->failed;
    case TYPE_REVERSE:
        skip_string(r);
        b = read_string(r);
        if (!r->failed)
            tx->url = sek_slice_keep(pool, &tx->text, b);
        return !r->failed;
    case TYPE_ACK:
        sek_reader_skip(r, 20);
        return !r->failed;
    case TYPE_ERROR:
        tx->error = sek_reader_u32le(r);
        tx->has_error = !r->failed;
        b = read_string(r);
        if (!r->failed && b.data)
            tx->reason = sek_slice_keep(pool, &tx->text, b);
        return tx->has_error;
    case TYPE_OPEN:
        tx->channel = sek_reader_u32le(r);
        tx->has_channel = true;
        b = read_string(r);
        if (r->failed)
            return false;
        tx->policy = sek_slice_keep(pool, &tx->text, b);
        skip_string(r); /* certificate, thumbprint */
        skip_string(r);
        read_service(pool, tx, dir, r);
        return true;
    default:
        tx->channel = sek_reader_u32le(r);
        sek_reader_skip(r, 4); /* token */
        tx->has_channel = !r->failed;
        read_service(pool, tx, dir, r);
        return tx->has_channel;
    }
}

static void on_message(struct opcua_state *s, enum sek_dir dir, const uint8_t *p, uint32_t have,
                       uint32_t size)
{
    bool continued = s->continued[dir];
    int type = type_of(p);
    s->continued[dir] = p[3] == 'C';
    if (continued) /* a chunk of a message whose beginning was seen */
        return;
    struct opcua_tx *tx = (struct opcua_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_OPCUA);
    if (!tx)
        return;
    sek_tx_end(&tx->base, dir);
    tx->type = (uint8_t)type;
    tx->chunk = (char)p[3];
    tx->size = size;
    struct sek_reader r = sek_reader_make(p + HEADER, have - HEADER);
    if (!read_body(s->base.pool, tx, dir, &r))
        sek_tx_event(&tx->base, dir, OPCUA_EVENT_MALFORMED);
}

static struct sek_app_result broken(struct opcua_state *s, enum sek_dir dir, uint32_t len,
                                    unsigned event)
{
    struct sek_tx *tx = sek_tx_new(&s->base, sizeof(struct opcua_tx), SEK_APP_OPCUA);
    if (tx) {
        sek_tx_event(tx, dir, event);
        sek_tx_end(tx, dir);
    }
    return (struct sek_app_result){.consumed = len, .error = true};
}

static struct sek_app_result opcua_parse(struct sek_app_state *state, enum sek_dir dir,
                                         const uint8_t *data, uint32_t len, unsigned flags)
{
    struct opcua_state *s = (struct opcua_state *)state;
    uint32_t pos = 0;
    (void)flags;
    while (pos < len) {
        if (s->skip[dir]) {
            uint32_t n = len - pos < s->skip[dir] ? len - pos : s->skip[dir];
            s->skip[dir] -= n;
            pos += n;
            continue;
        }
        if (len - pos < HEADER)
            break;
        struct sek_reader r = sek_reader_make(data + pos + 4, 4);
        uint32_t size = sek_reader_u32le(&r), head = size < HEAD_MAX ? size : HEAD_MAX;
        if (type_of(data + pos) < 0 || size < HEADER)
            return broken(s, dir, len, OPCUA_EVENT_MALFORMED);
        if (size > MESSAGE_MAX)
            return broken(s, dir, len, OPCUA_EVENT_TOO_LARGE);
        if (len - pos < head)
            break;
        on_message(s, dir, data + pos, head, size);
        s->skip[dir] = size - head;
        pos += head;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void opcua_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct opcua_tx *)tx)->text);
    sek_pool_put(state->pool, tx, sizeof(struct opcua_tx));
}

static void opcua_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct opcua_tx *tx = (const struct opcua_tx *)base;
    (void)state;
    sek_json_str(out, "message_type", sek_word(type_words, tx->type));
    sek_json_uint(out, "size", tx->size);
    sek_slice_json(out, "endpoint_url", &tx->text, tx->url);
    sek_slice_json(out, "security_policy", &tx->text, tx->policy);
    if (tx->has_channel)
        sek_json_uint(out, "channel_id", tx->channel);
    if (tx->has_service) {
        sek_json_uint(out, "request_id", tx->request);
        sek_json_str(out, "service", sek_word(service_words, tx->service));
    }
    if (tx->has_error)
        sek_json_uint(out, "error", tx->error);
    sek_slice_json(out, "reason", &tx->text, tx->reason);
    if (!tx->node_count)
        return;
    sek_json_open(out, "node_ids", '[');
    for (unsigned i = 0; i < tx->node_count; i++)
        sek_slice_json(out, NULL, &tx->text, tx->nodes[i]);
    sek_json_close(out, ']');
}

SEK_SLICE_GETTER(get_url, opcua_tx, url)
SEK_SLICE_GETTER(get_policy, opcua_tx, policy)
SEK_SLICE_GETTER(get_reason, opcua_tx, reason)
SEK_NUMBER_GETTER(get_type, opcua_tx, tx->size, tx->type)
SEK_NUMBER_GETTER(get_service, opcua_tx, tx->has_service, tx->service)
SEK_NUMBER_GETTER(get_error, opcua_tx, tx->has_error, tx->error)

static bool get_node(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    const struct opcua_tx *tx = (const struct opcua_tx *)base;
    (void)s, (void)dir;
    return i < tx->node_count && sek_slice_give(&tx->text, tx->nodes[i], out);
}

#define DONE {1, 1}

static const struct sek_buffer_def opcua_buffers[] = {
    {"opcua.endpoint_url", NULL, NULL, 3, DONE, false, false, get_url},
    {"opcua.security_policy", NULL, NULL, 3, DONE, false, false, get_policy},
    {"opcua.reason", NULL, NULL, 3, DONE, false, false, get_reason},
    {"opcua.node_id", NULL, NULL, 3, DONE, true, false, get_node},
    {0},
};

static const struct sek_number_def opcua_numbers[] = {
    {"opcua.message_type", 3, DONE, get_type, type_words},
    {"opcua.service", 3, DONE, get_service, service_words},
    {"opcua.error", 3, DONE, get_error, NULL},
    {0},
};

static const struct sek_app_event_name opcua_events[] = {
    {"malformed_data", OPCUA_EVENT_MALFORMED},
    {"message_too_large", OPCUA_EVENT_TOO_LARGE},
    {0},
};

const struct sek_app_ops sek_opcua_ops = {
    .id = SEK_APP_OPCUA,
    .name = "opcua",
    .eve_key = "opcua",
    .transports = 1,
    .probe = opcua_probe,
    .state_size = sizeof(struct opcua_state),
    .parse = opcua_parse,
    .tx_free = opcua_tx_free,
    .eve = opcua_eve,
    .buffers = opcua_buffers,
    .numbers = opcua_numbers,
    .events = opcua_events,
    .complete = {1, 1},
};
