/* MQTT and CoAP. */
#include "app_flow.h"

static const char connect5[] = "\x10\x22\0\4MQTT\5\xc2\0\x3c\3\x21\0\x14\0\3cam\0\5alice\0\6secret";

static void connect_and_its_answer_are_one_transaction_however_they_are_cut(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 1883);
        feed(SEK_TOSERVER, connect5, sizeof connect5 - 1, steps[i]);
        FEED(SEK_TOCLIENT, "\x20\3\0\x86\0", steps[i]);
        assert_int_equal(tx_count(), 1);
        expect(0, SEK_TOSERVER, "mqtt.connect.clientid", 0, "cam");
        expect(0, SEK_TOSERVER, "mqtt.connect.username", 0, "alice");
        expect(0, SEK_TOSERVER, "mqtt.connect.password", 0, "secret");
        expect(0, SEK_TOSERVER, "mqtt.connect.protocol_string", 0, "MQTT");
        expect_number(0, SEK_TOSERVER, "mqtt.protocol_version", 0, 5);
        expect_number(0, SEK_TOSERVER, "mqtt.type", 0, 1);
        expect_number(0, SEK_TOSERVER, "mqtt.type", 1, 2);
        expect_number(0, SEK_TOSERVER, "mqtt.reason_code", 0, 134);
        expect_record(0, "\"properties\":{\"receive_maximum\":20}");
        assert_true(tx_at(0)->complete[SEK_TOSERVER]);
        assert_true(tx_at(0)->ignore[SEK_TOCLIENT]);
        flow_close();
    }
}

static void topics_of_a_subscription_are_all_seen(void **state)
{
    struct sek_bytes b;
    (void)state;
    flow_open(IPPROTO_TCP, 1883);
    FEED(SEK_TOSERVER, "\x10\x0f\0\4MQTT\4\2\0\x3c\0\3cam", 100000);
    FEED(SEK_TOCLIENT, "\x20\2\0\0", 100000);
    FEED(SEK_TOSERVER, "\x82\x0e\0\1\0\3a/b\0\0\3c/#\1", 1);
    FEED(SEK_TOCLIENT, "\x90\4\0\1\0\1", 1);
    expect(1, SEK_TOSERVER, "mqtt.subscribe.topic", 0, "a/b");
    expect(1, SEK_TOSERVER, "mqtt.subscribe.topic", 1, "c/#");
    assert_false(get_buffer(1, SEK_TOSERVER, "mqtt.subscribe.topic", 2, &b));
    expect_record(1, "\"qos_granted\":[0,1]");
    flow_close();
}

static void a_message_over_the_limit_is_told_and_passed_over(void **state)
{
    static char big[300] = "\x30\xa9\2\0\1t";
    (void)state;
    flow_open(IPPROTO_TCP, 1883);
    settings.mqtt_message_limit = 100;
    FEED(SEK_TOSERVER, "\x10\x0f\0\4MQTT\4\2\0\x3c\0\3cam", 100000);
    FEED(SEK_TOCLIENT, "\x20\2\0\0", 100000);
    feed(SEK_TOSERVER, big, sizeof big, 13);
    FEED(SEK_TOSERVER, "\xe0\0", 1);
    assert_int_equal(tx_count(), 3);
    expect_record(1, "\"truncated\":true,\"skipped_length\":297");
    expect_number(2, SEK_TOSERVER, "mqtt.type", 0, 14);
    flow_close();
}

static void what_mqtt_does_not_allow_is_an_event(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 1883);
    FEED(SEK_TOSERVER, "\x10\x0f\0\4MQTT\4\2\0\x3c\0\3cam", 100000);
    FEED(SEK_TOSERVER, "\x32\6\0\1t\0\1x", 100000);
    assert_true(has_event_in(1, SEK_TOSERVER, "mqtt.unintroduced_message"));
    FEED(SEK_TOCLIENT, "\x20\2\0\0" "\x90\3\0\7\0", 100000);
    assert_true(has_event_in(2, SEK_TOCLIENT, "mqtt.missing_subscribe"));
    FEED(SEK_TOSERVER, "\x10\x0f\0\4MQTT\4\2\0\x3c\0\3cam", 100000);
    assert_true(has_event_in(3, SEK_TOSERVER, "mqtt.double_connect"));
    FEED(SEK_TOSERVER, "\x36\6\0\1t\0\1x", 100000);
    assert_true(has_event_in(4, SEK_TOSERVER, "mqtt.invalid_qos_level"));
    FEED(SEK_TOSERVER, "\x82\3\0\1\0", 100000);
    assert_true(has_event_in(5, SEK_TOSERVER, "mqtt.malformed_traffic"));
    flow_close();
}

static void coap_paths_and_queries_are_joined(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 5683);
    FEED(SEK_TOSERVER, "\x42\2\x12\x34\xab\xcd\x38" "cam.test\x83" "a b\1" "c\x11\x32\x33" "k=1\3" "j=2\xff" "on",
         100000);
    expect(0, SEK_TOSERVER, "coap.uri_host", 0, "cam.test");
    expect(0, SEK_TOSERVER, "coap.uri_path", 0, "/a b/c");
    expect(0, SEK_TOSERVER, "coap.uri_query", 0, "k=1&j=2");
    expect(0, SEK_TOSERVER, "coap.payload", 0, "on");
    expect_bytes(0, SEK_TOSERVER, "coap.token", 0, "\xab\xcd", 2);
    expect_number(0, SEK_TOSERVER, "coap.method", 0, 2);
    expect_number(0, SEK_TOSERVER, "coap.content_format", 0, 50);
    expect_number(0, SEK_TOSERVER, "coap.type", 0, 0);
    FEED(SEK_TOSERVER, "\x40\1\0\1\xbf" "abc", 100000); /* a length that the message does not have */
    assert_true(has_event_in(1, SEK_TOSERVER, "coap.malformed_data"));
    flow_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_and_its_answer_are_one_transaction_however_they_are_cut),
        cmocka_unit_test(topics_of_a_subscription_are_all_seen),
        cmocka_unit_test(a_message_over_the_limit_is_told_and_passed_over),
        cmocka_unit_test(what_mqtt_does_not_allow_is_an_event),
        cmocka_unit_test(coap_paths_and_queries_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
