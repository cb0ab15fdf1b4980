/* What holds while traffic flows: rules are exchanged without a gap, and in the steady state a packet
 * costs no allocation and no lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/detect/engine.h"

#include <netinet/in.h>

/* --- counters of what must not happen --- */

static bool counting;
static unsigned allocations, locks;

#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
    allocations += counting;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocations += counting;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    allocations += counting;
    return __libc_realloc(p, size);
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
    static int (*real)(pthread_mutex_t *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    locks += counting;
    return real(m);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *m)
{
    static int (*real)(pthread_rwlock_t *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_rwlock_rdlock");
    locks += counting;
    return real(m);
}
#endif

/* --- traffic --- */

static uint64_t now = 1700000000000000, number;

static struct sek_result packet(struct sek_engine *e, bool back, uint8_t proto, uint16_t cport, uint16_t sport,
                                uint8_t flags, uint32_t seq, uint32_t ack, const void *data, uint32_t len)
{
    uint8_t b[4096] = {0x45};
    uint32_t header = proto == IPPROTO_TCP ? 20 : 8, total = 20 + header + len;
    uint8_t *t = b + 20;
    b[2] = (uint8_t)(total >> 8);
    b[3] = (uint8_t)total;
    b[8] = 64;
    b[9] = proto;
    b[12] = b[16] = 10;
    b[15] = back ? 2 : 1;
    b[19] = back ? 1 : 2;
    uint16_t from = back ? sport : cport, to = back ? cport : sport;
    t[0] = (uint8_t)(from >> 8);
    t[1] = (uint8_t)from;
    t[2] = (uint8_t)(to >> 8);
    t[3] = (uint8_t)to;
    if (proto == IPPROTO_TCP) {
        for (int i = 0; i < 4; i++) {
            t[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
            t[8 + i] = (uint8_t)(ack >> (24 - 8 * i));
        }
        t[12] = 0x50;
        t[13] = flags;
        t[14] = 0xf0;
    } else {
        t[4] = (uint8_t)((8 + len) >> 8);
        t[5] = (uint8_t)(8 + len);
    }
    memcpy(t + header, data ? data : "", len);
    now += 200;
    return sek_engine_packet(e, SEK_LINK_RAW_IP, b, total, now, ++number);
}

static struct sek_result tcp(struct sek_engine *e, bool back, uint16_t cport, uint16_t sport, uint8_t flags,
                             uint32_t seq, uint32_t ack, const void *data, uint32_t len)
{
    return packet(e, back, IPPROTO_TCP, cport, sport, flags, seq, ack, data, len);
}

static void conversation(struct sek_engine *e, uint16_t cport, uint16_t sport, const void *ask, uint32_t ask_len,
                         const void *tell, uint32_t tell_len)
{
    tcp(e, false, cport, sport, SEK_TCP_SYN, 99, 0, NULL, 0);
    tcp(e, true, cport, sport, SEK_TCP_SYN | SEK_TCP_ACK, 499, 100, NULL, 0);
    tcp(e, false, cport, sport, SEK_TCP_ACK, 100, 500, NULL, 0);
    tcp(e, false, cport, sport, SEK_TCP_ACK | SEK_TCP_PSH, 100, 500, ask, ask_len);
    tcp(e, true, cport, sport, SEK_TCP_ACK | SEK_TCP_PSH, 500, 100 + ask_len, tell, tell_len);
    tcp(e, false, cport, sport, SEK_TCP_ACK, 100 + ask_len, 500 + tell_len, NULL, 0);
    tcp(e, false, cport, sport, SEK_TCP_ACK | SEK_TCP_FIN, 100 + ask_len, 500 + tell_len, NULL, 0);
    tcp(e, true, cport, sport, SEK_TCP_ACK | SEK_TCP_FIN, 500 + tell_len, 101 + ask_len, NULL, 0);
    tcp(e, false, cport, sport, SEK_TCP_ACK, 101 + ask_len, 501 + tell_len, NULL, 0);
}

#define TEXT(s) s, sizeof(s) - 1

static const uint8_t dns_query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 2, 'a', 'b', 0, 0, 1, 0, 1};
static const uint8_t hello[] = {22, 3, 1, 0, 52, 1, 0, 0, 48, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
                                7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 2, 0x13, 1, 1, 0, 0, 5, 0, 23, 0, 1, 0};
static const uint8_t modbus_ask[] = {0, 1, 0, 0, 0, 6, 1, 3, 0, 1, 0, 2}, modbus_tell[] = {0, 1, 0, 0, 0, 7, 1, 3, 4, 0, 1, 0, 2};
static const uint8_t mqtt_ask[] = {0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4, 'a', 'b', 'c', 'd'},
                     mqtt_tell[] = {0x20, 2, 0, 0};

static void mixed_round(struct sek_engine *e, unsigned round)
{
    for (unsigned i = 0; i < 40; i++) {
        uint16_t port = (uint16_t)(2000 + (round * 200 + i * 5) % 50000);
        conversation(e, port, 80, TEXT("GET /index.html?x=1 HTTP/1.1\r\nHost: device\r\nUser-Agent: t\r\n\r\n"),
                     TEXT("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nhello, world"));
        conversation(e, (uint16_t)(port + 1), 443, hello, sizeof hello, TEXT("\x15\x03\x03\x00\x02\x02\x28"));
        conversation(e, (uint16_t)(port + 2), 502, modbus_ask, sizeof modbus_ask, modbus_tell, sizeof modbus_tell);
        conversation(e, (uint16_t)(port + 3), 1883, mqtt_ask, sizeof mqtt_ask, mqtt_tell, sizeof mqtt_tell);
        packet(e, false, IPPROTO_UDP, (uint16_t)(port + 4), 53, 0, 0, 0, dns_query, sizeof dns_query);
    }
    now += 400000000; /* what is over is forgotten, as in a long run */
}

static struct sek_compiled *compile(const char *text)
{
    struct sek_fault fault;
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    assert_int_equal(sek_rules_load_text(rules, "t", text, strlen(text), &fault), SEK_OK);
    assert_int_equal(rules->failed, 0);
    assert_int_equal(sek_rules_finish(rules, &fault), SEK_OK);
    return sek_compile(rules, &fault);
}

static const char steady_rules[] =
    "alert http any any -> any any (http.uri; content:\"/index\"; content:\"x=1\"; distance:0; pcre:\"/h.ml/\"; sid:1;)\n"
    "alert http any any -> any any (file.data; content:\"world\"; flowbits:set,seen; sid:2;)\n"
    "alert tls any any -> any any (ja3.hash; content:\"0\"; sid:3;)\n"
    "alert dns any any -> any any (dns.query; content:\"www\"; threshold:type limit, track by_src, count 1, seconds 5; sid:4;)\n"
    "alert modbus any any -> any any (modbus:function 3; sid:5;)\n"
    "alert mqtt any any -> any any (mqtt.type:CONNECT; sid:6;)\n"
    "alert tcp any any -> any any (content:\"hello\"; content:\"world\"; distance:1; sid:7;)\n";

static void steady_state_allocates_and_locks_nothing(void **state)
{
    struct sek_engine_options options;
    struct sek_fault fault;
    struct sek_compiled *c = compile(steady_rules);
    (void)state;
    sek_engine_options_default(&options);
    options.verify_checksum = false;
    options.flow_limit = 4096;
    struct sek_engine *e = sek_engine_new(&options, c, &fault);
    assert_non_null(e);
    for (unsigned i = 0; i < 30; i++)
        mixed_round(e, i);
    uint64_t alerts = sek_engine_stats(e)->alerts, packets = sek_engine_stats(e)->packets;
    counting = true;
    for (unsigned i = 30; i < 60; i++)
        mixed_round(e, i);
    counting = false;
    assert_true(sek_engine_stats(e)->alerts > alerts); /* rules did match */
    print_message("%llu packets: %u allocations, %u locks\n",
                  (unsigned long long)(sek_engine_stats(e)->packets - packets), allocations, locks);
    assert_int_equal(allocations, 0);
    assert_int_equal(locks, 0);
    sek_engine_free(e);
    sek_compiled_free(c);
}

/* --- reload --- */

#define RELOADS 100
static _Atomic(struct sek_compiled *) ready;
static atomic_bool failed;

/* Sets that differ in size and in where the one rule stands that both have. */
static void *compile_again_and_again(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < RELOADS; i++) {
        static char text[65536];
        size_t n = 0;
        for (unsigned k = 0; k < 20 + i % 7 * 30; k++)
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  "alert http any any -> any any (http.uri; content:\"/other%u-%u\"; sid:%u;)\n", i, k, 100 + k);
        snprintf(text + n, sizeof text - n, "drop tcp any any -> any any (content:\"the attack\"; sid:1;)\n");
        struct sek_fault fault;
        struct sek_rules *rules = sek_rules_new(NULL, &fault);
        sek_rules_load_text(rules, "t", text, strlen(text), &fault);
        sek_rules_finish(rules, &fault);
        struct sek_compiled *c = sek_compile(rules, &fault), *none = NULL;
        if (!c)
            atomic_store(&failed, true);
        while (!atomic_compare_exchange_weak(&ready, &none, c))
            none = NULL; /* the one before is not in use yet */
    }
    return NULL;
}

