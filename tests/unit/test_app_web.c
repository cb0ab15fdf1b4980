/* Forms of HTTP/1, HTTP/2 with HPACK, DNS inside it, WebSocket, QUIC; PostgreSQL, multicast DNS,
 * BitTorrent's table.
 */
#include "tests/unit/app_flow.h"

#include "lib/app/hpack.h"
#include "lib/app/quic.h"
#include "lib/base/encode.h"

#include <stdio.h>

#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct seen {
    char text[512];
};

static void on_field(void *ctx, struct sek_bytes name, struct sek_bytes value)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%.*s=%.*s;", (int)name.len, (const char *)name.data,
             (int)value.len, (const char *)value.data);
}

static void on_size(void *ctx, uint64_t size)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "size=%llu;", (unsigned long long)size);
}

/* Decodes the block in hex; what came out in SEEN. */
static enum hpack_result decode(struct hpack_table *t, const char *hex, struct seen *seen)
{
    uint8_t block[256];
    struct hpack_sink sink = {seen, on_field, on_size};
    seen->text[0] = '\0';
    assert_true(sek_hex_decode(hex, block, strlen(hex) / 2));
    return hpack_decode(&pool, t, (struct sek_bytes){block, (uint32_t)strlen(hex) / 2}, &sink);
}

/* The requests of RFC 7541 appendix C.4. */
static void hpack_decodes_the_examples_of_its_rfc(void **state)
{
    struct hpack_table t = {.limit = 4096, .allowed = 4096};
    struct seen s;
    (void)state;
    assert_int_equal(decode(&t, "828684418cf1e3c2e5f23a6ba0ab90f4ff", &s), HPACK_OK);
    assert_string_equal(s.text, ":method=GET;:scheme=http;:path=/;:authority=www.example.com;");
    assert_int_equal(decode(&t, "828684be5886a8eb10649cbf", &s), HPACK_OK);
    assert_string_equal(s.text, ":method=GET;:scheme=http;:path=/;:authority=www.example.com;"
                                "cache-control=no-cache;");
    assert_int_equal(decode(&t, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", &s), HPACK_OK);
    assert_string_equal(s.text, ":method=GET;:scheme=https;:path=/index.html;"
                                ":authority=www.example.com;custom-key=custom-value;");
    assert_int_equal(t.size, 164);
    hpack_free(&pool, &t);
    assert_int_equal(pool.used, 0);
}

static void hpack_forgets_what_does_not_fit_and_refuses_nonsense(void **state)
{
    struct hpack_table t = {.limit = 4096, .allowed = 4096};
    struct seen s;
    (void)state;
    assert_int_equal(decode(&t, "4001610162", &s), HPACK_OK);
    assert_int_equal(decode(&t, "20be", &s), HPACK_INVALID); /* the table was emptied */
    assert_string_equal(s.text, "size=0;");
    assert_int_equal(decode(&t, "ffffffffffffffffffff", &s), HPACK_OVERFLOW);
    assert_int_equal(decode(&t, "4005", &s), HPACK_INVALID);
    assert_int_equal(decode(&t, "0084ffffffff00", &s), HPACK_INVALID); /* end of string inside */
    hpack_free(&pool, &t);
    assert_int_equal(pool.used, 0);
}

static void a_request_over_http2_has_the_buffers_of_http(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER, MAGIC "\0\0\x06\x04\0\0\0\0\0" "\0\x02\0\0\0\0"
             "\0\0\x1f\x01\x04\0\0\0\x01" "\x83\x44\x06/a?b=c\x01\x05h:443\x0f\x2b\x02me"
             "\x60\x03k=v\x10\x01x\x01y"
             "\0\0\x08\0\x09\0\0\0\x01" "\x03" "body\0\0\0", steps[i]);
        FEED(SEK_TOCLIENT, "\0\0\0\x04\0\0\0\0\0"
             "\0\0\x01\x01\x04\0\0\0\x01" "\x88" "\0\0\x05\0\x01\0\0\0\x01" "hello"
             "\0\0\x08\x07\0\0\0\0\0" "\0\0\0\0\0\0\0\x02", steps[i]);
        assert_true(keyword(0, SEK_TOSERVER, "http2.settings", "SETTINGS_ENABLE_PUSH=0"));
        assert_false(keyword(0, SEK_TOSERVER, "http2.settings", "SETTINGS_ENABLE_PUSH>0"));
        assert_false(keyword(0, SEK_TOSERVER, "http2.settings", "NONSENSE>0"));
        expect(1, SEK_TOSERVER, "http.method", 0, "POST");
        expect(1, SEK_TOSERVER, "http.uri", 0, "/a?b=c");
        expect(1, SEK_TOSERVER, "http.host", 0, "h");
        expect(1, SEK_TOSERVER, "http.host.raw", 0, "h:443");
        expect(1, SEK_TOSERVER, "http.user_agent", 0, "me");
        expect(1, SEK_TOSERVER, "http.cookie", 0, "k=v");
        expect(1, SEK_TOSERVER, "http.request_line", 0, "POST /a?b=c HTTP/2\r\n");
        expect(1, SEK_TOSERVER, "http.header_names", 0,
               "\r\n:method\r\n:path\r\n:authority\r\nuser-agent\r\ncookie\r\nx\r\n\r\n");
        expect(1, SEK_TOSERVER, "http.request_body", 0, "body");
        expect(1, SEK_TOCLIENT, "http.stat_code", 0, "200");
        expect(1, SEK_TOCLIENT, "http.response_body", 0, "hello");
        expect(1, SEK_TOCLIENT, "file.name", 0, "a");
        assert_true(has_number(1, SEK_TOSERVER, "http2.frametype", 1));
        assert_true(tx_at(1)->complete[0] && tx_at(1)->complete[1]);
        flow_close();
    }
}

