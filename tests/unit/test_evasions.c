/* Evasions: one attack, hidden in many ways. Each row is played twice. As a sensor, the rule must fire.
 * Inline, what the receiver needs to put the attack together must not all get through: packets that
 * count for the receiver are sent by the functions without "lost" in their names. */
#include "world.h"

#include <zlib.h>

/* --- segments --- */

static void tiny_segments(struct world *w)
{
    handshake(w);
    for (uint32_t i = 0; i < sizeof ATTACK - 1; i++) {
        bytes(w, i, ATTACK + i, 1);
        server(w, FIRST + i + 1);
    }
}

static void backwards(struct world *w)
{
    handshake(w);
    for (uint32_t i = sizeof ATTACK - 1; i-- > 0;)
        bytes(w, i, ATTACK + i, 1);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void split_in_the_pattern(struct world *w)
{
    handshake(w);
    bytes(w, 0, ATTACK, 15);
    server(w, FIRST + 15);
    bytes(w, 15, ATTACK + 15, sizeof ATTACK - 16);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void far_ahead_then_filled(struct world *w)
{
    handshake(w);
    bytes(w, 20, ATTACK + 20, sizeof ATTACK - 21);
    server(w, FIRST);
    bytes(w, 0, ATTACK, 20);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void overlap_with_the_same_bytes(struct world *w)
{
    handshake(w);
    bytes(w, 0, ATTACK, 18);
    bytes(w, 8, ATTACK + 8, sizeof ATTACK - 9);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void retransmission_with_other_bytes(struct world *w)
{
    handshake(w);
    bytes(w, 0, ATTACK, 25);
    lost(w, 0, "GET /index.html HTTP/1.1 ");
    server(w, FIRST + 25);
    bytes(w, 25, ATTACK + 25, sizeof ATTACK - 26);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void out_of_window_decoy(struct world *w)
{
    handshake(w);
    lost(w, 900000, "xxxxxxxxxxxxxxxxxxxxxxxxx");
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void decoy_with_bad_checksum(struct world *w)
{
    handshake(w);
    w->bad_checksum = true;
    lost(w, 0, "GET /index.html-----HTTP/1.1\r\nHost: device\r\n\r\n");
    w->bad_checksum = false;
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void reset_with_bad_checksum(struct world *w)
{
    handshake(w);
    w->bad_checksum = true;
    send_segment(w, &(struct segment){false, SEK_TCP_RST, FIRST, 0, NULL, 0, 0});
    w->bad_checksum = false;
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void reset_out_of_window(struct world *w)
{
    handshake(w);
    send_segment(w, &(struct segment){false, SEK_TCP_RST, FIRST + 5000000, 0, NULL, 0, 0});
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void forged_reset(struct world *w)
{
    handshake(w);
    w->ttl = 2; /* dies on the way */
    send_segment(w, &(struct segment){false, SEK_TCP_RST, FIRST, 0, NULL, 0, 0});
    w->ttl = 64;
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

/* The receiver never gets the harmless bytes, only those that come later at the same place. */
static void decoy_that_dies_on_the_way(struct world *w)
{
    handshake(w);
    w->ttl = 2;
    lost(w, 0, "GET /index.html HTTP/1.1\r\nHost: device\r\n");
    w->ttl = 64;
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void fin_beyond_the_data(struct world *w)
{
    handshake(w);
    send_segment(w, &(struct segment){false, SEK_TCP_FIN | SEK_TCP_ACK, FIRST + 3000000, SERVER, NULL, 0, 0});
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void fin_with_the_last_bytes(struct world *w)
{
    handshake(w);
    bytes(w, 0, ATTACK, 30);
    w->needed++;
    w->passed += send_segment(w, &(struct segment){false, SEK_TCP_FIN | SEK_TCP_ACK, FIRST + 30, SERVER,
                                                   ATTACK + 30, sizeof ATTACK - 31, 0});
    server(w, FIRST + sizeof ATTACK);
}

static void second_syn_with_other_numbers(struct world *w)
{
    handshake(w);
    send_segment(w, &(struct segment){false, SEK_TCP_SYN, FIRST + 77777, 0, NULL, 0, 0});
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void urgent_byte_in_the_pattern(struct world *w)
{
    handshake(w);
    bytes(w, 0, ATTACK, 16);
    /* the receiving program does not get the X: it is out of band */
    w->needed++;
    w->passed += send_segment(w, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_URG, FIRST + 16, SERVER, "X", 1, 1});
    server(w, FIRST + 17);
    bytes(w, 17, ATTACK + 16, sizeof ATTACK - 17);
    server(w, FIRST + sizeof ATTACK);
}

static void old_timestamp_decoy(struct world *w)
{
    w->timestamps = true;
    w->ts = 500000;
    handshake(w);
    w->ts = 100; /* the receiver drops it: PAWS */
    lost(w, 0, "GET /index.html-----HTTP/1.1\r\nHost: device\r\n\r\n");
    w->ts = 500001;
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void data_on_the_handshake_ack(struct world *w)
{
    send_segment(w, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, NULL, 0, 0});
    send_segment(w, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST, NULL, 0, 0});
    text(w, 0, ATTACK);
    server(w, FIRST + sizeof ATTACK - 1);
}

/* RFC 7413: the server takes bytes that come with the SYN. */
static void data_on_the_syn(struct world *w)
{
    w->needed++;
    w->passed += send_segment(w, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, ATTACK, 20, 0});
    send_segment(w, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST + 20, NULL, 0, 0});
    bytes(w, 20, ATTACK + 20, sizeof ATTACK - 21);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void lost_handshake_ack(struct world *w)
{
    send_segment(w, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, NULL, 0, 0});
    send_segment(w, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST, NULL, 0, 0});
    bytes(w, 0, ATTACK, 12);
    bytes(w, 12, ATTACK + 12, sizeof ATTACK - 13);
    server(w, FIRST + sizeof ATTACK - 1);
}

static void joined_midstream(struct world *w)
{
    /* What is sent again when the engine is new and the client has closed: bytes and FIN in one. */
    w->needed++;
    w->passed += send_segment(w, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH | SEK_TCP_FIN, FIRST, SERVER,
                                                   ATTACK, sizeof ATTACK - 1, 0});
    server(w, FIRST + sizeof ATTACK);
}

/* --- IP --- */

static void fragments_of(struct world *w, uint32_t size, bool reverse)
{
    uint8_t b[8192], f[2048];
    uint32_t len = tcp_packet(w, b, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST, SERVER, ATTACK,
                                                      sizeof ATTACK - 1, 0}) - 20;
    uint32_t count = (len + size - 1) / size;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = reverse ? count - 1 - k : k, take = i == count - 1 ? len - i * size : size;
        uint32_t at = ip_header(w, f, false, IPPROTO_TCP, take, 7, (i == count - 1 ? 0u : 0x2000u) | i * size / 8);
        memcpy(f + at, b + 20 + i * size, take);
        w->needed++;
        w->passed += frame(w, f, at + take, 0x0800);
    }
    server(w, FIRST + sizeof ATTACK - 1);
}

static void fragments(struct world *w)
{
    handshake(w);
    fragments_of(w, 24, false);
}

static void fragments_backwards(struct world *w)
{
    handshake(w);
    fragments_of(w, 8, true);
}

static void fragment_overlap(struct world *w)
{
    uint8_t f[256], junk[16];
    handshake(w);
    memset(junk, 'x', sizeof junk);
    fragments_of(w, 32, false);
    uint32_t at = ip_header(w, f, false, IPPROTO_TCP, sizeof junk, 7, 0x2000 | 4);
    memcpy(f + at, junk, sizeof junk);
    frame(w, f, at + sizeof junk, 0x0800); /* late: the datagram is whole already */
}

static void ip_options(struct world *w)
{
    uint8_t b[8192], o[8192];
    handshake(w);
    uint32_t len = tcp_packet(w, b, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST, SERVER, ATTACK,
                                                      sizeof ATTACK - 1, 0});
    memcpy(o, b, 20);
    memset(o + 20, 1, 8); /* eight times "no operation" */
    memcpy(o + 28, b + 20, len - 20);
    o[0] = 0x47;
    put16(o + 2, len + 8);
    o[10] = o[11] = 0;
    store_sum(o + 10, sum(o, 28, 0));
    w->needed++;
    w->passed += frame(w, o, len + 8, 0x0800);
    server(w, FIRST + sizeof ATTACK - 1);
}

/* The conversation over IPv6, with CHAIN before TCP. */
static void v6_packet(struct world *w, const uint8_t *chain, uint32_t chain_len, uint8_t next, const struct segment *s,
                      bool counts)
{
    uint8_t b[8192], v[8192] = {0x60};
    uint32_t len = tcp_packet(w, b, s) - 20;
    put16(v + 4, chain_len + len);
    v[6] = chain_len ? next : IPPROTO_TCP;
    v[7] = 64;
    v[8] = v[24] = 0x20;
    v[23] = s->back ? 2 : 1;
    v[39] = s->back ? 1 : 2;
    memcpy(v + 40, chain, chain_len);
    memcpy(v + 40 + chain_len, b + 20, len);
    uint8_t *t = v + 40 + chain_len;
    t[16] = t[17] = 0;
    store_sum(t + 16, sum(t, len, sum(v + 8, 32, IPPROTO_TCP + len)));
    bool passed = frame(w, v, 40 + chain_len + len, 0x86dd);
    w->needed += counts;
    w->passed += counts && passed;
}

static void ipv6_extension_chain(struct world *w)
{
    /* hop-by-hop, destination options, routing without segments, destination options */
    static const uint8_t chain[] = {60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0,
                                    60, 0, 0, 0, 0, 0, 0, 0, IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0};
    v6_packet(w, chain, 0, 0, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, NULL, 0, 0}, false);
    v6_packet(w, chain, 0, 0, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST, NULL, 0, 0}, false);
    v6_packet(w, chain, 0, 0, &(struct segment){false, SEK_TCP_ACK, FIRST, SERVER, NULL, 0, 0}, false);
    v6_packet(w, chain, sizeof chain, 0, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST, SERVER, ATTACK,
                                                           sizeof ATTACK - 1, 0}, true);
    v6_packet(w, chain, 0, 0, &(struct segment){true, SEK_TCP_ACK, SERVER, FIRST + sizeof ATTACK - 1, NULL, 0, 0}, false);
}

/* --- link and tunnels --- */

static void stacked_vlans(struct world *w)
{
    w->vlans[0] = 100;
    w->vlans[1] = 200;
    whole(w, ATTACK);
}

static void mpls_labels(struct world *w)
{
    static const uint8_t labels[] = {0, 1, 0x40, 64, 0, 1, 0x50, 64, 0, 1, 0x61, 64};
    memcpy(w->tunnel, labels, sizeof labels);
    w->tunnel_len = sizeof labels;
    w->tunnel_type = 0x8847;
    whole(w, ATTACK);
}

/* IPv4 and PROTO around every packet, HEADER between. */
static void carry(struct world *w, uint8_t proto, const uint8_t *header, uint32_t len, uint32_t udp_port)
{
    /* Lengths inside do not matter to a decoder that goes by what is there; the outer ones are set to
     * cover any packet of these tests. */
    uint8_t outer[20];
    uint32_t at = ip_header(w, outer, false, proto, 0, 1, 0);
    memcpy(w->tunnel, outer, at);
    if (udp_port) {
        put16(w->tunnel + at, 3333);
        put16(w->tunnel + at + 2, udp_port);
        at += 8;
    }
    memcpy(w->tunnel + at, header, len);
    w->tunnel_len = at + len;
    w->tunnel_type = 0x0800;
}

/* Set the lengths of the tunnel's headers to the packet that follows, and send. */
static bool carried(struct world *w, const struct segment *s, bool with_udp, uint32_t gtp_at, uint32_t inner_gtp_at)
{
    uint8_t b[8192];
    uint32_t len = tcp_packet(w, b, s);
    put16(w->tunnel + 2, w->tunnel_len + len);
    w->tunnel[10] = w->tunnel[11] = 0;
    store_sum(w->tunnel + 10, sum(w->tunnel, 20, 0));
    if (with_udp)
        put16(w->tunnel + 24, w->tunnel_len - 20 + len);
    if (gtp_at)
        put16(w->tunnel + gtp_at + 2, w->tunnel_len - gtp_at - 8 + len);
    if (inner_gtp_at)
        put16(w->tunnel + inner_gtp_at + 2, w->tunnel_len - inner_gtp_at - 8 + len);
    if (w->nested_at) { /* the inner IP and UDP headers */
        uint8_t *ip = w->tunnel + w->nested_at;
        put16(ip + 2, w->tunnel_len - w->nested_at + len);
        ip[10] = ip[11] = 0;
        store_sum(ip + 10, sum(ip, 20, 0));
        put16(ip + 24, w->tunnel_len - w->nested_at - 20 + len);
    }
    return frame(w, b, len, 0x0800);
}

static void through(struct world *w, bool with_udp, uint32_t gtp_at, uint32_t inner_gtp_at)
{
    carried(w, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, NULL, 0, 0}, with_udp, gtp_at, inner_gtp_at);
    carried(w, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST, NULL, 0, 0}, with_udp, gtp_at, inner_gtp_at);
    carried(w, &(struct segment){false, SEK_TCP_ACK, FIRST, SERVER, NULL, 0, 0}, with_udp, gtp_at, inner_gtp_at);
    w->needed++;
    w->passed += carried(w, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST, SERVER, ATTACK, sizeof ATTACK - 1, 0},
                         with_udp, gtp_at, inner_gtp_at);
    carried(w, &(struct segment){true, SEK_TCP_ACK, SERVER, FIRST + sizeof ATTACK - 1, NULL, 0, 0}, with_udp, gtp_at, inner_gtp_at);
}

