/* Protocols that are text: SIP, SSH, SMTP, FTP, POP3, IMAP; and RFB. */
#include "tests/unit/app_flow.h"

static void sip_headers_and_descriptions_are_found_in_pieces(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 5060);
        FEED(SEK_TOSERVER,
             "INVITE sip:bob@example SIP/2.0\r\nv: SIP/2.0/TCP h\r\nFrom: a\r\nf: b\r\n"
             "Content-Type: application/sdp\r\nContent-Length: 39\r\n\r\n"
             "v=0\r\no=x 1 2\r\na=s\r\nm=audio 1\r\ni=info\r\n\r\n"
             "BYE sip:bob SIP/2.0\r\nTo: t\r\n\r\n", steps[i]);
        expect(0, SEK_TOSERVER, "sip.method", 0, "INVITE");
        expect(0, SEK_TOSERVER, "sip.uri", 0, "sip:bob@example");
        expect(0, SEK_TOSERVER, "sip.protocol", 0, "SIP/2.0");
        expect(0, SEK_TOSERVER, "sip.via", 0, "SIP/2.0/TCP h");
        expect(0, SEK_TOSERVER, "sip.from", 1, "b");
        expect(0, SEK_TOSERVER, "sdp.origin", 0, "x 1 2");
        expect(0, SEK_TOSERVER, "sdp.attribute", 0, "s");
        expect(0, SEK_TOSERVER, "sdp.media.media", 0, "audio 1");
        expect(0, SEK_TOSERVER, "sdp.media.media_info", 0, "info");
        expect(1, SEK_TOSERVER, "sip.method", 0, "BYE");
        flow_close();
    }
}

static void sip_that_is_not_sip_is_an_event(void **state)
{
    (void)state;
    flow_open(IPPROTO_UDP, 5060);
    FEED(SEK_TOCLIENT, "SIP/2.0 200 OK\r\nno colon here\r\n\r\n", 100000);
    assert_true(has_event(0, "sip.invalid_data"));
    flow_close();
}

static void ssh_banners_and_hassh_are_found_in_pieces(void **state)
{
    static const char names[8][4] = {"kex", "key", "c2s", "s2c", "mcs", "msc", "zcs", "zsc"};
    uint8_t kex[100] = {0};
    uint32_t n = 6 + 16;
    (void)state;
    kex[5] = 20;
    for (int i = 0; i < 8; i++) {
        kex[n + 3] = 3;
        memcpy(kex + n + 4, names[i], 3);
        n += 7;
    }
    n += 5;
    kex[3] = (uint8_t)(n - 4);
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 22);
        FEED(SEK_TOSERVER, "SSH-2.0-client_1 hello\r\n", steps[i]);
        feed(SEK_TOSERVER, kex, n, steps[i]);
        FEED(SEK_TOCLIENT, "welcome\r\nSSH-1.99-server\r\n", steps[i]);
        feed(SEK_TOCLIENT, kex, n, steps[i]);
        expect(0, SEK_TOSERVER, "ssh.proto", 0, "2.0");
        expect(0, SEK_TOSERVER, "ssh.software", 0, "client_1");
        expect(0, SEK_TOCLIENT, "ssh.proto", 0, "1.99");
        expect(0, SEK_TOSERVER, "ssh.hassh.string", 0, "kex;c2s;mcs;zcs");
        expect(0, SEK_TOCLIENT, "ssh.hassh.server.string", 0, "kex;s2c;msc;zsc");
        assert_true(keyword(0, SEK_TOCLIENT, "ssh.protoversion", "2_compat"));
        assert_true(keyword(0, SEK_TOSERVER, "ssh.softwareversion", "\"client\""));
        assert_false(keyword(0, SEK_TOSERVER, "ssh.softwareversion", "server"));
        flow_close();
    }
}

static void an_ssh_record_of_no_length_is_an_event(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 22);
    FEED(SEK_TOSERVER, "SSH-2.0-x\r\n\0\0\0\0\0\0\0", 100000);
    assert_true(has_event(0, "ssh.invalid_record"));
    flow_close();
}

static const char mail[] =
    "EHLO host\r\nMAIL FROM:<a@x> SIZE=1\r\nRCPT TO:<b@y>\r\nRCPT TO: <c@z>\r\nDATA\r\n";
static const char message[] =
    "From: A <a@x>\r\nSubject: folded\r\n  subject\r\nTo: b@y, c@z\r\n"
    "Content-Type: multipart/mixed; boundary=\"cut\"\r\n\r\nprologue\r\n--cut\r\n\r\n"
    "see http://evil.test/x now\r\n--cut\r\n"
    "Content-Type: application/x; name=\"a.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "aGVsbG8g\r\nd29ybGQ=\r\n--cut\r\n"
    "Content-Disposition: attachment; filename=b.txt\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\none=3Dtwo=\r\n three\r\n..dot\r\n"
    "--cut--\r\nepilogue\r\n.\r\n";

