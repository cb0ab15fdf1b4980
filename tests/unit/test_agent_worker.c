/* objects: agent/message.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/lockdown/responder.c agent/lockdown/lease.c agent/lockdown/updater.c agent/filehash.c agent/settle.c agent/worker/glance.c agent/worker/glance_dns.c agent/worker/outgoing.c agent/worker/indicators.c agent/worker/names.c agent/worker/probes.c agent/worker/policy.c agent/worker/duties_check.c agent/section.c agent/integrity/options.c agent/logs/options.c agent/malware/options.c agent/worker/packets.c agent/worker/glance_quic.c agent/worker/resolvers.c agent/worker/unsure.c */
/* The worker's parts: message framing, glances at hostile bytes, outgoing checks, probes, policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/message.h"
#include "agent/worker/glance.h"
#include "agent/worker/outgoing.h"
#include "agent/worker/packets.h"
#include "agent/worker/policy.h"
#include "agent/worker/probes.h"
#include "bpf/exit.h"
#include "lib/base/encode.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"

static void a_message_arrives_whole_and_a_misshapen_one_is_refused(void **state)
{
    (void)state;
    int pair[2];
    static struct sek_message m;
    struct sek_block b = {.ttl_s = 7};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_EAGAIN);
    assert_int_equal(sek_message_send(pair[0], SEK_MESSAGE_BLOCK, 3, &b, sizeof b, -1), SEK_OK);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_OK);
    assert_int_equal(m.block.ttl_s, 7);
    assert_int_equal(m.id, 3);
    /* wrong size, wrong direction, unknown type, missing and unexpected descriptor */
    sek_message_send(pair[0], SEK_MESSAGE_BLOCK, 0, &b, sizeof b - 1, -1);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_EINVAL);
    sek_message_send(pair[0], SEK_MESSAGE_BLOCK, 0, &b, sizeof b, -1);
    assert_int_equal(sek_message_receive(pair[1], false, &m), SEK_EINVAL);
    sek_message_send(pair[0], 999, 0, &b, sizeof b, -1);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_EINVAL);
    sek_message_send(pair[0], SEK_MESSAGE_PREFIXES, 0, NULL, 0, -1);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_EINVAL);
    sek_message_send(pair[0], SEK_MESSAGE_BLOCK, 0, &b, sizeof b, 0);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_EINVAL);
    close(pair[0]);
    assert_int_equal(sek_message_receive(pair[1], true, &m), SEK_ENOTFOUND);
    close(pair[1]);
}

static void a_memory_file_is_mapped_only_when_it_can_no_longer_change(void **state)
{
    (void)state;
    size_t len;
    int fd = sek_memory_file("t", "hello", 5);
    void *p = sek_memory_map(fd, 10, &len);
    assert_memory_equal(p, "hello", 5);
    munmap(p, len);
    assert_null(sek_memory_map(fd, 4, &len));
    close(fd);
    fd = memfd_create("t", MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_null(sek_memory_map(fd, 10, &len));
    close(fd);
}

/* A ClientHello with server name NAME; returns its length. */
static uint32_t hello(const char *name, uint8_t *out)
{
    uint8_t body[512] = {3, 3};
    uint32_t n = 2 + 32, len = (uint32_t)strlen(name);
    body[n++] = 0;
    memcpy(body + n, "\0\2\x13\x01\1\0", 6);
    n += 6;
    uint8_t ext[] = {0, (uint8_t)(len + 9), 0, 0, 0,           (uint8_t)(len + 5),
                     0, (uint8_t)(len + 3), 0, 0, (uint8_t)len};
    memcpy(body + n, ext, sizeof ext);
    n += sizeof ext;
    memcpy(body + n, name, len);
    n += len;
    uint8_t head[] = {22, 3, 1, 0, (uint8_t)(n + 4), 1, 0, 0, (uint8_t)n};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, body, n);
    return n + (uint32_t)sizeof head;
}

