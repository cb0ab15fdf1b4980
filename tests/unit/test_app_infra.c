/* Directories, files and networks: NTP, SNMP, Kerberos, LDAP, NFS, DHCP, TFTP, IKE. */
#include "app_flow.h"

#define ZEROS16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void ntp_fields_come_from_timed_messages_only(void **state)
{
    uint64_t v;
    (void)state;
    flow_open(IPPROTO_UDP, 123);
    FEED(SEK_TOSERVER, "\x24\2\x06\xec" "12345678" "LOCL" ZEROS16 ZEROS16, 100000);
    expect_number(0, SEK_TOSERVER, "ntp.version", 0, 4);
    expect_number(0, SEK_TOSERVER, "ntp.mode", 0, 4);
    expect_number(0, SEK_TOSERVER, "ntp.stratum", 0, 2);
    expect(0, SEK_TOSERVER, "ntp.reference_id", 0, "LOCL");
    FEED(SEK_TOSERVER, "\x17\0\3\x2a\0\0\0\0", 100000); /* a private message: monlist */
    expect_number(1, SEK_TOSERVER, "ntp.mode", 0, 7);
    assert_false(get_number(1, SEK_TOSERVER, "ntp.stratum", 0, &v));
    FEED(SEK_TOSERVER, "\x23\0\0\0", 100000);
    assert_true(has_event_in(2, SEK_TOSERVER, "ntp.malformed_data"));
    flow_close();
}

static const char snmp2[] =
    "\x30\x28\x02\x01\x01\x04\x07private\xa3\x1a\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0f\x30"
    "\x0d\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\x04\x01x";
static const char snmp3[] =
    "\x30\x3b\x02\x01\x03\x30\x0e\x02\x01\x07\x02\x03\x00\xff\xe3\x04\x01\x03\x02\x01\x03\x04\x1b"
    "\x30\x19\x04\x06" "engine\x02\x01\x00\x02\x01\x00\x04\x05" "admin\x04\x00\x04\x00\x04\x09"
    "encrypted";

static void snmp_tells_community_or_user_and_a_change_of_version(void **state)
{
    uint64_t v;
    (void)state;
    flow_open(IPPROTO_UDP, 161);
    feed(SEK_TOSERVER, snmp2, sizeof snmp2 - 1, 100000);
    expect_number(0, SEK_TOSERVER, "snmp.version", 0, 2);
    expect(0, SEK_TOSERVER, "snmp.community", 0, "private");
    expect_number(0, SEK_TOSERVER, "snmp.pdu_type", 0, 3);
    expect_record(0, "\"vars\":[\"1.3.6.1.2.1.1.5.0\"]");
    feed(SEK_TOSERVER, snmp3, sizeof snmp3 - 1, 100000);
    expect(1, SEK_TOSERVER, "snmp.usm", 0, "admin");
    assert_false(get_number(1, SEK_TOSERVER, "snmp.pdu_type", 0, &v));
    assert_true(has_event_in(1, SEK_TOSERVER, "snmp.version_mismatch"));
    feed(SEK_TOSERVER, snmp2, sizeof snmp2 - 5, 100000);
    assert_true(has_event_in(2, SEK_TOSERVER, "snmp.malformed_data"));
    flow_close();
}

static const char as_req[] =
    "\x00\x00\x00\x69\x6a\x67\x30\x65\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4\x59\x30\x57\xa0"
    "\x07\x03\x05\x00\x40\x80\x00\x00\xa1\x12\x30\x10\xa0\x03\x02\x01\x01\xa1\x09\x30\x07\x1b\x05"
    "alice\xa2\x0a\x1b\x08TEST.LAN\xa3\x1d\x30\x1b\xa0\x03\x02\x01\x02\xa1\x14\x30\x12\x1b\x06"
    "krbtgt\x1b\x08TEST.LAN\xa7\x03\x02\x01\x05\xa8\x08\x30\x06\x02\x01\x12\x02\x01\x17";
static const char tgs_rep[] =
    "\x00\x00\x00\x85\x6d\x82\x00\x81\x30\x7f\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0d\xa3\x0a\x1b"
    "\x08TEST.LAN\xa4\x12\x30\x10\xa0\x03\x02\x01\x01\xa1\x09\x30\x07\x1b\x05" "alice\xa5\x40\x61"
    "\x3e\x30\x3c\xa0\x03\x02\x01\x05\xa1\x0a\x1b\x08TEST.LAN\xa2\x16\x30\x14\xa0\x03\x02\x01\x02"
    "\xa1\x0d\x30\x0b\x1b\x04" "cifs\x1b\x03srv\xa3\x11\x30\x0f\xa0\x03\x02\x01\x17\xa2\x08\x04\x06"
    "cipher\xa6\x11\x30\x0f\xa0\x03\x02\x01\x12\xa2\x08\x04\x06" "cipher";

