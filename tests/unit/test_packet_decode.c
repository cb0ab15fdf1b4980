/* From a frame to views of its headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "lib/flow/defrag.h"
#include "tests/unit/frames.h"

static struct sek_packet packets[SEK_PACKET_LAYERS];

static unsigned decode(const struct frame *f)
{
    return sek_packet_decode(SEK_LINK_ETHERNET, f->bytes, f->len, 1000, 1, packets);
}

static bool has(const struct sek_packet *p, enum sek_decode_event e)
{
    return p->decode_events[e / 64] >> (e % 64) & 1;
}

static void a_tcp_segment_gives_addresses_ports_and_payload(void **state)
{
    struct frame f;
    char text[SEK_ADDR_TEXT];
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_TCP, 25, 7, 0);
    tcp(&f, 4000, 80, 11, 22, SEK_TCP_PSH | SEK_TCP_ACK, "hello");
    assert_int_equal(decode(&f), 1);
    assert_int_equal(packets[0].ip_version, 4);
    assert_int_equal(packets[0].proto, IPPROTO_TCP);
    assert_int_equal(packets[0].src_port, 4000);
    assert_int_equal(packets[0].dst_port, 80);
    assert_int_equal(packets[0].tcp.seq, 11);
    assert_int_equal(packets[0].tcp.ack, 22);
    assert_int_equal(packets[0].tcp.flags, SEK_TCP_PSH | SEK_TCP_ACK);
    assert_int_equal(packets[0].payload_len, 5);
    assert_memory_equal(packets[0].payload, "hello", 5);
    sek_addr_format(&packets[0].dst, 4, text);
    assert_string_equal(text, "192.0.2.2");
}

static void padding_behind_the_ip_packet_is_no_payload(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 10, 7, 0);
    udp(&f, 1, 2, "ab", 2);
    put(&f, "\0\0\0\0\0\0\0\0", 8);
    decode(&f);
    assert_int_equal(packets[0].payload_len, 2);
}

static void two_vlan_tags_are_taken_off_and_kept(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x88a8);
    put16(&f, 100);
    put16(&f, 0x8100);
    put16(&f, 0x6007); /* priority 3, VLAN 7 */
    put16(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 10, 7, 0);
    udp(&f, 1, 2, "ab", 2);
    decode(&f);
    assert_int_equal(packets[0].vlan_count, 2);
    assert_int_equal(packets[0].vlan[0], 100);
    assert_int_equal(packets[0].vlan[1], 7);
    assert_int_equal(packets[0].dst_port, 2);
}

static void ipv6_extension_headers_are_passed_over(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x86dd);
    ipv6(&f, 0, 16 + 10);
    put(&f, "\x3c\0\1\4\0\0\0\0", 8); /* hop by hop, then destination options */
    put(&f, "\x11\0\1\4\0\0\0\0", 8);
    udp(&f, 53, 5353, "ab", 2);
    decode(&f);
    assert_int_equal(packets[0].ip_version, 6);
    assert_int_equal(packets[0].proto, IPPROTO_UDP);
    assert_int_equal(packets[0].dst_port, 5353);
    assert_int_equal(packets[0].payload_len, 2);
}

static void an_icmp_echo_gives_type_and_identifier(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_ICMP, 10, 7, 0);
    put(&f, "\x08\0\0\0\x12\x34\0\1ab", 10);
    decode(&f);
    assert_int_equal(packets[0].icmp_type, 8);
    assert_int_equal(packets[0].icmp_id, 0x1234);
    assert_int_equal(packets[0].icmp_seq, 1);
}

static void what_a_gre_tunnel_carries_is_a_packet_of_its_own(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_GRE, 4 + 20 + 10, 7, 0);
    put(&f, "\0\0\x08\0", 4);
    ipv4(&f, 9, 8, IPPROTO_UDP, 10, 7, 0);
    udp(&f, 1, 53, "ab", 2);
    assert_int_equal(decode(&f), 2);
    assert_int_equal(packets[0].proto, IPPROTO_GRE);
    assert_int_equal(packets[1].tunnel_depth, 1);
    assert_int_equal(packets[1].dst_port, 53);
    assert_int_equal(packets[1].src.bytes[3], 9);
}

static void what_a_vxlan_tunnel_carries_is_a_packet_of_its_own(void **state)
{
    struct frame f, in;
    (void)state;
    ethernet(&in, 0x800);
    ipv4(&in, 9, 8, IPPROTO_UDP, 10, 7, 0);
    udp(&in, 1, 53, "ab", 2);
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 8 + 8 + in.len, 7, 0);
    put16(&f, 50000);
    put16(&f, 4789);
    put16(&f, 16 + in.len);
    put16(&f, 0);
    put(&f, "\x08\0\0\0\0\0\x2a\0", 8);
    put(&f, in.bytes, in.len);
    assert_int_equal(decode(&f), 2);
    assert_int_equal(packets[1].dst_port, 53);
}