static void a_server_name_is_found_however_the_hello_is_cut(void **state)
{
    (void)state;
    uint8_t data[600];
    char name[SEK_NAME_SIZE];
    bool ech;
    uint32_t len = hello("www.evil.example", data);
    assert_int_equal(sek_glance_tls(data, len, name, &ech), SEK_GLANCE_FOUND);
    assert_string_equal(name, "www.evil.example");
    for (uint32_t n = 1; n < len; n++)
        assert_int_equal(sek_glance_tls(data, n, name, &ech), SEK_GLANCE_MORE);
    assert_int_equal(sek_glance_tls((const uint8_t *)"GET / HTTP/1.1\r\n", 16, name, &ech),
                     SEK_GLANCE_NONE);
    /* The same hello in two records. */
    uint8_t split[700];
    memcpy(split, data, 5);
    split[4] = 20;
    memcpy(split + 5, data + 5, 20);
    memcpy(split + 25, data, 5);
    split[29] = (uint8_t)(len - 25);
    memcpy(split + 30, data + 25, len - 25);
    assert_int_equal(sek_glance_tls(split, len + 5, name, &ech), SEK_GLANCE_FOUND);
    assert_string_equal(name, "www.evil.example");
}

static void a_request_names_its_host_and_target(void **state)
{
    (void)state;
    struct sek_glance_http h;
    const char text[] =
        "POST /a?b HTTP/1.1\r\nhost:  x.example:8080 \r\nContent-Length: 12\r\n\r\nbody";
    assert_int_equal(sek_glance_http((const uint8_t *)text, sizeof text - 1, &h), SEK_GLANCE_FOUND);
    assert_int_equal(h.host.len, 14);
    assert_memory_equal(h.host.data, "x.example:8080", 14);
    assert_int_equal(h.target.len, 4);
    assert_int_equal(h.body, 12);
    assert_int_equal(h.head, sizeof text - 1 - 4);
    for (uint32_t n = 3; n < sizeof text - 5; n++)
        assert_int_equal(sek_glance_http((const uint8_t *)text, n, &h), SEK_GLANCE_MORE);
    assert_int_equal(sek_glance_http((const uint8_t *)"\x16\3\1", 3, &h), SEK_GLANCE_NONE);
}

static const uint8_t dns_answer[] = "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\3WWW\4evil\7example\0\0\1\0\1"
                                    "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3cdn\xc0\x10"
                                    "\xc0\x10\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\7";

static void a_dns_answer_gives_names_and_addresses_and_loops_end(void **state)
{
    (void)state;
    static struct sek_glance_dns d;
    assert_int_equal(sek_glance_dns(dns_answer, sizeof dns_answer - 1, &d), SEK_GLANCE_FOUND);
    assert_string_equal(d.name, "www.evil.example");
    assert_int_equal(d.alias_count, 1);
    assert_string_equal(d.aliases[0], "cdn.evil.example");
    assert_int_equal(d.address_count, 1);
    assert_int_equal(d.addresses[0].ttl_s, 300);
    for (uint32_t n = 0; n < sizeof dns_answer; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, dns_answer, n);
        sek_glance_dns(exact, n, &d);
        free(exact);
    }
    const uint8_t loop[] = "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1";
    assert_int_equal(sek_glance_dns(loop, sizeof loop - 1, &d), SEK_GLANCE_NONE);
    uint8_t out[64];
    sek_glance_dns(dns_answer, sizeof dns_answer - 1, &d);
    assert_int_equal(sek_glance_refuse(dns_answer, &d, out, sizeof out), d.question_end);
    assert_int_equal(out[3] & 15, 3);
    assert_int_equal(sek_glance_refuse(dns_answer, &d, out, 20), 0);
}