static void kerberos_names_have_parts_and_tickets_a_strength(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 88);
        feed(SEK_TOSERVER, as_req, sizeof as_req - 1, steps[i]);
        feed(SEK_TOCLIENT, tgs_rep, sizeof tgs_rep - 1, steps[i]);
        expect_number(0, SEK_TOSERVER, "krb5_msg_type", 0, 10);
        expect(0, SEK_TOSERVER, "krb5_cname", 0, "alice");
        expect(0, SEK_TOSERVER, "krb5.sname", 0, "krbtgt");
        expect(0, SEK_TOSERVER, "krb5.sname", 1, "TEST.LAN");
        expect_number(1, SEK_TOCLIENT, "krb5_msg_type", 0, 13);
        assert_true(keyword(1, SEK_TOCLIENT, "krb5.ticket_encryption", "weak"));
        assert_true(keyword(1, SEK_TOCLIENT, "krb5.ticket_encryption", "18,rc4-hmac"));
        assert_false(keyword(1, SEK_TOCLIENT, "krb5.ticket_encryption", "!23"));
        assert_true(keyword(1, SEK_TOCLIENT, "krb5.ticket_encryption", "!18"));
        assert_false(keyword(0, SEK_TOSERVER, "krb5.ticket_encryption", "!18"));
        assert_false(has_event_in(1, SEK_TOCLIENT, "krb5.weak_encryption"));
        expect_record(1, "\"sname\":\"cifs/srv\"");
        flow_close();
    }
    assert_true(refused("krb5.ticket_encryption", "strong-enough"));
}

static const char ldap_search[] =
    "\x30\x36\x02\x01\x02\x63\x31\x04\x07" "dc=test\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00"
    "\x01\x01\x00\x87\x0bobjectClass\x30\x0a\x04\x02" "cn\x04\x04mail";
static const char ldap_answer[] =
    "\x30\x34\x02\x01\x02\x64\x2f\x04\x0c" "cn=a,dc=test\x30\x1f\x30\x09\x04\x02" "cn\x31\x03\x04\x01"
    "a\x30\x12\x04\x04mail\x31\x0a\x04\x03" "a@t\x04\x03" "b@t"
    "\x30\x14\x02\x01\x02\x65\x0f\x0a\x01\x04\x04\x00\x04\x08too many";

static void ldap_responses_are_listed_behind_their_request(void **state)
{
    uint64_t v;
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 389);
        feed(SEK_TOSERVER, ldap_search, sizeof ldap_search - 1, steps[i]);
        feed(SEK_TOCLIENT, ldap_answer, sizeof ldap_answer - 1, steps[i]);
        assert_int_equal(tx_count(), 1);
        expect_number(0, SEK_TOSERVER, "ldap.request.operation", 0, 3);
        expect(0, SEK_TOSERVER, "ldap.request.dn", 0, "dc=test");
        expect(0, SEK_TOSERVER, "ldap.request.attribute_type", 1, "mail");
        expect_number(0, SEK_TOCLIENT, "ldap.responses.count", 0, 2);
        expect_number(0, SEK_TOCLIENT, "ldap.responses.operation", 1, 5);
        assert_true(get_number(0, SEK_TOCLIENT, "ldap.responses.result_code", 0, &v));
        assert_true(v == SEK_NUMBER_NONE); /* an entry has no result */
        expect_number(0, SEK_TOCLIENT, "ldap.responses.result_code", 1, 4);
        expect(0, SEK_TOCLIENT, "ldap.responses.attributes", 2, "mail=b@t");
        expect(0, SEK_TOCLIENT, "ldap.responses.message", 1, "too many");
        expect_record(0, "{\"type\":\"mail\",\"values\":[\"a@t\",\"b@t\"]}");
        flow_close();
    }
}