static void a_fragment_is_marked_and_has_no_ports(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 16, 7, 0x2000 | 2);
    put(&f, "0123456789abcdef", 16);
    decode(&f);
    assert_true(packets[0].fragment);
    assert_true(packets[0].more_fragments);
    assert_int_equal(packets[0].fragment_offset, 16);
    assert_int_equal(packets[0].dst_port, 0);
}

static void a_header_length_below_five_words_is_an_event_not_a_read(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 10, 7, 0);
    udp(&f, 1, 2, "ab", 2);
    f.bytes[14] = 0x44;
    decode(&f);
    assert_true(has(&packets[0], SEK_DECODE_IPV4_HLEN_TOO_SMALL));
    assert_null(packets[0].l4);
}

/* Every prefix of every frame above, in a block of exactly its size, so that ASan sees a read beyond. */
static void no_truncation_is_read_beyond_its_end(void **state)
{
    struct frame f[3], in;
    (void)state;
    ethernet(&f[0], 0x8100);
    put16(&f[0], 7);
    put16(&f[0], 0x800);
    ipv4(&f[0], 1, 2, IPPROTO_TCP, 40, 7, 0);
    tcp(&f[0], 1, 80, 1, 1, SEK_TCP_ACK, "GET / HTTP/1.1\r\n\r\n..");
    ethernet(&f[1], 0x86dd);
    ipv6(&f[1], 0, 8 + 8 + 20);
    put(&f[1], "\x2c\0\1\4\0\0\0\0", 8);
    put(&f[1], "\x06\0\0\0\0\0\0\1", 8);
    tcp(&f[1], 1, 80, 1, 1, SEK_TCP_SYN, "");
    ethernet(&in, 0x800);
    ipv4(&in, 9, 8, IPPROTO_ICMP, 10, 7, 0);
    put(&in, "\3\1\0\0\0\0\0\0ab", 10);
    ethernet(&f[2], 0x800);
    ipv4(&f[2], 1, 2, IPPROTO_UDP, 16 + in.len, 7, 0);
    put16(&f[2], 50000);
    put16(&f[2], 4789);
    put16(&f[2], 16 + in.len);
    put16(&f[2], 0);
    put(&f[2], "\x08\0\0\0\0\0\x2a\0", 8);
    put(&f[2], in.bytes, in.len);
    for (int i = 0; i < 3; i++) {
        for (uint32_t len = 0; len <= f[i].len; len++) {
            uint8_t *exact = malloc(len ? len : 1);
            assert_non_null(exact);
            memcpy(exact, f[i].bytes, len);
            assert_true(sek_packet_decode(SEK_LINK_ETHERNET, exact, len, 1, 1, packets) >= 1);
            assert_true(packets[0].payload_len <= len);
            free(exact);
        }
    }
}

static void a_wrong_checksum_is_found_and_a_right_one_is_not(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, 10, 7, 0);
    udp(&f, 1, 2, "ab", 2);
    uint32_t sum = 0;
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)(f.bytes[i] << 8 | f.bytes[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    f.bytes[24] = (uint8_t)(~sum >> 8);
    f.bytes[25] = (uint8_t)~sum;
    decode(&f);
    assert_false(sek_packet_checksum_bad(&packets[0])); /* UDP may leave its own out */
    f.bytes[24] ^= 1;
    decode(&f);
    assert_true(sek_packet_checksum_bad(&packets[0]));
}

/* --- events, by tables of frames --- */

#define NONE SEK_DECODE_EVENT_COUNT /* no event at all, on any packet of the frame */

static unsigned events_of(unsigned count)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++)
        for (unsigned e = 0; e < SEK_DECODE_EVENT_COUNT; e++)
            found += has(&packets[i], e);
    return found;
}

/* Decodes a copy of exactly F's size, so that ASan sees a read beyond, then every prefix of it. */
static void expect(enum sek_link link, const struct frame *f, enum sek_decode_event want,
                   const char *table, unsigned row)
{
    for (uint32_t cut = 0; cut <= f->len; cut++) {
        uint32_t len = f->len - cut;
        uint8_t *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, f->bytes, len);
        unsigned count = sek_packet_decode(link, exact, len, 1, 1, packets), raised = 0;
        for (unsigned i = 0; i < count && want != NONE; i++)
            raised += has(&packets[i], want);
        if (!cut && (want == NONE ? events_of(count) != 0 : !raised))
            fail_msg("%s, row %u: %u events, wanted number %d", table, row, events_of(count), want);
        free(exact);
    }
}

struct row {
    enum sek_decode_event want;
    uint32_t len;
    const char *bytes;
};
#define ROW(event, text) {SEK_DECODE_##event, sizeof(text) - 1, text}
#define QUIET(text)      {NONE, sizeof(text) - 1, text}
#define COUNT(table)     (sizeof(table) / sizeof *(table))

/* A whole IPv4 packet without payload, of a protocol that has no decoder; 20 bytes of it. */
#define IP4_HEAD "\x45\0\0\x14\0\1\0\0\x40\x59\0\0\x0a\0\0\1\xc0\0\2\2"
#define IP6_HEAD "\x60\0\0\0\0\0\x59\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
                 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define MACS     "\2\0\0\0\0\3\2\0\0\0\0\4"