static void gre_tunnel(struct world *w)
{
    static const uint8_t gre[] = {0, 0, 8, 0};
    carry(w, IPPROTO_GRE, gre, sizeof gre, 0);
    through(w, false, 0, 0);
}

static void ip_in_ip(struct world *w)
{
    carry(w, IPPROTO_IPIP, (const uint8_t *)"", 0, 0);
    through(w, false, 0, 0);
}

static void vxlan_tunnel(struct world *w)
{
    static const uint8_t vxlan[] = {8, 0, 0, 0, 0, 0, 42, 0, 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 8, 0};
    carry(w, IPPROTO_UDP, vxlan, sizeof vxlan, 4789);
    through(w, true, 0, 0);
}

static void gtp_with_extension(struct world *w)
{
    /* version 1, extension header follows: PDU session container (TS 29.281, TS 38.415) */
    static const uint8_t gtp[] = {0x34, 0xff, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 9, 0};
    carry(w, IPPROTO_UDP, gtp, sizeof gtp, 2152);
    through(w, true, 28, 0);
}

static void gtp_in_gtp(struct world *w)
{
    /* GTP-U, in it IPv4, UDP and GTP-U again */
    uint8_t nested[8 + 28 + 8] = {0x30, 0xff, 0, 0, 0, 0, 0, 1};
    uint8_t *ip = nested + 8;
    ip_header(w, ip, false, IPPROTO_UDP, 0, 1, 0);
    put16(ip + 20, 2152);
    put16(ip + 22, 2152);
    memcpy(ip + 28, (const uint8_t[]){0x30, 0xff, 0, 0, 0, 0, 0, 2}, 8);
    carry(w, IPPROTO_UDP, nested, sizeof nested, 2152);
    w->nested_at = 36;
    through(w, true, 28, 64);
}