static void rules_are_swapped_a_hundred_times_and_no_attack_passes(void **state)
{
    struct sek_engine_options options;
    struct sek_fault fault;
    pthread_t thread;
    struct sek_compiled *c = compile("drop tcp any any -> any any (content:\"the attack\"; sid:1;)\n");
    unsigned swaps = 0, attacks = 0, passed = 0, harmless = 0, dropped = 0;
    (void)state;
    sek_engine_options_default(&options);
    options.ips = true;
    options.verify_checksum = false;
    options.flow_limit = 4096;
    struct sek_engine *e = sek_engine_new(&options, c, &fault);
    assert_non_null(e);
    assert_int_equal(pthread_create(&thread, NULL, compile_again_and_again, NULL), 0);
    for (unsigned i = 0; swaps < RELOADS && !atomic_load(&failed); i++) {
        uint16_t port = (uint16_t)(2000 + i % 50000);
        tcp(e, false, port, 7, SEK_TCP_SYN, 99, 0, NULL, 0);
        tcp(e, true, port, 7, SEK_TCP_SYN | SEK_TCP_ACK, 499, 100, NULL, 0);
        tcp(e, false, port, 7, SEK_TCP_ACK, 100, 500, NULL, 0);
        dropped += tcp(e, false, port, 7, SEK_TCP_ACK, 100, 500, TEXT("hello ")).verdict != SEK_VERDICT_PASS;
        harmless++;
        struct sek_compiled *fresh = atomic_exchange(&ready, NULL); /* in the middle of the flow */
        if (fresh) {
            assert_int_equal(sek_engine_swap(e, fresh, &fault), SEK_OK);
            sek_compiled_free(c);
            c = fresh;
            swaps++;
        }
        attacks++;
        passed += tcp(e, false, port, 7, SEK_TCP_ACK, 106, 500, TEXT("the attack")).verdict == SEK_VERDICT_PASS;
    }
    pthread_join(thread, NULL);
    print_message("%u reloads, %u attacks, %u harmless packets\n", swaps, attacks, harmless);
    assert_false(atomic_load(&failed));
    assert_int_equal(swaps, RELOADS);
    assert_int_equal(passed, 0);
    assert_int_equal(dropped, 0);
    sek_engine_free(e);
    sek_compiled_free(c);
}