/* Rows are what stands behind the Ethernet header's addresses: type, then the rest. */
static void layers_below_ip_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\x08\x06" "\0\1\x08\0\6\4\0\1" "\2\0\0\0\0\1\x0a\0\0\1" "\0\0\0\0\0\0\x0a\0\0\2"),
        ROW(ARP_PKT_TOO_SMALL, "\x08\x06" "\0\1\x08\0\6\4\0"),
        ROW(ARP_PKT_TOO_SMALL, "\x08\x06" "\0\1\x08\0\6\4\0\1" "\2\0\0\0\0\1\x0a\0\0\1" "\0\0\0\0\0\0\x0a\0\0"),
        QUIET("\x81\0\0\7\x08\0" IP4_HEAD),
        QUIET("\x81\0\0\7\0\3\x42\x42\3"), /* a length, as spanning tree has it */
        ROW(VLAN_UNKNOWN_TYPE, "\x81\0\0\7\x12\x34" IP4_HEAD),
        QUIET("\x89\x26\0\0\0\0\x08\0" IP4_HEAD),
        ROW(VNTAG_HEADER_TOO_SMALL, "\x89\x26\0\0\0\0\x08"),
        ROW(VNTAG_UNKNOWN_TYPE, "\x89\x26\0\0\0\0\x12\x34" IP4_HEAD),
        QUIET("\x89\x3f\0\0\0\0\0\0\x86\xdd" IP6_HEAD),
        ROW(ETAG_HEADER_TOO_SMALL, "\x89\x3f\0\0\0\0\0\0\x08"),
        ROW(ETAG_UNKNOWN_TYPE, "\x89\x3f\0\0\0\0\0\0\x12\x34" IP4_HEAD),
        QUIET("\x88\xe7\0\0\0\1" MACS "\x08\0" IP4_HEAD),
        ROW(IEEE8021AH_HEADER_TOO_SMALL, "\x88\xe7\0\0\0\1" MACS "\x08"),
        ROW(ETHERNET_UNKNOWN_ETHERTYPE, "\x88\xe7\0\0\0\1" MACS "\x12\x34"),
        QUIET("\x88\x47\0\x06\x51\x40" IP4_HEAD),               /* label 101 */
        QUIET("\x88\x47\0\0\1\x40" IP4_HEAD),                   /* explicit null of IPv4 */
        QUIET("\x88\x47\0\0\x21\x40" IP6_HEAD),                 /* explicit null of IPv6 */
        QUIET("\x88\x47\0\0\x10\x40\0\x06\x51\x40" IP4_HEAD),   /* router alert above a label */
        QUIET("\x88\x47\0\0\x70\x40\x12\x34\x51\x40" IP4_HEAD), /* entropy label */
        QUIET("\x88\x47\0\x06\x51\x40\0\0\0\0" MACS "\x08\0" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_ROUTER_ALERT, "\x88\x47\0\0\x11\x40" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_IMPLICIT_NULL, "\x88\x47\0\0\x31\x40" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_IMPLICIT_NULL, "\x88\x47\0\0\x30\x40\0\x06\x51\x40" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_RESERVED, "\x88\x47\0\0\x51\x40" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_RESERVED, "\x88\x47\0\0\xc1\x40" IP4_HEAD),
        ROW(MPLS_BAD_LABEL_RESERVED, "\x88\x47\0\0\x71\x40" IP4_HEAD), /* nothing behind 7 */
        QUIET("\x88\x64\x11\0\0\1\0\x16\0\x21" IP4_HEAD),
        ROW(PPPOE_WRONG_CODE, "\x88\x64\x11\7\0\1\0\x16\0\x21" IP4_HEAD),
        ROW(PPP_IP4_PKT_TOO_SMALL, "\x88\x64\x11\0\0\1\0\x16\0\x21\x45\0"),
        QUIET("\x88\x64\x11\0\0\1\0\x2a\0\x57" IP6_HEAD),
        ROW(PPP_IP6_PKT_TOO_SMALL, "\x88\x64\x11\0\0\1\0\x16\0\x57" IP4_HEAD),
        ROW(PPP_VJU_PKT_TOO_SMALL, "\x88\x64\x11\0\0\1\0\x16\0\x2f" IP4_HEAD),
        ROW(PPP_WRONG_TYPE, "\x88\x64\x11\0\0\1\0\x16\0\x22" IP4_HEAD),
        ROW(PPP_UNSUP_PROTO, "\x88\x64\x11\0\0\1\0\x16\0\x2b" IP4_HEAD),
        QUIET("\x88\x64\x11\0\0\1\0\x0a\xc0\x21\x09\1\0\x08\0\0\0\0"),        /* LCP */
        QUIET("\x88\x63\x11\x09\0\0\0\x08\1\1\0\0\1\3\0\0\0\0\0\0"),          /* PADI, padded */
        QUIET("\x88\x63\x11\x09\0\0\0\x08\0\0\0\0\xff\xff\xff\xff"),          /* end of list */
        QUIET("\x88\x63\x11\xa7\0\1\0\0"),
        ROW(PPPOE_WRONG_CODE, "\x88\x63\x11\x42\0\0\0\x04\1\1\0\0"),
        ROW(PPPOE_MALFORMED_TAGS, "\x88\x63\x11\x09\0\0\0\x08\1\1\0\0"),      /* length too big */
        ROW(PPPOE_MALFORMED_TAGS, "\x88\x63\x11\x09\0\0\0\x04\1\1\0\1\0\0"),  /* tag too big */
        ROW(PPPOE_MALFORMED_TAGS, "\x88\x63\x11\x09\0\0\0\x06\1\1\0\0\1\3"),  /* half a tag */
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f;
        ethernet(&f, 0);
        f.len = 12;
        put(&f, rows[i].bytes, rows[i].len);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, __func__, i);
    }
}

