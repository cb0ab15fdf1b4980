/* Libraries that are opened when they are needed. */
#include "lib/base/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_library_that_cannot_be_opened_is_told_with_the_reason(void **state)
{
    (void)state;
    struct sek_fault fault = {0};
    assert_null(sek_library_open("libof-nobody.so.1", "libof-nobody1", &fault));
    assert_int_equal(fault.code, SEK_EUNSUPPORTED);
#ifdef __GLIBC__
    assert_string_equal(fault.message,
                        "libof-nobody.so.1 is not installed (package libof-nobody1)");
#else
    assert_string_equal(fault.message, "a static agent opens no libof-nobody.so.1");
#endif
}

static void the_c_library_is_opened_where_there_is_a_loader(void **state)
{
    (void)state;
    struct sek_fault fault = {0};
    void *library = sek_library_open("libc.so.6", "libc6", &fault);
#ifdef __GLIBC__
    assert_non_null(library);
#else
    assert_null(library);
    assert_int_equal(fault.code, SEK_EUNSUPPORTED);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_that_cannot_be_opened_is_told_with_the_reason),
        cmocka_unit_test(the_c_library_is_opened_where_there_is_a_loader),
    };
    return cmocka_run_group_tests_name("libraries", tests, NULL, NULL);
}
