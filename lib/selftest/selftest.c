/* A test file is read line by line; each exchange becomes packets as it is read, so that nothing but
 * the message at hand is kept. */
#include "lib/selftest/selftest.h"

#include "lib/base/endian.h"
#include "lib/base/text.h"
#include "lib/detect/engine.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT 1400u

struct play {
    const struct sek_compiled *rules;
    struct sek_engine *engine;
    uint8_t proto;
    uint16_t port, client_port;
    uint32_t seq[2]; /* next number of each side */
    uint64_t now_us;
    bool open, blocked, alerted;
    uint32_t sid;
};

static void on_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct play *p = ctx;
    (void)engine;
    p->alerted = true;
    if (!p->sid)
        p->sid = event->rule->sid;
}

/* One IPv4 packet between 192.0.2.10 (client) and 10.0.0.20 (server), without checksums. */
static void packet(struct play *p, int dir, uint8_t flags, const uint8_t *data, uint32_t len)
{
    static const uint8_t addr[2][4] = {{192, 0, 2, 10}, {10, 0, 0, 20}};
    uint8_t buf[SEGMENT + 64] = {0};
    uint32_t l4 = p->proto == IPPROTO_TCP ? 20 : 8;
    buf[0] = 0x45;
    sek_put16(buf + 2, 20 + l4 + len);
    buf[8] = 64;
    buf[9] = p->proto;
    memcpy(buf + 12, addr[dir], 4);
    memcpy(buf + 16, addr[!dir], 4);
    sek_put16(buf + 20, dir ? p->port : p->client_port);
    sek_put16(buf + 22, dir ? p->client_port : p->port);
    if (p->proto == IPPROTO_TCP) {
        sek_put32(buf + 24, p->seq[dir]);
        sek_put32(buf + 28, flags & SEK_TCP_ACK ? p->seq[!dir] : 0);
        buf[32] = 5 << 4;
        buf[33] = flags;
        sek_put16(buf + 34, 65535);
        p->seq[dir] += len + ((flags & (SEK_TCP_SYN | SEK_TCP_FIN)) ? 1 : 0);
    } else {
        sek_put16(buf + 24, 8 + len);
    }
    if (len)
        memcpy(buf + 20 + l4, data, len);
    p->now_us += 1000;
    struct sek_result r =
        sek_engine_packet(p->engine, SEK_LINK_RAW_IP, buf, 20 + l4 + len, p->now_us, 0);
    if (len && r.verdict != SEK_VERDICT_PASS)
        p->blocked = true;
}

static enum sek_error play_open(struct play *p, struct sek_fault *fault)
{
    struct sek_engine_options options;
    sek_engine_options_default(&options);
    options.ips = true;
    options.verify_checksum = false;
    options.flow_limit = 16;
    options.on_alert = on_alert;
    options.ctx = p;
    p->engine = sek_engine_new(&options, p->rules, fault);
    if (!p->engine)
        return fault->code;
    p->proto = IPPROTO_TCP;
    p->port = 80;
    p->client_port = 40000;
    p->seq[0] = 1000;
    p->seq[1] = 5000;
    p->now_us = 1700000000000000ull;
    p->open = p->blocked = p->alerted = false;
    p->sid = 0;
    return SEK_OK;
}

static void play_message(struct play *p, int dir, const struct sek_text *message)
{
    if (!message->len)
        return;
    if (!p->open && p->proto == IPPROTO_TCP) {
        packet(p, 0, SEK_TCP_SYN, NULL, 0);
        packet(p, 1, SEK_TCP_SYN | SEK_TCP_ACK, NULL, 0);
        packet(p, 0, SEK_TCP_ACK, NULL, 0);
    }
    p->open = true;
    for (size_t at = 0; at < message->len;) {
        uint32_t n = message->len - at > SEGMENT ? SEGMENT : (uint32_t)(message->len - at);
        packet(p, dir, SEK_TCP_ACK | SEK_TCP_PSH, (const uint8_t *)message->data + at, n);
        if (p->proto == IPPROTO_TCP)
            packet(p, !dir, SEK_TCP_ACK, NULL, 0);
        at += n;
    }
}

static void play_close(struct play *p)
{
    if (p->open && p->proto == IPPROTO_TCP) {
        packet(p, 0, SEK_TCP_ACK | SEK_TCP_FIN, NULL, 0);
        packet(p, 1, SEK_TCP_ACK | SEK_TCP_FIN, NULL, 0);
        packet(p, 0, SEK_TCP_ACK, NULL, 0);
    }
    sek_engine_free(p->engine);
    p->engine = NULL;
}

