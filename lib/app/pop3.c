/* POP3 (RFC 1939, STLS of RFC 2595): a command and its answer are one transaction. Answers over
 * several lines end with a single dot. */
#include "lib/app/fields.h"
#include "lib/app/app.h"

#define LINE_LIMIT 4096u
#define DATA_LIMIT 65536u

enum { POP3_STARTED, POP3_COMPLETE };
enum { POP3_EVENT_TOO_MANY, POP3_EVENT_REQUEST_LONG, POP3_EVENT_INCORRECT_ARGUMENTS,
       POP3_EVENT_UNKNOWN_COMMAND, POP3_EVENT_RESPONSE_LONG };

struct pop3_tx {
    struct sek_tx base;
    struct sek_buffer command, args, status, data;
    bool answered, success, greeting;
};

struct pop3_state {
    struct sek_app_state base;
    struct pop3_tx *lines; /* whose answer goes on until the dot */
    bool change, asked; /* ASKED: the next line of the client belongs to its AUTH */
};

static const struct {
    const char *name;
    uint8_t least, most; /* arguments; passwords may have blanks */
} commands[] = {{"USER", 1, 1}, {"PASS", 1, 255}, {"APOP", 2, 2}, {"QUIT", 0, 0}, {"STAT", 0, 0},
                {"LIST", 0, 1}, {"RETR", 1, 1},   {"DELE", 1, 1}, {"NOOP", 0, 0}, {"RSET", 0, 0},
                {"TOP", 2, 2},  {"UIDL", 0, 1},   {"CAPA", 0, 0}, {"AUTH", 0, 2}, {"STLS", 0, 0},
                {"UTF8", 0, 0}, {"LANG", 0, 1}};

static enum sek_probe pop3_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    bool port = flow->port[1] == 110;
    if (dir == SEK_TOCLIENT) {
        if (memcmp(data, "+OK", len < 3 ? len : 3))
            return SEK_PROBE_NO;
        return len < 4 ? SEK_PROBE_MORE : data[3] == ' ' || data[3] == '\r' ? SEK_PROBE_YES
                                                                           : SEK_PROBE_NO;
    }
    for (size_t i = 0; port && i < sizeof commands / sizeof *commands; i++)
        if (sek_bytes_begin((struct sek_bytes){data, len}, commands[i].name))
            return SEK_PROBE_YES;
    return port && len < 5 ? SEK_PROBE_MORE : SEK_PROBE_NO;
}

static struct pop3_tx *tx_new(struct pop3_state *s)
{
    struct pop3_tx *tx = (struct pop3_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_POP3);
    if (!tx && s->base.last)
        sek_tx_event_any(s->base.last, POP3_EVENT_TOO_MANY);
    return tx;
}

static unsigned words(struct sek_bytes v)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < v.len; i++)
        count += v.data[i] != ' ' && (!i || v.data[i - 1] == ' ');
    return count;
}

static void request_line(struct pop3_state *s, struct sek_bytes line)
{
    bool known = false, more = s->asked;
    s->asked = false;
    struct pop3_tx *tx = more ? NULL : tx_new(s);
    uint32_t n = 0;
    if (!tx)
        return;
    while (n < line.len && line.data[n] != ' ')
        n++;
    struct sek_bytes args = sek_bytes_trim((struct sek_bytes){line.data + n, line.len - n});
    sek_buffer_add(s->base.pool, &tx->command, line.data, n, LINE_LIMIT);
    sek_buffer_add(s->base.pool, &tx->args, args.data, args.len, LINE_LIMIT);
    unsigned given = words(args);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!sek_bytes_is((struct sek_bytes){line.data, n}, commands[i].name))
            continue;
        known = true;
        if (given < commands[i].least || given > commands[i].most)
            sek_tx_event_any(&tx->base, POP3_EVENT_INCORRECT_ARGUMENTS);
    }
    if (!known)
        sek_tx_event_any(&tx->base, POP3_EVENT_UNKNOWN_COMMAND);
    if (line.len > 255)
        sek_tx_event_any(&tx->base, POP3_EVENT_REQUEST_LONG);
    tx->base.progress[0] = POP3_COMPLETE;
    tx->base.complete[0] = true;
}

/* Does a good answer to this command go on over several lines? */
static bool many_lines(const struct pop3_tx *tx)
{
    struct sek_bytes c = sek_buffer_view(&tx->command);
    return sek_bytes_is(c, "RETR") || sek_bytes_is(c, "TOP") || sek_bytes_is(c, "CAPA") ||
           ((sek_bytes_is(c, "LIST") || sek_bytes_is(c, "UIDL")) && !tx->args.len);
}

static struct pop3_tx *tx_waiting(struct pop3_state *s)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (!t->complete[1])
            return (struct pop3_tx *)t;
    struct pop3_tx *tx = tx_new(s); /* the greeting */
    if (!tx)
        return NULL;
    tx->greeting = true;
    tx->base.progress[0] = POP3_COMPLETE;
    tx->base.complete[0] = true;
    return tx;
}