/* An IPv4 TCP packet of a connection from 10.0.0.1:4000 to 10.0.0.2:PORT. */
static uint32_t tcp(uint8_t *out, uint16_t port, uint32_t seq, uint8_t flags, const void *data,
                    uint32_t len)
{
    uint8_t ip[20] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    uint8_t th[20] = {4000 >> 8,
                      4000 & 255,
                      (uint8_t)(port >> 8),
                      (uint8_t)port,
                      (uint8_t)(seq >> 24),
                      (uint8_t)(seq >> 16),
                      (uint8_t)(seq >> 8),
                      (uint8_t)seq,
                      0,
                      0,
                      0,
                      1,
                      0x50,
                      flags,
                      0xff,
                      0xff};
    uint32_t total = 40 + len;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    memcpy(out, ip, 20);
    memcpy(out + 20, th, 20);
    memcpy(out + 40, data, len);
    return total;
}

static void a_listed_name_in_two_segments_is_dropped_and_stays_dropped(void **state)
{
    (void)state;
    static struct sek_outgoing_result r;
    struct sek_indicators indicators = {0};
    static struct sek_names names;
    const char list[] = "[{\"type\":\"domain\",\"value\":\"evil.example\"},"
                        "{\"type\":\"url\",\"value\":\"http://shared.example/bad\"}]";
    assert_int_equal(sek_indicators_load(&indicators, list, sizeof list - 1, NULL), SEK_OK);
    struct sek_outgoing *o = sek_outgoing_new();
    uint8_t data[600], packet[800];
    uint32_t len = hello("cc.evil.example", data);
    sek_outgoing_packet(o, &indicators, &names, packet, tcp(packet, 443, 99, 2, "", 0), true, 1,
                        &r);
    assert_false(r.drop);
    sek_outgoing_packet(o, &indicators, &names, packet, tcp(packet, 443, 100, 0x18, data, 40), true,
                        2, &r);
    assert_false(r.drop || r.settled);
    sek_outgoing_packet(o, &indicators, &names, packet,
                        tcp(packet, 443, 140, 0x18, data + 40, len - 40), true, 3, &r);
    assert_true(r.drop && r.hit);
    assert_string_equal(r.what.name, "cc.evil.example");
    sek_outgoing_packet(o, &indicators, &names, packet,
                        tcp(packet, 443, 140, 0x18, data + 40, len - 40), true, 4, &r);
    assert_true(r.drop);
    assert_false(r.hit);
    /* Two requests on one connection: the second is listed; its body length is honoured. */
    const char ok[] = "POST /fine HTTP/1.1\r\nHost: shared.example\r\nContent-Length: "
                      "20\r\n\r\nGET /bad HTTP/1.1\r\n\r\n";
    sek_outgoing_packet(o, &indicators, &names, packet, tcp(packet, 80, 99, 2, "", 0), true, 5, &r);
    sek_outgoing_packet(o, &indicators, &names, packet,
                        tcp(packet, 80, 100, 0x18, ok, sizeof ok - 1), true, 6, &r);
    assert_false(r.drop);
    const char bad[] = "GET /bad HTTP/1.1\r\nHost: shared.example\r\n\r\n";
    uint32_t seq = 100 + (uint32_t)sizeof ok - 1;
    sek_outgoing_packet(o, &indicators, &names, packet,
                        tcp(packet, 80, seq, 0x18, bad, sizeof bad - 1), false, 7, &r);
    assert_true(r.hit && !r.drop);
    assert_string_equal(r.what.url, "/bad");
    sek_outgoing_free(o);
    sek_indicators_free(&indicators);
}