/* Append TEXT with its escapes undone; false at a bad escape. */
static bool unescape(struct sek_text *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\') {
            sek_text_putc(out, text[i]);
            continue;
        }
        if (++i == len)
            return false;
        static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
        const char *at = strchr(from, text[i]);
        if (at && *at) {
            sek_text_putc(out, to[at - from]);
        } else if (text[i] == 'x' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
                   isxdigit((unsigned char)text[i + 2])) {
            char pair[3] = {text[i + 1], text[i + 2], 0};
            sek_text_putc(out, (char)strtoul(pair, NULL, 16));
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

struct run {
    struct play play;
    struct sek_text message;
    int dir; /* of the message at hand */
    char title[200];
    unsigned title_line;
    bool exploit, active;
    struct sek_selftest_counts *counts;
    void (*report)(void *ctx, const struct sek_selftest_result *r);
    void *ctx;
};

static void exchange_end(struct run *r)
{
    if (!r->active)
        return;
    play_message(&r->play, r->dir, &r->message);
    play_close(&r->play);
    bool passed = r->exploit ? r->play.blocked : !r->play.blocked && !r->play.alerted;
    struct sek_selftest_result result = {.name = r->title, .line = r->title_line,
                                         .exploit = r->exploit, .passed = passed,
                                         .sid = r->play.sid};
    r->counts->exploits += r->exploit;
    r->counts->benigns += !r->exploit;
    r->counts->failed += !passed;
    if (r->report)
        r->report(r->ctx, &result);
    r->active = false;
    sek_text_clear(&r->message);
}

/* "* 3000 A": a byte many times. */
static bool repeat(struct sek_text *out, const char *text, size_t len)
{
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    struct sek_text one = {0};
    while (end < text + len && *end == ' ')
        end++;
    bool good = count && count <= 1000000 && unescape(&one, end, len - (size_t)(end - text)) &&
                one.len == 1;
    for (unsigned long i = 0; good && i < count; i++)
        sek_text_putc(out, one.data[0]);
    sek_text_free(&one);
    return good;
}

static bool transport(struct play *p, const char *text)
{
    bool tcp = !strncmp(text, "tcp ", 4), udp = !strncmp(text, "udp ", 4);
    long port = tcp || udp ? strtol(text + 4, NULL, 10) : 0;
    if (port < 1 || port > 65535)
        return false;
    p->proto = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    p->port = (uint16_t)port;
    return true;
}

static enum sek_error one_line(struct run *r, const char *name, unsigned number, char *line,
                               size_t len, struct sek_fault *fault)
{
    bool exploit = !strncmp(line, "exploit:", 8), benign = !strncmp(line, "benign:", 7);
    if (exploit || benign) {
        exchange_end(r);
        snprintf(r->title, sizeof r->title, "%s", line);
        r->title_line = number;
        r->exploit = exploit;
        r->active = true;
        r->dir = 0;
        return play_open(&r->play, fault);
    }
    if (!r->active)
        return sek_fail(fault, SEK_EINVAL, "%s:%u: expected 'exploit:' or 'benign:' first", name,
                        number);
    if (line[0] == '>' || line[0] == '<') {
        int dir = line[0] == '<';
        size_t skip = len > 1 && line[1] == ' ' ? 2 : 1;
        if (dir != r->dir) {
            play_message(&r->play, r->dir, &r->message);
            sek_text_clear(&r->message);
            r->dir = dir;
        }
        if (!unescape(&r->message, line + skip, len - skip))
            return sek_fail(fault, SEK_EINVAL, "%s:%u: bad escape, expected \\r \\n \\t \\0 \\\\ \\xNN",
                            name, number);
        return SEK_OK;
    }
    if (line[0] == '*' && repeat(&r->message, line + 1, len - 1))
        return SEK_OK;
    if (!r->play.open && !r->message.len && transport(&r->play, line))
        return SEK_OK;
    return sek_fail(fault, SEK_EINVAL,
                    "%s:%u: found '%.40s', expected '> bytes', '< bytes', '* COUNT BYTE', 'tcp PORT' "
                    "or 'udp PORT'",
                    name, number, line);
}

enum sek_error sek_selftest_run(const struct sek_compiled *rules, const char *name,
                                const char *text, size_t len, struct sek_selftest_counts *counts,
                                void (*report)(void *ctx, const struct sek_selftest_result *r),
                                void *ctx, struct sek_fault *fault)
{
    struct run r = {.play = {.rules = rules}, .counts = counts, .report = report, .ctx = ctx};
    enum sek_error rc = SEK_OK;
    unsigned number = 0;
    for (size_t at = 0; at < len && !rc;) {
        const char *nl = memchr(text + at, '\n', len - at);
        size_t n = nl ? (size_t)(nl - text) - at : len - at;
        char *line = strndup(text + at, n);
        number++;
        at += n + 1;
        if (!line)
            rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
        else if (n && line[0] != '#' && line[0] != '\r')
            rc = one_line(&r, name, number, line, strlen(line), fault);
        free(line);
    }
    if (!rc)
        exchange_end(&r);
    sek_engine_free(r.play.engine);
    sek_text_free(&r.message);
    return rc;
}
