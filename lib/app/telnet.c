/* Telnet (RFC 854, 855): lines of text without the negotiation between them. A line of either side is
 * a transaction; text of the server that does not end in one (a prompt) is ended by the client's next
 * bytes, and negotiation without text is a transaction too. */
#include "lib/app/kit.h"

#include <ctype.h>

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };
enum { TELNET_EVENT_LONG_LINE, TELNET_EVENT_LONG_SUBNEGOTIATION, TELNET_EVENT_UNKNOWN_COMMAND };

#define LINE_MAX           4096u
#define SUBNEGOTIATION_MAX 512u
#define OPTIONS_MAX        64u

struct telnet_option {
    uint8_t command, option;
};

struct telnet_tx {
    struct sek_tx base;
    struct sek_buffer line, subnegotiation; /* subnegotiation: of all in it, one after the other */
    struct telnet_option options[OPTIONS_MAX];
    unsigned option_count;
};

enum telnet_mode { TEXT, COMMAND, OPTION, SUB, SUB_IAC };

struct telnet_state {
    struct sek_app_state base;
    struct telnet_tx *tx[2]; /* whose line goes on */
    uint8_t mode[2], command[2];
    uint32_t sub[2]; /* bytes of the subnegotiation at hand */
};

static bool starts_with_negotiation(const uint8_t *p, uint32_t len)
{
    return len >= 3 && p[0] == IAC && p[1] >= SB && p[1] <= DONT && p[2] <= 50;
}