static void a_stream_is_reset_and_the_connection_says_goodbye(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 80);
    FEED(SEK_TOSERVER, MAGIC "\0\0\x02\x01\x04\0\0\0\x01" "\x82\x84"
         "\0\0\x04\x03\0\0\0\0\x01" "\0\0\0\x08" "\0\0\x04\x08\0\0\0\0\x01" "\x80\0\x10\0"
         "\0\0\x04\0\0\0\0\0\0" "oops", 5);
    assert_true(has_number(0, SEK_TOSERVER, "http2.errorcode", 8));
    assert_true(has_number(0, SEK_TOSERVER, "http2.window", 4096));
    assert_true(has_event(1, "http2.data_stream_zero"));
    flow_close();
}

static void files_of_a_form_are_files_one_by_one(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER,
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 189\r\n"
             "Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
             "--cut\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n"
             "--cut\r\nContent-Disposition: form-data; name=b; filename=\"1.txt\"\r\n\r\n"
             "on\r\n-e\r\n--cut\r\nContent-Disposition: x; filename=2\r\n\r\n\r\n--cut--\r\n",
             steps[i]);
        expect(0, SEK_TOSERVER, "file.name", 0, "1.txt");
        expect(0, SEK_TOSERVER, "file.data", 0, "on\r\n-e");
        expect(0, SEK_TOSERVER, "file.name", 1, "2");
        assert_true(has_number(0, SEK_TOSERVER, "filesize", 6));
        assert_true(has_event(0, "http.multipart_no_filedata"));
        assert_false(has_event(0, "http.multipart_generic_error"));
        flow_close();
    }
}

static void ranges_that_cannot_be_are_an_event(void **state)
{
    static const struct {
        const char *range;
        bool bad;
    } cases[] = {{"bytes 0-4/5", false}, {"bytes 0-4/*", false}, {"bytes */5", false},
                 {"bytes 4-0/5", true},  {"bytes 0-5/5", true},  {"bytes */*", true},
                 {"lines 0-4/5", true},  {"bytes 0-4", true},    {"bytes ", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 100000);
        int n = snprintf(text, sizeof text, "HTTP/1.1 206 P\r\nContent-Range: %s\r\n\r\n",
                         cases[i].range);
        feed(SEK_TOCLIENT, text, (uint32_t)n, 100000);
        assert_int_equal(has_event(0, "http.range_invalid"), cases[i].bad);
        flow_close();
    }
}

