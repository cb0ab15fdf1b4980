/* SMTP (RFC 5321) with DATA, BDAT (RFC 3030) and STARTTLS (RFC 3207). One mail is one transaction:
 * from its first command to the end of its message. Commands wait in a queue for their replies. */
#include "lib/app/mime.h"

#include <ctype.h>
#include <stdlib.h>

#define LINE_LIMIT    512u   /* of a command or reply, with its end (RFC 5321 section 4.5.3.1) */
#define LINE_KEEP     65536u /* a longer line of a message is taken in pieces */
#define QUEUE_MAX     64u
#define ADDRESS_LIMIT 4096u

/* Steps a mail goes through, so that each buffer is looked at when it is complete. */
enum { SMTP_STARTED, SMTP_COMMANDS, SMTP_SENDER, SMTP_RECIPIENTS, SMTP_HEADERS, SMTP_BODY,
       SMTP_COMPLETE };

enum smtp_event {
    SMTP_EVENT_INVALID_REPLY, SMTP_EVENT_UNMATCHED_REPLY, SMTP_EVENT_COMMAND_LENGTH,
    SMTP_EVENT_REPLY_LENGTH, SMTP_EVENT_PIPELINED, SMTP_EVENT_BDAT_LENGTH, SMTP_EVENT_NO_WELCOME,
    SMTP_EVENT_TLS_REJECTED, SMTP_EVENT_DATA_REJECTED, SMTP_EVENT_FAILED_CHANGE,
    SMTP_EVENT_MIME_FIRST, /* then those of MIME, in the order of their bits */
    SMTP_EVENT_DUPLICATE = SMTP_EVENT_MIME_FIRST + 10,
    SMTP_EVENT_UNPARSABLE, SMTP_EVENT_INVALID_BDAT,
};

enum { FRAME_COMMAND, FRAME_DATA, FRAME_RESPONSE };
enum smtp_command { CMD_OTHER, CMD_DATA, CMD_BDAT, CMD_STARTTLS, CMD_RSET, CMD_EHLO, CMD_QUIT };

struct smtp_tx {
    struct sek_tx base;
    struct sek_buffer helo, from;
    struct sek_fields to;
    struct mime mime;
    bool over; /* the next command begins another */
};

struct smtp_state {
    struct sek_app_state base;
    struct smtp_tx *tx;      /* at hand; may be complete */
    struct sek_buffer helo;
    uint8_t queue[QUEUE_MAX]; /* commands without a reply */
    unsigned waiting;
    bool welcomed, pipelining, change;
    bool in_data, in_bdat, bdat_last;
    uint64_t data_lines;
    uint64_t bdat_left;
    struct sek_buffer partial; /* of a line that two BDAT chunks share */
    struct sek_frame *data_frame;
};

static enum sek_probe smtp_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    static const char *const greetings[] = {"EHLO ", "HELO "};
    bool port = flow->port[1] == 25 || flow->port[1] == 587 || flow->port[1] == 2525;
    if (dir == SEK_TOSERVER) {
        for (int i = 0; i < 2; i++) {
            struct sek_bytes b = {data, len < 5 ? len : 5};
            if (!strncasecmp((const char *)data, greetings[i], b.len))
                return len < 5 ? SEK_PROBE_MORE : SEK_PROBE_YES;
        }
        return SEK_PROBE_NO;
    }
    if (memcmp(data, "220", len < 3 ? len : 3))
        return SEK_PROBE_NO;
    if (len < 4)
        return SEK_PROBE_MORE;
    if (data[3] != ' ' && data[3] != '-')
        return SEK_PROBE_NO;
    const uint8_t *nl = memchr(data, '\n', len);
    uint32_t line = nl ? (uint32_t)(nl - data) : len;
    for (uint32_t i = 0; i + 4 <= line; i++)
        if (!strncasecmp((const char *)data + i, "SMTP", 4))
            return SEK_PROBE_YES;
    if (!nl && len < LINE_LIMIT)
        return SEK_PROBE_MORE;
    return port ? SEK_PROBE_YES : SEK_PROBE_NO;
}

/* --- transactions --- */

static void reach(struct smtp_tx *tx, uint8_t progress)
{
    if (tx->base.progress[0] < progress)
        tx->base.progress[0] = progress;
}

