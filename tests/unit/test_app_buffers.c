/* What parsers of HTTP, TLS and DNS put into the buffers that rules look at. */
#include "app_flow.h"

static int open_flow(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 80);
    return 0;
}

static int close_flow(void **state)
{
    (void)state;
    flow_close();
    return 0;
}

static void feed_text(enum sek_dir dir, const char *text, uint32_t step)
{
    feed(dir, text, (uint32_t)strlen(text), step);
}

static void http_buffers_are_the_same_however_the_bytes_are_cut(void **state)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        open_flow(state);
        feed_text(SEK_TOSERVER, "POST /a%2Fb?q=1 HTTP/1.1\r\nHost: Cam.Example:8080\r\nUser-Agent: test/1\r\n"
                                "Cookie: k=v\r\nContent-Length: 5\r\n\r\nhello"
                                "GET /second HTTP/1.0\r\n\r\n", steps[i]);
        feed_text(SEK_TOCLIENT, "HTTP/1.1 404 Not Here\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", steps[i]);
        expect(0, SEK_TOSERVER, "http.method", 0, "POST");
        expect(0, SEK_TOSERVER, "http.uri.raw", 0, "/a%2Fb?q=1");
        expect(0, SEK_TOSERVER, "http.uri", 0, "/a/b?q=1");
        expect(0, SEK_TOSERVER, "http.host", 0, "cam.example");
        expect(0, SEK_TOSERVER, "http.user_agent", 0, "test/1");
        expect(0, SEK_TOSERVER, "http.cookie", 0, "k=v");
        expect(0, SEK_TOSERVER, "http.request_body", 0, "hello");
        expect(0, SEK_TOCLIENT, "http.stat_code", 0, "404");
        expect(0, SEK_TOCLIENT, "http.stat_msg", 0, "Not Here");
        expect(0, SEK_TOCLIENT, "http.response_body", 0, "abcde");
        expect(1, SEK_TOSERVER, "http.uri", 0, "/second");
        expect(1, SEK_TOSERVER, "http.protocol", 0, "HTTP/1.0");
        close_flow(state);
    }
    open_flow(state);
}

static void what_is_wrong_with_a_request_is_named(void **state)
{
    static const struct {
        const char *text, *event; /* NULL: none of these */
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a.example:8080\r\nX-Y_z: 1\r\n\r\n", NULL},
        {"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", NULL},
        {"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", NULL},
        {"GET / HTTP/1.1\r\nHost: a example\r\n\r\n", "http.request_header_host_invalid"},
        {"GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n", "http.request_header_host_invalid"},
        {"GET / HTTP/1.1\r\nHost: [2001:db8::1\r\n\r\n", "http.request_header_host_invalid"},
        {"GET http://a|b/ HTTP/1.1\r\nHost: a\r\n\r\n", "http.request_uri_host_invalid"},
        {"GET http://a:0/ HTTP/1.1\r\nHost: a\r\n\r\n", "http.invalid_server_port_in_request"},
        {"CONNECT a.example:port HTTP/1.1\r\nHost: a.example\r\n\r\n", "http.invalid_authority_port"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", "http.request_header_invalid"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nname=value&more\r\n", "http.request_body_unexpected"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_flow(state);
        feed_text(SEK_TOSERVER, rows[i].text, 5);
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            if (rows[k].event && has_event(0, rows[k].event) != (rows[i].event && !strcmp(rows[i].event, rows[k].event)))
                fail_msg("row %zu: %s", i, rows[k].event);
        close_flow(state);
    }
    open_flow(state);
    feed_text(SEK_TOCLIENT, "HTTP/1.1 200 OK\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n", 5);
    assert_true(has_event(0, "http.response_header_invalid"));
}

static void dots_and_doubled_slashes_are_resolved_in_the_uri_only(void **state)
{
    (void)state;
    feed_text(SEK_TOSERVER, "GET //x/./y/../%65tc//passwd HTTP/1.1\r\nHost: a\r\n\r\n", 100000);
    expect(0, SEK_TOSERVER, "http.uri", 0, "/x/etc/passwd");
    expect(0, SEK_TOSERVER, "http.uri.raw", 0, "//x/./y/../%65tc//passwd");
}

static void the_name_in_a_client_hello_is_found_in_pieces_as_it_was_sent(void **state)
{
    static const uint8_t body[] =
        "\x03\x03" "0123456789abcdef0123456789abcdef" "\0" "\0\x02\x13\x01" "\x01\0"
        "\0\x16" "\0\0" "\0\x12\0\x10\0\0\x0d" "www.Evil.test";
    uint8_t hello[200] = {0x16, 3, 1};
    uint32_t len = sizeof body - 1;
    hello[3] = 0, hello[4] = (uint8_t)(len + 4);
    hello[5] = 1, hello[8] = (uint8_t)len;
    memcpy(hello + 9, body, len);
    flow.port[1] = 443;
    (void)state;
    feed(SEK_TOSERVER, hello, len + 9, 3);
    expect(0, SEK_TOSERVER, "tls.sni", 0, "www.Evil.test");
}

static void dns_names_come_with_dots_and_a_loop_of_pointers_ends(void **state)
{
    static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" "\3www\4evil\4test\0\0\1\0\1";
    static const uint8_t loop[] = "\x12\x35\1\0\0\1\0\0\0\0\0\0" "\1a\xc0\x0c\0\1\0\1";
    struct sek_bytes b;
    (void)state;
    flow_open(IPPROTO_UDP, 53);
    FEED(SEK_TOSERVER, query, sizeof query);
    expect(0, SEK_TOSERVER, "dns.query", 0, "www.evil.test");
    assert_false(get_buffer(0, SEK_TOSERVER, "dns.query", 1, &b));
    FEED(SEK_TOSERVER, loop, sizeof loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http_buffers_are_the_same_however_the_bytes_are_cut,
                                        open_flow, close_flow),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_request_is_named, open_flow, close_flow),
        cmocka_unit_test_setup_teardown(dots_and_doubled_slashes_are_resolved_in_the_uri_only,
                                        open_flow, close_flow),
        cmocka_unit_test_setup_teardown(the_name_in_a_client_hello_is_found_in_pieces_as_it_was_sent, open_flow,
                                        close_flow),
        cmocka_unit_test_setup_teardown(dns_names_come_with_dots_and_a_loop_of_pointers_ends,
                                        open_flow, close_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