static void ldap_becomes_tls_when_the_server_agrees(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 389);
    FEED(SEK_TOSERVER, "\x30\x1d\x02\x01\x03\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037", 1);
    FEED(SEK_TOCLIENT, "\x30\x0c\x02\x01\x03\x78\x07\x0a\x01\x00\x04\x00\x04\x00", 1);
    assert_int_equal(flow.app_before, SEK_APP_LDAP);
    FEED(SEK_TOSERVER, "\x16\x03\x01\0\0", 100000);
    assert_int_equal(flow.app, SEK_APP_TLS);
    flow_close();
}

static const char nfs_lookup[] =
    "\x80\x00\x00\x5c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x03"
    "\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x18\x00\x00\x00\x09\x00\x00\x00\x04host\x00\x00\x03"
    "\xe8\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" "DIRHANDL"
    "\x00\x00\x00\x0asecret.txt\x00\x00";
static const char nfs_found[] =
    "\x80\x00\x00\x30\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" "FILEHAND\x00\x00\x00\x00\x00\x00\x00\x00";
static const char nfs_write[] =
    "\x80\x00\x00\x68\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x03"
    "\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x18\x00\x00\x00\x09\x00\x00\x00\x04host\x00\x00\x03"
    "\xe8\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" "FILEHAND"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x05hello\x00\x00\x00";
static const char nfs_commit[] =
    "\x80\x00\x00\x58\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x03"
    "\x00\x00\x00\x15\x00\x00\x00\x01\x00\x00\x00\x18\x00\x00\x00\x09\x00\x00\x00\x04host\x00\x00\x03"
    "\xe8\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" "FILEHAND"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";

static void what_is_written_by_nfs_is_a_file_with_the_name_that_was_looked_up(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 2049);
        feed(SEK_TOSERVER, nfs_lookup, sizeof nfs_lookup - 1, steps[i]);
        feed(SEK_TOCLIENT, nfs_found, sizeof nfs_found - 1, steps[i]);
        feed(SEK_TOSERVER, nfs_write, sizeof nfs_write - 1, steps[i]);
        assert_true(keyword(0, SEK_TOSERVER, "nfs_procedure", "lookup"));
        assert_true(keyword(0, SEK_TOSERVER, "nfs_procedure", "3"));
        assert_true(keyword(0, SEK_TOSERVER, "nfs_procedure", "2-4"));
        assert_false(keyword(0, SEK_TOSERVER, "nfs_procedure", "!lookup"));
        assert_true(keyword(1, SEK_TOSERVER, "nfs_procedure", "write"));
        expect_number(1, SEK_TOSERVER, "nfs.version", 0, 3);
        expect(1, SEK_TOSERVER, "file.data", 0, "hello");
        expect(1, SEK_TOSERVER, "file.name", 0, "secret.txt");
        assert_false(tx_at(1)->complete[SEK_TOSERVER]);
        feed(SEK_TOSERVER, nfs_commit, sizeof nfs_commit - 1, steps[i]);
        assert_true(tx_at(1)->files->closed);
        flow_close();
    }
}

static void data_of_a_long_nfs_write_is_taken_as_it_arrives(void **state)
{
    static char big[100 + 40000];
    struct sek_bytes b;
    (void)state;
    flow_open(IPPROTO_TCP, 2049);
    memcpy(big, nfs_write, 100);
    uint32_t record = sizeof big - 4, data = 40000;
    big[1] = 0, big[2] = (char)(record >> 8), big[3] = (char)record;
    big[98] = (char)(data >> 8), big[99] = (char)data;
    uint32_t fed = 0;
    feed(SEK_TOSERVER, big, 20000, 1000);
    struct sek_app_result r = sek_app_data(&pool, &settings, &flow, SEK_TOSERVER,
                                           (uint8_t *)big + 20000, sizeof big - 20000, 0);
    fed = r.consumed;
    assert_int_equal(fed, sizeof big - 20000);
    assert_true(get_buffer(0, SEK_TOSERVER, "file.data", 0, &b));
    assert_int_equal(b.len, 40000);
    feed(SEK_TOSERVER, nfs_commit, sizeof nfs_commit - 1, 5); /* the next record is found */
    assert_true(tx_at(0)->files->closed);
    flow_close();
}