static void event(struct smtp_state *s, unsigned bit)
{
    if (s->tx)
        sek_tx_event_any(&s->tx->base, bit);
}

static bool tx_open(struct smtp_state *s)
{
    if (s->tx && !s->tx->over)
        return true;
    struct smtp_tx *tx = (struct smtp_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_SMTP);
    if (!tx)
        return false;
    if (s->tx) /* no reply to the one before is worth waiting for */
        s->tx->base.complete[0] = s->tx->base.complete[1] = true;
    s->tx = tx;
    sek_buffer_add(s->base.pool, &tx->helo, s->helo.data, s->helo.len, 0);
    tx->base.progress[1] = SMTP_COMMANDS;
    return true;
}

static void mail_end(struct smtp_state *s)
{
    struct smtp_tx *tx = s->tx;
    if (tx->mime.state)
        mime_end(&tx->mime);
    for (unsigned i = 0; i < 10; i++)
        if (tx->mime.anomalies >> i & 1)
            sek_tx_event_any(&tx->base, SMTP_EVENT_MIME_FIRST + i);
    reach(tx, SMTP_COMPLETE);
    tx->base.complete[0] = true;
    tx->over = true;
}

static void smtp_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct smtp_tx *tx = (struct smtp_tx *)base;
    struct smtp_state *s = (struct smtp_state *)state;
    if (s->tx == tx)
        s->tx = NULL;
    sek_buffer_free(state->pool, &tx->helo);
    sek_buffer_free(state->pool, &tx->from);
    sek_fields_free(state->pool, &tx->to);
    mime_free(&tx->mime);
    sek_app_files_free(state, base);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void smtp_close(struct sek_app_state *state)
{
    struct smtp_state *s = (struct smtp_state *)state;
    sek_buffer_free(state->pool, &s->helo);
    sek_buffer_free(state->pool, &s->partial);
}

/* --- the message --- */

static void message_line(struct smtp_state *s, struct sek_bytes line)
{
    struct smtp_tx *tx = s->tx;
    if (!tx->mime.state)
        mime_open(&tx->mime, &s->base, &tx->base, SEK_TOSERVER);
    mime_line(&tx->mime, line);
    reach(tx, tx->mime.main_done ? SMTP_BODY : SMTP_RECIPIENTS);
}

static void data_end(struct smtp_state *s, uint32_t at)
{
    for (struct sek_frame *f = s->base.frames; f; f = f->next)
        if (f == s->data_frame) /* it is still of interest */
            f->len = s->base.data_offset[0] + at - f->offset;
    s->data_frame = NULL;
    s->in_data = false;
    mail_end(s);
}

/* A line of DATA; a single dot ends it, a leading dot is doubled (RFC 5321 section 4.5.2). */
static uint32_t data_line(struct smtp_state *s, const uint8_t *data, uint32_t len, uint32_t at)
{
    struct sek_bytes line;
    uint32_t n = sek_line_next(data, len, &line);
    if (!n && len < LINE_KEEP)
        return 0;
    if (!n) {
        line = (struct sek_bytes){data, len};
        n = len;
    }
    s->data_lines++;
    if (line.len == 1 && *line.data == '.') {
        data_end(s, at + n);
        return n;
    }
    if (line.len && *line.data == '.') {
        line.data++;
        line.len--;
    }
    message_line(s, line);
    return n;
}

/* Bytes of a BDAT chunk; lines may go over its end. */
static uint32_t bdat_bytes(struct smtp_state *s, const uint8_t *data, uint32_t len)
{
    uint32_t n = len < s->bdat_left ? len : (uint32_t)s->bdat_left, pos = 0, used;
    struct sek_bytes line;
    while (pos < n && (used = sek_line_next(data + pos, n - pos, &line))) {
        if (s->partial.len) {
            sek_buffer_add(s->base.pool, &s->partial, line.data, line.len, LINE_KEEP);
            line = sek_buffer_view(&s->partial);
            line.len -= line.len && line.data[line.len - 1] == '\r'; /* its LF came later */
        }
        message_line(s, line);
        s->partial.len = 0;
        pos += used;
    }
    sek_buffer_add(s->base.pool, &s->partial, data + pos, n - pos, LINE_KEEP);
    s->bdat_left -= n;
    if (s->bdat_left)
        return n;
    s->in_bdat = false;
    if (s->bdat_last) {
        if (s->partial.len)
            message_line(s, sek_buffer_view(&s->partial));
        s->partial.len = 0;
        mail_end(s);
    }
    return n;
}

