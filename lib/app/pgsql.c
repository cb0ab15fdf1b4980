/* PostgreSQL's frontend/backend protocol, version 3: what a client asks and all that the server
 * says until it is ready again is one transaction. Rows of results are counted, not kept. */
#include "lib/app/fields.h"
#include "lib/app/app.h"

#include <stdio.h>

#define MESSAGE_KEEP 65536u /* a longer one is let pass, but for what it is */
#define TEXT_LIMIT   65536u
#define SSL_REQUEST  80877103u
#define GSS_REQUEST  80877104u
#define CANCEL       80877102u
#define PROTOCOL_3   3u

enum { PG_STARTED, PG_COMPLETE };
enum { PG_EVENT_LENGTH, PG_EVENT_REQUEST, PG_EVENT_RESPONSE, PG_EVENT_TOO_MANY };

enum pg_kind { PG_SERVER, PG_SSL, PG_STARTUP, PG_CANCEL, PG_QUERY, PG_PASSWORD, PG_TERMINATE,
               PG_OTHER };

struct pg_tx {
    struct sek_tx base;
    enum pg_kind kind;
    struct sek_buffer query;  /* or password, or SASL data */
    struct sek_fields params; /* of a startup message */
    struct sek_fields status; /* of the server, and its errors: "E" and field letter */
    struct sek_buffer completed;
    uint32_t rows, fields, pid, secret, auth;
    uint64_t row_bytes;
    bool has_key, has_auth, ssl_answer, ssl_accepted, has_fields;
    uint8_t type;
};

struct pg_state {
    struct sek_app_state base;
    uint32_t skip[2];
    bool started, ssl_asked, change;
};

static enum sek_probe pg_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                               uint32_t len)
{
    if (dir == SEK_TOCLIENT)
        return flow->port[1] == 5432 && memchr("SNRE", data[0], 4) ? SEK_PROBE_YES : SEK_PROBE_NO;
    if (data[0] || (len > 1 && data[1]))
        return SEK_PROBE_NO;
    if (len < 8)
        return len < 4 || (data[2] << 8 | data[3]) >= 8 ? SEK_PROBE_MORE : SEK_PROBE_NO;
    struct sek_reader r = sek_reader_make(data, len);
    uint32_t size = sek_reader_u32(&r), code = sek_reader_u32(&r);
    if (size == 8 && (code == SSL_REQUEST || code == GSS_REQUEST))
        return SEK_PROBE_YES;
    if (size < 9 || size > 10000 || code >> 16 != PROTOCOL_3 || (code & 0xffff) > 2)
        return SEK_PROBE_NO;
    /* parameters begin with a name in letters */
    return len < 9 ? SEK_PROBE_MORE
           : data[8] >= 'A' && data[8] <= 'z' ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static struct pg_tx *tx_new(struct pg_state *s, enum pg_kind kind, uint8_t type)
{
    struct pg_tx *tx = (struct pg_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_PGSQL);
    if (!tx) {
        if (s->base.last)
            sek_tx_event_any(s->base.last, PG_EVENT_TOO_MANY);
        return NULL;
    }
    tx->kind = kind;
    tx->type = type;
    return tx;
}

static void side_done(struct pg_tx *tx, enum sek_dir dir)
{
    tx->base.progress[dir] = PG_COMPLETE;
    tx->base.complete[dir] = true;
}

static struct sek_bytes cstring(struct sek_reader *r)
{
    uint32_t n = (uint32_t)strnlen((const char *)r->data + r->pos, sek_reader_left(r));
    struct sek_bytes v = sek_reader_bytes(r, n);
    sek_reader_skip(r, 1);
    return v;
}

/* --- the client --- */

/* The first messages have no type. */
static uint32_t startup(struct pg_state *s, const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint32_t size = sek_reader_u32(&r), code = sek_reader_u32(&r);
    if (r.failed)
        return 0;
    if (size < 8 || size > MESSAGE_KEEP) {
        struct pg_tx *bad = tx_new(s, PG_OTHER, 0);
        if (bad) {
            sek_tx_event_any(&bad->base, PG_EVENT_LENGTH);
            side_done(bad, SEK_TOSERVER);
        }
        s->base.failed[0] = true;
        return len;
    }
    if (len < size)
        return 0;
    bool ssl = code == SSL_REQUEST || code == GSS_REQUEST;
    struct pg_tx *tx = tx_new(s, ssl ? PG_SSL : code == CANCEL ? PG_CANCEL : PG_STARTUP, 0);
    r = sek_reader_make(data, size);
    sek_reader_skip(&r, 8);
    s->ssl_asked |= ssl;
    s->started |= !ssl;
    while (tx && tx->kind == PG_STARTUP && sek_reader_left(&r) > 1) {
        struct sek_bytes name = cstring(&r), value = cstring(&r);
        if (r.failed || !name.len)
            break;
        sek_fields_add(s->base.pool, &tx->params, name, value, TEXT_LIMIT);
    }
    if (tx) {
        side_done(tx, SEK_TOSERVER);
        if (tx->kind == PG_CANCEL)
            side_done(tx, SEK_TOCLIENT);
    }
    return size;
}

static void request(struct pg_state *s, uint8_t type, struct sek_bytes body)
{
    enum pg_kind kind = type == 'Q' ? PG_QUERY : type == 'p' ? PG_PASSWORD
                        : type == 'X' ? PG_TERMINATE : PG_OTHER;
    struct pg_tx *tx = tx_new(s, kind, type);
    if (!tx)
        return;
    if (body.len && !body.data[body.len - 1])
        body.len--;
    if (kind == PG_QUERY || kind == PG_PASSWORD)
        sek_buffer_add(s->base.pool, &tx->query, body.data, body.len, TEXT_LIMIT);
    side_done(tx, SEK_TOSERVER);
    if (kind == PG_TERMINATE || (kind == PG_OTHER && type != 'S'))
        side_done(tx, SEK_TOCLIENT); /* parts of the extended protocol; Sync is answered */
}

/* --- the server --- */

static struct pg_tx *tx_waiting(struct pg_state *s)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (!t->complete[1])
            return (struct pg_tx *)t;
    struct pg_tx *tx = tx_new(s, PG_SERVER, 0);
    if (tx)
        side_done(tx, SEK_TOSERVER);
    return tx;
}

