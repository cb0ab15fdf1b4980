/* SMB 1 and 2, DCE/RPC inside and alone. */
#include "tests/unit/app_flow.h"

/* A message under construction, little-endian. */
struct packet {
    uint8_t data[4096];
    uint32_t len;
};

static void put(struct packet *p, const void *data, uint32_t len)
{
    memcpy(p->data + p->len, data, len);
    p->len += len;
}

static void le(struct packet *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p->data[p->len++] = (uint8_t)(i < 8 ? v >> (8 * i) : 0);
}

static void wide(struct packet *p, const char *text)
{
    for (; *text; text++)
        le(p, (uint8_t)*text, 2);
}

/* The NetBIOS header in front; then it is fed. */
static void send_packet(enum sek_dir dir, const struct packet *p, uint32_t step)
{
    uint8_t all[4200] = {0, 0, (uint8_t)(p->len >> 8), (uint8_t)p->len};
    memcpy(all + 4, p->data, p->len);
    feed(dir, all, p->len + 4, step);
}

static struct packet smb2(enum sek_dir dir, uint16_t command, uint64_t id)
{
    struct packet p = {0};
    put(&p, "\xfeSMB\x40\0\0\0", 8);
    le(&p, 0, 4);
    le(&p, command, 2);
    le(&p, 1, 2);
    le(&p, dir ? 1 : 0, 4);
    le(&p, 0, 4);
    le(&p, id, 8);
    le(&p, 0, 4);
    le(&p, 5, 4); /* tree */
    le(&p, 9, 8);
    le(&p, 0, 16);
    p.len = 64;
    return p;
}

static void tree_connect(const char *share, uint8_t type, uint32_t step)
{
    struct packet p = smb2(SEK_TOSERVER, 3, 1);
    le(&p, 9, 2);
    le(&p, 0, 2);
    le(&p, 72, 2);
    le(&p, 2 * strlen(share), 2);
    wide(&p, share);
    send_packet(SEK_TOSERVER, &p, step);
    p = smb2(SEK_TOCLIENT, 3, 1);
    le(&p, 16, 2);
    le(&p, type, 1);
    le(&p, 0, 13);
    send_packet(SEK_TOCLIENT, &p, step);
}

static void create(const char *name, uint32_t step)
{
    struct packet p = smb2(SEK_TOSERVER, 5, 2);
    le(&p, 57, 2);
    le(&p, 0, 8);
    le(&p, 0, 8);
    le(&p, 0, 6);
    p.len = 64 + 44;
    le(&p, 64 + 56, 2);
    le(&p, 2 * strlen(name), 2);
    le(&p, 0, 8);
    wide(&p, name);
    send_packet(SEK_TOSERVER, &p, step);
    p = smb2(SEK_TOCLIENT, 5, 2);
    memset(p.data + 64, 0, 64);
    p.len = 128;
    put(&p, "ffffiiiiddddssss", 16);
    le(&p, 0, 8);
    send_packet(SEK_TOCLIENT, &p, step);
}

static struct packet write_request(uint64_t id, uint64_t offset, const void *data, uint32_t len)
{
    struct packet p = smb2(SEK_TOSERVER, 9, id);
    le(&p, 49, 2);
    le(&p, 112, 2);
    le(&p, len, 4);
    le(&p, offset, 8);
    put(&p, "ffffiiiiddddssss", 16);
    le(&p, 0, 8);
    le(&p, 0, 8);
    put(&p, data, len);
    return p;
}

static struct sek_tx *file_tx(unsigned *at)
{
    for (*at = 0;; (*at)++)
        if (tx_at(*at)->files)
            return tx_at(*at);
}