/* The device holds the prefix of evil.example, and the link is up. */
static struct sek_unsure *unsure(json_t **reply)
{
    uint8_t digest[32], *set;
    char text[64], hash[65];
    size_t len;
    struct sek_unsure *u = sek_unsure_new();
    assert_true(sek_expression_hash("domain", "evil.example", digest));
    const uint32_t prefix = sek_expression_prefix(digest);
    assert_int_equal(sek_prefixes_build(&prefix, 1, &set, &len, NULL), SEK_OK);
    sek_base64url_encode(set, len, text);
    assert_int_equal(sek_unsure_set(u, text, strlen(text), NULL), SEK_OK);
    free(set);
    sek_hex_encode(digest, 32, hash);
    *reply = json_pack("{s:[{s:s, s:s}], s:i, s:i}", "hashes", "hash", hash, "reason", "C&C",
                       "lifetime_s", 60, "negative_s", 60);
    sek_unsure_online(u, true);
    return u;
}

static void a_packet_waits_for_the_answer_and_is_judged_by_it(void **state)
{
    (void)state;
    static struct sek_outgoing_result r;
    static struct sek_names names;
    struct sek_indicators indicators = {0};
    struct sek_outgoing *o = sek_outgoing_new();
    json_t *reply, *question;
    struct sek_outgoing_rules rules = {.unsure = unsure(&reply)};
    sek_outgoing_rules(o, &rules);
    uint8_t data[600], packet[800];
    uint32_t len = hello("cc.evil.example", data);
    uint32_t size = tcp(packet, 443, 100, 0x18, data, len);
    sek_outgoing_packet(o, &indicators, &names, packet, size, true, 2, &r);
    assert_true(r.hold && !r.drop && !r.hit);
    /* The same again, because the kernel grew impatient: it must not slip through. */
    sek_outgoing_packet(o, &indicators, &names, packet, size, true, 3, &r);
    assert_true(r.drop && !r.hit && !r.hold);
    question = sek_unsure_question(rules.unsure);
    sek_unsure_answer(rules.unsure, question, reply, 1);
    sek_outgoing_again(o, &indicators, &names, packet, size, true, false, 4, &r);
    assert_true(r.hold); /* an answer of 1970 is none any more */
    sek_unsure_answer(rules.unsure, question, reply, (uint64_t)time(NULL));
    sek_outgoing_again(o, &indicators, &names, packet, size, true, false, 5, &r);
    assert_true(r.hit && r.drop);
    assert_string_equal(r.what.indicator.reason, "C&C");
    json_decref(question);
    json_decref(reply);
    sek_unsure_free(rules.unsure);
    sek_outgoing_free(o);
}

static void without_an_answer_the_policy_decides(void **state)
{
    (void)state;
    static struct sek_outgoing_result r;
    static struct sek_names names;
    struct sek_indicators indicators = {0};
    uint8_t data[600], packet[800];
    uint32_t len = hello("cc.evil.example", data);
    for (int deny = 0; deny < 2; deny++) {
        json_t *reply;
        struct sek_outgoing *o = sek_outgoing_new();
        struct sek_outgoing_rules rules = {.unsure = unsure(&reply), .deny_unanswered = deny};
        sek_outgoing_rules(o, &rules);
        uint32_t size = tcp(packet, 443, 100, 0x18, data, len);
        sek_outgoing_packet(o, &indicators, &names, packet, size, true, 2, &r);
        assert_true(r.hold);
        sek_outgoing_again(o, &indicators, &names, packet, size, true, true, 3, &r);
        assert_int_equal(r.drop, deny);
        assert_int_equal(r.settled, !deny);
        assert_false(r.hold);
        if (deny)
            assert_non_null(strstr(r.what.reason, "did not answer"));
        json_decref(reply);
        sek_unsure_free(rules.unsure);
        sek_outgoing_free(o);
    }
}

static void many_ports_make_an_attacker_and_one_port_does_not(void **state)
{
    (void)state;
    static struct sek_probes p = {.threshold = 3, .window_us = 1000};
    uint8_t a[16] = {1}, b[16] = {2};
    for (int i = 0; i < 50; i++)
        assert_null(sek_probes_note(&p, a, 23, 10));
    assert_null(sek_probes_note(&p, b, 1, 10));
    assert_null(sek_probes_note(&p, b, 2, 10));
    assert_non_null(sek_probes_note(&p, b, 0, 20));
    assert_null(sek_probes_note(&p, b, 5, 30));   /* told once */
    assert_null(sek_probes_note(&p, b, 6, 5000)); /* a new window */
}