static void what_tags_hide_is_decoded(void **state)
{
    static const struct row rows[] = {
        QUIET("\x89\x26\0\0\0\0\x08\0"),
        QUIET("\x89\x3f\0\0\0\0\0\0\x08\0"),
        QUIET("\x88\xe7\0\0\0\1" MACS "\x08\0"),
        QUIET("\x89\x3f\0\0\0\0\0\0\x81\0\0\7\x08\0"),
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f;
        ethernet(&f, 0);
        f.len = 12;
        put(&f, rows[i].bytes, rows[i].len);
        ipv4(&f, 1, 2, IPPROTO_UDP, 10, 7, 0);
        udp(&f, 1, 53, "ab", 2);
        assert_int_equal(decode(&f), 1);
        assert_int_equal(packets[0].dst_port, 53);
        assert_false(packets[0].any_event);
    }
}

/* Tags within tags to the end of the frame: neither the stack nor the time of the decoder is theirs. */
static void tags_that_nest_without_end_are_given_up(void **state)
{
    static const char *const tags[] = {"\x89\x26\0\0\0\0", "\x89\x3f\0\0\0\0\0\0",
                                       "\x88\xe7\0\0\0\1" MACS, "\x65\x58" MACS};
    static const uint32_t sizes[] = {6, 8, 18, 14};
    (void)state;
    for (unsigned i = 0; i < COUNT(tags); i++) {
        struct frame f;
        ethernet(&f, 0);
        f.len = 12;
        while (f.len + sizes[i] <= sizeof f.bytes)
            put(&f, tags[i], sizes[i]);
        decode(&f);
        assert_true(has(&packets[0], SEK_DECODE_TOO_MANY_LAYERS));
    }
}

static void a_loopback_frame_of_another_family_is_an_event(void **state)
{
    static const struct row rows[] = {
        QUIET("\2\0\0\0" IP4_HEAD),
        QUIET("\0\0\0\2" IP4_HEAD),
        QUIET("\x0a\0\0\0" IP6_HEAD),
        QUIET("\x1e\0\0\0" IP6_HEAD),
        QUIET("\0\0\0\x1c" IP6_HEAD),
        ROW(LTNULL_UNSUPPORTED_TYPE, "\7\0\0\0" IP4_HEAD),
        ROW(LTNULL_UNSUPPORTED_TYPE, "\xff\xff\xff\xff" IP4_HEAD),
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f = {.len = 0};
        put(&f, rows[i].bytes, rows[i].len);
        expect(SEK_LINK_NULL, &f, rows[i].want, __func__, i);
    }
}

/* Rows are protocol number, then payload. */
static void expect_in_ipv4(const struct row *rows, unsigned count, const char *table)
{
    for (unsigned i = 0; i < count; i++) {
        struct frame f;
        ethernet(&f, 0x800);
        ipv4(&f, 1, 2, (uint8_t)rows[i].bytes[0], rows[i].len - 1, 7, 0);
        put(&f, rows[i].bytes + 1, rows[i].len - 1);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, table, i);
    }
}

static void expect_in_ipv6(const struct row *rows, unsigned count, const char *table)
{
    for (unsigned i = 0; i < count; i++) {
        struct frame f;
        ethernet(&f, 0x86dd);
        ipv6(&f, (uint8_t)rows[i].bytes[0], rows[i].len - 1);
        put(&f, rows[i].bytes + 1, rows[i].len - 1);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, table, i);
    }
}