/* --- HTTP --- */

#define REQUEST(target) "GET " target " HTTP/1.1\r\nHost: device\r\n\r\n"

static void percent_encoding(struct world *w)
{
    whole(w, REQUEST("/%63gi-b%69n/att%61ck.sh"));
}

static void double_encoding(struct world *w)
{
    whole(w, REQUEST("/cgi-bin/att%2561ck.sh"));
}

static void dot_segments(struct world *w)
{
    whole(w, REQUEST("/x/../cgi-bin/./y/../attack.sh"));
}

static void doubled_slashes(struct world *w)
{
    whole(w, REQUEST("//cgi-bin///attack.sh"));
}

static void absolute_target(struct world *w)
{
    whole(w, REQUEST("http://device:80/cgi-bin/attack.sh"));
}

static void backslashes(struct world *w)
{
    whole(w, REQUEST("\\cgi-bin\\attack.sh"));
}

static void blanks_in_the_request_line(struct world *w)
{
    whole(w, "GET \t  /cgi-bin/attack.sh \t HTTP/1.1\r\nHost: device\r\n\r\n");
}

static void bare_line_feeds(struct world *w)
{
    whole(w, "GET /cgi-bin/attack.sh HTTP/1.1\nHost: device\n\n");
}

static void empty_lines_first(struct world *w)
{
    whole(w, "\r\n\r\nGET /cgi-bin/attack.sh HTTP/1.1\r\nHost: device\r\n\r\n");
}

