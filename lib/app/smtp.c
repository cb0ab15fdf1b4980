/* SMTP (RFC 5321) with DATA, BDAT (RFC 3030) and STARTTLS (RFC 3207). One mail is one transaction:
 * from its first command to the end of its message. Commands wait in a queue for their replies. */
#include "lib/app/smtp.h"

#include <ctype.h>
#include <stdlib.h>

#define LINE_LIMIT    512u   /* of a command or reply, with its end (RFC 5321 section 4.5.3.1) */
#define LINE_KEEP     65536u /* a longer line of a message is taken in pieces */
#define QUEUE_MAX     64u
#define ADDRESS_LIMIT 4096u

enum { FRAME_COMMAND, FRAME_DATA, FRAME_RESPONSE };
enum smtp_command { CMD_OTHER, CMD_DATA, CMD_BDAT, CMD_STARTTLS, CMD_RSET, CMD_EHLO, CMD_QUIT };

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

/* The next line, or the piece of an endless one that is looked at; 0: its rest is to come. */
static uint32_t line_or_piece(const uint8_t *data, uint32_t len, struct sek_bytes *line)
{
    uint32_t n = sek_line_next(data, len, line);
    if (n || len < LINE_KEEP)
        return n;
    *line = (struct sek_bytes){data, len};
    return len;
}

/* A line of DATA; a single dot ends it, a leading dot is doubled (RFC 5321 section 4.5.2). */
static uint32_t data_line(struct smtp_state *s, const uint8_t *data, uint32_t len, uint32_t at)
{
    struct sek_bytes line;
    uint32_t n = line_or_piece(data, len, &line);
    if (!n)
        return 0;
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
    uint32_t n = line_or_piece(data, len, &line);
    if (!n)
        return 0;
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
    uint32_t n = line_or_piece(data, len, &line);
    if (!n)
        return 0;
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