static void http1_is_upgraded_to_http2(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER, "GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n" "\0\0\0\x04\0\0\0\0\0"
             "\0\0\x01\x01\x05\0\0\0\x01" "\x88", steps[i]);
        assert_int_equal(flow.app, SEK_APP_HTTP2);
        expect(0, SEK_TOSERVER, "http.uri", 0, "/up");
        expect(0, SEK_TOSERVER, "http.host", 0, "h");
        expect(0, SEK_TOCLIENT, "http.stat_code", 0, "200");
        flow_close();
    }
}

static void dns_in_http2_is_both(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER, MAGIC "\0\0\x1e\x01\x04\0\0\0\x01" "\x83\x84\x0f\x10\x17"
             "application/dns-message\x86\x86" "\0\0\x17\0\x01\0\0\0\x01"
             "\0\0\x01\0\0\1\0\0\0\0\0\0\3abc\1d\0\0\1\0\1", steps[i]);
        assert_int_equal(flow.app, SEK_APP_DOH2);
        assert_int_equal(tx_at(0)->app, SEK_APP_DOH2);
        expect(0, SEK_TOSERVER, "http.method", 0, "POST");
        expect(0, SEK_TOSERVER, "dns.query", 0, "abc.d");
        flow_close();
    }
}

static void websocket_payloads_are_unmasked_and_joined(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 80);
        FEED(SEK_TOSERVER, "GET /w HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"
             "\x01\x03one\x89\x01!\x80\x04 two", steps[i]);
        FEED(SEK_TOSERVER, "\x81\x82\x01\x02\x03\x04\x69\x6b", steps[i]);
        expect(0, SEK_TOCLIENT, "websocket.payload", 0, "one");
        assert_true(has_number(1, SEK_TOCLIENT, "websocket.opcode", 9));
        expect(2, SEK_TOCLIENT, "websocket.payload", 0, "one two");
        expect(3, SEK_TOSERVER, "websocket.payload", 0, "hi");
        assert_true(has_number(3, SEK_TOSERVER, "websocket.mask", 0x01020304));
        assert_true(has_number(3, SEK_TOSERVER, "websocket.flags", 0x80));
        flow_close();
    }
}

/* RFC 7692 section 7.2.3.2: the second message refers to the first. */
static void websocket_messages_are_inflated_with_their_window(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 80);
    FEED(SEK_TOSERVER, "GET /w HTTP/1.1\r\nHost: h\r\n\r\n", 100000);
    FEED(SEK_TOCLIENT, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"
         "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", 3);
    expect(0, SEK_TOCLIENT, "websocket.payload", 0, "Hello");
    expect(1, SEK_TOCLIENT, "websocket.payload", 0, "Hello");
    flow_close();
}

/* RFC 9001 appendix A.1. */
static void initial_keys_of_quic_follow_from_the_connection_id(void **state)
{
    static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
    struct quic_keys keys[2];
    char hex[33];
    (void)state;
    assert_true(quic_initial_keys(QUIC_V1, (struct sek_bytes){id, sizeof id}, keys));
    sek_hex_encode(keys[0].key, 16, hex);
    assert_string_equal(hex, "1f369613dd76d5467730efcbe3b1a22d");
    sek_hex_encode(keys[0].iv, 12, hex);
    assert_string_equal(hex, "fa044b2f42a3fd3b46fb255c");
    sek_hex_encode(keys[1].hp, 16, hex);
    assert_string_equal(hex, "c206b8d9b9f0f37644430b490eeaa314");
    assert_false(quic_initial_keys(0x12345678, (struct sek_bytes){id, sizeof id}, keys));
}

static void the_tags_of_google_quic_make_a_fingerprint(void **state)
{
    static const uint8_t hello[] =
        "\xc3Q046\x50\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x01" "authentication." "\xa0\x01\0\0"
        "CHLO\x02\0\0\0PAD\0\x01\0\0\0SNI\0\x05\0\0\0-host";
    (void)state;
    flow_open(IPPROTO_UDP, 443);
    feed(SEK_TOSERVER, hello, sizeof hello - 1, 100000);
    expect(0, SEK_TOSERVER, "quic.version", 0, "Q046");
    expect(0, SEK_TOSERVER, "quic.sni", 0, "host");
    expect(0, SEK_TOSERVER, "quic.cyu.string", 0, "46,PAD-SNI");
    flow_close();
}