static void a_file_is_put_together_by_offset(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        unsigned at;
        flow_open(IPPROTO_TCP, 445);
        tree_connect("\\\\srv\\data", 1, steps[i]);
        create("dir\\file.txt", steps[i]);
        struct packet p = write_request(3, 0, "first ", 6);
        send_packet(SEK_TOSERVER, &p, steps[i]);
        p = write_request(4, 13, "third", 5);
        send_packet(SEK_TOSERVER, &p, steps[i]);
        p = write_request(5, 6, "second ", 7);
        send_packet(SEK_TOSERVER, &p, steps[i]);
        expect(0, SEK_TOSERVER, "smb.share", 0, "\\\\srv\\data");
        file_tx(&at);
        expect(at, SEK_TOSERVER, "file.name", 0, "dir\\file.txt");
        expect(at, SEK_TOSERVER, "file.data", 0, "first second third");
        assert_false(has_event(at, "smb.file_overlap"));
        assert_false(tx_at(at)->complete[0]);
        p = smb2(SEK_TOSERVER, 6, 6);
        le(&p, 24, 2);
        le(&p, 0, 6);
        put(&p, "ffffiiiiddddssss", 16);
        send_packet(SEK_TOSERVER, &p, steps[i]);
        assert_true(tx_at(at)->complete[0]);
        assert_true(has_number(at, SEK_TOSERVER, "filesize", 18));
        flow_close();
    }
}

static void bytes_that_are_written_twice_are_an_event(void **state)
{
    unsigned at;
    (void)state;
    flow_open(IPPROTO_TCP, 445);
    tree_connect("\\\\srv\\data", 1, 100000);
    create("f", 100000);
    struct packet p = write_request(3, 0, "abcdef", 6);
    send_packet(SEK_TOSERVER, &p, 100000);
    p = write_request(4, 3, "XYZ!", 4);
    send_packet(SEK_TOSERVER, &p, 100000);
    file_tx(&at);
    assert_true(has_event(at, "smb.file_overlap"));
    expect(at, SEK_TOSERVER, "file.data", 0, "abcdef!");
    flow_close();
}

/* A record longer than what the stream keeps is taken in pieces. */
static void a_long_write_does_not_wait_for_its_end(void **state)
{
    static uint8_t all[4 + 112 + 100000];
    unsigned at;
    struct sek_bytes b;
    (void)state;
    flow_open(IPPROTO_TCP, 445);
    tree_connect("\\\\srv\\data", 1, 100000);
    create("big", 100000);
    struct packet p = write_request(3, 0, "", 0);
    p.data[68] = 100000 & 0xff;
    p.data[69] = 100000 >> 8 & 0xff;
    p.data[70] = 100000 >> 16;
    memset(all, 'z', sizeof all);
    memcpy(all, (uint8_t[]){0, (112 + 100000) >> 16, (112 + 100000) >> 8 & 0xff,
                            (112 + 100000) & 0xff}, 4);
    memcpy(all + 4, p.data, 112);
    struct sek_app_result r = sek_app_data(&pool, &settings, &flow, SEK_TOSERVER, all, 2000, 0);
    assert_int_equal(r.consumed, 2000);
    feed(SEK_TOSERVER, all + 2000, sizeof all - 2000, 1460);
    file_tx(&at);
    assert_true(get_buffer(at, SEK_TOSERVER, "file.data", 0, &b));
    assert_int_equal(b.len, 100000);
    flow_close();
}

static void dce_bytes(struct packet *p, uint8_t type, uint8_t flags, uint32_t call,
                      const void *body, uint32_t len)
{
    put(p, (uint8_t[]){5, 0, type, flags, 0x10, 0, 0, 0}, 8);
    le(p, 16 + len, 2);
    le(p, 0, 2);
    le(p, call, 4);
    put(p, body, len);
}

static const uint8_t bind_body[] =
    "\xd0\x16\xd0\x16\0\0\0\0\x01\0\0\0\x07\0\x01\0"
    "\x78\x56\x34\x12\x34\x12\xcd\xab\xef\x00\x01\x23\x45\x67\x89\xab\x01\0\0\0"
    "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\x02\0\0";
static const uint8_t ack_body[] =
    "\xd0\x16\xd0\x16\x01\0\0\0\x04\0" "135\0\0\0\x01\0\0\0\0\0\0\0"
    "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\x02\0\0";
static const uint8_t request_body[] = "\0\0\0\0\x07\0\x1a\0stub";
#define INTERFACE "12345678-1234-abcd-ef00-0123456789ab"