static void a_policy_with_a_wrong_field_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct sek_policy p;
    struct sek_fault fault;
    sek_policy_default(&p);
    const char good[] = "{\"version\":4,\"entry\":{\"mode\":\"detect\",\"probe_threshold\":9},"
                        "\"exit\":{\"default\":\"deny\",\"listeners\":\"detect\","
                        "\"encrypted_dns\":\"deny\",\"quic\":\"detect\",\"unanswered\":\"deny\"},"
                        "\"inside\":{\"mode\":\"enforce\",\"scopes\":[\"/opt\"]}}";
    assert_int_equal(sek_policy_parse(&p, good, sizeof good - 1, &fault), SEK_OK);
    assert_int_equal(p.entry_mode, SEK_MODE_DETECT);
    assert_int_equal(p.exit_mode, SEK_MODE_PREVENT);
    assert_int_equal(p.unlearned, SEK_EXIT_DENY);
    assert_int_equal(p.listeners, SEK_EXIT_NOTE);
    assert_int_equal(p.encrypted_dns, SEK_EXIT_DENY);
    assert_int_equal(p.quic, SEK_EXIT_NOTE);
    assert_int_equal(p.deny_unanswered, 1);
    assert_int_equal(p.inside_mode, SEK_LOCKDOWN_ENFORCE);
    assert_string_equal(p.scopes[0], "/opt");
    static const char *const bad[] = {"{\"entry\":{\"mode\":\"on\"}}",
                                      "{\"entry\":{\"probe_threshold\":-1}}",
                                      "{\"exit\":{\"default\":\"maybe\"}}",
                                      "{\"exit\":{\"quic\":7}}",
                                      "{\"exit\":{\"listeners\":\"learn\"}}",
                                      "{\"inside\":{\"scopes\":[\"relative\"]}}", "[", "7"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sek_policy_parse(&p, bad[i], strlen(bad[i]), &fault), SEK_EINVAL);
        assert_non_null(strstr(fault.message, "policy.json"));
        assert_int_equal(p.version, 4);
    }
}

static void count_packet(void *arg, const struct sek_queued *q)
{
    (void)q;
    ++*(int *)arg;
}

static void damaged_netlink_is_skipped(void **state)
{
    (void)state;
    uint8_t message[64] = {40, 0, 0, 0, 0, 3};
    message[20] = 11; /* attribute: NFQA_PACKET_HDR, 7 bytes */
    message[22] = 1;
    for (unsigned i = 0; i < 256; i++) {
        int count = 0;
        message[20] = (uint8_t)i;
        for (uint32_t n = 0; n <= 40; n++)
            sek_packets_parse(message, n, count_packet, &count);
        assert_true(count <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_whole_and_a_misshapen_one_is_refused),
        cmocka_unit_test(a_memory_file_is_mapped_only_when_it_can_no_longer_change),
        cmocka_unit_test(a_server_name_is_found_however_the_hello_is_cut),
        cmocka_unit_test(a_request_names_its_host_and_target),
        cmocka_unit_test(a_dns_answer_gives_names_and_addresses_and_loops_end),
        cmocka_unit_test(a_listed_name_in_two_segments_is_dropped_and_stays_dropped),
        cmocka_unit_test(many_ports_make_an_attacker_and_one_port_does_not),
        cmocka_unit_test(a_packet_waits_for_the_answer_and_is_judged_by_it),
        cmocka_unit_test(without_an_answer_the_policy_decides),
        cmocka_unit_test(a_policy_with_a_wrong_field_is_refused_and_changes_nothing),
        cmocka_unit_test(damaged_netlink_is_skipped),
    };
    return cmocka_run_group_tests_name("agent worker", tests, NULL, NULL);
}
