/* From a frame to views of its headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