static void dhcp_options_are_read_and_their_lengths_checked(void **state)
{
    static char ack[236 + 4 + 32] =
        "\x02\x01\x06\x00\x00\x00\x12\x34\x00\x00\x00\x00\x00\x00\x00\x00\xc0\xa8\x00\x09\xc0\xa8\x00\x01"
        "\x00\x00\x00\x00\x00\x11\x22\x33\x44\x55";
    static const char options[] = "\x63\x82\x53\x63\x35\1\5\x33\4\0\0\x0e\x10\x0c\3cam\x3a\2\0\1\xff";
    uint64_t v;
    (void)state;
    flow_open(IPPROTO_UDP, 67);
    memcpy(ack + 236, options, sizeof options - 1);
    feed(SEK_TOSERVER, ack, sizeof ack, 100000);
    expect_number(0, SEK_TOSERVER, "dhcp.leasetime", 0, 3600);
    assert_false(get_number(0, SEK_TOSERVER, "dhcp.renewal_time", 0, &v));
    assert_true(has_event_in(0, SEK_TOSERVER, "dhcp.malformed_options"));
    assert_false(has_event_in(0, SEK_TOSERVER, "dhcp.truncated_options"));
    expect_record(0, "\"assigned_ip\":\"192.168.0.9\"");
    expect_record(0, "\"hostname\":\"cam\"");
    feed(SEK_TOSERVER, ack, 236 + 8, 100000);
    assert_true(has_event_in(1, SEK_TOSERVER, "dhcp.truncated_options"));
    flow_close();
}

static void tftp_requests_tell_file_and_mode(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 69);
    FEED(SEK_TOSERVER, "\0\1running-config\0octet\0", 100000);
    expect(0, SEK_TOSERVER, "tftp.file", 0, "running-config");
    expect(0, SEK_TOSERVER, "tftp.mode", 0, "octet");
    expect_record(0, "\"packet\":\"read\"");
    flow_close();
}

static const char ike_init[] =
    "\x11\x11\x11\x11\x11\x11\x11\x11\x00\x00\x00\x00\x00\x00\x00\x00\x21\x20\x22\x08\x00\x00\x00\x00"
    "\x00\x00\x00\x84\x22\x00\x00\x30\x00\x00\x00\x2c\x01\x01\x00\x04\x03\x00\x00\x0c\x01\x00\x00\x0c"
    "\x80\x0e\x01\x00\x03\x00\x00\x08\x02\x00\x00\x05\x03\x00\x00\x08\x03\x00\x00\x0c\x00\x00\x00\x08"
    "\x04\x00\x00\x02\x28\x00\x00\x18\x00\x02\x00\x00KKKKKKKKKKKKKKKK\x2b\x00\x00\x18NNNNNNNNNNNNNNNN"
    "NNNN\x00\x00\x00\x08\x4a\x13\x1c\x81";

static void ike_tells_keys_vendors_and_weak_groups(void **state)
{
    char answer[sizeof ike_init];
    (void)state;
    flow_open(IPPROTO_UDP, 500);
    feed(SEK_TOSERVER, ike_init, sizeof ike_init - 1, 100000);
    expect(0, SEK_TOSERVER, "ike.init_spi", 0, "1111111111111111");
    expect_number(0, SEK_TOSERVER, "ike.exchtype", 0, 34);
    expect_number(0, SEK_TOSERVER, "ike.key_exchange_payload_length", 0, 16);
    expect(0, SEK_TOSERVER, "ike.nonce_payload", 0, "NNNNNNNNNNNNNNNNNNNN");
    assert_true(keyword(0, SEK_TOSERVER, "ike.vendor", "4a131c81"));
    assert_false(keyword(0, SEK_TOSERVER, "ike.vendor", "4a131c"));
    assert_false(keyword(0, SEK_TOSERVER, "ike.chosen_sa_attribute", "alg_dh=2"));
    assert_true(has_event_in(0, SEK_TOSERVER, "ike.weak_crypto_dh"));
    assert_true(has_event_in(0, SEK_TOSERVER, "ikev2.weak_crypto_dh"));
    memcpy(answer, ike_init, sizeof answer);
    answer[19] = 0x20;
    feed(SEK_TOCLIENT, answer, sizeof answer - 1, 100000);
    assert_true(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "alg_dh=2"));
    assert_true(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "sa_key_length=256"));
    feed(SEK_TOCLIENT, answer, 60, 100000);
    assert_true(has_event_in(2, SEK_TOCLIENT, "ike.malformed_data"));
    flow_close();
    assert_true(refused("ike.chosen_sa_attribute", "alg_none=1"));
    assert_true(refused("ike.vendor", "4a1"));
}

