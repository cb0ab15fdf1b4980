/* FTP (RFC 959, 2428, 4217), the control connection: a command and its replies are one transaction.
 * PORT, EPRT, PASV and EPSV say where the data connection comes; with a RETR, STOR or the like it
 * is announced, so that what travels there is known by name. */
#include "lib/app/ftp.h"

#include "lib/app/fields.h"
#include "lib/base/error.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_LIMIT  4096u
#define REPLY_LIMIT 16384u
#define WAIT_S      30u /* for a data connection */

enum { FTP_STARTED, FTP_COMPLETE };
enum { FTP_EVENT_REQUEST_LONG, FTP_EVENT_RESPONSE_LONG, FTP_EVENT_FILE_BEFORE_PORT,
       FTP_EVENT_FILE_WITHOUT_NAME, FTP_EVENT_TOO_MANY };
enum { MODE_NONE, MODE_ACTIVE, MODE_PASSIVE };

struct ftp_tx {
    struct sek_tx base;
    struct sek_buffer command, data;
    struct sek_fields replies; /* completion code, text */
    uint16_t port;
    uint8_t mode;
    bool cut_command, cut_reply, bounce;
    uint16_t open_code; /* of a reply over several lines */
};

struct ftp_state {
    struct sek_app_state base;
    uint16_t port; /* of the next data connection */
    uint8_t mode;
    bool change;
    bool skip[2]; /* the rest of a line that is too long */
};

static enum sek_probe ftp_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    static const char *const words[] = {"USER ",    "PASS ",    "PORT ",
                                        "AUTH TLS", "AUTH SSL", "FEAT\r\n"};
    bool port = flow->port[1] == 21;
    bool mail = flow->port[1] == 110 || flow->port[1] == 143 || flow->port[1] == 6667;
    struct sek_bytes b = {data, len};
    if (dir == SEK_TOSERVER) {
        const uint8_t *colon = memmem(data, len, " :", 2);
        if (colon && sek_bytes_begin(b, "USER ")) /* IRC: "USER name 0 * :real name" */
            return SEK_PROBE_NO;
        for (size_t i = 0; i < sizeof words / sizeof *words && !mail; i++) {
            uint32_t n = (uint32_t)strlen(words[i]);
            if (!strncasecmp((const char *)data, words[i], len < n ? len : n))
                return len < n ? SEK_PROBE_MORE : SEK_PROBE_YES;
        }
        return SEK_PROBE_NO;
    }
    if (strncmp((const char *)data, "220", len < 3 ? len : 3))
        return SEK_PROBE_NO;
    if (port)
        return len < 4 ? SEK_PROBE_MORE : SEK_PROBE_YES;
    const uint8_t *nl = memchr(data, '\n', len);
    for (uint32_t i = 0; i + 3 <= len; i++)
        if (sek_bytes_begin((struct sek_bytes){b.data + i, len - i}, "FTP"))
            return SEK_PROBE_YES;
    return nl || len > 256 ? SEK_PROBE_NO : SEK_PROBE_MORE;
}

/* --- addresses of data connections --- */

static unsigned number_next(struct sek_bytes *v)
{
    unsigned n = 0;
    while (v->len && !isdigit(*v->data)) {
        v->data++;
        v->len--;
    }
    while (v->len && isdigit(*v->data) && n < 1000000) {
        n = n * 10 + (*v->data - '0');
        v->data++;
        v->len--;
    }
    return n;
}

/* "h1,h2,h3,h4,p1,p2". */
static uint16_t six_numbers(struct sek_bytes v, uint8_t host[4])
{
    unsigned n[6];
    for (int i = 0; i < 6; i++) {
        n[i] = number_next(&v);
        if (n[i] > 255)
            return 0;
    }
    for (int i = 0; i < 4; i++)
        host[i] = (uint8_t)n[i];
    return (uint16_t)(n[4] << 8 | n[5]);
}

/* "|1|host|port|" of EPRT, "|||port|" in the answer to EPSV; the delimiter is any character. */
static uint16_t extended(struct sek_bytes v, char *host, size_t room)
{
    unsigned part = 0, port = 0;
    size_t n = 0;
    if (!v.len)
        return 0;
    uint8_t delimiter = *v.data;
    for (uint32_t i = 1; i < v.len; i++) {
        if (v.data[i] == delimiter) {
            part++;
            continue;
        }
        if (part == 1 && n + 1 < room)
            host[n++] = (char)v.data[i];
        if (part == 2 && isdigit(v.data[i]) && port < 100000)
            port = port * 10 + (v.data[i] - '0');
    }
    host[n] = '\0';
    return port > UINT16_MAX ? 0 : (uint16_t)port;
}