static void error_fields(struct pg_state *s, struct pg_tx *tx, struct sek_reader r)
{
    while (sek_reader_left(&r) > 1) {
        uint8_t name[2] = {'E', sek_reader_u8(&r)};
        struct sek_bytes value = cstring(&r);
        if (!r.failed && name[1])
            sek_fields_add(s->base.pool, &tx->status, (struct sek_bytes){name, 2}, value,
                           TEXT_LIMIT);
    }
}

static void response(struct pg_state *s, struct pg_tx *tx, uint8_t type, struct sek_bytes body,
                     uint32_t size)
{
    struct sek_reader r = sek_reader_make(body.data, body.len);
    struct sek_bytes name, value;
    switch (type) {
    case 'R':
        tx->auth = sek_reader_u32(&r);
        tx->has_auth = true;
        if (tx->auth) /* the client is to say more */
            side_done(tx, SEK_TOCLIENT);
        return;
    case 'S':
        name = cstring(&r);
        value = cstring(&r);
        sek_fields_add(s->base.pool, &tx->status, name, value, TEXT_LIMIT);
        return;
    case 'K':
        tx->pid = sek_reader_u32(&r);
        tx->secret = sek_reader_u32(&r);
        tx->has_key = !r.failed;
        return;
    case 'T':
        tx->fields = sek_reader_u16(&r);
        tx->has_fields = true;
        return;
    case 'D':
        tx->rows++;
        tx->row_bytes += size;
        return;
    case 'C':
        value = cstring(&r);
        tx->completed.len = 0;
        sek_buffer_add(s->base.pool, &tx->completed, value.data, value.len, TEXT_LIMIT);
        return;
    case 'E':
        error_fields(s, tx, r);
        if (tx->kind == PG_STARTUP || tx->kind == PG_PASSWORD)
            side_done(tx, SEK_TOCLIENT);
        return;
    case 'Z':
        side_done(tx, SEK_TOCLIENT);
        return;
    default:
        return;
    }
}