static void gre_headers_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\x2f\0\0\x08\0" IP4_HEAD),
        QUIET("\x2f\xb0\0\x08\0\0\0\0\0\0\0\0\1\0\0\0\2" IP4_HEAD),
        QUIET("\x2f\0\0\0\0"), /* keepalive */
        QUIET("\x2f\0\0\x20\1\0\1\2\3"), /* NHRP: nothing we know, nothing wrong */
        QUIET("\x2f\x40\0\x08\0\0\0\0\0\0\2\0\4\x0a\0\0\1\0\0\0\0" IP4_HEAD), /* a source route */
        ROW(GRE_VERSION0_HDR_TOO_BIG, "\x2f\x40\0\x08\0\0\0\0\0\0\2\0\x40\x0a\0\0\1"),
        ROW(GRE_VERSION0_HDR_TOO_BIG, "\x2f\xb0\0\x08\0\0\0\0\0"),
        ROW(GRE_VERSION0_RECUR, "\x2f\1\0\x08\0" IP4_HEAD),
        ROW(GRE_VERSION0_FLAGS, "\x2f\0\x10\x08\0" IP4_HEAD),
        ROW(GRE_WRONG_VERSION, "\x2f\0\2\x08\0" IP4_HEAD),
        QUIET("\x2f\x30\1\x88\x0b\0\x16\0\1\0\0\0\1\0\x21" IP4_HEAD),
        QUIET("\x2f\x30\x81\x88\x0b\0\x16\0\1\0\0\0\1\0\0\0\1\0\x21" IP4_HEAD),
        QUIET("\x2f\x20\x81\x88\x0b\0\0\0\1\0\0\0\1"), /* acknowledgement alone */
        ROW(GRE_VERSION1_CHKSUM, "\x2f\xb0\1\x88\x0b\0\0\0\0\0\x16\0\1\0\0\0\1\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_ROUTE, "\x2f\x70\1\x88\x0b\0\0\0\0\0\x16\0\1\0\0\0\1\0\0\0\0\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_MALFORMED_SRE_HDR, "\x2f\x70\1\x88\x0b\0\0\0\0\0\x16\0\1\0\0\0\1\0\2\0\x40"),
        ROW(GRE_VERSION1_SSR, "\x2f\x38\1\x88\x0b\0\x16\0\1\0\0\0\1\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_RECUR, "\x2f\x31\1\x88\x0b\0\x16\0\1\0\0\0\1\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_FLAGS, "\x2f\x30\x41\x88\x0b\0\x16\0\1\0\0\0\1\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_NO_KEY, "\x2f\x10\1\x88\x0b\0\0\0\1\0\x21" IP4_HEAD),
        ROW(GRE_VERSION1_WRONG_PROTOCOL, "\x2f\x30\1\x08\0\0\x16\0\1\0\0\0\1" IP4_HEAD),
        ROW(GRE_VERSION1_HDR_TOO_BIG, "\x2f\x30\x81\x88\x0b\0\x16\0\1\0\0\0\1"),
        QUIET("\x2f\x10\0\x88\xbe\0\0\0\1\x10\7\0\0\0\0\0\0" MACS "\x08\0" IP4_HEAD),
        ROW(ERSPAN_HEADER_TOO_SMALL, "\x2f\x10\0\x88\xbe\0\0\0\1\x10\7\0\0"),
        ROW(ERSPAN_UNSUPPORTED_VERSION, "\x2f\x10\0\x88\xbe\0\0\0\1\x20\7\0\0\0\0\0\0" MACS "\x08\0" IP4_HEAD),
    };
    (void)state;
    expect_in_ipv4(rows, COUNT(rows), __func__);
}

static void a_mirrored_vlan_beyond_the_third_is_an_event(void **state)
{
    struct frame f;
    (void)state;
    ethernet(&f, 0x88a8);
    for (int i = 0; i < SEK_VLAN_MAX; i++) {
        put16(&f, 100 + (unsigned)i);
        put16(&f, i + 1 < SEK_VLAN_MAX ? 0x8100 : 0x800);
    }
    ipv4(&f, 1, 2, IPPROTO_GRE, 8 + 8 + 14 + 20, 7, 0);
    put(&f, "\x10\0\x88\xbe\0\0\0\1\x10\7\0\0\0\0\0\0" MACS "\x08\0" IP4_HEAD, 8 + 8 + 14 + 20);
    expect(SEK_LINK_ETHERNET, &f, SEK_DECODE_ERSPAN_TOO_MANY_VLAN_LAYERS, __func__, 0);
}

static void tunnels_over_udp_with_an_unknown_payload_raise_their_events(void **state)
{
    static const struct row rows[] = { /* destination port, then payload */
        QUIET("\x12\xb5\x08\0\0\0\0\0\1\0" MACS "\x08\0" IP4_HEAD),
        QUIET("\x12\xb5" "anything else"),
        ROW(VXLAN_UNKNOWN_PAYLOAD_TYPE, "\x12\xb5\x08\0\0\0\0\0\1\0" MACS "\x12\x34" IP4_HEAD),
        QUIET("\x17\xc1\0\0\x65\x58\0\0\1\0" MACS "\x08\0" IP4_HEAD),
        QUIET("\x17\xc1\0\0\x08\0\0\0\1\0" IP4_HEAD),
        QUIET("\x17\xc1\0\0\x86\xdd\0\0\1\0" IP6_HEAD),
        QUIET("\x17\xc1\0\x80\x12\x34\0\0\1\0" IP4_HEAD), /* control message */
        ROW(GENEVE_UNKNOWN_PAYLOAD_TYPE, "\x17\xc1\0\0\x12\x34\0\0\1\0" IP4_HEAD),
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f;
        ethernet(&f, 0x800);
        ipv4(&f, 1, 2, IPPROTO_UDP, 8 + rows[i].len - 2, 7, 0);
        udp(&f, 50000, (unsigned)((uint8_t)rows[i].bytes[0] << 8 | (uint8_t)rows[i].bytes[1]),
            rows[i].bytes + 2, rows[i].len - 2);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, __func__, i);
    }
}