static void unknown_method(struct world *w)
{
    whole(w, "PROPPATCHX /cgi-bin/attack.sh HTTP/1.1\r\nHost: device\r\n\r\n");
}

static void http_0_9(struct world *w)
{
    whole(w, "GET /cgi-bin/attack.sh\r\n");
}

static void pipelined(struct world *w)
{
    whole(w, REQUEST("/a") REQUEST("/b") REQUEST("/cgi-bin/attack.sh"));
}

static void smuggled_behind_a_body(struct world *w)
{
    /* Transfer-Encoding wins over Content-Length (RFC 9112 section 6.3): the second is a request */
    whole(w, "POST /a HTTP/1.1\r\nHost: device\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
             REQUEST("/cgi-bin/attack.sh"));
}

static void folded_header(struct world *w)
{
    whole(w, "GET / HTTP/1.1\r\nHost: device\r\nX-Run: at\r\n tack-in-header\r\n\r\n");
}

static void header_in_other_case(struct world *w)
{
    whole(w, "GET / HTTP/1.1\r\nhOsT: device\r\nuSeR-aGeNt: attack-agent\r\n\r\n");
}

static void chunked_body(struct world *w)
{
    whole(w, "POST /a HTTP/1.1\r\nHost: device\r\nTransfer-Encoding: chunked\r\n\r\n"
             "4\r\natta\r\n3;x=y\r\nck-\r\n007\r\nin-body\r\n0\r\n\r\n");
}