/* A message with its type; 0: wait. */
static uint32_t message(struct pg_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                        bool *bad)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint8_t type = sek_reader_u8(&r);
    if (dir == SEK_TOCLIENT && s->ssl_asked && (type == 'S' || type == 'N')) {
        struct pg_tx *tx = tx_waiting(s);
        s->ssl_asked = false;
        if (tx) {
            tx->ssl_answer = true;
            tx->ssl_accepted = type == 'S';
            side_done(tx, SEK_TOCLIENT);
        }
        s->change = type == 'S';
        return 1;
    }
    uint32_t size = sek_reader_u32(&r);
    if (r.failed)
        return 0;
    if (size < 4 || size > 0x40000000) {
        struct pg_tx *tx = tx_waiting(s);
        if (tx)
            sek_tx_event_any(&tx->base, dir ? PG_EVENT_RESPONSE : PG_EVENT_REQUEST);
        *bad = true;
        return 0;
    }
    uint32_t body = size - 4;
    if (body > sek_reader_left(&r) && body <= MESSAGE_KEEP && type != 'D')
        return 0;
    struct sek_bytes part =
        sek_reader_bytes(&r, body < sek_reader_left(&r) ? body : sek_reader_left(&r));
    if (dir == SEK_TOSERVER) {
        request(s, type, part);
    } else {
        struct pg_tx *tx = tx_waiting(s);
        if (tx)
            response(s, tx, type, part, body);
    }
    s->skip[dir] = body - part.len;
    return 5 + part.len;
}

static struct sek_app_result pg_parse(struct sek_app_state *state, enum sek_dir dir,
                                      const uint8_t *data, uint32_t len, unsigned flags)
{
    struct pg_state *s = (struct pg_state *)state;
    uint32_t pos = 0;
    bool bad = false;
    while (pos < len && !s->change && !bad) {
        uint32_t left = len - pos, n;
        if (s->skip[dir]) {
            n = left < s->skip[dir] ? left : s->skip[dir];
            s->skip[dir] -= n;
        } else if (dir == SEK_TOSERVER && !s->started) {
            n = startup(s, data + pos, left);
        } else {
            n = message(s, dir, data + pos, left, &bad);
        }
        if (!n)
            break;
        pos += n;
    }
    if (s->change)
        return (struct sek_app_result){.consumed = pos, .change = SEK_APP_TLS};
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos, .error = bad};
}

static void pg_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct pg_tx *tx = (struct pg_tx *)base;
    sek_buffer_free(state->pool, &tx->query);
    sek_buffer_free(state->pool, &tx->completed);
    sek_fields_free(state->pool, &tx->params);
    sek_fields_free(state->pool, &tx->status);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

/* --- EVE --- */

/* A pair whose name comes from the wire: name and value as text. */
static void eve_pair(struct sek_text *out, struct sek_bytes name, struct sek_bytes value)
{
    char key[64];
    uint32_t n = name.len < sizeof key - 1 ? name.len : sizeof key - 1, k = 0;
    for (uint32_t i = 0; i < n; i++)
        if (name.data[i] > ' ' && name.data[i] < 0x7f && name.data[i] != '"' &&
            name.data[i] != '\\')
            key[k++] = (char)name.data[i];
    key[k] = '\0';
    sek_json_bytes(out, key, value.data, value.len);
}