static bool is_client(const struct ftp_state *s, int family, const void *host)
{
    const struct sek_flow *f = s->base.flow;
    return f->ip_version == (family == AF_INET ? 4 : 6) &&
           !memcmp(f->addr[0].bytes, host, family == AF_INET ? 4 : 16);
}

static void active(struct ftp_state *s, struct ftp_tx *tx, bool extended_form)
{
    struct sek_bytes v = sek_buffer_view(&tx->data);
    char text[64] = "";
    uint8_t host[16];
    uint16_t port;
    if (extended_form) {
        port = extended(v, text, sizeof text);
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        tx->bounce = inet_pton(family, text, host) == 1 && !is_client(s, family, host);
    } else {
        port = six_numbers(v, host);
        tx->bounce = port && !is_client(s, AF_INET, host);
    }
    if (!port)
        return;
    s->port = tx->port = port;
    s->mode = tx->mode = MODE_ACTIVE;
}

static void passive(struct ftp_state *s, struct ftp_tx *tx, struct sek_bytes reply, unsigned code)
{
    const uint8_t *open = reply.len ? memchr(reply.data, '(', reply.len) : NULL;
    char text[64];
    uint8_t host[4];
    struct sek_bytes v = reply;
    if (open)
        v = (struct sek_bytes){open + 1, (uint32_t)(reply.data + reply.len - open - 1)};
    uint16_t port = code == 227 ? six_numbers(v, host) : extended(v, text, sizeof text);
    if (!port)
        return;
    s->port = tx->port = port;
    s->mode = tx->mode = MODE_PASSIVE;
}

static void announce(struct ftp_state *s, struct ftp_tx *tx, enum ftp_data_kind kind)
{
    struct sek_bytes name = sek_buffer_view(&tx->data);
    if (!s->port) {
        sek_tx_event_any(&tx->base, FTP_EVENT_FILE_BEFORE_PORT);
        return;
    }
    if (!name.len)
        sek_tx_event_any(&tx->base, FTP_EVENT_FILE_WITHOUT_NAME);
    struct sek_expected e = {.app = SEK_APP_FTP_DATA, .server_port = s->port, .kind = (uint8_t)kind,
                             .from_server = s->mode == MODE_ACTIVE};
    e.name_len = (uint16_t)(name.len < SEK_EXPECT_NAME ? name.len : SEK_EXPECT_NAME);
    if (name.len)
        memcpy(e.name, name.data, e.name_len);
    sek_app_expect(&s->base, &e, WAIT_S);
    s->port = 0;
}

/* --- commands --- */

static struct ftp_tx *tx_new(struct ftp_state *s)
{
    struct ftp_tx *tx = (struct ftp_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_FTP);
    if (!tx && s->base.last)
        sek_tx_event_any(s->base.last, FTP_EVENT_TOO_MANY);
    return tx;
}

static void command_line(struct ftp_state *s, struct sek_bytes line, bool cut)
{
    struct ftp_tx *tx = tx_new(s);
    if (!tx)
        return;
    uint32_t n = 0;
    while (n < line.len && line.data[n] != ' ' && line.data[n] != '\t')
        n++;
    struct sek_bytes data = sek_bytes_trim((struct sek_bytes){line.data + n, line.len - n});
    sek_buffer_add(s->base.pool, &tx->command, line.data, n, LINE_LIMIT);
    sek_buffer_add(s->base.pool, &tx->data, data.data, data.len, LINE_LIMIT);
    tx->cut_command = cut;
    if (cut)
        sek_tx_event_any(&tx->base, FTP_EVENT_REQUEST_LONG);
    struct sek_bytes word = sek_buffer_view(&tx->command);
    bool answer_matters = sek_bytes_is(word, "PASV") || sek_bytes_is(word, "EPSV");
    if (sek_bytes_is(word, "PORT") || sek_bytes_is(word, "EPRT"))
        active(s, tx, sek_bytes_is(word, "EPRT"));
    else if (sek_bytes_is(word, "RETR"))
        announce(s, tx, FTP_DATA_RETR);
    else if (sek_bytes_is(word, "STOR") || sek_bytes_is(word, "APPE") || sek_bytes_is(word, "STOU"))
        announce(s, tx, FTP_DATA_STOR);
    tx->base.progress[0] = FTP_COMPLETE;
    tx->base.complete[0] = !answer_matters;
}

