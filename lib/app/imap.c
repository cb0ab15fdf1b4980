/* IMAP (RFC 9051): a tagged command and all lines of the server up to its tagged answer are one
 * transaction. Literals ({n}) are counted and let pass. STARTTLS changes to TLS. */
#include "lib/app/fields.h"
#include "lib/app/app.h"

#include <ctype.h>

#define LINE_LIMIT 8192u
#define TEXT_LIMIT 16384u
#define TAG_LIMIT  32u

enum { IMAP_STARTED, IMAP_COMPLETE };

struct imap_tx {
    struct sek_tx base;
    struct sek_fields requests, responses;
    uint8_t tag[TAG_LIMIT];
    uint8_t tag_len;
    bool starttls;
};

struct imap_state {
    struct sek_app_state base;
    struct imap_tx *open; /* of which a literal or continuation is coming */
    uint64_t literal[2];
    bool change;
};

static enum sek_probe imap_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    static const char *const greetings[] = {"* OK ", "* PREAUTH ", "* BYE "};
    if (dir == SEK_TOSERVER) {
        uint32_t tag = 0;
        while (tag < len && tag < TAG_LIMIT && (isalnum(data[tag]) || data[tag] == '.'))
            tag++;
        if (!tag || tag == TAG_LIMIT || flow->port[1] != 143)
            return SEK_PROBE_NO;
        if (tag + 1 >= len)
            return SEK_PROBE_MORE;
        struct sek_bytes rest = {data + tag, len - tag};
        return sek_bytes_begin(rest, " CAPABILITY") || sek_bytes_begin(rest, " LOGIN ") ||
                       sek_bytes_begin(rest, " STARTTLS") || sek_bytes_begin(rest, " ID ") ||
                       sek_bytes_begin(rest, " NOOP")
                   ? SEK_PROBE_YES
                   : SEK_PROBE_NO;
    }
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
        uint32_t n = (uint32_t)strlen(greetings[i]);
        if (!strncasecmp((const char *)data, greetings[i], len < n ? len : n))
            return len < n ? SEK_PROBE_MORE : SEK_PROBE_YES;
    }
    return SEK_PROBE_NO;
}

static struct imap_tx *tx_new(struct imap_state *s)
{
    return (struct imap_tx *)sek_tx_new(&s->base, sizeof(struct imap_tx), SEK_APP_IMAP);
}

/* The length in "{123}" or "{123+}" at the end of a line; 0: none. */
static uint64_t literal_length(struct sek_bytes line)
{
    uint32_t i = line.len;
    uint64_t n = 0, unit = 1;
    if (!i || line.data[--i] != '}')
        return 0;
    if (i && line.data[i - 1] == '+')
        i--;
    while (i && isdigit(line.data[i - 1]) && unit < 1000000000000ull) {
        n += unit * (line.data[--i] - '0');
        unit *= 10;
    }
    return i && line.data[i - 1] == '{' ? n : 0;
}

static struct sek_bytes word_at(struct sek_bytes line, unsigned index)
{
    uint32_t i = 0;
    for (;; index--) {
        uint32_t begin = i;
        while (i < line.len && line.data[i] != ' ')
            i++;
        if (!index)
            return (struct sek_bytes){line.data + begin, i - begin};
        while (i < line.len && line.data[i] == ' ')
            i++;
    }
}

static void request_line(struct imap_state *s, struct sek_bytes line, uint32_t at, uint32_t n)
{
    struct imap_tx *tx = s->open;
    bool fresh = !tx;
    if (fresh) {
        struct sek_bytes tag = word_at(line, 0);
        if (!line.len || !(tx = tx_new(s)))
            return;
        tx->tag_len = (uint8_t)(tag.len < TAG_LIMIT ? tag.len : TAG_LIMIT);
        memcpy(tx->tag, tag.data, tx->tag_len);
        tx->starttls = sek_bytes_is(word_at(line, 1), "STARTTLS");
    }
    sek_frame_add(&s->base, SEK_TOSERVER, 0, at, n, &tx->base);
    sek_fields_add(s->base.pool, &tx->requests, (struct sek_bytes){0}, line, TEXT_LIMIT);
    s->literal[0] = literal_length(line);
    s->open = s->literal[0] ? tx : NULL;
    bool idle = sek_bytes_is(word_at(line, 1), "IDLE") ||
                sek_bytes_is(word_at(line, 1), "AUTHENTICATE");
    if (fresh && idle && !s->open) /* more of the client follows before the answer */
        s->open = tx;
    if (!s->literal[0]) {
        tx->base.progress[0] = IMAP_COMPLETE;
        tx->base.complete[0] = true;
    }
}

