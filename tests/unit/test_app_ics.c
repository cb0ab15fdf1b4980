/* Protocols of plants and buildings: Modbus, DNP3, EtherNet/IP, BACnet, S7comm, IEC 104, OPC UA. */
#include "app_flow.h"

static void modbus_requests_match_by_function_access_address_and_value(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 502);
        FEED(SEK_TOSERVER, "\0\1\0\0\0\x0b\x0a\x10\0\x63\0\2\4\0\x05\1\x2c", steps[i]);
        FEED(SEK_TOCLIENT, "\0\1\0\0\0\6\x0a\x10\0\x63\0\2", steps[i]);
        assert_int_equal(tx_count(), 1);
        assert_true(keyword(0, SEK_TOSERVER, "modbus", "function 16"));
        assert_true(keyword(0, SEK_TOSERVER, "modbus", "function !reserved"));
        assert_true(keyword(0, SEK_TOSERVER, "modbus", "unit 10, function assigned"));
        assert_true(keyword(0, SEK_TOSERVER, "modbus", "access write holding, address 101, value >299"));
        assert_false(keyword(0, SEK_TOSERVER, "modbus", "access write holding, address 100, value >299"));
        assert_false(keyword(0, SEK_TOSERVER, "modbus", "access write holding, address >101"));
        assert_false(keyword(0, SEK_TOSERVER, "modbus", "access read"));
        assert_false(keyword(0, SEK_TOSERVER, "modbus", "unit <10, function 16"));
        assert_false(has_event_in(0, SEK_TOCLIENT, "modbus.value_mismatch"));
        flow_close();
    }
    assert_true(refused("modbus", "function"));
    assert_true(refused("modbus", "access write input"));
    assert_true(refused("modbus", "access read, address 5"));
    assert_true(refused("modbus", "function nothing"));
}

static void modbus_answers_are_compared_with_what_was_asked(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 502);
    FEED(SEK_TOSERVER, "\0\1\0\0\0\6\x01\x03\0\0\0\2", 100000);
    FEED(SEK_TOCLIENT, "\0\1\0\0\0\5\x01\x03\2\0\1", 100000);
    assert_true(has_event_in(0, SEK_TOCLIENT, "modbus.value_mismatch"));
    FEED(SEK_TOCLIENT, "\0\7\0\0\0\3\x01\x83\2", 100000);
    assert_true(has_event_in(1, SEK_TOCLIENT, "modbus.unsolicited_response"));
    FEED(SEK_TOSERVER, "\0\2\0\0\0\6\x01\x03\0\0\x7f\xff", 100000);
    assert_true(has_event_in(2, SEK_TOSERVER, "modbus.invalid_value"));
    flow_close();
}

#define DNP3_FIRST  "\x05\x64\x0b\xc4\x03\x00\x02\x00\xc0\x56\x40\xc0\x01\x3c\x02\x06\xd7\xf1"
#define DNP3_SECOND "\x05\x64\x0c\xc4\x03\x00\x02\x00\xfe\x88\x81\x3c\x03\x06\x3c\x04\x06\xf7\x6c"
#define DNP3_ANSWER                                                                                \
    "\x05\x64\x12\x44\x02\x00\x03\x00\xe8\x09\xc0\xc0\x81\x90\x00\x01\x02\x00\x00\x02\x81\x01\x01\xa7\xf9"

static void dnp3_messages_are_put_together_without_their_checksums(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 20000);
        FEED(SEK_TOSERVER, DNP3_FIRST DNP3_SECOND, steps[i]);
        FEED(SEK_TOCLIENT, DNP3_ANSWER, steps[i]);
        assert_int_equal(tx_count(), 2);
        expect_bytes(0, SEK_TOSERVER, "dnp3_data", 0, "\xc0\1\x3c\2\6\x3c\3\6\x3c\4\6", 11);
        expect_number(0, SEK_TOSERVER, "dnp3_func", 0, 1);
        assert_true(keyword(0, SEK_TOSERVER, "dnp3_obj", "60,4"));
        assert_false(keyword(0, SEK_TOSERVER, "dnp3_obj", "60,1"));
        expect_number(1, SEK_TOCLIENT, "dnp3_func", 0, 129);
        assert_true(keyword(1, SEK_TOCLIENT, "dnp3_ind", "class_1_events,device_restart"));
        assert_false(keyword(1, SEK_TOCLIENT, "dnp3_ind", "class_1_events"));
        assert_true(keyword(1, SEK_TOCLIENT, "dnp3_ind", "need_time"));
        expect_record(1, "\"complete\":true");
        flow_close();
    }
    assert_true(refused("dnp3_ind", "nothing"));
    assert_true(refused("dnp3_obj", "60"));
}