static void tx_done(struct pop3_tx *tx)
{
    tx->base.progress[1] = POP3_COMPLETE;
    tx->base.complete[1] = true;
}

static void response_line(struct pop3_state *s, struct sek_bytes line)
{
    if (s->lines) {
        if (line.len == 1 && *line.data == '.') {
            tx_done(s->lines);
            s->lines = NULL;
            return;
        }
        sek_buffer_add(s->base.pool, &s->lines->data, line.data, line.len, DATA_LIMIT);
        sek_buffer_add(s->base.pool, &s->lines->data, "\r\n", 2, DATA_LIMIT);
        return;
    }
    if (line.len && *line.data == '+' && (line.len == 1 || line.data[1] == ' ')) {
        s->asked = true;
        return;
    }
    struct pop3_tx *tx = tx_waiting(s);
    if (!tx)
        return;
    tx->answered = true;
    tx->success = sek_bytes_begin(line, "+OK");
    uint32_t skip = tx->success ? 3 : sek_bytes_begin(line, "-ERR") ? 4 : 0;
    struct sek_bytes text = sek_bytes_trim((struct sek_bytes){line.data + skip, line.len - skip});
    sek_buffer_add(s->base.pool, &tx->status, text.data, text.len, LINE_LIMIT);
    if (line.len > 512)
        sek_tx_event_any(&tx->base, POP3_EVENT_RESPONSE_LONG);
    if (tx->success && many_lines(tx)) {
        s->lines = tx;
        return;
    }
    s->change = tx->success && sek_bytes_is(sek_buffer_view(&tx->command), "STLS");
    tx_done(tx);
}

static struct sek_app_result pop3_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct pop3_state *s = (struct pop3_state *)state;
    uint32_t pos = 0;
    while (pos < len && !s->change) {
        struct sek_bytes line;
        uint32_t n = sek_line_next(data + pos, len - pos, &line);
        if (!n && len - pos < LINE_LIMIT)
            break;
        if (!n) {
            line = (struct sek_bytes){data + pos, len - pos};
            n = len - pos;
        }
        pos += n;
        dir == SEK_TOSERVER ? request_line(s, line) : response_line(s, line);
    }
    if (s->change)
        return (struct sek_app_result){.consumed = pos, .change = SEK_APP_TLS};
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos};
}

static void pop3_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct pop3_tx *tx = (struct pop3_tx *)base;
    struct pop3_state *s = (struct pop3_state *)state;
    if (s->lines == tx)
        s->lines = NULL;
    sek_buffer_free(state->pool, &tx->command);
    sek_buffer_free(state->pool, &tx->args);
    sek_buffer_free(state->pool, &tx->status);
    sek_buffer_free(state->pool, &tx->data);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void pop3_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct pop3_tx *tx = (const struct pop3_tx *)base;
    (void)state;
    if (!tx->greeting) {
        sek_json_open(out, "request", '{');
        sek_json_bytes(out, "command", tx->command.data, tx->command.len);
        sek_json_open(out, "args", '[');
        if (tx->args.len)
            sek_json_bytes(out, NULL, tx->args.data, tx->args.len);
        sek_json_close(out, ']');
        sek_json_close(out, '}');
    }
    if (!tx->answered)
        return;
    sek_json_open(out, "response", '{');
    sek_json_bool(out, "success", tx->success);
    sek_json_str(out, "status", tx->success ? "OK" : "ERR");
    sek_json_bytes(out, "header", tx->status.data, tx->status.len);
    if (tx->data.len)
        sek_json_bytes(out, "data", tx->data.data, tx->data.len);
    sek_json_close(out, '}');
}

static const struct sek_buffer_def pop3_buffers[] = {{0}};

static const struct sek_app_event_name pop3_events[] = {
    {"too_many_transactions", POP3_EVENT_TOO_MANY},
    {"request_too_long", POP3_EVENT_REQUEST_LONG},
    {"incorrect_argument_count", POP3_EVENT_INCORRECT_ARGUMENTS},
    {"unknown_command", POP3_EVENT_UNKNOWN_COMMAND},
    {"response_too_long", POP3_EVENT_RESPONSE_LONG},
    {0},
};

const struct sek_app_ops sek_pop3_ops = {
    .id = SEK_APP_POP3,
    .name = "pop3",
    .eve_key = "pop3",
    .transports = 1,
    .probe = pop3_probe,
    .state_size = sizeof(struct pop3_state),
    .parse = pop3_parse,
    .tx_free = pop3_tx_free,
    .eve = pop3_eve,
    .buffers = pop3_buffers,
    .events = pop3_events,
    .complete = {POP3_COMPLETE, POP3_COMPLETE},
};