/* The oldest command without its answer; a greeting or a late notice has one of its own. */
static struct imap_tx *tx_for_response(struct imap_state *s, struct sek_bytes tag)
{
    struct imap_tx *first = NULL;
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct imap_tx *tx = (struct imap_tx *)t;
        if (t->complete[1])
            continue;
        if (!first)
            first = tx;
        if (tx->tag_len == tag.len && !memcmp(tx->tag, tag.data, tag.len))
            return tx;
    }
    if (first)
        return first;
    struct imap_tx *tx = tx_new(s);
    if (tx) {
        tx->base.progress[0] = tx->base.progress[1] = IMAP_COMPLETE;
        tx->base.complete[0] = tx->base.complete[1] = true;
    }
    return tx;
}

static void response_line(struct imap_state *s, struct sek_bytes line, uint32_t at, uint32_t n)
{
    struct sek_bytes tag = word_at(line, 0);
    struct imap_tx *tx = tx_for_response(s, tag);
    if (!tx)
        return;
    sek_frame_add(&s->base, SEK_TOCLIENT, 0, at, n, &tx->base);
    sek_fields_add(s->base.pool, &tx->responses, (struct sek_bytes){0}, line, TEXT_LIMIT);
    s->literal[1] = literal_length(line);
    if (!tx->tag_len || tag.len != tx->tag_len || memcmp(tag.data, tx->tag, tag.len))
        return;
    tx->base.progress[1] = IMAP_COMPLETE;
    tx->base.complete[1] = true;
    if (s->open == tx)
        s->open = NULL;
    s->change = tx->starttls && sek_bytes_is(word_at(line, 1), "OK");
}

static struct sek_app_result imap_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct imap_state *s = (struct imap_state *)state;
    uint32_t pos = 0;
    while (pos < len && !s->change) {
        struct sek_bytes line;
        uint32_t n;
        if (s->literal[dir]) {
            n = len - pos < s->literal[dir] ? len - pos : (uint32_t)s->literal[dir];
            s->literal[dir] -= n;
            pos += n;
            continue;
        }
        n = sek_line_next(data + pos, len - pos, &line);
        if (!n && len - pos < LINE_LIMIT)
            break;
        if (!n) {
            line = (struct sek_bytes){data + pos, len - pos};
            n = len - pos;
        }
        dir == SEK_TOSERVER ? request_line(s, line, pos, n) : response_line(s, line, pos, n);
        pos += n;
    }
    if (s->change)
        return (struct sek_app_result){.consumed = pos, .change = SEK_APP_TLS};
    if (flags & SEK_APP_END)
        sek_tx_complete_all(state, dir);
    return (struct sek_app_result){.consumed = pos};
}

static void imap_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct imap_tx *tx = (struct imap_tx *)base;
    struct imap_state *s = (struct imap_state *)state;
    if (s->open == tx)
        s->open = NULL;
    sek_fields_free(state->pool, &tx->requests);
    sek_fields_free(state->pool, &tx->responses);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void eve_lines(struct sek_text *out, const char *key, const struct sek_fields *f)
{
    if (!f->count)
        return;
    sek_json_open(out, key, '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes v = sek_field_value(f, &f->list[i]);
        sek_json_bytes(out, NULL, v.data, v.len);
    }
    sek_json_close(out, ']');
}

static void imap_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct imap_tx *tx = (const struct imap_tx *)base;
    (void)state;
    eve_lines(out, "requests", &tx->requests);
    eve_lines(out, "responses", &tx->responses);
}

#define LIST_GETTER(fn, list_of)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct sek_fields *f = &((struct imap_tx *)tx)->list_of;                             \
        (void)s, (void)dir;                                                                        \
        if (i >= f->count)                                                                         \
            return false;                                                                          \
        *out = sek_field_value(f, &f->list[i]);                                                    \
        return true;                                                                               \
    }

LIST_GETTER(get_request, requests)
LIST_GETTER(get_response, responses)

#define DONE {IMAP_COMPLETE, IMAP_COMPLETE}

static const struct sek_buffer_def imap_buffers[] = {
    {"imap.request", NULL, NULL, 1, DONE, true, false, get_request},
    {"imap.response", NULL, NULL, 2, DONE, true, false, get_response},
    {0},
};

static const char *const imap_frames[] = {"pdu", NULL};

const struct sek_app_ops sek_imap_ops = {
    .id = SEK_APP_IMAP,
    .name = "imap",
    .eve_key = "imap",
    .transports = 1,
    .probe = imap_probe,
    .state_size = sizeof(struct imap_state),
    .parse = imap_parse,
    .tx_free = imap_tx_free,
    .eve = imap_eve,
    .buffers = imap_buffers,
    .frames = imap_frames,
    .complete = {IMAP_COMPLETE, IMAP_COMPLETE},
};