static uint32_t compressed(const char *body, int window, char *out, uint32_t size)
{
    z_stream z = {.next_in = (Bytef *)body, .avail_in = (uInt)strlen(body), .next_out = (Bytef *)out, .avail_out = size};
    deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return size - z.avail_out;
}

static void answer(struct world *w, const char *coding, const char *body, uint32_t len)
{
    char message[4096];
    int n = snprintf(message, sizeof message, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %u\r\n\r\n", coding, len);
    memcpy(message + n, body, len);
    whole(w, REQUEST("/a"));
    w->needed = 1; /* the request is harmless */
    w->passed = send_segment(w, &(struct segment){true, SEK_TCP_ACK | SEK_TCP_PSH, SERVER, FIRST + sizeof REQUEST("/a") - 1,
                                                  message, (uint32_t)n + len, 0});
    send_segment(w, &(struct segment){false, SEK_TCP_ACK, FIRST + sizeof REQUEST("/a") - 1, SERVER + (uint32_t)n + len, NULL, 0, 0});
}

static void gzip_body(struct world *w)
{
    char body[256];
    answer(w, "gzip", body, compressed("attack-in-answer", 15 + 16, body, sizeof body));
}

static void raw_deflate_body(struct world *w)
{
    char body[256];
    answer(w, "deflate", body, compressed("attack-in-answer", -15, body, sizeof body));
}

/* Eight megabytes of one character, packed twice. */
static void bomb(struct world *w, const char *coding, int window)
{
    static char zeros[8u << 20], once[65536];
    char twice[2048];
    memset(zeros, '0', sizeof zeros - 1);
    z_stream z = {.next_in = (Bytef *)once, .avail_in = compressed(zeros, window, once, sizeof once),
                  .next_out = (Bytef *)twice, .avail_out = sizeof twice};
    deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    answer(w, coding, twice, (uint32_t)sizeof twice - z.avail_out);
}

static void gzip_bomb(struct world *w)
{
    bomb(w, "gzip, gzip", 15 + 16);
}

static void deflate_bomb(struct world *w)
{
    bomb(w, "deflate, deflate", 15);
}

/* RFC 7932: the same eight megabytes in 14 bytes. */
static void brotli_bomb(struct world *w)
{
    answer(w, "br", "\x9f\xff\xff\x7f\xf8\x25\x60\xe2\xb1\x40\x20\xf7\xfe\x0f", 14);
}

static void brotli_body(struct world *w)
{
    answer(w, "br", "\x1b\x0f\x00\xf8\x25\x5b\xd2\xdc\x8a\x10\x52\x6a\x91\x51\x50\x0b", 16);
}

static void gzip_in_gzip(struct world *w)
{
    char inner[256] = {0}, outer[256];
    uint32_t n = compressed("attack-in-answer", 15 + 16, inner, sizeof inner);
    z_stream z = {.next_in = (Bytef *)inner, .avail_in = n, .next_out = (Bytef *)outer, .avail_out = sizeof outer};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    answer(w, "gzip, gzip", outer, (uint32_t)sizeof outer - z.avail_out);
}

/* --- TLS and DNS --- */

/* A ClientHello with the name attack.example. */
static uint32_t client_hello(uint8_t *out)
{
    static const uint8_t head[] = {1, 0, 0, 66, 3, 3};
    static const uint8_t tail[] = {0, 0, 2, 0x13, 1, 1, 0, 0, 23, 0, 0, 0, 19, 0, 17, 0, 0, 14};
    memcpy(out, head, sizeof head);
    memset(out + 6, 7, 32);
    memcpy(out + 38, tail, sizeof tail);
    memcpy(out + 38 + sizeof tail, "attack.example", 14);
    out[3] = (uint8_t)(38 + sizeof tail + 14 - 4);
    return 38 + sizeof tail + 14;
}

static void tls_name(struct world *w, uint32_t record_size, uint32_t segment_size)
{
    uint8_t hello[128], stream[1024];
    uint32_t n = client_hello(hello), len = 0;
    for (uint32_t i = 0; i < n; i += record_size) {
        uint32_t take = n - i < record_size ? n - i : record_size;
        memcpy(stream + len, (const uint8_t[]){22, 3, 1, 0, (uint8_t)take}, 5);
        memcpy(stream + len + 5, hello + i, take);
        len += 5 + take;
    }
    handshake(w);
    for (uint32_t i = 0; i < len; i += segment_size) {
        uint32_t take = len - i < segment_size ? len - i : segment_size;
        bytes(w, i, stream + i, take);
        server(w, FIRST + i + take);
    }
}

static void tls_name_over_segments(struct world *w)
{
    tls_name(w, 128, 3);
}

static void tls_name_over_records(struct world *w)
{
    tls_name(w, 9, 400);
}

static void dns_name_by_pointer(struct world *w)
{
    /* the question's name is "attack" and a pointer back to "example" of nothing before: by a second
     * question that lends its labels */
    static const uint8_t m[] = {0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1,
                                6, 'a', 't', 't', 'a', 'c', 'k', 0xc0, 12, 0, 1, 0, 1};
    w->port = 53;
    udp(w, false, m, sizeof m);
}

static void dns_loop_then_attack(struct world *w)
{
    static const uint8_t loop[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1};
    w->port = 53;
    udp(w, false, loop, sizeof loop);
    w->needed = w->passed = 0;
    dns_name_by_pointer(w);
}

static void dns_over_tcp_in_pieces(struct world *w)
{
    static const uint8_t m[] = {0, 32, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 'a', 't', 't', 'a', 'c', 'k',
                                7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
    w->port = 53;
    handshake(w);
    for (uint32_t i = 0; i < sizeof m; i++) {
        bytes(w, i, m + i, 1);
        server(w, FIRST + i + 1);
    }
}

/* --- the table --- */

#define URI    "drop http any any -> any any (flow:established,to_server; http.uri; content:\"/cgi-bin/attack.sh\"; sid:1;)"
#define RAW    "drop tcp any any -> any any (flow:established,to_server; content:\"/cgi-bin/attack.sh\"; sid:1;)"
#define OTHER  "drop tcp any any -> any any (flow:established,to_server; stream-event:reassembly_overlap_different_data; sid:1;)"
#define FIELD  "drop http any any -> any any (http.header; pcre:\"/at ?tack-/\"; sid:1;)"
#define TWICE  "drop http any any -> any any (app-layer-event:http.double_encoded_uri; sid:1;)"
#define BODY   "drop http any any -> any any (http.request_body; content:\"attack-in-body\"; sid:1;)"
#define ANSWER "drop http any any -> any any (file.data; content:\"attack-in-answer\"; sid:1;)"
#define BOMB   "drop http any any -> any any (app-layer-event:http.compression_bomb; sid:1;)"
#define SNI    "drop tls any any -> any any (tls.sni; content:\"attack.example\"; sid:1;)"
#define DNS    "drop dns any any -> any any (dns.query; content:\"attack.example\"; sid:1;)"

static const struct evasion {
    const char *name, *rule;
    void (*play)(struct world *w);
} evasions[] = {
    {"one byte in a segment", URI, tiny_segments},
    {"one byte in a segment, raw", RAW, tiny_segments},
    {"segments backwards", URI, backwards},
    {"segments backwards, raw", RAW, backwards},
    {"pattern over two segments", RAW, split_in_the_pattern},
    {"the end before the beginning", URI, far_ahead_then_filled},
    {"overlap with the same bytes", URI, overlap_with_the_same_bytes},
    {"retransmission with other bytes", URI, retransmission_with_other_bytes},
    {"decoy out of the window", URI, out_of_window_decoy},
    {"decoy with a bad checksum", URI, decoy_with_bad_checksum},
    {"reset with a bad checksum", URI, reset_with_bad_checksum},
    {"reset out of the window", URI, reset_out_of_window},
    {"forged reset that dies on the way", URI, forged_reset},
    {"decoy that dies on the way", OTHER, decoy_that_dies_on_the_way},
    {"FIN far beyond the data", URI, fin_beyond_the_data},
    {"FIN with the last bytes", URI, fin_with_the_last_bytes},
    {"second SYN with other numbers", URI, second_syn_with_other_numbers},
    {"urgent byte in the pattern", URI, urgent_byte_in_the_pattern},
    {"decoy with an old timestamp", URI, old_timestamp_decoy},
    {"data on the ACK of the handshake", URI, data_on_the_handshake_ack},
    {"data on the SYN", URI, data_on_the_syn},
    {"ACK of the handshake lost", URI, lost_handshake_ack},
    {"a session that was open before", URI, joined_midstream},
    {"fragments", URI, fragments},
    {"fragments of eight bytes, backwards", URI, fragments_backwards},
    {"late overlapping fragment", URI, fragment_overlap},
    {"IP options", URI, ip_options},
    {"chain of IPv6 extension headers", URI, ipv6_extension_chain},
    {"stacked VLANs", URI, stacked_vlans},
    {"MPLS labels", URI, mpls_labels},
    {"GRE", URI, gre_tunnel},
    {"IP in IP", URI, ip_in_ip},
    {"VXLAN", URI, vxlan_tunnel},
    {"GTP-U with an extension header", URI, gtp_with_extension},
    {"GTP-U in GTP-U", URI, gtp_in_gtp},
    {"percent encoding", URI, percent_encoding},
    {"double encoding", TWICE, double_encoding},
    {"dot segments", URI, dot_segments},
    {"doubled slashes", URI, doubled_slashes},
    {"absolute target", URI, absolute_target},
    {"backslashes", URI, backslashes},
    {"blanks in the request line", URI, blanks_in_the_request_line},
    {"bare line feeds", URI, bare_line_feeds},
    {"empty lines first", URI, empty_lines_first},
    {"unknown method", URI, unknown_method},
    {"HTTP/0.9", URI, http_0_9},
    {"third of three pipelined requests", URI, pipelined},
    {"smuggled behind a body", URI, smuggled_behind_a_body},
    {"folded header", FIELD, folded_header},
    {"header names in other case", FIELD, header_in_other_case},
    {"chunked body with extensions", BODY, chunked_body},
    {"gzip", ANSWER, gzip_body},
    {"deflate without its header", ANSWER, raw_deflate_body},
    {"gzip bomb", BOMB, gzip_bomb},
    {"deflate bomb", BOMB, deflate_bomb},
    {"brotli bomb", BOMB, brotli_bomb},
    {"brotli", ANSWER, brotli_body},
    {"gzip in gzip", ANSWER, gzip_in_gzip},
    {"TLS name over many segments", SNI, tls_name_over_segments},
    {"TLS name over many records", SNI, tls_name_over_records},
    {"DNS name with a pointer", DNS, dns_name_by_pointer},
    {"DNS loop, then the name", DNS, dns_loop_then_attack},
    {"DNS over TCP, byte by byte", DNS, dns_over_tcp_in_pieces},
};

static struct sek_compiled *compile(const char *rule)
{
    struct sek_fault fault;
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    assert_int_equal(sek_rules_load_text(rules, "t", rule, strlen(rule), &fault), SEK_OK);
    assert_int_equal(rules->failed, 0);
    assert_int_equal(sek_rules_finish(rules, &fault), SEK_OK);
    struct sek_compiled *c = sek_compile(rules, &fault);
    assert_non_null(c);
    return c;
}

static struct world play(const struct evasion *e, bool inline_mode)
{
    struct world w = {.ttl = 64, .port = 80, .now = 1700000000000000};
    struct sek_engine_options options;
    struct sek_fault fault;
    struct sek_compiled *c = compile(e->rule);
    sek_engine_options_default(&options);
    options.ips = inline_mode;
    options.midstream = true;
    options.flow_limit = 64;
    options.on_alert = on_alert;
    options.ctx = &w;
    assert_non_null(w.engine = sek_engine_new(&options, c, &fault));
    e->play(&w);
    sek_engine_free(w.engine);
    sek_compiled_free(c);
    return w;
}

static void each_evasion_is_seen(void **state)
{
    unsigned missed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof evasions / sizeof *evasions; i++) {
        if (!play(&evasions[i], false).alerts) {
            print_error("not seen: %s\n", evasions[i].name);
            missed++;
        }
    }
    assert_int_equal(missed, 0);
}

static void no_evasion_reaches_the_receiver_whole(void **state)
{
    unsigned missed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof evasions / sizeof *evasions; i++) {
        struct world w = play(&evasions[i], true);
        if (!w.alerts || w.passed == w.needed) {
            print_error("not blocked: %s (%u alerts, %u of %u packets passed)\n", evasions[i].name, w.alerts,
                        w.passed, w.needed);
            missed++;
        }
    }
    assert_int_equal(missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_evasion_is_seen),
        cmocka_unit_test(no_evasion_reaches_the_receiver_whole),
    };
    return cmocka_run_group_tests_name("evasions", tests, NULL, NULL);
}