/* --- commands --- */

static struct sek_bytes after(struct sek_bytes line, uint32_t n)
{
    return sek_bytes_trim((struct sek_bytes){line.data + n, line.len - n});
}

static struct sek_bytes first_word(struct sek_bytes v)
{
    uint32_t n = 0;
    while (n < v.len && v.data[n] != ' ' && v.data[n] != '\t')
        n++;
    return (struct sek_bytes){v.data, n};
}

static void greeting(struct smtp_state *s, struct sek_bytes line)
{
    struct sek_bytes name = first_word(after(line, 4));
    s->helo.len = s->tx->helo.len = 0;
    sek_buffer_add(s->base.pool, &s->helo, name.data, name.len, ADDRESS_LIMIT);
    sek_buffer_add(s->base.pool, &s->tx->helo, name.data, name.len, ADDRESS_LIMIT);
    reach(s->tx, SMTP_COMMANDS);
}

static void bdat(struct smtp_state *s, struct sek_bytes line)
{
    struct sek_bytes v = after(line, 4);
    uint64_t size = 0;
    uint32_t i = 0;
    for (; i < v.len && v.data[i] >= '0' && v.data[i] <= '9' && i < 18; i++)
        size = size * 10 + (v.data[i] - '0');
    if (!i) {
        event(s, SMTP_EVENT_INVALID_BDAT);
        return;
    }
    s->bdat_left = size;
    s->bdat_last = sek_bytes_is(after(v, i), "LAST");
    s->in_bdat = true;
    reach(s->tx, SMTP_RECIPIENTS);
}

static enum smtp_command command(struct smtp_state *s, struct sek_bytes line)
{
    if (sek_bytes_begin(line, "EHLO ") || sek_bytes_begin(line, "HELO ")) {
        greeting(s, line);
        return CMD_EHLO;
    }
    if (sek_bytes_begin(line, "MAIL FROM:")) {
        struct sek_bytes v = first_word(after(line, 10));
        if (s->tx->from.len)
            event(s, SMTP_EVENT_DUPLICATE);
        else
            sek_buffer_add(s->base.pool, &s->tx->from, v.data, v.len, ADDRESS_LIMIT);
        reach(s->tx, SMTP_SENDER);
        return CMD_OTHER;
    }
    if (sek_bytes_begin(line, "RCPT TO:")) {
        sek_fields_add(s->base.pool, &s->tx->to, (struct sek_bytes){0},
                       first_word(after(line, 8)), 16 * ADDRESS_LIMIT);
        return CMD_OTHER;
    }
    if (sek_bytes_is(sek_bytes_trim(line), "DATA")) {
        s->in_data = true;
        s->data_lines = 0;
        reach(s->tx, SMTP_RECIPIENTS);
        return CMD_DATA;
    }
    if (sek_bytes_begin(line, "BDAT")) {
        bdat(s, line);
        return CMD_BDAT;
    }
    if (sek_bytes_is(sek_bytes_trim(line), "STARTTLS"))
        return CMD_STARTTLS;
    if (sek_bytes_begin(line, "RSET"))
        return CMD_RSET;
    if (sek_bytes_begin(line, "QUIT"))
        return CMD_QUIT;
    return CMD_OTHER;
}

static bool ends_mail(struct sek_bytes line)
{
    return sek_bytes_begin(line, "RSET") || sek_bytes_begin(line, "QUIT");
}

