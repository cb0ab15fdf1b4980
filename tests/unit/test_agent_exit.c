/* objects: agent/guard/ranges.c agent/worker/addresses.c */
/* Exit control: the tables of listed prefixes and the plain list that fills them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/ranges.h"
#include "agent/worker/addresses.h"
#include "lib/base/endian.h"

struct table {
    const uint8_t *elements;
    size_t size;
    uint32_t count;
};

static const void *element(const struct table *t, uint32_t index)
{
    return index < t->count ? t->elements + index * t->size : NULL;
}

SEK_RANGES_LOOKUP(in_list4, in_list6, const struct table *, element)

static uint32_t random_state = 7;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state ^ random_state >> 13;
}

static bool covered(const struct sek_prefix *p, const uint8_t *address, unsigned size)
{
    for (unsigned bit = 0; bit < p->bits && bit < 8 * size; bit++) {
        if ((p->address[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
            return false;
    }
    return true;
}

static void compare_with_brute_force(size_t count, bool v6, unsigned shortest)
{
    struct sek_fault fault;
    struct sek_range4 *table4;
    struct sek_range6 *table6;
    struct sek_prefix *list = calloc(count + 1, sizeof *list);
    uint32_t elements4, elements6;
    unsigned size = v6 ? 16 : 4;
    for (size_t i = 0; i < count; i++) {
        list[i].v6 = v6;
        list[i].bits = (uint8_t)(shortest + next_random() % (8 * size - shortest + 1));
        for (unsigned b = 0; b < size; b++)
            list[i].address[b] = (uint8_t)(next_random() >> (b < 2 ? 6 : 0) & (b < 2 ? 3 : 255));
    }
    assert_int_equal(sek_ranges4_build(list, count, &table4, &elements4, &fault), SEK_OK);
    assert_int_equal(sek_ranges6_build(list, count, &table6, &elements6, &fault), SEK_OK);
    const struct table t4 = {(uint8_t *)table4, sizeof *table4, elements4};
    const struct table t6 = {(uint8_t *)table6, sizeof *table6, elements6};
    for (int i = 0; i < 4000; i++) {
        uint8_t a[16] = {0};
        bool expected = false;
        for (unsigned b = 0; b < size; b++)
            a[b] = (uint8_t)(next_random() >> (b < 2 ? 6 : 0) & (b < 2 ? 3 : 255));
        if (count && i % 2)
            memcpy(a, list[next_random() % count].address, size);
        for (size_t k = 0; k < count; k++)
            expected = expected || covered(&list[k], a, size);
        uint64_t halves[2] = {(uint64_t)sek_get32(a) << 32 | sek_get32(a + 4),
                              (uint64_t)sek_get32(a + 8) << 32 | sek_get32(a + 12)};
        assert_int_equal(v6 ? in_list6(&t6, (const __u64 *)halves) : in_list4(&t4, sek_get32(a)),
                         expected);
    }
    free(table4);
    free(table6);
    free(list);
}

static void a_range_table_says_the_same_as_comparing_with_every_prefix(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 2, 3, 17, 300};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        compare_with_brute_force(counts[i], false, 24);
        compare_with_brute_force(counts[i], false, 9);
        compare_with_brute_force(counts[i], true, 20);
        compare_with_brute_force(counts[i], true, 100);
    }
}

static void the_ends_of_the_address_space_are_found(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_range4 *table;
    uint32_t elements;
    const struct sek_prefix list[] = {{.bits = 32, .address = {255, 255, 255, 255}},
                                      {.bits = 8, .address = {0}}};
    assert_int_equal(sek_ranges4_build(list, 2, &table, &elements, &fault), SEK_OK);
    const struct table t = {(uint8_t *)table, sizeof *table, elements};
    assert_true(in_list4(&t, 0) && in_list4(&t, 0x00ffffff) && in_list4(&t, 0xffffffff));
    assert_false(in_list4(&t, 0x01000000) || in_list4(&t, 0xfffffffe));
    free(table);
}

static void a_plain_list_is_read_and_a_wrong_line_is_named(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_prefix list[4];
    size_t count;
    static const char good[] = "# comment\n192.0.2.1\n\n 198.51.100.0/24 # why\r\n2001:db8::/32";
    assert_int_equal(sek_addresses_count(good, sizeof good - 1), 3);
    assert_int_equal(sek_addresses_parse(good, sizeof good - 1, list, 4, &count, &fault), SEK_OK);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].bits, 32);
    assert_int_equal(list[1].bits, 24);
    assert_true(list[2].v6 && list[2].bits == 32 && list[2].address[0] == 0x20);
    static const char *const bad[] = {"192.0.2.1\n192.0.2.256\n", "192.0.2.1\n1.2.3.4/33",
                                      "192.0.2.1\n1.2.3.4/", "192.0.2.1\n1.2.3.4/0",
                                      "192.0.2.1\nexample.com", "192.0.2.1\n::/129"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sek_addresses_parse(bad[i], strlen(bad[i]), list, 4, &count, &fault),
                         SEK_EINVAL);
        assert_non_null(strstr(fault.message, "addresses:2:"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_table_says_the_same_as_comparing_with_every_prefix),
        cmocka_unit_test(the_ends_of_the_address_space_are_found),
        cmocka_unit_test(a_plain_list_is_read_and_a_wrong_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