static void protocols_of_ip_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\x59" "OSPF"),
        QUIET("\xfd" "an experiment"),
        QUIET("\x32\0\0\0\1\0\0\0\1" "secret"),
        ROW(ESP_PKT_TOO_SMALL, "\x32\0\0\0\1\0\0\0"),
        ROW(IPV4_UNKNOWN_PROTOCOL, "\xc8" "what"),
        ROW(IPV4_UNKNOWN_PROTOCOL, "\xff" "what"),
    };
    static const struct row rows6[] = {
        QUIET("\x59" "OSPF"),
        ROW(ESP_PKT_TOO_SMALL, "\x32\0\0\0\1\0\0\0"),
        ROW(IPV6_UNKNOWN_NEXT_HEADER, "\xc8" "what"),
    };
    (void)state;
    expect_in_ipv4(rows, COUNT(rows), __func__);
    expect_in_ipv6(rows6, COUNT(rows6), __func__);
}

static void icmp_messages_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\1\x08\0\0\0\0\1\0\1ping"),
        QUIET("\1\x2a\0\0\0\0\1\0\1"), /* extended echo */
        QUIET("\1\x09\x10\0\0\1\2\0\x1e\x0a\0\0\1\0\0\0\0"),
        QUIET("\1\3\1\0\0\0\0\0\0" IP4_HEAD "\0\0\0\0\0\0\0\0"),
        QUIET("\1\x0b\0\0\0\0\0\0\0" IP4_HEAD),
        ROW(ICMPV4_UNKNOWN_TYPE, "\1\xc8\0\0\0\0\0\0\0"),
        ROW(ICMPV4_UNKNOWN_CODE, "\1\x08\x09\0\0\0\1\0\1"),
        ROW(ICMPV4_UNKNOWN_CODE, "\1\3\x10\0\0\0\0\0\0"),
        ROW(ICMPV4_UNKNOWN_CODE, "\1\3\xff\0\0\0\0\0\0"),
        ROW(ICMPV4_UNKNOWN_CODE, "\1\x0b\2\0\0\0\0\0\0" IP4_HEAD),
        ROW(ICMPV4_IPV4_TRUNC_PKT, "\1\3\1\0\0\0\0\0\0\x45\0\0\x14"),
        ROW(ICMPV4_IPV4_TRUNC_PKT, "\1\3\1\0\0\0\0\0\0\x46\0\0\x14\0\1\0\0\x40\x59\0\0\x0a\0\0\1\xc0\0\2\2"),
        ROW(ICMPV4_IPV4_UNKNOWN_VER, "\1\3\1\0\0\0\0\0\0" IP6_HEAD),
    };
    static const struct row rows6[] = {
        QUIET("\x3a\x80\0\0\0\0\1\0\1ping"),
        QUIET("\x3a\1\4\0\0\0\0\0\0" IP6_HEAD),
        QUIET("\x3a\x97\x14\0\0\0\0\0\0"), /* multicast router advertisement: code is an interval */
        ROW(ICMPV6_UNKNOWN_CODE, "\x3a\x80\1\0\0\0\1\0\1"),
        ROW(ICMPV6_UNKNOWN_CODE, "\x3a\3\2\0\0\0\0\0\0" IP6_HEAD),
        ROW(ICMPV6_UNKNOWN_CODE, "\x3a\x87\x40\0\0\0\0\0\0"),
        ROW(ICMPV6_UNKNOWN_TYPE, "\x3a\x7f\0\0\0\0\0\0\0"),
        ROW(ICMPV6_UNKNOWN_TYPE, "\x3a\xff\0\0\0\0\0\0\0"),
        ROW(ICMPV6_UNASSIGNED_TYPE, "\x3a\x30\0\0\0\0\0\0\0"),
        ROW(ICMPV6_UNASSIGNED_TYPE, "\x3a\xf0\0\0\0\0\0\0\0"),
        ROW(ICMPV6_EXPERIMENTATION_TYPE, "\x3a\x65\0\0\0\0\0\0\0"),
        ROW(ICMPV6_EXPERIMENTATION_TYPE, "\x3a\xc8\0\0\0\0\0\0\0"),
        ROW(ICMPV6_IPV6_TRUNC_PKT, "\x3a\1\4\0\0\0\0\0\0\x60\0\0\0"),
        ROW(ICMPV6_IPV6_UNKNOWN_VERSION, "\x3a\1\4\0\0\0\0\0\0" IP4_HEAD IP4_HEAD),
        ROW(ICMPV6_MLD_MESSAGE_WITH_INVALID_HL, "\x3a\x8f\0\0\0\0\0\0\0"),
    };
    struct frame f;
    (void)state;
    expect_in_ipv4(rows, COUNT(rows), __func__);
    expect_in_ipv6(rows6, COUNT(rows6), __func__);
    ethernet(&f, 0x86dd);
    ipv6(&f, IPPROTO_ICMPV6, 8);
    put(&f, "\x8f\0\0\0\0\0\0\0", 8);
    f.bytes[14 + 7] = 1; /* hop limit */
    expect(SEK_LINK_ETHERNET, &f, NONE, __func__, COUNT(rows6));
}