static void calls_over_tcp_have_interface_operation_and_stub(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        struct packet p = {0}, r = {0};
        flow_open(IPPROTO_TCP, 49152);
        dce_bytes(&p, 11, 3, 1, bind_body, sizeof bind_body);
        feed(SEK_TOSERVER, p.data, p.len, steps[i]);
        dce_bytes(&r, 12, 3, 1, ack_body, sizeof ack_body);
        feed(SEK_TOCLIENT, r.data, r.len, steps[i]);
        p.len = 0;
        dce_bytes(&p, 0, 1, 2, request_body, sizeof request_body - 1);
        dce_bytes(&p, 0, 2, 2, request_body, sizeof request_body - 1);
        feed(SEK_TOSERVER, p.data, p.len, steps[i]);
        expect(1, SEK_TOSERVER, "dcerpc.stub_data", 0, "stubstub");
        assert_true(keyword(1, SEK_TOSERVER, "dce_iface", INTERFACE));
        assert_true(keyword(1, SEK_TOSERVER, "dcerpc.iface", INTERFACE ",<2,any_frag"));
        assert_false(keyword(1, SEK_TOSERVER, "dcerpc.iface", INTERFACE ",>1"));
        assert_true(keyword(1, SEK_TOSERVER, "dce_opnum", "1,20-26"));
        assert_false(keyword(1, SEK_TOSERVER, "dce_opnum", "1,20-25"));
        assert_false(keyword(1, SEK_TOSERVER, "dce_opnum", "9-1"));
        expect_record(0, "\"uuid\":\"" INTERFACE "\"");
        flow_close();
    }
}

static void the_same_call_in_big_endian_is_the_same(void **state)
{
    static const uint8_t bind[] =
        "\x05\x00\x0b\x03\x00\0\0\0\0\x48\0\0\0\0\0\x01\x16\xd0\x16\xd0\0\0\0\0\x01\0\0\0\0\x07\x01"
        "\0"
        "\x12\x34\x56\x78\x12\x34\xab\xcd\xef\x00\x01\x23\x45\x67\x89\xab\0\x01\0\0"
        "\x8a\x88\x5d\x04\x1c\xeb\x11\xc9\x9f\xe8\x08\x00\x2b\x10\x48\x60\0\0\0\x02";
    (void)state;
    flow_open(IPPROTO_TCP, 49152);
    feed(SEK_TOSERVER, bind, 72, 5);
    expect_record(0, "\"uuid\":\"" INTERFACE "\",\"version\":\"1.0\"");
    flow_close();
}

/* FSCTL_PIPE_TRANSCEIVE with a PDU. */
static void transceive(enum sek_dir dir, uint64_t id, const struct packet *pdu, uint32_t step)
{
    struct packet p = smb2(dir, 11, id);
    le(&p, dir ? 49 : 57, 2);
    le(&p, 0, 2);
    le(&p, 0x0011c017, 4);
    put(&p, "ffffiiiiddddssss", 16);
    uint32_t offset = 64 + (dir ? 48 : 56);
    le(&p, offset, 4);
    le(&p, dir ? 0 : pdu->len, 4);
    if (dir) {
        le(&p, offset, 4);
        le(&p, pdu->len, 4);
        le(&p, 0, 8);
    } else {
        le(&p, 0, 8);
        le(&p, 0, 16);
        p.len = offset;
    }
    put(&p, pdu->data, pdu->len);
    send_packet(dir, &p, step);
}

static void calls_in_a_pipe_of_smb_match_the_same_keywords(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        struct packet p = {0};
        flow_open(IPPROTO_TCP, 445);
        tree_connect("\\\\srv\\IPC$", 2, steps[i]);
        create("svcctl", steps[i]);
        dce_bytes(&p, 11, 3, 1, bind_body, sizeof bind_body);
        transceive(SEK_TOSERVER, 3, &p, steps[i]);
        p.len = 0;
        dce_bytes(&p, 12, 3, 1, ack_body, sizeof ack_body);
        transceive(SEK_TOCLIENT, 3, &p, steps[i]);
        p.len = 0;
        dce_bytes(&p, 0, 3, 2, request_body, sizeof request_body - 1);
        transceive(SEK_TOSERVER, 4, &p, steps[i]);
        expect(0, SEK_TOSERVER, "smb.named_pipe", 0, "\\\\srv\\IPC$");
        expect(3, SEK_TOSERVER, "dcerpc.stub_data", 0, "stub");
        assert_true(keyword(3, SEK_TOSERVER, "dce_iface", INTERFACE));
        assert_true(keyword(3, SEK_TOSERVER, "dce_opnum", "26"));
        assert_true(has_number(3, SEK_TOSERVER, "smb.version", 2));
        flow_close();
    }
}