static void a_dnp3_frame_with_a_wrong_checksum_is_an_event(void **state)
{
    char bad[] = DNP3_ANSWER;
    (void)state;
    flow_open(IPPROTO_TCP, 20000);
    bad[15] ^= 1;
    feed(SEK_TOSERVER, bad, sizeof bad - 1, 100000);
    assert_true(has_event_in(0, SEK_TOSERVER, "dnp3.bad_transport_crc"));
    bad[4] ^= 1;
    feed(SEK_TOSERVER, bad, sizeof bad - 1, 100000);
    assert_true(has_event_in(1, SEK_TOSERVER, "dnp3.bad_link_crc"));
    flow_close();
}

/* Get Attribute Single of class 1, instance 1, attribute 7 in an unconnected message. */
#define ENIP_REQUEST                                                                               \
    "\x6f\0\x18\0\1\0\0\0\0\0\0\0" "context1" "\0\0\0\0"                                           \
    "\0\0\0\0\5\0\2\0\0\0\0\0\xb2\0\x08\0\x0e\3\x20\1\x24\1\x30\7"
#define ENIP_ANSWER                                                                                \
    "\x6f\0\x14\0\1\0\0\0\0\0\0\0" "context1" "\0\0\0\0"                                           \
    "\0\0\0\0\5\0\2\0\0\0\0\0\xb2\0\x04\0\x8e\0\x05\0"

static void cip_paths_and_statuses_are_found_in_their_direction(void **state)
{
    uint64_t v;
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 44818);
        FEED(SEK_TOSERVER, ENIP_REQUEST, steps[i]);
        FEED(SEK_TOCLIENT, ENIP_ANSWER, steps[i]);
        assert_int_equal(tx_count(), 1);
        expect_number(0, SEK_TOSERVER, "enip_command", 0, 0x6f);
        assert_true(keyword(0, SEK_TOSERVER, "cip_service", "14"));
        assert_true(keyword(0, SEK_TOSERVER, "cip_service", "14,1,7"));
        assert_false(keyword(0, SEK_TOSERVER, "cip_service", "14,2"));
        expect_number(0, SEK_TOSERVER, "enip.cip_class", 0, 1);
        expect_number(0, SEK_TOSERVER, "enip.cip_instance", 0, 1);
        expect_number(0, SEK_TOSERVER, "enip.cip_attribute", 0, 7);
        expect_number(0, SEK_TOCLIENT, "enip.cip_status", 0, 5);
        assert_false(get_number(0, SEK_TOCLIENT, "enip.cip_class", 0, &v));
        flow_close();
    }
    assert_true(refused("cip_service", "14,1,7,9"));
    assert_true(refused("cip_service", "200"));
}

static void a_bacnet_read_tells_object_and_property(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 47808);
    FEED(SEK_TOSERVER, "\x81\x0a\0\x11\1\4\0\5\1\x0c\x0c\2\0\x30\x39\x19\x55", 100000);
    expect_number(0, SEK_TOSERVER, "bacnet.service", 0, 12);
    expect_number(0, SEK_TOSERVER, "bacnet.object_type", 0, 8);
    expect_number(0, SEK_TOSERVER, "bacnet.object_instance", 0, 12345);
    expect_number(0, SEK_TOSERVER, "bacnet.property", 0, 85);
    FEED(SEK_TOSERVER, "\x81\x0b\0\x0c\1\x20\xff\xff\0\xff\x10\x08", 100000);
    expect_number(1, SEK_TOSERVER, "bacnet.service", 0, 256 + 8);
    expect_record(1, "\"service\":\"who_is\"");
    FEED(SEK_TOSERVER, "\x81\x0a\0\x0c\1\4\0\5\1\x0c\x0c\2", 100000);
    assert_true(has_event_in(2, SEK_TOSERVER, "bacnet.malformed_data"));
    flow_close();
}