static unsigned attacks_seen;

static void count_attack(void *ctx, struct sek_engine *e, const struct sek_event *event)
{
    (void)ctx, (void)e, (void)event;
    attacks_seen++;
}

/* Connections that stay open with a request that never ends fill the memory; what comes after them is inspected
 * nevertheless. */
static void a_flood_of_idle_flows_stays_under_the_limit_and_blinds_nobody(void **state)
{
    const size_t limit = 4u << 20;
    struct sek_engine_options options;
    struct sek_engine_gauges gauges;
    struct sek_fault fault;
    struct sek_compiled *c = compile("alert tcp any any -> any 7 (content:\"the attack\"; flow:established; sid:1;)\n");
    char idle[1400];
    unsigned rounds = 0;
    (void)state;
    memset(idle, 'x', sizeof idle);
    memcpy(idle, "POST / HTTP/1.1\r\nX: ", 20);
    sek_engine_options_default(&options);
    options.verify_checksum = false;
    options.ips = true;
    options.memory_limit = limit;
    options.on_alert = count_attack;
    struct sek_engine *e = sek_engine_new(&options, c, &fault);
    assert_non_null(e);
    attacks_seen = 0;
    for (unsigned port = 1000; port < 31000; port++) {
        tcp(e, false, (uint16_t)port, 80, SEK_TCP_SYN, 99, 0, NULL, 0);
        tcp(e, true, (uint16_t)port, 80, SEK_TCP_SYN | SEK_TCP_ACK, 499, 100, NULL, 0);
        tcp(e, false, (uint16_t)port, 80, SEK_TCP_ACK | SEK_TCP_PSH, 100, 500, idle, sizeof idle);
        sek_engine_gauges(e, &gauges);
        assert_true(gauges.memory_taken <= limit);
        if (port % 100)
            continue;
        rounds++;
        conversation(e, (uint16_t)(33000 + rounds), 7, TEXT("hello, the attack"), TEXT("ok"));
    }
    assert_true(gauges.evicted > 1000);
    assert_int_equal(attacks_seen, rounds);
    sek_engine_free(e);
    sek_compiled_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_state_allocates_and_locks_nothing),
        cmocka_unit_test(a_flood_of_idle_flows_stays_under_the_limit_and_blinds_nobody),
        cmocka_unit_test(rules_are_swapped_a_hundred_times_and_no_attack_passes),
    };
    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