static void a_mail_with_attachments_is_taken_apart_in_pieces(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 25);
        FEED(SEK_TOCLIENT, "220 mx ESMTP\r\n", steps[i]);
        feed(SEK_TOSERVER, mail, sizeof mail - 1, steps[i]);
        FEED(SEK_TOCLIENT, "250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
             steps[i]);
        feed(SEK_TOSERVER, message, sizeof message - 1, steps[i]);
        expect(0, SEK_TOSERVER, "smtp.helo", 0, "host");
        expect(0, SEK_TOSERVER, "smtp.mail_from", 0, "<a@x>");
        expect(0, SEK_TOSERVER, "smtp.rcpt_to", 1, "<c@z>");
        expect(0, SEK_TOSERVER, "email.subject", 0, "folded subject");
        expect(0, SEK_TOSERVER, "email.url", 0, "evil.test/x");
        expect(0, SEK_TOSERVER, "file.name", 0, "a.bin");
        expect(0, SEK_TOSERVER, "file.data", 0, "hello world");
        expect(0, SEK_TOSERVER, "file.name", 1, "b.txt");
        expect(0, SEK_TOSERVER, "file.data", 1, "one=two three\r\n.dot");
        assert_true(has_number(0, SEK_TOSERVER, "filesize", 11));
        assert_true(tx_at(0)->complete[SEK_TOSERVER]);
        expect_record(0, "\"to\":[\"b@y\",\"c@z\"]");
        expect_record(0, "\"status\":\"PARSE_DONE\"");
        flow_close();
    }
}

static void the_mail_after_bdat_chunks_is_another_one(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 25);
        FEED(
            SEK_TOSERVER,
            "EHLO h\r\nMAIL FROM:<a>\r\nBDAT 14\r\nSubject: one\r\nBDAT 10 LAST\r\n\r\n\r\nbody\r\n"
            "MAIL FROM:<b>\r\nBDAT 16 LAST\r\nSubject: two\r\n\r\n",
            steps[i]);
        expect(0, SEK_TOSERVER, "email.subject", 0, "one");
        expect(1, SEK_TOSERVER, "email.subject", 0, "two");
        expect(1, SEK_TOSERVER, "smtp.mail_from", 0, "<b>");
        expect(1, SEK_TOSERVER, "smtp.helo", 0, "h");
        flow_close();
    }
}

static void data_that_is_refused_leaves_commands(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 25);
    FEED(SEK_TOCLIENT, "220 mx SMTP\r\n", 100000);
    FEED(SEK_TOSERVER, "HELO h\r\nDATA\r\n", 100000);
    FEED(SEK_TOCLIENT, "250 ok\r\n554 no\r\n", 100000);
    FEED(SEK_TOSERVER, "MAIL FROM:<late>\r\n", 100000);
    assert_true(has_event(0, "smtp.data_command_rejected"));
    expect(0, SEK_TOSERVER, "smtp.mail_from", 0, "<late>");
    flow_close();
}

static void starttls_changes_the_protocol(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 25);
    FEED(SEK_TOCLIENT, "220 mx SMTP\r\n", 100000);
    FEED(SEK_TOSERVER, "EHLO h\r\nSTARTTLS\r\n", 100000);
    FEED(SEK_TOCLIENT, "250 ok\r\n220 go\r\n", 100000);
    assert_int_equal(flow.app_before, SEK_APP_SMTP);
    FEED(SEK_TOSERVER, "\x16\x03\x01\0\0", 100000);
    assert_int_equal(flow.app, SEK_APP_TLS);
    flow_close();
}

static void ftp_commands_have_their_replies(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 21);
        FEED(SEK_TOCLIENT, "220-Welcome\r\n220 to FTP\r\n", steps[i]);
        FEED(SEK_TOSERVER, "USER joe\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "331 password?\r\n", steps[i]);
        FEED(SEK_TOSERVER, "PASV\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "227 Entering (10,0,0,2,4,1)\r\n", steps[i]);
        FEED(SEK_TOSERVER, "RETR f.txt\r\nPORT 1,2,3,4,5,6\r\n", steps[i]);
        expect(0, SEK_TOCLIENT, "ftp.reply", 1, "to FTP");
        expect(1, SEK_TOSERVER, "ftp.command", 0, "USER");
        expect(1, SEK_TOSERVER, "ftp.command_data", 0, "joe");
        expect(1, SEK_TOCLIENT, "ftp.completion_code", 0, "331");
        assert_true(has_number(2, SEK_TOCLIENT, "ftp.dynamic_port", 1025));
        assert_true(has_number(2, SEK_TOCLIENT, "ftp.mode", 2));
        assert_true(keyword(4, SEK_TOSERVER, "ftpbounce", NULL));
        flow_close();
    }
}