/* Rows are the options, a multiple of four bytes. */
static void options_of_ipv4_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\x94\4\0\0"),                     /* router alert, as IGMP has it */
        QUIET("\7\7\4\0\0\0\0\0"),               /* record route */
        QUIET("\7\7\x08\x0a\0\0\1\1"),           /* ... which is full */
        QUIET("\x44\x08\5\0\0\0\0\0"),           /* timestamp */
        QUIET("\1\1\x83\7\4\x0a\0\0\1\0\0\0"),   /* source route */
        ROW(IPV4_OPT_INVALID, "\x28\4\0\0"),
        ROW(IPV4_OPT_UNKNOWN, "\x51\4\0\0"),
        ROW(IPV4_OPT_DUPLICATE, "\x94\4\0\0\x94\4\0\0"),
        ROW(IPV4_OPT_EOL_REQUIRED, "\1\1\1\x94"),
        ROW(IPV4_OPT_PAD_REQUIRED, "\0\0\1\0"),
        ROW(IPV4_OPT_INVALID_LEN, "\x94\3\0\0"),
        ROW(IPV4_OPT_INVALID_LEN, "\7\x08\4\0\0\0\0\0"),
        ROW(IPV4_OPT_INVALID_LEN, "\7\x20\4\0"),
        ROW(IPV4_OPT_MALFORMED, "\7\7\5\0\0\0\0\0"),
        ROW(IPV4_OPT_MALFORMED, "\x44\x08\x0d\0\0\0\0\0"),
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f;
        ethernet(&f, 0x800);
        ipv4(&f, 1, 2, 0x59, rows[i].len, 7, 0);
        f.bytes[14] = (uint8_t)(0x45 + rows[i].len / 4);
        put(&f, rows[i].bytes, rows[i].len);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, __func__, i);
    }
}

static void extension_headers_of_ipv6_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\0\x59\0\5\2\0\0\0\0"),                            /* router alert */
        QUIET("\x3c\x59\2\xc9\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\3\1\2\0\0"), /* home address */
        QUIET("\x33\x59\1\0\0\0\0\0\1\0\0\0\1"),                  /* authentication */
        QUIET("\x2c\x59\0\0\1\0\0\0\1" "01234567"),               /* first fragment */
        QUIET("\x2c\x59\0\0\x08\0\0\0\1" "01234"),                /* last fragment */
        ROW(IPV6_HOPOPTS_UNKNOWN_OPT, "\0\x59\0\x70\4\0\0\0\0"),
        ROW(IPV6_DSTOPTS_UNKNOWN_OPT, "\x3c\x59\0\x70\4\0\0\0\0"),
        ROW(IPV6_HOPOPTS_ONLY_PADDING, "\0\x59\0\1\4\0\0\0\0"),
        ROW(IPV6_DSTOPTS_ONLY_PADDING, "\x3c\x59\0\1\4\0\0\0\0"),
        ROW(IPV6_ZERO_LEN_PADN, "\0\x59\0\5\2\0\0\1\0"),
        ROW(IPV6_EXTHDR_INVALID_OPTLEN, "\0\x59\0\5\x20\0\0\1\0"),
        ROW(IPV6_EXTHDR_INVALID_OPTLEN, "\0\x59\0\5\3\0\0\0\0"),
        ROW(IPV6_EXTHDR_INVALID_OPTLEN, "\x3c\x59\0\0\0\0\0\0\5"),
        ROW(IPV6_EXTHDR_AH_RES_NOT_NULL, "\x33\x59\1\0\1\0\0\0\1\0\0\0\1"),
        ROW(IPV6_EXTHDR_DUPL_AH, "\x33\x33\1\0\0\0\0\0\1\0\0\0\1\x59\1\0\0\0\0\0\1\0\0\0\1"),
        ROW(IPV6_EXTHDR_DUPL_FH, "\x2c\x2c\0\0\0\0\0\0\1\x59\0\0\0\0\0\0\1"),
        ROW(IPV6_EXTHDR_DUPL_FH, "\x2c\x2c\0\0\1\0\0\0\1\x59\0\0\0\0\0\0\1"),
        ROW(IPV6_FRAG_INVALID_LENGTH, "\x2c\x59\0\0\1\0\0\0\1" "01234"),
    };
    (void)state;
    expect_in_ipv6(rows, COUNT(rows), __func__);
}