static uint32_t command_line(struct smtp_state *s, const uint8_t *data, uint32_t len, uint32_t at)
{
    struct sek_bytes line;
    uint32_t n = sek_line_next(data, len, &line);
    if (!n && len < LINE_KEEP)
        return 0;
    if (!n) {
        line = (struct sek_bytes){data, len};
        n = len;
    }
    if (!(s->tx && ends_mail(line)) && !tx_open(s))
        return n;
    sek_frame_add(&s->base, SEK_TOSERVER, FRAME_COMMAND, at, n, &s->tx->base);
    if (n > LINE_LIMIT)
        event(s, SMTP_EVENT_COMMAND_LENGTH);
    if (s->waiting && s->welcomed && !s->pipelining)
        event(s, SMTP_EVENT_PIPELINED);
    enum smtp_command c = command(s, line);
    reach(s->tx, SMTP_COMMANDS);
    if (s->waiting < QUEUE_MAX)
        s->queue[s->waiting++] = (uint8_t)c;
    if (s->in_data)
        s->data_frame = sek_frame_add(&s->base, SEK_TOSERVER, FRAME_DATA, at + n, UINT64_MAX,
                                      &s->tx->base);
    if (c == CMD_RSET && !s->tx->over) {
        reach(s->tx, SMTP_COMPLETE);
        s->tx->base.complete[0] = true;
        s->tx->over = true;
    }
    return n;
}

/* --- replies --- */

static void answered(struct smtp_state *s, unsigned code)
{
    if (!s->welcomed) {
        s->welcomed = true;
        if (code != 220)
            event(s, SMTP_EVENT_NO_WELCOME);
        return;
    }
    if (!s->waiting) {
        if (code != 421)
            event(s, SMTP_EVENT_UNMATCHED_REPLY);
        return;
    }
    enum smtp_command c = s->queue[0];
    if (c == CMD_DATA && code == 354) { /* the reply to the message itself is still to come */
        s->queue[0] = CMD_OTHER;
        return;
    }
    memmove(s->queue, s->queue + 1, --s->waiting);
    if (c == CMD_DATA) {
        event(s, SMTP_EVENT_DATA_REJECTED);
        if (!s->data_lines)
            s->in_data = false;
    }
    if (c == CMD_STARTTLS && code == 220)
        s->change = true;
    else if (c == CMD_STARTTLS)
        event(s, SMTP_EVENT_TLS_REJECTED);
    if (s->tx && s->tx->over && !s->waiting)
        s->tx->base.complete[1] = true;
}

static uint32_t reply_line(struct smtp_state *s, const uint8_t *data, uint32_t len, uint32_t at)
{
    struct sek_bytes line;
    uint32_t n = sek_line_next(data, len, &line);
    if (!n && len < LINE_KEEP)
        return 0;
    if (!n) {
        line = (struct sek_bytes){data, len};
        n = len;
    }
    if (!s->tx && !tx_open(s))
        return n;
    sek_frame_add(&s->base, SEK_TOCLIENT, FRAME_RESPONSE, at, n, &s->tx->base);
    if (n > LINE_LIMIT)
        event(s, SMTP_EVENT_REPLY_LENGTH);
    if (line.len < 3 || !isdigit(line.data[0]) || !isdigit(line.data[1]) ||
        !isdigit(line.data[2])) {
        event(s, SMTP_EVENT_INVALID_REPLY);
        return n;
    }
    unsigned code = (line.data[0] - '0') * 100u + (line.data[1] - '0') * 10u + (line.data[2] - '0');
    if (code == 250 && sek_bytes_is(after(line, line.len > 3 ? 4 : 3), "PIPELINING"))
        s->pipelining = true;
    if (line.len < 4 || line.data[3] != '-') /* else more lines of it follow */
        answered(s, code);
    return n;
}

static uint32_t request_bytes(struct smtp_state *s, const uint8_t *data, uint32_t len, uint32_t at)
{
    if (s->in_bdat)
        return bdat_bytes(s, data, len);
    return s->in_data ? data_line(s, data, len, at) : command_line(s, data, len, at);
}

static struct sek_app_result smtp_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct smtp_state *s = (struct smtp_state *)state;
    uint32_t pos = 0;
    while ((pos < len || (s->in_bdat && dir == SEK_TOSERVER && !s->bdat_left))) {
        bool empty = s->in_bdat && !s->bdat_left;
        uint32_t n = dir == SEK_TOSERVER ? request_bytes(s, data + pos, len - pos, pos)
                                         : reply_line(s, data + pos, len - pos, pos);
        if (!n && !empty)
            break;
        pos += n;
    }
    if (s->change)
        return (struct sek_app_result){.consumed = pos, .change = SEK_APP_TLS};
    if (flags & SEK_APP_END && dir == SEK_TOSERVER && s->tx && !s->tx->over)
        mail_end(s);
    if (flags & SEK_APP_END && s->tx)
        s->tx->base.complete[dir] = true;
    return (struct sek_app_result){.consumed = pos};
}

