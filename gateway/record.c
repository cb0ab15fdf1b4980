/* Events of the gateway that are not rule matches. Each is one line: to the EVE file, and through the
 * spool to the manager. */
#include "gateway/gateway.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <string.h>

#define REPORT_EVERY_US 10000000u /* a blocked address is reported again while it goes on */

void gateway_record_line(struct gateway *g)
{
    struct sek_fault fault;
    size_t len = g->line.len;
    if (g->eve) {
        fwrite(g->line.data, 1, len, g->eve);
        fflush(g->eve);
    }
    while (len && g->line.data[len - 1] == '\n')
        len--;
    if (g->client && sek_client_event(g->client, g->line.data, len, &fault))
        sek_warning("event not stored: %s", fault.message);
}

static void begin(struct gateway *g, const char *event_type, const char *action)
{
    char when[SEK_CLOCK_TEXT];
    sek_text_clear(&g->line);
    sek_clock_format(g->now_us, when);
    sek_json_open(&g->line, NULL, '{');
    sek_json_str(&g->line, "timestamp", when);
    sek_json_str(&g->line, "event_type", event_type);
    sek_json_str(&g->line, "layer", "network");
    sek_json_str(&g->line, "action", action);
}

static void finish(struct gateway *g)
{
    sek_json_close(&g->line, '}');
    sek_text_putc(&g->line, '\n');
    gateway_record_line(g);
}

static void address(struct gateway *g, const char *key, int version, const struct sek_addr *addr)
{
    char text[SEK_ADDR_TEXT];
    sek_addr_format(addr, version, text);
    sek_json_str(&g->line, key, text);
}

void gateway_record_quarantine(struct gateway *g, const struct sek_behaviour_judgement *j,
                               bool quarantined)
{
    begin(g, "quarantine", quarantined ? "quarantined" : "detected");
    address(g, "src_ip", j->ip_version, &j->device);
    sek_json_uint(&g->line, "score", j->score);
    sek_json_open(&g->line, "reasons", '[');
    for (int i = 0; i < SEK_BEHAVIOUR_REASONS; i++) {
        if (!j->counts[i])
            continue;
        sek_json_open(&g->line, NULL, '{');
        sek_json_str(&g->line, "id", sek_behaviour_reason_id(i));
        sek_json_str(&g->line, "text", sek_behaviour_reason_text(i));
        sek_json_uint(&g->line, "count", j->counts[i]);
        sek_json_close(&g->line, '}');
    }
    sek_json_close(&g->line, ']');
    sek_json_str(&g->line, "reason", "the device behaves as if it were infected");
    finish(g);
}

void gateway_record_listed(struct gateway *g, const struct sek_flow *f, const char *what,
                           const char *value, size_t value_len,
                           const struct sek_reputation_hit *hit, bool blocked)
{
    begin(g, "reputation", blocked ? "blocked" : "detected");
    address(g, "src_ip", f->ip_version, &f->addr[0]);
    sek_json_uint(&g->line, "src_port", f->port[0]);
    address(g, "dest_ip", f->ip_version, &f->addr[1]);
    sek_json_uint(&g->line, "dest_port", f->port[1]);
    sek_json_str(&g->line, "proto", f->proto == 6 ? "TCP" : f->proto == 17 ? "UDP" : "IP");
    sek_json_uint(&g->line, "flow_id", f->id);
    sek_json_open(&g->line, "indicator", '{');
    sek_json_str(&g->line, "type", what);
    sek_json_bytes(&g->line, "value", value, value_len);
    sek_json_str(&g->line, "source", hit->source);
    sek_json_uint(&g->line, "confidence", hit->confidence);
    sek_json_close(&g->line, '}');
    sek_json_str(&g->line, "reason", hit->reason[0] ? hit->reason : "listed destination");
    finish(g);
}

void gateway_record_block(struct gateway *g, struct block *b, const struct sek_packet *p)
{
    if (b->reported_us && g->now_us - b->reported_us < REPORT_EVERY_US)
        return;
    begin(g, b->kind == BLOCK_QUARANTINE ? "quarantine" : "reputation", "blocked");
    address(g, "src_ip", p->ip_version, &p->src);
    address(g, "dest_ip", p->ip_version, &p->dst);
    sek_json_uint(&g->line, "src_port", p->src_port);
    sek_json_uint(&g->line, "dest_port", p->dst_port);
    sek_json_uint(&g->line, "frames", b->frames - b->reported_frames);
    sek_json_str(&g->line, "reason", b->reason);
    b->reported_us = g->now_us;
    b->reported_frames = b->frames;
    finish(g);
}

void gateway_record_attacker(struct gateway *g, int version, const struct sek_addr *addr,
                             const char *reason)
{
    begin(g, "attacker", "blocked");
    address(g, "src_ip", version, addr);
    sek_json_open(&g->line, "attacker", '{');
    address(g, "ip", version, addr);
    sek_json_uint(&g->line, "ttl_s", g->policy.block_ttl_s);
    sek_json_str(&g->line, "reason", reason);
    sek_json_close(&g->line, '}');
    sek_json_str(&g->line, "reason", reason);
    finish(g);
}