/* Rows are the options, a multiple of four bytes. */
static void options_of_tcp_raise_their_events(void **state)
{
    static const struct row rows[] = {
        QUIET("\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7"), /* SYN of Linux */
        QUIET("\1\1\5\x0a\0\0\0\1\0\0\0\2"),                     /* selective acknowledgement */
        QUIET("\x22\2\1\1"),
        QUIET("\x1e\4\0\0\x1e\4\0\0"),                           /* MPTCP may repeat */
        ROW(TCP_OPT_DUPLICATE, "\2\4\5\xb4\2\4\1\0"),
        ROW(TCP_OPT_DUPLICATE, "\4\2\4\2"),
        ROW(TCP_OPT_DUPLICATE, "\x22\2\x22\2"),
        ROW(TCP_OPT_INVALID_LEN, "\2\3\5\1"),
        ROW(TCP_OPT_INVALID_LEN, "\3\4\7\0"),
        ROW(TCP_OPT_INVALID_LEN, "\4\4\0\0"),
        ROW(TCP_OPT_INVALID_LEN, "\5\x08\0\0\0\1\0\0"),
        ROW(TCP_OPT_INVALID_LEN, "\x08\x08\0\0\0\1\0\0"),
        ROW(TCP_OPT_INVALID_LEN, "\x13\4\0\0"),
        ROW(TCP_OPT_INVALID_LEN, "\x22\4\0\0"),
        ROW(TCP_INVALID_OPTLEN, "\2\x0c\5\xb4"),
    };
    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct frame f;
        ethernet(&f, 0x800);
        ipv4(&f, 1, 2, IPPROTO_TCP, 20 + rows[i].len, 7, 0);
        tcp(&f, 4000, 80, 1, 0, SEK_TCP_SYN, "");
        f.bytes[14 + 20 + 12] = (uint8_t)((5 + rows[i].len / 4) << 4);
        put(&f, rows[i].bytes, rows[i].len);
        expect(SEK_LINK_ETHERNET, &f, rows[i].want, __func__, i);
    }
}

/* Without memory a fragment is ignored, and says so. */
static void a_fragment_that_nobody_can_keep_is_an_event(void **state)
{
    struct frame f;
    (void)state;
    for (int i = 0; i < 4; i++) { /* no memory for a datagram, then none for its bytes */
        bool v6 = i & 1;
        struct sek_pool pool = {.limit = i < 2 ? 1 : 1024};
        struct sek_defrag defrag;
        const uint8_t *ip;
        uint32_t len;
        ethernet(&f, v6 ? 0x86dd : 0x800);
        if (v6) {
            ipv6(&f, IPPROTO_FRAGMENT, 16);
            put(&f, "\x59\0\0\1\0\0\0\1" "01234567", 16);
        } else {
            ipv4(&f, 1, 2, 0x59, 8, 7, 0x2000);
            put(&f, "01234567", 8);
        }
        decode(&f);
        sek_defrag_open(&defrag, &pool, NULL);
        assert_false(sek_defrag_packet(&defrag, &packets[0], &ip, &len));
        assert_true(has(&packets[0], v6 ? SEK_DECODE_IPV6_FRAG_IGNORED : SEK_DECODE_IPV4_FRAG_IGNORED));
        sek_defrag_close(&defrag);
        sek_pool_trim(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_segment_gives_addresses_ports_and_payload),
        cmocka_unit_test(padding_behind_the_ip_packet_is_no_payload),
        cmocka_unit_test(two_vlan_tags_are_taken_off_and_kept),
        cmocka_unit_test(ipv6_extension_headers_are_passed_over),
        cmocka_unit_test(an_icmp_echo_gives_type_and_identifier),
        cmocka_unit_test(what_a_gre_tunnel_carries_is_a_packet_of_its_own),
        cmocka_unit_test(what_a_vxlan_tunnel_carries_is_a_packet_of_its_own),
        cmocka_unit_test(a_fragment_is_marked_and_has_no_ports),
        cmocka_unit_test(a_header_length_below_five_words_is_an_event_not_a_read),
        cmocka_unit_test(no_truncation_is_read_beyond_its_end),
        cmocka_unit_test(a_wrong_checksum_is_found_and_a_right_one_is_not),
        cmocka_unit_test(layers_below_ip_raise_their_events),
        cmocka_unit_test(what_tags_hide_is_decoded),
        cmocka_unit_test(tags_that_nest_without_end_are_given_up),
        cmocka_unit_test(a_loopback_frame_of_another_family_is_an_event),
        cmocka_unit_test(gre_headers_raise_their_events),
        cmocka_unit_test(a_mirrored_vlan_beyond_the_third_is_an_event),
        cmocka_unit_test(tunnels_over_udp_with_an_unknown_payload_raise_their_events),
        cmocka_unit_test(protocols_of_ip_raise_their_events),
        cmocka_unit_test(icmp_messages_raise_their_events),
        cmocka_unit_test(options_of_ipv4_raise_their_events),
        cmocka_unit_test(extension_headers_of_ipv6_raise_their_events),
        cmocka_unit_test(options_of_tcp_raise_their_events),
        cmocka_unit_test(a_fragment_that_nobody_can_keep_is_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
