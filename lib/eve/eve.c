/* Alert and drop records. */
#include "lib/eve/eve.h"

#include "lib/app/file_magic.h"

#include "lib/base/clock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *proto_name(uint8_t proto, char *number)
{
    static const char *const names[256] = {
        [0] = "HOPOPT", [IPPROTO_ICMP] = "ICMP", [IPPROTO_IGMP] = "IGMP", [IPPROTO_IPIP] = "IP-in-IP",
        [IPPROTO_TCP] = "TCP", [IPPROTO_UDP] = "UDP", [IPPROTO_IPV6] = "IPv6", [IPPROTO_GRE] = "GRE",
        [IPPROTO_ESP] = "ESP", [IPPROTO_AH] = "AH", [IPPROTO_ICMPV6] = "IPv6-ICMP",
        [IPPROTO_NONE] = "IPv6-NoNxt", [89] = "OSPFIGP", [IPPROTO_PIM] = "PIM", [112] = "VRRP",
        [IPPROTO_SCTP] = "SCTP",
    };
    if (names[proto])
        return names[proto];
    snprintf(number, 8, "%03u", proto);
    return number;
}

static const char *source_name(const struct sek_packet *p)
{
    switch (p->source) {
    case SEK_SOURCE_DEFRAG:
        return "defrag";
    case SEK_SOURCE_TUNNEL:
        return p->carrier == IPPROTO_GRE     ? "gre tunnel"
               : p->carrier == IPPROTO_IPIP  ? (p->outer_version == 6 ? "ipv6 tunnel" : "ipv4 tunnel")
               : p->carrier == IPPROTO_IPV6  ? (p->outer_version == 6 ? "ipv6 tunnel" : "ipv4 tunnel")
               : p->carrier == IPPROTO_UDP   ? "udp tunnel"
                                             : "tunnel";
    case SEK_SOURCE_STREAM_END:
        return "stream (flow timeout)";
    default:
        return "wire/pcap";
    }
}

static void community_id(struct sek_text *out, const struct sek_packet *p)
{
    char id[40];
    bool icmp = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
    uint16_t a = icmp ? p->icmp_type : p->src_port, b = icmp ? p->icmp_code : p->dst_port;
    if (sek_packet_community_id(p->ip_version, p->proto, &p->src, &p->dst, a, b, id))
        sek_json_str(out, "community_id", id);
}

static void addresses(struct sek_text *out, const struct sek_packet *p)
{
    char text[SEK_ADDR_TEXT], number[8];
    bool ports = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_SCTP;
    if (!p->ip_version)
        return;
    sek_addr_format(&p->src, p->ip_version, text);
    sek_json_str(out, "src_ip", text);
    if (ports)
        sek_json_uint(out, "src_port", p->src_port);
    sek_addr_format(&p->dst, p->ip_version, text);
    sek_json_str(out, "dest_ip", text);
    if (ports)
        sek_json_uint(out, "dest_port", p->dst_port);
    sek_json_str(out, "proto", proto_name(p->proto, number));
    sek_json_uint(out, "ip_v", p->ip_version);
    if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
        sek_json_uint(out, "icmp_type", p->icmp_type);
        sek_json_uint(out, "icmp_code", p->icmp_code);
    }
}

void sek_eve_begin(struct sek_text *out, const char *event_type, uint64_t ts_us,
                   const struct sek_packet *p, const struct sek_flow *flow, enum sek_dir dir)
{
    char when[SEK_CLOCK_TEXT];
    (void)dir;
    sek_clock_format(ts_us, when);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "timestamp", when);
    if (flow)
        sek_json_uint(out, "flow_id", flow->id);
    if (p && p->number)
        sek_json_uint(out, "pcap_cnt", p->number);
    sek_json_str(out, "event_type", event_type);
    if (!p)
        return;
    if (p->vlan_count) {
        sek_json_open(out, "vlan", '[');
        for (int i = 0; i < p->vlan_count; i++)
            sek_json_uint(out, NULL, p->vlan[i]);
        sek_json_close(out, ']');
    }
    addresses(out, p);
    sek_json_str(out, "pkt_src", source_name(p));
    community_id(out, p);
}