static void who_logs_on_is_read_out_of_ntlmssp(void **state)
{
    struct packet blob = {0}, p;
    (void)state;
    put(&blob, "NTLMSSP\0", 8);
    le(&blob, 3, 4);
    le(&blob, 0, 16);
    le(&blob, 3, 2), le(&blob, 3, 2), le(&blob, 64, 4);
    le(&blob, 4, 2), le(&blob, 4, 2), le(&blob, 67, 4);
    le(&blob, 0, 8);
    le(&blob, 0, 8);
    le(&blob, 0, 4);
    put(&blob, "DOMuser", 7);
    flow_open(IPPROTO_TCP, 445);
    p = smb2(SEK_TOSERVER, 1, 1);
    le(&p, 25, 2);
    le(&p, 0, 8);
    p.len = 64 + 12;
    le(&p, 88, 2);
    le(&p, blob.len, 2);
    le(&p, 0, 8);
    put(&p, blob.data, blob.len);
    send_packet(SEK_TOSERVER, &p, 3);
    expect(0, SEK_TOSERVER, "smb.ntlmssp_domain", 0, "DOM");
    expect(0, SEK_TOSERVER, "smb.ntlmssp_user", 0, "user");
    flow_close();
}

static void after_missing_bytes_the_next_record_is_found(void **state)
{
    struct packet p = smb2(SEK_TOSERVER, 13, 7);
    uint8_t all[300] = {0};
    (void)state;
    flow_open(IPPROTO_TCP, 445);
    tree_connect("\\\\srv\\data", 1, 100000);
    le(&p, 4, 4);
    memset(all, 0xaa, 40);
    all[40] = all[41] = all[42] = 0;
    all[43] = (uint8_t)p.len;
    memcpy(all + 44, p.data, p.len);
    session.stream[0].app_offset += 1000;
    sek_app_data(&pool, &settings, &flow, SEK_TOSERVER, all, 44 + p.len, SEK_APP_GAP);
    expect_record(1, "KEEPALIVE");
    flow_close();
}

static void a_share_of_smb_1_is_found_in_pieces(void **state)
{
    static const uint8_t tree[] =
        "\xffSMB\x75\0\0\0\0\x18\x01\x28\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x02\0\x03\0\x04\0"
        "\x04\xff\0\0\0\0\0\x01\0\x15\0\0\\\\srv\\data\0?????";
    (void)state;
    FOR_STEPS(i) {
        struct packet p = {0};
        flow_open(IPPROTO_TCP, 139);
        put(&p, tree, sizeof tree);
        send_packet(SEK_TOSERVER, &p, steps[i]);
        expect(0, SEK_TOSERVER, "smb.share", 0, "\\\\srv\\data");
        assert_true(has_number(0, SEK_TOSERVER, "smb_version", 1));
        flow_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_put_together_by_offset),
        cmocka_unit_test(bytes_that_are_written_twice_are_an_event),
        cmocka_unit_test(a_long_write_does_not_wait_for_its_end),
        cmocka_unit_test(calls_over_tcp_have_interface_operation_and_stub),
        cmocka_unit_test(the_same_call_in_big_endian_is_the_same),
        cmocka_unit_test(calls_in_a_pipe_of_smb_match_the_same_keywords),
        cmocka_unit_test(who_logs_on_is_read_out_of_ntlmssp),
        cmocka_unit_test(after_missing_bytes_the_next_record_is_found),
        cmocka_unit_test(a_share_of_smb_1_is_found_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