static enum sek_probe telnet_probe(const struct sek_flow *flow, enum sek_dir dir,
                                   const uint8_t *data, uint32_t len)
{
    bool port = flow->port[1] == 23 || flow->port[1] == 2323;
    if (data[0] == IAC)
        return len < 3 ? SEK_PROBE_MORE
               : starts_with_negotiation(data, len) ? SEK_PROBE_YES
                                                    : SEK_PROBE_NO;
    /* A server that greets without negotiating is known only by its port. */
    return port && dir == SEK_TOCLIENT && (isprint(data[0]) || isspace(data[0]) || data[0] == 27)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

static struct telnet_tx *current(struct telnet_state *s, enum sek_dir dir)
{
    if (!s->tx[dir]) {
        struct telnet_tx *tx = (struct telnet_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_TELNET);
        if (tx)
            tx->base.ignore[!dir] = true;
        s->tx[dir] = tx;
    }
    return s->tx[dir];
}

static void finish(struct telnet_state *s, enum sek_dir dir)
{
    if (s->tx[dir])
        sek_tx_end(&s->tx[dir]->base, dir);
    s->tx[dir] = NULL;
}

static void text(struct telnet_state *s, enum sek_dir dir, uint8_t c)
{
    if (c == '\n' || c == '\r') {
        if (s->tx[dir] && s->tx[dir]->line.len)
            finish(s, dir);
        return;
    }
    struct telnet_tx *tx = c ? current(s, dir) : NULL; /* a zero byte follows a bare CR */
    if (!tx)
        return;
    sek_buffer_add(s->base.pool, &tx->line, &c, 1, 0);
    if (tx->line.len >= LINE_MAX) {
        sek_tx_event(&tx->base, dir, TELNET_EVENT_LONG_LINE);
        finish(s, dir);
    }
}

static void option(struct telnet_state *s, enum sek_dir dir, uint8_t command, uint8_t opt)
{
    struct telnet_tx *tx = current(s, dir);
    if (tx && tx->option_count < OPTIONS_MAX)
        tx->options[tx->option_count++] = (struct telnet_option){command, opt};
}

static void command(struct telnet_state *s, enum sek_dir dir, uint8_t c)
{
    s->mode[dir] = TEXT;
    if (c == IAC) { /* doubled: the byte itself */
        text(s, dir, c);
    } else if (c >= SB) {
        s->command[dir] = c;
        s->mode[dir] = OPTION;
    } else if (c < 236) {
        struct telnet_tx *tx = current(s, dir);
        if (tx)
            sek_tx_event(&tx->base, dir, TELNET_EVENT_UNKNOWN_COMMAND);
    }
}

static void subnegotiation(struct telnet_state *s, enum sek_dir dir, uint8_t c)
{
    struct telnet_tx *tx = current(s, dir);
    if (!tx)
        return;
    if (++s->sub[dir] > SUBNEGOTIATION_MAX)
        sek_tx_event(&tx->base, dir, TELNET_EVENT_LONG_SUBNEGOTIATION);
    else
        sek_buffer_add(s->base.pool, &tx->subnegotiation, &c, 1, 4 * SUBNEGOTIATION_MAX);
}

static void byte(struct telnet_state *s, enum sek_dir dir, uint8_t c)
{
    switch (s->mode[dir]) {
    case TEXT:
        if (c == IAC)
            s->mode[dir] = COMMAND;
        else
            text(s, dir, c);
        return;
    case COMMAND:
        command(s, dir, c);
        return;
    case OPTION:
        option(s, dir, s->command[dir], c);
        s->mode[dir] = s->command[dir] == SB ? SUB : TEXT;
        s->sub[dir] = 0;
        return;
    case SUB:
        if (c == IAC)
            s->mode[dir] = SUB_IAC;
        else
            subnegotiation(s, dir, c);
        return;
    case SUB_IAC:
        s->mode[dir] = c == SE ? TEXT : SUB;
        if (c == IAC)
            subnegotiation(s, dir, c);
        return;
    }
}

static struct sek_app_result telnet_parse(struct sek_app_state *state, enum sek_dir dir,
                                          const uint8_t *data, uint32_t len, unsigned flags)
{
    struct telnet_state *s = (struct telnet_state *)state;
    if (dir == SEK_TOSERVER && len)
        finish(s, SEK_TOCLIENT);
    for (uint32_t i = 0; i < len; i++)
        byte(s, dir, data[i]);
    bool only_negotiation = s->tx[dir] && !s->tx[dir]->line.len && s->mode[dir] == TEXT;
    if (only_negotiation || flags & SEK_APP_END)
        finish(s, dir);
    return (struct sek_app_result){.consumed = len};
}

static void telnet_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct telnet_tx *tx = (struct telnet_tx *)base;
    sek_buffer_free(state->pool, &tx->line);
    sek_buffer_free(state->pool, &tx->subnegotiation);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const char *const command_words[] = {"sb", "250", "will", "251", "wont", "252", "do", "253",
                                            "dont", "254", NULL};
static const char *const option_words[] = {
    "binary", "0", "echo", "1", "suppress_go_ahead", "3", "status", "5", "timing_mark", "6",
    "terminal_type", "24", "end_of_record", "25", "naws", "31", "terminal_speed", "32",
    "remote_flow_control", "33", "linemode", "34", "x_display_location", "35", "environment", "36",
    "authentication", "37", "encryption", "38", "new_environment", "39", NULL};

static void telnet_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct telnet_tx *tx = (const struct telnet_tx *)base;
    (void)state;
    if (tx->line.len)
        sek_json_bytes(out, "data", tx->line.data, tx->line.len);
    if (!tx->option_count)
        return;
    sek_json_open(out, "options", '[');
    for (unsigned i = 0; i < tx->option_count; i++) {
        sek_json_open(out, NULL, '{');
        sek_word_json(out, "command", command_words, tx->options[i].command);
        sek_word_json(out, "option", option_words, tx->options[i].option);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

SEK_BUFFER_GETTER(get_line, telnet_tx, line)
SEK_BUFFER_GETTER(get_subnegotiation, telnet_tx, subnegotiation)

#define OPTION_GETTER(fn, field)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct telnet_tx *t = (const struct telnet_tx *)tx;                                  \
        (void)s, (void)dir;                                                                        \
        if (i >= t->option_count)                                                                  \
            return false;                                                                          \
        *out = t->options[i].field;                                                                \
        return true;                                                                               \
    }

OPTION_GETTER(get_command, command)
OPTION_GETTER(get_option, option)

#define DONE {1, 1}

static const struct sek_buffer_def telnet_buffers[] = {
    {"telnet.data", NULL, NULL, 3, DONE, false, false, get_line},
    {"telnet.subnegotiation", NULL, NULL, 3, DONE, false, false, get_subnegotiation},
    {0},
};

static const struct sek_number_def telnet_numbers[] = {
    {"telnet.command", 3, DONE, get_command, command_words},
    {"telnet.option", 3, DONE, get_option, option_words},
    {0},
};

static const struct sek_app_event_name telnet_events[] = {
    {"line_too_long", TELNET_EVENT_LONG_LINE},
    {"subnegotiation_too_long", TELNET_EVENT_LONG_SUBNEGOTIATION},
    {"unknown_command", TELNET_EVENT_UNKNOWN_COMMAND},
    {0},
};

const struct sek_app_ops sek_telnet_ops = {
    .id = SEK_APP_TELNET,
    .name = "telnet",
    .eve_key = "telnet",
    .transports = 1,
    .probe = telnet_probe,
    .state_size = sizeof(struct telnet_state),
    .parse = telnet_parse,
    .tx_free = telnet_tx_free,
    .eve = telnet_eve,
    .buffers = telnet_buffers,
    .numbers = telnet_numbers,
    .events = telnet_events,
    .complete = {1, 1},
};