/* What carried the packet. */
static void tunnel(struct sek_text *out, const struct sek_packet *p)
{
    char text[SEK_ADDR_TEXT], number[8];
    const struct sek_packet *o = p->outer;
    if (!o || !o->ip_version)
        return;
    sek_json_open(out, "tunnel", '{');
    sek_addr_format(&o->src, o->ip_version, text);
    sek_json_str(out, "src_ip", text);
    sek_json_uint(out, "src_port", o->src_port);
    sek_addr_format(&o->dst, o->ip_version, text);
    sek_json_str(out, "dest_ip", text);
    sek_json_uint(out, "dest_port", o->dst_port);
    sek_json_str(out, "proto", proto_name(o->proto, number));
    sek_json_uint(out, "depth", p->tunnel_depth);
    sek_json_uint(out, "pcap_cnt", o->number);
    sek_json_str(out, "pkt_src", source_name(o));
    sek_json_close(out, '}');
}

static void sctp(struct sek_text *out, const struct sek_packet *p)
{
    static const char *const names[] = {
        "data", "init", "init_ack", "sack", "heartbeat", "heartbeat_ack", "abort", "shutdown",
        "shutdown_ack", "error", "cookie_echo", "cookie_ack", "ecne", "cwr", "shutdown_complete"};
    uint32_t count = 0;
    uint8_t type;
    bool has[4] = {false};
    if (p->proto != IPPROTO_SCTP || !p->l4)
        return;
    sek_json_open(out, "sctp", '{');
    sek_json_uint(out, "vtag", p->sctp_vtag);
    sek_json_open(out, "chunk_types", '[');
    for (; sek_sctp_chunk(p, count, &type, NULL); count++) {
        char text[8];
        snprintf(text, sizeof text, "%u", type);
        if (count < 16)
            sek_json_str(out, NULL, type < sizeof names / sizeof *names ? names[type] : text);
        has[0] |= type == 0;
        has[1] |= type == 1;
        has[2] |= type == 2;
        has[3] |= type == 6;
    }
    sek_json_close(out, ']');
    sek_json_uint(out, "chunk_cnt", count);
    sek_json_bool(out, "has_data", has[0]);
    sek_json_bool(out, "has_init", has[1]);
    sek_json_bool(out, "has_init_ack", has[2]);
    sek_json_bool(out, "has_abort", has[3]);
    sek_json_close(out, '}');
}

static const char *link_name(enum sek_link link)
{
    switch (link) {
    case SEK_LINK_ETHERNET:
        return "EN10MB";
    case SEK_LINK_RAW_IP:
        return "RAW";
    case SEK_LINK_IPV4:
        return "IPv4";
    case SEK_LINK_IPV6:
        return "IPv6";
    case SEK_LINK_LINUX_SLL:
        return "LINUX_SLL";
    case SEK_LINK_SLL2:
        return "LINUX_SLL2";
    case SEK_LINK_NULL:
        return "NULL";
    case SEK_LINK_PPP:
        return "PPP";
    case SEK_LINK_CHDLC:
        return "C_HDLC";
    }
    return "UNKNOWN";
}

