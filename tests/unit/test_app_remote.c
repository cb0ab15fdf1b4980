/* Remote consoles: Telnet and RDP. */
#include "app_flow.h"

static void telnet_lines_are_free_of_negotiation(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 23);
        FEED(SEK_TOCLIENT, "\xff\xfd\x18\xff\xfb\1lo\xff\xfb\3gin: ", 100000);
        FEED(SEK_TOSERVER, "\xff\xfa\x18\0xterm\xff\xf0ro\xff\xff" "ot\r\n", steps[i]);
        unsigned last = tx_count() - 1;
        expect(0, SEK_TOCLIENT, "telnet.data", 0, "login: ");
        assert_true(tx_at(0)->complete[SEK_TOCLIENT]);
        expect_number(0, SEK_TOCLIENT, "telnet.option", 0, 24);
        expect_number(0, SEK_TOCLIENT, "telnet.command", 2, 251);
        expect_bytes(last, SEK_TOSERVER, "telnet.data", 0, "ro\xffot", 5);
        expect_bytes(1, SEK_TOSERVER, "telnet.subnegotiation", 0, "\0xterm", 6);
        assert_true(tx_at(last)->complete[SEK_TOSERVER]);
        flow_close();
    }
}

static void what_is_typed_is_one_line_though_it_is_echoed(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 23);
    FEED(SEK_TOCLIENT, "\xff\xfd\x18", 100000);
    FEED(SEK_TOSERVER, "l", 1);
    FEED(SEK_TOCLIENT, "l", 1);
    FEED(SEK_TOSERVER, "s", 1);
    FEED(SEK_TOCLIENT, "s", 1);
    FEED(SEK_TOSERVER, "\r", 1);
    expect(1, SEK_TOSERVER, "telnet.data", 0, "ls");
    assert_true(tx_at(1)->complete[SEK_TOSERVER]);
    flow_close();
}

static void a_telnet_line_without_end_is_cut(void **state)
{
    static char line[5000];
    (void)state;
    flow_open(IPPROTO_TCP, 23);
    memset(line, 'A', sizeof line);
    FEED(SEK_TOCLIENT, "\xff\xfd\x18", 100000);
    feed(SEK_TOSERVER, line, sizeof line, 1000);
    assert_true(has_event_in(1, SEK_TOSERVER, "telnet.line_too_long"));
    flow_close();
}

static const char rdp_request[] =
    "\3\0\0\x2b\x26\xe0\0\0\0\0\0" "Cookie: mstshash=eve\r\n\1\0\x08\0\3\0\0\0" "\0";

static void the_rdp_cookie_and_the_chosen_protocol_are_seen(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 3389);
        char request[sizeof rdp_request];
        memcpy(request, rdp_request, sizeof request);
        uint32_t len = sizeof request - 2;
        request[3] = (char)len, request[4] = (char)(len - 5);
        feed(SEK_TOSERVER, request, len, steps[i]);
        FEED(SEK_TOCLIENT, "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\x1f\x08\0\1\0\0\0", steps[i]);
        FEED(SEK_TOSERVER, "\x16\3\1\0\5hello", steps[i]);
        assert_int_equal(tx_count(), 3);
        expect(0, SEK_TOSERVER, "rdp.cookie", 0, "eve");
        expect_number(0, SEK_TOSERVER, "rdp.requested_protocols", 0, 3);
        expect_number(1, SEK_TOCLIENT, "rdp.protocol", 0, 1);
        expect_record(1, "\"protocol\":\"ssl\"");
        expect_number(2, SEK_TOSERVER, "rdp.event_type", 0, 4);
        flow_close();
    }
}

static void the_rdp_client_tells_its_name_and_channels(void **state)
{
    static char connect[4 + 3 + 2 + 10 + 4 + 1 + 4 + 128 + 4 + 4 + 12];
    char *p = connect;
    (void)state;
    flow_open(IPPROTO_TCP, 3389);
    FEED(SEK_TOSERVER, "\3\0\0\x0b\x06\xe0\0\0\0\0\0", 1);
    memcpy(p, "\3\0\0\0\2\xf0\x80\x7f\x65", 9);
    connect[3] = (char)sizeof connect;
    p += 9 + 10;
    memcpy(p, "Duca\x18\1\xc0\x84\0\4\0\x08\0\0\5\0\4", 17);
    memcpy(p + 5 + 4 + 20, "E\0V\0E\0", 6);
    p += 5 + 4 + 128;
    memcpy(p, "\3\xc0\x14\0\1\0\0\0rdpdr\0\0\0", 16);
    feed(SEK_TOSERVER, connect, sizeof connect, 100000);
    expect(1, SEK_TOSERVER, "rdp.client_name", 0, "EVE");
    expect(1, SEK_TOSERVER, "rdp.channel", 0, "rdpdr");
    expect_record(1, "\"event_type\":\"connect_request\"");
    flow_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telnet_lines_are_free_of_negotiation),
        cmocka_unit_test(what_is_typed_is_one_line_though_it_is_echoed),
        cmocka_unit_test(a_telnet_line_without_end_is_cut),
        cmocka_unit_test(the_rdp_cookie_and_the_chosen_protocol_are_seen),
        cmocka_unit_test(the_rdp_client_tells_its_name_and_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