/* --- EVE --- */

static void smtp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct smtp_tx *tx = (const struct smtp_tx *)base;
    (void)state;
    if (tx->helo.len)
        sek_json_bytes(out, "helo", tx->helo.data, tx->helo.len);
    if (tx->from.len)
        sek_json_bytes(out, "mail_from", tx->from.data, tx->from.len);
    if (!tx->to.count)
        return;
    sek_json_open(out, "rcpt_to", '[');
    for (unsigned i = 0; i < tx->to.count; i++) {
        struct sek_bytes v = sek_field_value(&tx->to, &tx->to.list[i]);
        sek_json_bytes(out, NULL, v.data, v.len);
    }
    sek_json_close(out, ']');
}

/* The addresses of a field, which commas part. */
static void eve_addresses(struct sek_text *out, const struct mime *m, const char *name,
                          const char *key)
{
    struct sek_bytes v;
    bool quoted = false;
    if (!sek_fields_get(&m->headers, name, 0, &v))
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0, begin = 0; i <= v.len; i++) {
        if (i < v.len && v.data[i] == '"')
            quoted = !quoted;
        if (i < v.len && (v.data[i] != ',' || quoted))
            continue;
        struct sek_bytes one = sek_bytes_trim((struct sek_bytes){v.data + begin, i - begin});
        if (one.len)
            sek_json_bytes(out, NULL, one.data, one.len);
        begin = i + 1;
    }
    sek_json_close(out, ']');
}

static void eve_values(struct sek_text *out, const struct sek_fields *f, const char *key,
                       bool newest_first)
{
    if (!f->count)
        return;
    sek_json_open(out, key, '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes v =
            sek_field_value(f, &f->list[newest_first ? f->count - 1u - i : i]);
        sek_json_bytes(out, NULL, v.data, v.len);
    }
    sek_json_close(out, ']');
}

static void smtp_eve_email(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct smtp_tx *tx = (const struct smtp_tx *)base;
    const struct mime *m = &tx->mime;
    struct sek_bytes v;
    (void)state;
    if (!m->state)
        return;
    sek_json_open(out, "email", '{');
    sek_json_str(out, "status", tx->over ? "PARSE_DONE" : m->main_done ? "BODY_STARTED"
                                                                      : "HEADER_STARTED");
    if (sek_fields_get(&m->headers, "from", 0, &v))
        sek_json_bytes(out, "from", v.data, v.len);
    eve_addresses(out, m, "to", "to");
    eve_addresses(out, m, "cc", "cc");
    if (sek_fields_get(&m->headers, "subject", 0, &v))
        sek_json_bytes(out, "subject", v.data, v.len);
    eve_values(out, &m->attachments, "attachment", false);
    eve_values(out, &m->urls, "url", true);
    sek_json_close(out, '}');
}

/* --- what rules can name --- */

#define TX(tx) ((struct smtp_tx *)(tx))

static bool get_helo(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->helo);
    return !i && out->len;
}

static bool get_from(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->from);
    return !i && out->len;
}

#define LIST_GETTER(fn, list_of)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct sek_fields *f = &TX(tx)->list_of;                                             \
        (void)s, (void)dir;                                                                        \
        if (i >= f->count)                                                                         \
            return false;                                                                          \
        *out = sek_field_value(f, &f->list[i]);                                                    \
        return true;                                                                               \
    }

LIST_GETTER(get_to, to)
LIST_GETTER(get_url, mime.urls)

#define HEADER_GETTER(fn, name)                                                                    \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return sek_fields_get(&TX(tx)->mime.headers, name, i, out);                                \
    }

HEADER_GETTER(get_mail_from, "from")
HEADER_GETTER(get_mail_to, "to")
HEADER_GETTER(get_mail_cc, "cc")
HEADER_GETTER(get_subject, "subject")
HEADER_GETTER(get_date, "date")
HEADER_GETTER(get_message_id, "message-id")
HEADER_GETTER(get_mailer, "x-mailer")
HEADER_GETTER(get_received, "received")

static bool get_md5(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                    struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){(const uint8_t *)TX(tx)->mime.body_md5, 32};
    return !i && TX(tx)->mime.body_md5[0];
}

#define STEP(n) {n, SMTP_COMPLETE}

