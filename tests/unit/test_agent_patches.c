/* objects: agent/worker/patches_ports.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/lockdown/responder.c agent/lockdown/lease.c agent/lockdown/updater.c agent/filehash.c agent/settle.c */
/* What is seen of TLS on patched ports, and the words that follow from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/worker/patches.h"

#include <string.h>

static const uint8_t hello[] = {0x16, 3, 1, 0, 16, 1, 0, 0, 12, 3, 3};

/* An IPv4 (or IPv6) TCP segment to PORT with DATA; returns its length. */
static uint32_t segment(uint8_t *p, bool v6, bool local, uint16_t port, const void *data,
                        uint32_t len)
{
    uint32_t at = v6 ? 40 : 20;
    memset(p, 0, 200);
    p[0] = v6 ? 0x60 : 0x45;
    p[v6 ? 6 : 9] = 6;
    if (v6) {
        p[8] = local ? 0 : 0x20;
        p[23] = 1;
        p[24] = local ? 0 : 0x20;
        p[39] = local ? 1 : 2;
    } else {
        memcpy(p + 12, local ? "\x7f\0\0\1" : "\xc0\0\2\1", 4);
        memcpy(p + 16, local ? "\x7f\0\0\1" : "\xc0\0\2\2", 4);
    }
    p[at + 2] = (uint8_t)(port >> 8);
    p[at + 3] = (uint8_t)port;
    p[at + 12] = 0x50;
    memcpy(p + at + 20, data, len);
    return at + 20 + len;
}

static void see(struct sek_patch_ports *ports, bool v6, bool local, uint16_t port, const void *data,
                uint32_t len)
{
    uint8_t packet[200];
    uint32_t n = segment(packet, v6, local, port, data, len);
    sek_patch_ports_see(ports, packet, n);
}

static json_t *described(const struct sek_patch_ports *ports)
{
    json_t *list = json_pack("[{s:s, s:[{s:s, s:i}, {s:s, s:i}, {s:s, s:i}]}]", "id", "SEK-1",
                             "ports", "proto", "tcp", "port", 443, "proto", "tcp", "port", 8080,
                             "proto", "udp", "port", 9443);
    sek_patches_describe(list, ports);
    json_t *tls = json_incref(json_object_get(json_array_get(list, 0), "tls"));
    json_decref(list);
    return tls;
}

static void a_client_hello_hides_its_port(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct sek_patch_ports ports = {0};
        see(&ports, v6, false, 443, hello, sizeof hello);
        json_t *tls = described(&ports);
        assert_int_equal(json_array_size(tls), 1);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(tls, 0), "port")), 443);
        assert_null(json_object_get(json_array_get(tls, 0), "covered"));
        json_decref(tls);
    }
}

static void other_bytes_and_other_ports_hide_nothing(void **state)
{
    static const uint8_t later[] = {0x17, 3, 3, 0, 16, 1, 0, 0};
    struct sek_patch_ports ports = {0};
    (void)state;
    see(&ports, false, false, 443, "GET / HTTP/1.1\r\n\r\n", 18);
    see(&ports, false, false, 443, later, sizeof later);
    see(&ports, false, false, 443, hello, 5);
    see(&ports, false, false, 22, hello, sizeof hello);
    see(&ports, false, false, 9443, hello, sizeof hello); /* the patch names it for UDP */
    assert_null(described(&ports));
}

static void plaintext_from_this_device_covers_the_tls_port(void **state)
{
    struct sek_patch_ports ports = {0};
    (void)state;
    see(&ports, false, false, 443, hello, sizeof hello);
    see(&ports, false, false, 8080, "GET / HTTP/1.1\r\n\r\n", 18);
    json_t *tls = described(&ports);
    assert_null(json_object_get(json_array_get(tls, 0), "covered"));
    json_decref(tls);
    see(&ports, true, true, 8080, "GET / HTTP/1.1\r\n\r\n", 18);
    tls = described(&ports);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(tls, 0), "covered")), 8080);
    json_decref(tls);
}

static void a_cut_packet_is_not_read_past_its_end(void **state)
{
    uint8_t packet[200];
    struct sek_patch_ports ports = {0};
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        uint32_t n = segment(packet, v6, false, 443, hello, sizeof hello);
        for (uint32_t cut = 0; cut < n - 5; cut++) {
            uint8_t exact[200];
            memcpy(exact, packet, cut);
            sek_patch_ports_see(&ports, exact, cut);
        }
    }
    assert_int_equal(ports.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_hello_hides_its_port),
        cmocka_unit_test(other_bytes_and_other_ports_hide_nothing),
        cmocka_unit_test(plaintext_from_this_device_covers_the_tls_port),
        cmocka_unit_test(a_cut_packet_is_not_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