static void s7_reads_tell_area_and_block_and_stops_their_service(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 102);
        FEED(SEK_TOSERVER, "\3\0\0\x16\x11\xe0\0\0\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2", steps[i]);
        FEED(SEK_TOSERVER,
             "\3\0\0\x1f\2\xf0\x80\x32\1\0\0\0\5\0\x0e\0\0\4\1\x12\x0a\x10\2\0\4\0\7\x84\0\0\x50"
             "\3\0\0\x21\2\xf0\x80\x32\1\0\0\0\6\0\x10\0\0\x29\0\0\0\0\0\x09P_PROGRAM",
             steps[i]);
        assert_int_equal(tx_count(), 2);
        expect_number(0, SEK_TOSERVER, "s7comm.rosctr", 0, 1);
        expect_number(0, SEK_TOSERVER, "s7comm.function", 0, 4);
        expect_number(0, SEK_TOSERVER, "s7comm.item_area", 0, 0x84);
        expect_number(0, SEK_TOSERVER, "s7comm.item_db", 0, 7);
        expect_number(0, SEK_TOSERVER, "s7comm.item_address", 0, 10);
        expect_number(1, SEK_TOSERVER, "s7comm.function", 0, 0x29);
        expect(1, SEK_TOSERVER, "s7comm.pi_service", 0, "P_PROGRAM");
        flow_close();
    }
}

static void iec104_commands_tell_type_cause_and_addresses(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 2404);
        FEED(SEK_TOSERVER,
             "\x68\4\7\0\0\0" "\x68\x0e\0\0\0\0\x64\1\6\0\x0a\0\0\0\0\x14"
             "\x68\x12\2\0\0\0\x2d\2\6\0\1\0\x10\0\0\1\x11\0\0\1", steps[i]);
        assert_int_equal(tx_count(), 3);
        expect_number(0, SEK_TOSERVER, "iec104.apdu_type", 0, 3);
        expect_number(0, SEK_TOSERVER, "iec104.u_function", 0, 7);
        expect_number(1, SEK_TOSERVER, "iec104.type_id", 0, 100);
        expect_number(1, SEK_TOSERVER, "iec104.cot", 0, 6);
        expect_number(1, SEK_TOSERVER, "iec104.common_address", 0, 10);
        expect_number(2, SEK_TOSERVER, "iec104.ioa", 0, 16);
        expect_number(2, SEK_TOSERVER, "iec104.ioa", 1, 17);
        flow_close();
    }
}

static void opcua_reads_name_their_nodes(void **state)
{
    static const char hello[] = "HELF\x38\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0"
                                "\x18\0\0\0opc.tcp://plant.test:484";
    static const char read[] =
        "MSGF\x6c\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0\2\0\0\0\1\0\x77\2"
        "\0\0" "12345678" "\1\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0"
        "12345678" "\0\0\0\0\1\0\0\0" "\3\2\0\4\0\0\0Pump" "\x0d\0\0\0\xff\xff\xff\xff\0\0\xff\xff\xff\xff";
    (void)state;
    FOR_STEPS(i) {
        char message[sizeof read];
        memcpy(message, read, sizeof read);
        message[4] = (char)(sizeof read - 1);
        flow_open(IPPROTO_TCP, 4840);
        feed(SEK_TOSERVER, hello, sizeof hello - 1, steps[i]);
        feed(SEK_TOSERVER, message, sizeof read - 1, steps[i]);
        assert_int_equal(tx_count(), 2);
        expect(0, SEK_TOSERVER, "opcua.endpoint_url", 0, "opc.tcp://plant.test:484");
        expect_number(1, SEK_TOSERVER, "opcua.message_type", 0, 6);
        expect_number(1, SEK_TOSERVER, "opcua.service", 0, 631);
        expect(1, SEK_TOSERVER, "opcua.node_id", 0, "ns=2;s=Pump");
        flow_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modbus_requests_match_by_function_access_address_and_value),
        cmocka_unit_test(modbus_answers_are_compared_with_what_was_asked),
        cmocka_unit_test(dnp3_messages_are_put_together_without_their_checksums),
        cmocka_unit_test(a_dnp3_frame_with_a_wrong_checksum_is_an_event),
        cmocka_unit_test(cip_paths_and_statuses_are_found_in_their_direction),
        cmocka_unit_test(a_bacnet_read_tells_object_and_property),
        cmocka_unit_test(s7_reads_tell_area_and_block_and_stops_their_service),
        cmocka_unit_test(iec104_commands_tell_type_cause_and_addresses),
        cmocka_unit_test(opcua_reads_name_their_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