static void quic_that_cannot_be_decrypted_is_an_event(void **state)
{
    uint8_t packet[1200] = {0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x90};
    (void)state;
    flow_open(IPPROTO_UDP, 443);
    feed(SEK_TOSERVER, packet, sizeof packet, 100000);
    assert_true(has_event(0, "quic.failed_decrypt"));
    flow_close();
}

static void queries_of_postgresql_have_their_results(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 5432);
        FEED(SEK_TOSERVER, "\0\0\0\x12\0\3\0\0user\0joe\0\0", steps[i]);
        FEED(SEK_TOCLIENT, "R\0\0\0\x08\0\0\0\0S\0\0\0\x0b" "enc\0u8\0Z\0\0\0\5I", steps[i]);
        FEED(SEK_TOSERVER, "Q\0\0\0\x0dselect 1\0", steps[i]);
        FEED(SEK_TOCLIENT, "D\0\0\0\7\0\1xC\0\0\0\x0dSELECT 1\0Z\0\0\0\5I", steps[i]);
        expect(1, SEK_TOSERVER, "pgsql.query", 0, "select 1");
        expect_record(0, "\"user\":\"joe\"");
        expect_record(0, "\"enc\":\"u8\"");
        expect_record(1, "\"data_rows\":1");
        expect_record(1, "\"command_completed\":\"SELECT 1\"");
        flow_close();
    }
}

static void multicast_names_are_seen_in_any_section(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 5353);
    FEED(SEK_TOSERVER, "\0\0\x84\0\0\0\0\1\0\0\0\1" "\1a\5local\0\0\x0c\0\1\0\0\0\1\0\4\1b\xc0\x0e"
         "\1c\xc0\x0e\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 100000);
    assert_int_equal(flow.app, SEK_APP_MDNS);
    expect(0, SEK_TOSERVER, "mdns.answers.rrname", 0, "a.local");
    expect(0, SEK_TOSERVER, "mdns.additionals.rrname", 0, "c.local");
    expect(0, SEK_TOSERVER, "mdns.response.rrname", 1, "b.local");
    assert_false(has_event(0, "mdns.not_request"));
    flow_close();
}

static void a_query_of_the_hash_table_is_read(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 6881);
    FEED(SEK_TOSERVER, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", 100000);
    expect_record(0, "\"request_type\":\"ping\"");
    expect_record(0, "\"transaction_id\":\"6161\"");
    FEED(SEK_TOSERVER, "d1:rd2:id20:abcdefghij0123", 100000);
    assert_true(has_event(1, "bittorrent-dht.malformed_packet"));
    flow_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hpack_decodes_the_examples_of_its_rfc),
        cmocka_unit_test(hpack_forgets_what_does_not_fit_and_refuses_nonsense),
        cmocka_unit_test(a_request_over_http2_has_the_buffers_of_http),
        cmocka_unit_test(a_stream_is_reset_and_the_connection_says_goodbye),
        cmocka_unit_test(files_of_a_form_are_files_one_by_one),
        cmocka_unit_test(ranges_that_cannot_be_are_an_event),
        cmocka_unit_test(http1_is_upgraded_to_http2),
        cmocka_unit_test(dns_in_http2_is_both),
        cmocka_unit_test(websocket_payloads_are_unmasked_and_joined),
        cmocka_unit_test(websocket_messages_are_inflated_with_their_window),
        cmocka_unit_test(initial_keys_of_quic_follow_from_the_connection_id),
        cmocka_unit_test(the_tags_of_google_quic_make_a_fingerprint),
        cmocka_unit_test(quic_that_cannot_be_decrypted_is_an_event),
        cmocka_unit_test(queries_of_postgresql_have_their_results),
        cmocka_unit_test(multicast_names_are_seen_in_any_section),
        cmocka_unit_test(a_query_of_the_hash_table_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