/* --- replies --- */

static struct ftp_tx *tx_for_reply(struct ftp_state *s)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next)
        if (!t->complete[1])
            return (struct ftp_tx *)t;
    struct ftp_tx *tx = tx_new(s); /* the greeting, or something nobody asked for */
    if (tx) {
        tx->base.progress[0] = FTP_COMPLETE;
        tx->base.complete[0] = true;
    }
    return tx;
}

static void reply_done(struct ftp_state *s, struct ftp_tx *tx, unsigned code, struct sek_bytes text)
{
    struct sek_bytes word = sek_buffer_view(&tx->command);
    if (code == 227 || code == 229)
        passive(s, tx, text, code);
    if (code == 234 && sek_bytes_is(word, "AUTH"))
        s->change = true;
    if (code >= 100 && code < 200) /* more will come */
        return;
    tx->base.progress[1] = FTP_COMPLETE;
    tx->base.complete[0] = tx->base.complete[1] = true;
}

static void reply_line(struct ftp_state *s, struct sek_bytes line, bool cut)
{
    struct ftp_tx *tx = tx_for_reply(s);
    if (!tx)
        return;
    bool coded = line.len >= 3 && isdigit(line.data[0]) && isdigit(line.data[1]) &&
                 isdigit(line.data[2]) && (line.len == 3 || line.data[3] == ' ' ||
                                           line.data[3] == '-');
    struct sek_bytes code = {line.data, coded ? 3 : 0}, text = line;
    if (coded)
        text = line.len > 3 ? (struct sek_bytes){line.data + 4, line.len - 4}
                            : (struct sek_bytes){line.data + 3, 0};
    tx->cut_reply |= cut;
    if (cut)
        sek_tx_event_any(&tx->base, FTP_EVENT_RESPONSE_LONG);
    if (!sek_fields_add(s->base.pool, &tx->replies, code, text, REPLY_LIMIT))
        tx->cut_reply = true;
    if (!coded)
        return;
    unsigned v = (line.data[0] - '0') * 100u + (line.data[1] - '0') * 10u + (line.data[2] - '0');
    if (line.len > 3 && line.data[3] == '-') {
        if (!tx->open_code)
            tx->open_code = (uint16_t)v;
        return;
    }
    if (tx->open_code && v != tx->open_code)
        return; /* a line inside a longer reply */
    tx->open_code = 0;
    reply_done(s, tx, v, text);
}

static struct sek_app_result ftp_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct ftp_state *s = (struct ftp_state *)state;
    uint32_t pos = 0;
    while (pos < len && !s->change) {
        struct sek_bytes line;
        uint32_t n = sek_line_next(data + pos, len - pos, &line);
        bool cut = !n && len - pos >= LINE_LIMIT;
        if (!n && !cut)
            break;
        if (cut) {
            line = (struct sek_bytes){data + pos, len - pos};
            n = len - pos;
        }
        pos += n;
        bool rest = s->skip[dir];
        s->skip[dir] = cut;
        if (rest || !line.len)
            continue;
        cut |= line.len > LINE_LIMIT;
        line.len = line.len > LINE_LIMIT ? LINE_LIMIT : line.len;
        dir == SEK_TOSERVER ? command_line(s, line, cut) : reply_line(s, line, cut);
    }
    if (s->change)
        return (struct sek_app_result){.consumed = pos, .change = SEK_APP_TLS};
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos};
}

static void ftp_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct ftp_tx *tx = (struct ftp_tx *)base;
    sek_buffer_free(state->pool, &tx->command);
    sek_buffer_free(state->pool, &tx->data);
    sek_fields_free(state->pool, &tx->replies);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

/* --- EVE --- */

static void eve_replies(struct sek_text *out, const struct sek_fields *f)
{
    sek_json_open(out, "completion_code", '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes code = sek_field_name(f, &f->list[i]);
        if (code.len)
            sek_json_bytes(out, NULL, code.data, code.len);
    }
    sek_json_close(out, ']');
    sek_json_open(out, "reply", '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes text = sek_field_value(f, &f->list[i]);
        sek_json_bytes(out, NULL, text.data, text.len);
    }
    sek_json_close(out, ']');
}