static const struct sek_buffer_def smtp_buffers[] = {
    {"smtp.helo", "smtp_helo", NULL, 1, STEP(SMTP_SENDER), false, false, get_helo},
    {"smtp.mail_from", "smtp_mail_from", NULL, 1, STEP(SMTP_SENDER), false, false, get_from},
    {"smtp.rcpt_to", "smtp_rcpt_to", NULL, 1, STEP(SMTP_RECIPIENTS), true, false, get_to},
    {"email.from", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_from},
    {"email.to", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_to},
    {"email.cc", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_cc},
    {"email.subject", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_subject},
    {"email.date", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_date},
    {"email.message_id", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_message_id},
    {"email.x_mailer", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mailer},
    {"email.received", NULL, NULL, 1, STEP(SMTP_BODY), true, false, get_received},
    {"email.url", NULL, NULL, 1, STEP(SMTP_COMPLETE), true, false, get_url},
    {"email.body_md5", NULL, NULL, 1, STEP(SMTP_COMPLETE), false, false, get_md5},
    {"file.data", "file_data", NULL, 1, STEP(SMTP_BODY), true, true, sek_app_file_data},
    {"file.name", "filename", NULL, 1, STEP(SMTP_COMPLETE), true, false, sek_app_file_name},
    {0},
};

static const struct sek_number_def smtp_numbers[] = {
    {"filesize", 1, STEP(SMTP_COMPLETE), sek_app_file_size, NULL},
    {0},
};

static const struct sek_app_event_name smtp_events[] = {
    {"invalid_reply", SMTP_EVENT_INVALID_REPLY},
    {"unable_to_match_reply_with_request", SMTP_EVENT_UNMATCHED_REPLY},
    {"max_command_line_len_exceeded", SMTP_EVENT_COMMAND_LENGTH},
    {"max_reply_line_len_exceeded", SMTP_EVENT_REPLY_LENGTH},
    {"invalid_pipelined_sequence", SMTP_EVENT_PIPELINED},
    {"bdat_chunk_len_exceeded", SMTP_EVENT_BDAT_LENGTH},
    {"no_server_welcome_message", SMTP_EVENT_NO_WELCOME},
    {"tls_rejected", SMTP_EVENT_TLS_REJECTED},
    {"data_command_rejected", SMTP_EVENT_DATA_REJECTED},
    {"failed_protocol_change", SMTP_EVENT_FAILED_CHANGE},
    {"mime_parse_failed", SMTP_EVENT_MIME_FIRST},
    {"mime_malformed_msg", SMTP_EVENT_MIME_FIRST + 1},
    {"mime_invalid_base64", SMTP_EVENT_MIME_FIRST + 2},
    {"mime_invalid_qp", SMTP_EVENT_MIME_FIRST + 3},
    {"mime_long_line", SMTP_EVENT_MIME_FIRST + 4},
    {"mime_long_enc_line", SMTP_EVENT_MIME_FIRST + 5},
    {"mime_long_header_name", SMTP_EVENT_MIME_FIRST + 6},
    {"mime_long_header_value", SMTP_EVENT_MIME_FIRST + 7},
    {"mime_long_boundary", SMTP_EVENT_MIME_FIRST + 8},
    {"mime_long_filename", SMTP_EVENT_MIME_FIRST + 9},
    {"duplicate_fields", SMTP_EVENT_DUPLICATE},
    {"unparsable_content", SMTP_EVENT_UNPARSABLE},
    {"invalid_bdat", SMTP_EVENT_INVALID_BDAT},
    {0},
};

static const char *const smtp_frames[] = {"command_line", "data", "response_line", NULL};

const struct sek_app_ops sek_smtp_ops = {
    .id = SEK_APP_SMTP,
    .name = "smtp",
    .eve_key = "smtp",
    .transports = 1,
    .probe = smtp_probe,
    .state_size = sizeof(struct smtp_state),
    .parse = smtp_parse,
    .tx_free = smtp_tx_free,
    .close = smtp_close,
    .eve = smtp_eve,
    .eve_more = smtp_eve_email,
    .buffers = smtp_buffers,
    .numbers = smtp_numbers,
    .events = smtp_events,
    .frames = smtp_frames,
    .complete = {SMTP_COMPLETE, SMTP_COMPLETE},
};