static void metadata(struct sek_text *out, const struct sek_rule *r)
{
    sek_json_open(out, "metadata", '{');
    for (const struct sek_metadata *m = r->metadata; m; m = m->next) {
        bool earlier = false;
        for (const struct sek_metadata *x = r->metadata; x != m; x = x->next)
            earlier |= !strcmp(x->key, m->key);
        if (earlier)
            continue;
        sek_json_open(out, m->key, '[');
        for (const struct sek_metadata *x = m; x; x = x->next)
            if (!strcmp(x->key, m->key))
                sek_json_str(out, NULL, x->value);
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void target(struct sek_text *out, const struct sek_event *e)
{
    char src[SEK_ADDR_TEXT], dst[SEK_ADDR_TEXT];
    const struct sek_packet *p = e->packet;
    bool to_dst = e->rule->flags & SEK_RULE_TARGET_DST;
    if (!p->ip_version || !(e->rule->flags & (SEK_RULE_TARGET_DST | SEK_RULE_TARGET_SRC)))
        return;
    sek_addr_format(&p->src, p->ip_version, src);
    sek_addr_format(&p->dst, p->ip_version, dst);
    sek_json_open(out, "source", '{');
    sek_json_str(out, "ip", to_dst ? src : dst);
    sek_json_uint(out, "port", to_dst ? p->src_port : p->dst_port);
    sek_json_close(out, '}');
    sek_json_open(out, "target", '{');
    sek_json_str(out, "ip", to_dst ? dst : src);
    sek_json_uint(out, "port", to_dst ? p->dst_port : p->src_port);
    sek_json_close(out, '}');
}

static void alert_object(struct sek_text *out, const struct sek_event *e)
{
    const struct sek_rule *r = e->rule;
    sek_json_open(out, "alert", '{');
    sek_json_str(out, "action", e->blocked ? "blocked" : "allowed");
    sek_json_uint(out, "gid", r->gid);
    sek_json_uint(out, "signature_id", r->sid);
    sek_json_uint(out, "rev", r->rev);
    sek_json_str(out, "signature", r->msg ? r->msg : "");
    sek_json_str(out, "category", r->class_text ? r->class_text : "");
    sek_json_uint(out, "severity", r->priority);
    if (r->references) {
        sek_json_open(out, "references", '[');
        for (const struct sek_reference *x = r->references; x; x = x->next)
            sek_json_str(out, NULL, x->text);
        sek_json_close(out, ']');
    }
    target(out, e);
    if (r->metadata)
        metadata(out, r);
    sek_json_close(out, '}');
}

static void flow_object(struct sek_text *out, const struct sek_flow *f)
{
    char when[SEK_CLOCK_TEXT], text[SEK_ADDR_TEXT];
    sek_json_open(out, "flow", '{');
    sek_json_uint(out, "pkts_toserver", f->packets[0]);
    sek_json_uint(out, "pkts_toclient", f->packets[1]);
    sek_json_uint(out, "bytes_toserver", f->bytes[0]);
    sek_json_uint(out, "bytes_toclient", f->bytes[1]);
    sek_clock_format(f->first_us, when);
    sek_json_str(out, "start", when);
    sek_addr_format(&f->addr[0], f->ip_version, text);
    sek_json_str(out, "src_ip", text);
    sek_addr_format(&f->addr[1], f->ip_version, text);
    sek_json_str(out, "dest_ip", text);
    if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP) {
        sek_json_uint(out, "src_port", f->port[0]);
        sek_json_uint(out, "dest_port", f->port[1]);
    }
    sek_json_close(out, '}');
}

static void text_variables(struct sek_text *out, struct sek_engine *engine, const struct sek_flow *f,
                           bool of_flow)
{
    struct sek_bytes v;
    const char *name = sek_engine_text(engine, f, of_flow, 0, &v);
    if (!name)
        return;
    sek_json_open(out, of_flow ? "flowvars" : "pktvars", '[');
    for (unsigned i = 0; (name = sek_engine_text(engine, f, of_flow, i, &v)); i++) {
        sek_json_open(out, NULL, '{');
        sek_json_bytes(out, name, v.data, v.len);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void flow_variables(struct sek_text *out, struct sek_engine *engine,
                           const struct sek_flow *f)
{
    const char *name;
    uint32_t value;
    struct sek_bytes text;
    if (!sek_engine_flowbit(engine, f, 0) && !sek_engine_flowint(engine, f, 0, &value) &&
        !sek_engine_text(engine, f, true, 0, &text) && !sek_engine_text(engine, f, false, 0, &text))
        return;
    sek_json_open(out, "metadata", '{');
    if (sek_engine_flowbit(engine, f, 0)) {
        sek_json_open(out, "flowbits", '[');
        for (unsigned i = 0; (name = sek_engine_flowbit(engine, f, i)); i++)
            sek_json_str(out, NULL, name);
        sek_json_close(out, ']');
    }
    if (sek_engine_flowint(engine, f, 0, &value)) {
        sek_json_open(out, "flowints", '{');
        for (unsigned i = 0; (name = sek_engine_flowint(engine, f, i, &value)); i++)
            sek_json_uint(out, name, value);
        sek_json_close(out, '}');
    }
    text_variables(out, engine, f, true);
    text_variables(out, engine, f, false);
    sek_json_close(out, '}');
}

/* Flowbits called traffic/id/NAME and traffic/label/NAME classify the flow. */
static void traffic(struct sek_text *out, struct sek_engine *engine, const struct sek_flow *f)
{
    static const char *const kinds[] = {"id", "label"};
    bool open = false;
    for (int k = 0; k < 2; k++) {
        char prefix[24];
        const char *name;
        bool list = false;
        size_t n = (size_t)snprintf(prefix, sizeof prefix, "traffic/%s/", kinds[k]);
        for (unsigned i = 0; (name = sek_engine_flowbit(engine, f, i)); i++) {
            if (strncmp(name, prefix, n))
                continue;
            if (!open)
                sek_json_open(out, "traffic", '{');
            if (!list)
                sek_json_open(out, kinds[k], '[');
            open = list = true;
            sek_json_str(out, NULL, name + n);
        }
        if (list)
            sek_json_close(out, ']');
    }
    if (open)
        sek_json_close(out, '}');
}

static void frame_object(struct sek_text *out, const struct sek_event *e)
{
    const struct sek_frame *f = e->frame;
    if (!f)
        return;
    sek_json_open(out, "frame", '{');
    sek_json_str(out, "type", sek_app_frame_name(e->flow->app, f->type));
    sek_json_uint(out, "id", f->id);
    sek_json_str(out, "direction", f->dir ? "toclient" : "toserver");
    if (e->flow->tcp)
        sek_json_uint(out, "stream_offset", f->offset);
    if (f->len != UINT64_MAX) {
        sek_json_uint(out, "length", f->len);
        sek_json_bool(out, "complete", e->frame_complete);
    } else {
        sek_json_bool(out, "complete", false);
    }
    if (f->tx_id != UINT64_MAX)
        sek_json_uint(out, "tx_id", f->tx_id);
    sek_json_base64(out, "payload", e->frame_bytes.data, e->frame_bytes.len);
    sek_json_printable(out, "payload_printable", e->frame_bytes.data, e->frame_bytes.len);
    sek_json_close(out, '}');
}

static void file_fields(struct sek_text *out, const struct sek_tx *tx, const struct sek_file *f)
{
    sek_json_bytes(out, "filename", f->name.data, f->name.len);
    sek_json_bool(out, "gaps", f->gaps);
    sek_json_str(out, "state", f->truncated ? "TRUNCATED" : f->closed ? "CLOSED" : "UNKNOWN");
    sek_json_uint(out, "size", f->size);
    sek_json_uint(out, "tx_id", tx->id);
    const char *magic = sek_file_magic(f);
    if (magic)
        sek_json_str(out, "magic", magic);
}

static void files(struct sek_text *out, const struct sek_tx *tx, enum sek_dir dir)
{
    bool any = false;
    for (const struct sek_file *f = tx->files; f; f = f->next)
        any |= f->dir == dir;
    if (!any)
        return;
    sek_json_open(out, "files", '[');
    for (const struct sek_file *f = tx->files; f; f = f->next) {
        if (f->dir != dir)
            continue;
        sek_json_open(out, NULL, '{');
        file_fields(out, tx, f);
        sek_json_bool(out, "stored", false);
        if (f->storing)
            sek_json_bool(out, "storing", true);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void application(struct sek_text *out, const struct sek_event *e)
{
    const struct sek_flow *f = e->flow;
    struct sek_app_state *state = f->app_state;
    if (f->app != SEK_APP_UNKNOWN)
        sek_json_str(out, "app_proto", sek_app_name(f->app));
    struct sek_tx *tx = e->tx ? e->tx : state ? state->last : NULL;
    const struct sek_app_ops *ops = tx ? sek_app_ops(tx->app) : NULL;
    if (!ops || !(state = sek_app_state_of(f, tx)))
        return;
    if (e->tx)
        sek_json_uint(out, "tx_id", tx->id);
    sek_json_open(out, ops->eve_key, '{');
    ops->eve(state, tx, out);
    sek_json_close(out, '}');
    if (ops->eve_more)
        ops->eve_more(state, tx, out);
    files(out, tx, e->dir);
}

static void verdict_object(struct sek_text *out, const struct sek_event *e)
{
    bool client_sent = e->dir == SEK_TOSERVER;
    sek_json_open(out, "verdict", '{');
    sek_json_str(out, "action", e->verdict != SEK_VERDICT_PASS ? "drop" : e->pass ? "pass" : "alert");
    if (e->reject_to) {
        bool to_client = e->reject_to == (client_sent ? 1 : 2);
        sek_json_str(out, "reject_target",
                     e->reject_to == 3 ? "both" : to_client ? "to_client" : "to_server");
        sek_json_open(out, "reject", '[');
        sek_json_str(out, NULL, e->packet->proto == IPPROTO_TCP ? "tcp-reset" : "icmp-prohib");
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void layer_fields(struct sek_text *out, const struct sek_eve_options *o,
                         const struct sek_event *e)
{
    if (!(o->detail & SEK_EVE_LAYER))
        return;
    sek_json_str(out, "layer", o->layer);
    sek_json_str(out, "action", e->blocked ? "blocked" : "allowed");
}

static void raw_bytes(struct sek_text *out, const struct sek_eve_options *o,
                      const struct sek_event *e)
{
    const struct sek_packet *p = e->packet;
    struct sek_bytes data = e->stream_match && e->stream.len
                                ? e->stream
                                : (struct sek_bytes){p->payload, p->payload_len};
    if (o->detail & SEK_EVE_PAYLOAD) {
        sek_json_base64(out, "payload", data.data, data.len);
        sek_json_printable(out, "payload_printable", data.data, data.len);
        sek_json_uint(out, "payload_length", data.len);
        sek_json_uint(out, "stream", e->stream_match);
    }
    if (o->detail & SEK_EVE_PACKET && p->frame) {
        sek_json_base64(out, "packet", p->frame, p->frame_len);
        sek_json_open(out, "packet_info", '{');
        sek_json_uint(out, "linktype", p->link);
        sek_json_str(out, "linktype_name", link_name(p->link));
        sek_json_close(out, '}');
    }
    if (o->detail & SEK_EVE_PACKET && p->ethernet) {
        char mac[18];
        sek_json_open(out, "ether", '{');
        for (int i = 0; i < 2; i++) {
            const uint8_t *m = p->ethernet + (i ? 0 : 6);
            snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
                     m[5]);
            sek_json_str(out, i ? "dest_mac" : "src_mac", mac);
        }
        sek_json_close(out, '}');
    }
}

void sek_eve_alert(struct sek_text *out, const struct sek_eve_options *o, struct sek_engine *engine,
                   const struct sek_event *e)
{
    sek_eve_begin(out, "alert", e->packet->ts_us, e->packet, e->flow, e->dir);
    layer_fields(out, o, e);
    if (o->capture)
        sek_json_str(out, "pcap_filename", o->capture);
    tunnel(out, e->packet);
    alert_object(out, e);
    sctp(out, e->packet);
    if (e->flow) {
        flow_variables(out, engine, e->flow);
        traffic(out, engine, e->flow);
        frame_object(out, e);
        application(out, e);
        sek_json_str(out, "direction", e->dir ? "to_client" : "to_server");
        flow_object(out, e->flow);
    }
    verdict_object(out, e);
    raw_bytes(out, o, e);
    sek_json_close(out, '}');
    sek_text_putc(out, '\n');
}

void sek_eve_drop(struct sek_text *out, const struct sek_eve_options *o, struct sek_engine *engine,
                  const struct sek_event *e)
{
    const struct sek_packet *p = e->packet;
    (void)engine;
    sek_eve_begin(out, "drop", p->ts_us, p, e->flow, e->dir);
    layer_fields(out, o, e);
    if (e->flow)
        sek_json_str(out, "direction", e->dir ? "to_client" : "to_server");
    sek_json_open(out, "drop", '{');
    if (p->ip_version) {
        sek_json_uint(out, "len", p->ip_len);
        sek_json_uint(out, "tos", p->tos);
        sek_json_uint(out, "ttl", p->ttl);
    }
    if (p->proto == IPPROTO_TCP && p->l4) {
        sek_json_uint(out, "tcpseq", p->tcp.seq);
        sek_json_uint(out, "tcpack", p->tcp.ack);
        sek_json_uint(out, "tcpwin", p->tcp.window);
        sek_json_bool(out, "syn", p->tcp.flags & SEK_TCP_SYN);
        sek_json_bool(out, "ack", p->tcp.flags & SEK_TCP_ACK);
        sek_json_bool(out, "psh", p->tcp.flags & SEK_TCP_PSH);
        sek_json_bool(out, "rst", p->tcp.flags & SEK_TCP_RST);
        sek_json_bool(out, "urg", p->tcp.flags & SEK_TCP_URG);
        sek_json_bool(out, "fin", p->tcp.flags & SEK_TCP_FIN);
    } else if (p->proto == IPPROTO_UDP) {
        sek_json_uint(out, "udplen", p->payload_len + 8);
    }
    sek_json_str(out, "reason", sek_drop_reason_name(e->reason));
    sek_json_close(out, '}');
    if (o->drop_alerts && e->rule)
        alert_object(out, e);
    if (e->flow)
        flow_object(out, e->flow);
    verdict_object(out, e);
    sek_json_close(out, '}');
    sek_text_putc(out, '\n');
}

void sek_eve_file(struct sek_text *out, const struct sek_eve_options *o, const struct sek_flow *flow,
                  const struct sek_tx *tx, const struct sek_file *file, const char *sha256, bool stored)
{
    struct sek_packet p = sek_engine_flow_packet(flow, file->dir, 0);
    sek_eve_begin(out, "fileinfo", p.ts_us, &p, flow, file->dir);
    if (o->capture)
        sek_json_str(out, "pcap_filename", o->capture);
    sek_json_str(out, "app_proto", sek_app_name(tx->app));
    sek_json_open(out, "fileinfo", '{');
    file_fields(out, tx, file);
    sek_json_str(out, "sha256", sha256);
    sek_json_bool(out, "stored", stored);
    sek_json_close(out, '}');
    sek_json_close(out, '}');
    sek_text_putc(out, '\n');
}