static void ftp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ftp_tx *tx = (const struct ftp_tx *)base;
    (void)state;
    if (tx->command.len) {
        sek_json_bytes(out, "command", tx->command.data, tx->command.len);
        if (tx->data.len)
            sek_json_bytes(out, "command_data", tx->data.data, tx->data.len);
        sek_json_bool(out, "command_truncated", tx->cut_command);
    }
    if (tx->replies.count)
        eve_replies(out, &tx->replies);
    sek_json_bool(out, "reply_truncated", tx->cut_reply);
    if (tx->port) {
        sek_json_uint(out, "dynamic_port", tx->port);
        sek_json_str(out, "mode", tx->mode == MODE_ACTIVE ? "active" : "passive");
    }
    sek_json_str(out, "reply_received", tx->replies.count ? "yes" : "no");
}

/* --- what rules can name --- */

#define TX(tx) ((struct ftp_tx *)(tx))

static bool get_command(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                        struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->command);
    return !i && out->len;
}

static bool get_data(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->data);
    return !i && out->len;
}

static bool get_reply(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    const struct sek_fields *f = &TX(tx)->replies;
    (void)s, (void)dir;
    if (i >= f->count)
        return false;
    *out = sek_field_value(f, &f->list[i]);
    return true;
}

static bool get_code(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    const struct sek_fields *f = &TX(tx)->replies;
    (void)s, (void)dir;
    for (unsigned k = 0; k < f->count; k++) {
        *out = sek_field_name(f, &f->list[k]);
        if (out->len && !i--)
            return true;
    }
    return false;
}

static bool get_port(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->port;
    return !i && *out;
}

static bool get_mode(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->mode;
    return !i && *out;
}

static bool get_received(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->replies.count > 0;
    return !i;
}

static const void *no_argument(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    static const char nothing;
    (void)arena;
    if (!arg)
        return &nothing;
    sek_fail(fault, SEK_EINVAL, "takes no value, found '%.40s'", arg);
    return NULL;
}

static bool match_bounce(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                         const void *test)
{
    (void)s, (void)dir, (void)test;
    return TX(tx)->bounce;
}

#define DONE {FTP_COMPLETE, FTP_COMPLETE}

static const struct sek_buffer_def ftp_buffers[] = {
    {"ftp.command", NULL, NULL, 1, DONE, false, false, get_command},
    {"ftp.command_data", NULL, NULL, 1, DONE, false, false, get_data},
    {"ftp.reply", NULL, NULL, 2, DONE, true, false, get_reply},
    {"ftp.completion_code", NULL, NULL, 2, DONE, true, false, get_code},
    {0},
};

static const char *const mode_words[] = {"active", "1", "passive", "2", NULL};
static const char *const yes_words[] = {"yes", "1", "on", "1", "true", "1", "no", "0", "off", "0",
                                        "false", "0", NULL};

static const struct sek_number_def ftp_numbers[] = {
    {"ftp.dynamic_port", 3, DONE, get_port, NULL},
    {"ftp.mode", 3, DONE, get_mode, mode_words},
    {"ftp.reply_received", 2, DONE, get_received, yes_words},
    {0},
};

static const struct sek_test_def ftp_tests[] = {
    {"ftpbounce", 1, DONE, no_argument, match_bounce},
    {0},
};

static const struct sek_app_event_name ftp_events[] = {
    {"request_command_too_long", FTP_EVENT_REQUEST_LONG},
    {"response_command_too_long", FTP_EVENT_RESPONSE_LONG},
    {"file_before_port", FTP_EVENT_FILE_BEFORE_PORT},
    {"file_without_name", FTP_EVENT_FILE_WITHOUT_NAME},
    {"too_many_transactions", FTP_EVENT_TOO_MANY},
    {0},
};

const struct sek_app_ops sek_ftp_ops = {
    .id = SEK_APP_FTP,
    .name = "ftp",
    .eve_key = "ftp",
    .transports = 1,
    .probe = ftp_probe,
    .state_size = sizeof(struct ftp_state),
    .parse = ftp_parse,
    .tx_free = ftp_tx_free,
    .eve = ftp_eve,
    .buffers = ftp_buffers,
    .numbers = ftp_numbers,
    .tests = ftp_tests,
    .events = ftp_events,
    .complete = {FTP_COMPLETE, FTP_COMPLETE},
};
