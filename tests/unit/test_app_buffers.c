/* What parsers of HTTP, TLS and DNS put into the buffers that rules look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/app/buffers.h"

#include <netinet/in.h>

static struct sek_pool pool;
static struct sek_app_settings settings;
static struct sek_flow flow;

static int open_flow(void **state)
{
    (void)state;
    sek_app_settings_default(&settings);
    flow = (struct sek_flow){.ip_version = 4, .proto = IPPROTO_TCP, .port = {4000, 80}};
    return 0;
}

static int close_flow(void **state)
{
    (void)state;
    sek_app_close(&pool, &flow, NULL);
    assert_int_equal(pool.used, 0); /* nothing is forgotten */
    sek_pool_trim(&pool);
    return 0;
}

/* Feed BYTES in pieces of STEP, as reassembly does: what is not consumed comes again. */
static void feed(enum sek_dir dir, const void *bytes, uint32_t len, uint32_t step)
{
    uint32_t done = 0;
    for (uint32_t end = 0; end < len;) {
        end = end + step < len ? end + step : len;
        struct sek_app_result r = sek_app_data(&pool, &settings, &flow, dir,
                                               (const uint8_t *)bytes + done, end - done,
                                               done ? 0 : SEK_APP_START);
        assert_true(r.consumed <= end - done);
        assert_false(r.error);
        done += r.consumed;
    }
}

static void feed_text(enum sek_dir dir, const char *text, uint32_t step)
{
    feed(dir, text, (uint32_t)strlen(text), step);
}

static struct sek_tx *tx(unsigned index)
{
    struct sek_tx *t = flow.app_state ? ((struct sek_app_state *)flow.app_state)->first : NULL;
    while (t && index--)
        t = t->next;
    assert_non_null(t);
    return t;
}

static bool get(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                struct sek_bytes *out)
{
    int id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    assert_true(id >= 0);
    const struct sek_buffer_def *d = sek_buffer_in(id, tx(at)->app);
    assert_non_null(d);
    return d->get(flow.app_state, tx(at), dir, index, out);
}

static void expect(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                   const char *value)
{
    struct sek_bytes b = {0};
    if (!get(at, dir, name, index, &b) || b.len != strlen(value) || memcmp(b.data, value, b.len))
        fail_msg("%s: found '%.*s', expected '%s'", name, (int)b.len, (const char *)b.data, value);
}

static void http_buffers_are_the_same_however_the_bytes_are_cut(void **state)
{
    static const uint32_t steps[] = {1, 2, 7, 64, 100000};
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
    flow.proto = IPPROTO_UDP;
    flow.port[1] = 53;
    sek_app_data(&pool, &settings, &flow, SEK_TOSERVER, query, sizeof query - 1, SEK_APP_START);
    expect(0, SEK_TOSERVER, "dns.query", 0, "www.evil.test");
    assert_false(get(0, SEK_TOSERVER, "dns.query", 1, &b));
    sek_app_data(&pool, &settings, &flow, SEK_TOSERVER, loop, sizeof loop - 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http_buffers_are_the_same_however_the_bytes_are_cut,
                                        open_flow, close_flow),
        cmocka_unit_test_setup_teardown(dots_and_doubled_slashes_are_resolved_in_the_uri_only,
                                        open_flow, close_flow),
        cmocka_unit_test_setup_teardown(the_name_in_a_client_hello_is_found_in_pieces_as_it_was_sent, open_flow,
                                        close_flow),
        cmocka_unit_test_setup_teardown(dns_names_come_with_dots_and_a_loop_of_pointers_ends,
                                        open_flow, close_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