static void an_announced_data_connection_carries_a_named_file(void **state)
{
    (void)state;
    flow_open(IPPROTO_TCP, 21);
    FEED(SEK_TOCLIENT, "220 FTP\r\n", 100000);
    FEED(SEK_TOSERVER, "PASV\r\n", 100000);
    FEED(SEK_TOCLIENT, "227 ok (10,0,0,2,4,1)\r\n", 100000);
    FEED(SEK_TOSERVER, "RETR f.txt\r\n", 100000);
    flow_close();
    flow_open(IPPROTO_TCP, 1025);
    FEED(SEK_TOCLIENT, "some content", 3);
    assert_int_equal(flow.app, SEK_APP_FTP_DATA);
    expect(0, SEK_TOCLIENT, "file.name", 0, "f.txt");
    expect(0, SEK_TOCLIENT, "file.data", 0, "some content");
    assert_true(has_number(0, SEK_TOCLIENT, "ftpdata_command", 1));
    flow_close();
}

static void pop3_answers_end_with_a_dot(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 110);
        FEED(SEK_TOCLIENT, "+OK ready\r\n", steps[i]);
        FEED(SEK_TOSERVER, "LIST\r\nDELE\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "+OK 1\r\n1 20\r\n.\r\n-ERR what\r\n", steps[i]);
        expect_record(1, "\"data\":\"1 20\\r\\n\"");
        expect_record(2, "\"success\":false");
        assert_true(has_event(2, "pop3.incorrect_argument_count"));
        flow_close();
    }
}

static void imap_literals_are_not_commands(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 143);
        FEED(SEK_TOCLIENT, "* OK hello\r\n", steps[i]);
        FEED(SEK_TOSERVER, "a1 LOGIN {3}\r\nx\r\n y\r\na2 NOOP\r\n", steps[i]);
        FEED(SEK_TOCLIENT, "* 1 EXISTS\r\na1 OK done\r\na2 OK\r\n", steps[i]);
        expect(1, SEK_TOSERVER, "imap.request", 0, "a1 LOGIN {3}");
        expect(1, SEK_TOSERVER, "imap.request", 1, " y");
        expect(1, SEK_TOCLIENT, "imap.response", 1, "a1 OK done");
        expect(2, SEK_TOSERVER, "imap.request", 0, "a2 NOOP");
        flow_close();
    }
}

static void the_desktop_of_rfb_has_a_name(void **state)
{
    (void)state;
    FOR_STEPS(i) {
        flow_open(IPPROTO_TCP, 5900);
        FEED(SEK_TOCLIENT, "RFB 003.008\n", steps[i]);
        FEED(SEK_TOSERVER, "RFB 003.008\n", steps[i]);
        FEED(SEK_TOCLIENT, "\x01\x02", steps[i]);
        FEED(SEK_TOSERVER, "\x02", steps[i]);
        FEED(SEK_TOCLIENT, "0123456789abcdef", steps[i]);
        FEED(SEK_TOSERVER, "fedcba9876543210", steps[i]);
        FEED(SEK_TOCLIENT, "\0\0\0\0", steps[i]);
        FEED(SEK_TOSERVER, "\x01", steps[i]);
        FEED(SEK_TOCLIENT, "\x02\x80\x01\xe0" "\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"
                           "\0\0\0\x04" "desk", steps[i]);
        expect(0, SEK_TOCLIENT, "rfb.name", 0, "desk");
        assert_true(has_number(0, SEK_TOSERVER, "rfb.sectype", 2));
        assert_true(has_number(0, SEK_TOCLIENT, "rfb.secresult", 0));
        expect_record(0, "\"width\":640");
        flow_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sip_headers_and_descriptions_are_found_in_pieces),
        cmocka_unit_test(sip_that_is_not_sip_is_an_event),
        cmocka_unit_test(ssh_banners_and_hassh_are_found_in_pieces),
        cmocka_unit_test(an_ssh_record_of_no_length_is_an_event),
        cmocka_unit_test(a_mail_with_attachments_is_taken_apart_in_pieces),
        cmocka_unit_test(the_mail_after_bdat_chunks_is_another_one),
        cmocka_unit_test(data_that_is_refused_leaves_commands),
        cmocka_unit_test(starttls_changes_the_protocol),
        cmocka_unit_test(ftp_commands_have_their_replies),
        cmocka_unit_test(an_announced_data_connection_carries_a_named_file),
        cmocka_unit_test(pop3_answers_end_with_a_dot),
        cmocka_unit_test(imap_literals_are_not_commands),
        cmocka_unit_test(the_desktop_of_rfb_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