static const char ike_main[] =
    "\x22\x22\x22\x22\x22\x22\x22\x22\x33\x33\x33\x33\x33\x33\x33\x33\x01\x10\x02\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x60\x0d\x00\x00\x3c\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x30\x01\x01\x00\x01"
    "\x00\x00\x00\x28\x01\x01\x00\x00\x80\x01\x00\x07\x80\x0e\x00\x80\x80\x02\x00\x02\x80\x04\x00\x02"
    "\x80\x03\x00\x01\x80\x0b\x00\x01\x00\x0c\x00\x04\x00\x01\x51\x80\x00\x00\x00\x08\xaf\xca\xd7\x13";

static void the_association_that_an_ike_1_server_chose_is_seen(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 500);
    feed(SEK_TOSERVER, ike_main, sizeof ike_main - 1, 100000);
    feed(SEK_TOCLIENT, ike_main, sizeof ike_main - 1, 100000);
    assert_false(keyword(0, SEK_TOSERVER, "ike.chosen_sa_attribute", "alg_enc=7"));
    assert_true(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "alg_enc=7"));
    assert_true(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "sa_key_length=128"));
    assert_true(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "sa_life_duration=86400"));
    assert_false(keyword(1, SEK_TOCLIENT, "ike.chosen_sa_attribute", "alg_hash=4"));
    assert_true(keyword(1, SEK_TOCLIENT, "ike.vendor", "afcad713"));
    expect_record(1, "\"alg_enc\":\"EncAesCbc\",\"alg_enc_raw\":7");
    expect_record(0, "\"proposals\":[{\"alg_enc\"");
    flow_close();
}

static void a_protocol_that_is_only_detected_has_no_transactions(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 161);
    settings.detect_only[SEK_APP_SNMP] = true;
    feed(SEK_TOSERVER, snmp2, sizeof snmp2 - 1, 100000);
    feed(SEK_TOCLIENT, snmp2, sizeof snmp2 - 1, 100000);
    assert_int_equal(flow.app, SEK_APP_SNMP);
    assert_null(flow.app_state);
    flow_close();
}

static void a_transport_that_is_switched_off_is_not_looked_at(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 2049);
    settings.transports[SEK_APP_NFS] = 2;
    feed(SEK_TOSERVER, nfs_lookup, sizeof nfs_lookup - 1, 100000);
    assert_int_equal(flow.app, SEK_APP_UNKNOWN);
    flow_close();
}

static void the_oldest_unfinished_request_ends_when_there_are_too_many(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 1883);
    settings.max_tx[SEK_APP_MQTT] = 2;
    FEED(SEK_TOSERVER, "\x10\x0f\0\4MQTT\4\2\0\x3c\0\3cam", 100000);
    FEED(SEK_TOCLIENT, "\x20\2\0\0", 100000);
    FEED(SEK_TOSERVER, "\x32\5\0\1t\0\1" "\x32\5\0\1t\0\2" "\x32\5\0\1t\0\3", 100000);
    assert_true(has_event_in(1, SEK_TOSERVER, "mqtt.too_many_transactions"));
    assert_true(tx_at(1)->complete[SEK_TOSERVER]);
    assert_false(has_event_in(2, SEK_TOSERVER, "mqtt.too_many_transactions"));
    flow_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ntp_fields_come_from_timed_messages_only),
        cmocka_unit_test(snmp_tells_community_or_user_and_a_change_of_version),
        cmocka_unit_test(kerberos_names_have_parts_and_tickets_a_strength),
        cmocka_unit_test(ldap_responses_are_listed_behind_their_request),
        cmocka_unit_test(ldap_becomes_tls_when_the_server_agrees),
        cmocka_unit_test(what_is_written_by_nfs_is_a_file_with_the_name_that_was_looked_up),
        cmocka_unit_test(data_of_a_long_nfs_write_is_taken_as_it_arrives),
        cmocka_unit_test(dhcp_options_are_read_and_their_lengths_checked),
        cmocka_unit_test(tftp_requests_tell_file_and_mode),
        cmocka_unit_test(ike_tells_keys_vendors_and_weak_groups),
        cmocka_unit_test(the_association_that_an_ike_1_server_chose_is_seen),
        cmocka_unit_test(a_transport_that_is_switched_off_is_not_looked_at),
        cmocka_unit_test(the_oldest_unfinished_request_ends_when_there_are_too_many),
        cmocka_unit_test(a_protocol_that_is_only_detected_has_no_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