static void eve_startup(struct sek_text *out, const struct pg_tx *tx)
{
    struct sek_bytes user;
    sek_json_str(out, "protocol_version", "3.0");
    sek_json_open(out, "startup_parameters", '{');
    if (sek_fields_get(&tx->params, "user", 0, &user))
        sek_json_bytes(out, "user", user.data, user.len);
    sek_json_open(out, "optional_parameters", '[');
    for (unsigned i = 0; i < tx->params.count; i++) {
        struct sek_bytes name = sek_field_name(&tx->params, &tx->params.list[i]);
        if (sek_bytes_is(name, "user"))
            continue;
        sek_json_open(out, NULL, '{');
        eve_pair(out, name, sek_field_value(&tx->params, &tx->params.list[i]));
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

static void eve_request(struct sek_text *out, const struct pg_tx *tx)
{
    sek_json_open(out, "request", '{');
    switch (tx->kind) {
    case PG_SSL:
        sek_json_str(out, "message", "SSL Request");
        break;
    case PG_STARTUP:
        eve_startup(out, tx);
        break;
    case PG_CANCEL:
        sek_json_str(out, "message", "cancel_request");
        break;
    case PG_QUERY:
        sek_json_bytes(out, "simple_query", tx->query.data, tx->query.len);
        break;
    case PG_PASSWORD: /* never what it is */
        sek_json_bool(out, "password_redacted", true);
        break;
    case PG_TERMINATE:
        sek_json_str(out, "message", "terminate");
        break;
    default:
        break;
    }
    sek_json_close(out, '}');
}

static void eve_errors(struct sek_text *out, const struct sek_fields *f)
{
    static const struct {
        const char *name, *key;
    } keys[] = {{"ES", "severity_localizable"}, {"EV", "severity_non_localizable"}, {"EC", "code"},
                {"EM", "message"}, {"EF", "file"}, {"EL", "line"}, {"ER", "routine"}};
    struct sek_bytes v;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (sek_fields_get(f, keys[i].name, 0, &v))
            sek_json_bytes(out, keys[i].key, v.data, v.len);
}

static void eve_parameters(struct sek_text *out, const struct sek_fields *f)
{
    bool open = false;
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes name = sek_field_name(f, &f->list[i]);
        if (name.len <= 2)
            continue;
        if (!open)
            sek_json_open(out, "parameter_status", '[');
        open = true;
        sek_json_open(out, NULL, '{');
        eve_pair(out, name, sek_field_value(f, &f->list[i]));
        sek_json_close(out, '}');
    }
    if (open)
        sek_json_close(out, ']');
}

static void eve_response(struct sek_text *out, const struct pg_tx *tx)
{
    static const char *const auth[] = {"authentication_ok",
                                       "",
                                       "authentication_kerb_v5",
                                       "authentication_cleartext_password",
                                       "",
                                       "authentication_md5_password",
                                       "authentication_scm_credential",
                                       "authentication_gss",
                                       "authentication_gss_continue",
                                       "authentication_sspi",
                                       "authentication_sasl",
                                       "authentication_sasl_continue",
                                       "authentication_sasl_final"};
    sek_json_open(out, "response", '{');
    if (tx->ssl_answer)
        sek_json_bool(out, "ssl_accepted", tx->ssl_accepted);
    if (tx->has_auth && tx->auth < sizeof auth / sizeof *auth)
        sek_json_str(out, "message", auth[tx->auth]);
    eve_parameters(out, &tx->status);
    eve_errors(out, &tx->status);
    if (tx->has_key) {
        sek_json_uint(out, "process_id", tx->pid);
        sek_json_uint(out, "secret_key", tx->secret);
    }
    if (tx->has_fields)
        sek_json_uint(out, "field_count", tx->fields);
    if (tx->rows) {
        sek_json_uint(out, "data_rows", tx->rows);
        sek_json_uint(out, "data_size", tx->row_bytes);
    }
    if (tx->completed.len)
        sek_json_bytes(out, "command_completed", tx->completed.data, tx->completed.len);
    sek_json_close(out, '}');
}

static void pg_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct pg_tx *tx = (const struct pg_tx *)base;
    (void)state;
    sek_json_uint(out, "tx_id", base->id);
    if (tx->kind != PG_SERVER)
        eve_request(out, tx);
    eve_response(out, tx);
}

/* --- what rules can name --- */

static bool get_query(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&((struct pg_tx *)tx)->query);
    return !i && ((struct pg_tx *)tx)->kind == PG_QUERY && out->len;
}

#define DONE {PG_COMPLETE, PG_COMPLETE}

static const struct sek_buffer_def pg_buffers[] = {
    {"pgsql.query", "pgsql_query", NULL, 1, DONE, false, false, get_query},
    {0},
};

static const struct sek_app_event_name pg_events[] = {
    {"invalid_length", PG_EVENT_LENGTH},
    {"malformed_request", PG_EVENT_REQUEST},
    {"malformed_response", PG_EVENT_RESPONSE},
    {"too_many_transactions", PG_EVENT_TOO_MANY},
    {0},
};

const struct sek_app_ops sek_pgsql_ops = {
    .id = SEK_APP_PGSQL,
    .name = "pgsql",
    .eve_key = "pgsql",
    .transports = 1,
    .probe = pg_probe,
    .state_size = sizeof(struct pg_state),
    .parse = pg_parse,
    .tx_free = pg_tx_free,
    .eve = pg_eve,
    .buffers = pg_buffers,
    .events = pg_events,
    .complete = {PG_COMPLETE, PG_COMPLETE},
};
