/* lib/vuln: versions sort as each packaging system sorts them; feeds match; broken feeds are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vuln/advisory.h"
#include "lib/vuln/version.h"

struct order {
    const char *a, *b;
    int sign;
};

static void check(enum sek_version_scheme scheme, const struct order *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int forth = sek_version_compare(scheme, list[i].a, list[i].b);
        int back = sek_version_compare(scheme, list[i].b, list[i].a);
        forth = (forth > 0) - (forth < 0);
        back = (back > 0) - (back < 0);
        if (forth != list[i].sign || back != -list[i].sign)
            fail_msg("%s ? %s: %d and back %d, %d expected", list[i].a, list[i].b, forth, back,
                     list[i].sign);
    }
}
#define CHECK(scheme, list) check(scheme, list, sizeof list / sizeof list[0])

static void debian_versions_sort_as_dpkg_sorts_them(void **state)
{
    static const struct order list[] = {
        {"1.0-1", "2.0-2", -1},       {"2.2~rc-4", "2.2-1", -1},      {"1", "0:1", 0},
        {"2:2.5", "1:7.5", 1},        {"0foo~~", "0foo~", -1},        {"0foo.bar", "0foobar", 1},
        {"1.0.8+nmu1", "1.0.8", 1},   {"1.011-1", "1.06-2", 1},       {"1a", "1000a", -1},
        {"5.2.15-2+b7", "5.2.15-2", 1}, {"4.4-5~deb8u1", "4.4-5", -1}, {"1.2.3-0ubuntu1", "1.2.3", 1},
        {"1.0-00", "1.0-0", 0},
    };
    (void)state;
    CHECK(SEK_VERSION_DPKG, list);
}

static void dpkg_itself_agrees_where_it_is_installed(void **state)
{
    static const char *const versions[] = {"1.0",     "1.0-1",   "1:0.9",  "1.0~rc1", "1.0+b1",
                                           "1.0.1-1", "1.0a",    "1.0-1~", "1.00",    "2:0",
                                           "0",       "1.0-1.1", "1.0+",   "1.0.0"};
    const size_t count = sizeof versions / sizeof versions[0];
    (void)state;
    if (system("command -v dpkg >/dev/null 2>&1"))
        skip();
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) {
            char command[200];
            int order = sek_version_compare(SEK_VERSION_DPKG, versions[i], versions[j]);
            snprintf(command, sizeof command, "dpkg --compare-versions '%s' %s '%s' 2>/dev/null",
                     versions[i], order < 0 ? "lt" : order > 0 ? "gt" : "eq", versions[j]);
            if (system(command))
                fail_msg("%s: dpkg does not agree", command);
        }
}

static void rpm_versions_sort_as_rpm_sorts_them(void **state)
{
    static const struct order list[] = {
        {"1.0", "1.0", 0},         {"2.0", "2.0.1", -1},      {"5.5p1", "5.5p10", -1},
        {"10xyz", "10.1xyz", -1},  {"xyz.4", "8", -1},        {"1.0~rc1", "1.0", -1},
        {"1.0^", "1.0", 1},        {"1.0^git1", "1.01", -1},  {"2a", "2.0", -1},
        {"1.0_1", "1.0.1", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        int order = sek_version_rpm_part(list[i].a, list[i].b);
        assert_int_equal((order > 0) - (order < 0), list[i].sign);
    }
    assert_true(sek_version_compare(SEK_VERSION_RPM, "1:1.0-1", "2.0-1") > 0);
    assert_true(sek_version_compare(SEK_VERSION_RPM, "1.0-1.el8", "1.0-2.el8") < 0);
    assert_true(sek_version_compare(SEK_VERSION_RPM, "1.0-1.el8", "1.0") == 0);
}

static void alpine_versions_sort_as_apk_sorts_them(void **state)
{
    static const struct order list[] = {
        {"2.34", "0.1.0_alpha", 1}, {"0.1.0_alpha", "0.1.3_alpha", -1}, {"1.0_rc1", "1.0", -1},
        {"1.0_p1", "1.0", 1},       {"1.0-r1", "1.0-r2", -1},           {"1.0a", "1.0b", -1},
        {"1.0.1", "1.0", 1},        {"1.01", "1.1", -1},                {"1.2_git20200101", "1.2", 1},
    };
    (void)state;
    CHECK(SEK_VERSION_APK, list);
}

static void semantic_versions_put_a_prerelease_before_its_release(void **state)
{
    static const struct order list[] = {
        {"1.0.0-alpha", "1.0.0", -1},      {"1.0.0-alpha.1", "1.0.0-alpha.beta", -1},
        {"1.0.0-beta.2", "1.0.0-beta.11", -1}, {"1.0.0+build", "1.0.0", 0},
        {"v1.10.0", "1.9.0", 1},
    };
    (void)state;
    CHECK(SEK_VERSION_SEMVER, list);
}

static void python_versions_sort_as_pep_440_says(void **state)
{
    static const struct order list[] = {
        {"1.0.dev1", "1.0a1", -1},  {"1.0a1", "1.0a2.dev3", -1}, {"1.0a2.dev3", "1.0a2", -1},
        {"1.0a2", "1.0b1", -1},     {"1.0b2", "1.0rc1", -1},     {"1.0rc1", "1.0", -1},
        {"1.0", "1.0+abc.5", -1},   {"1.0+abc.5", "1.0+abc.7", -1}, {"1.0+abc.7", "1.0+5", -1},
        {"1.0+5", "1.0.post1.dev2", -1}, {"1.0.post1.dev2", "1.0.post1", -1},
        {"1.0.post1", "1.1.dev1", -1}, {"1!1.0", "2023.1", 1},   {"1.0", "1.0.0", 0},
        {"v1.0", "1.0", 0},         {"1.0-1", "1.0.post1", 0},   {"1.0alpha1", "1.0a1", 0},
        {"2.10", "2.9", 1},         {"1.0.0-beta.2", "1.0b2", 0}, {"1.0c1", "1.0rc1", 0},
    };
    (void)state;
    CHECK(SEK_VERSION_PEP440, list);
}

static void maven_versions_sort_as_maven_sorts_them(void **state)
{
    static const struct order list[] = {
        {"1.0-alpha-1", "1.0-beta-1", -1}, {"1.0-beta-1", "1.0-milestone-1", -1},
        {"1.0-milestone-1", "1.0-rc1", -1}, {"1.0-rc1", "1.0-SNAPSHOT", -1},
        {"1.0-SNAPSHOT", "1.0", -1},      {"1.0", "1.0-sp", -1},
        {"1.0-sp", "1.0-whatever", -1},   {"1.0-whatever", "1.0-1", -1},
        {"1.0-1", "1.0.1", -1},           {"1.0", "1", 0},
        {"1.0.0", "1-ga", 0},             {"1.0.FINAL", "1.0", 0},
        {"2.14.1", "2.15.0", -1},         {"1.0a1", "1.0-alpha-1", 0},
        {"1.10", "1.9", 1},               {"2.0-rc2", "2.0-cr2", 0},
        {"5.3.17.RELEASE", "5.3.18", -1}, {"31.1-jre", "31.1-android", 1},
    };
    (void)state;
    CHECK(SEK_VERSION_MAVEN, list);
}

/* --- feeds --- */

static const char debian[] =
    "{\"bash\":{\"CVE-2014-6271\":{\"releases\":{\"bookworm\":{\"status\":\"resolved\","
    "\"fixed_version\":\"4.3-9.1\",\"urgency\":\"high\"}}},"
    "\"CVE-2099-1\":{\"releases\":{\"bookworm\":{\"status\":\"open\",\"urgency\":\"low\"}}},"
    "\"CVE-2099-2\":{\"releases\":{\"bookworm\":{\"status\":\"undetermined\"}}},"
    "\"CVE-2099-3\":{\"releases\":{\"bookworm\":{\"status\":\"resolved\","
    "\"fixed_version\":\"0\"}}}},\n\"zlib\":{\"CVE-2022-37434\":{\"releases\":{\"bookworm\":"
    "{\"status\":\"resolved\",\"fixed_version\":\"1:1.2.11.dfsg-4.1\"}}}}}";

static const char curated[] =
    "{\"sekisho_advisory\":1,\"id\":\"CVE-2014-6271\",\"affected\":[{\"ecosystem\":\"*\","
    "\"package\":\"bash\",\"ranges\":[{\"introduced\":\"0\",\"fixed\":\"4.3.25\"}]},"
    "{\"cpe\":\"cpe:2.3:a:gnu:bash\",\"ranges\":[{\"introduced\":\"0\",\"last_affected\":"
    "\"4.3\"}]}],\"patches\":[{\"id\":\"SEK-1\",\"via\":[\"lighttpd\"],\"ports\":[{\"proto\":"
    "\"tcp\",\"port\":80}]}]}";

static const char osv[] =
    "[{\"id\":\"GHSA-x\",\"aliases\":[\"CVE-2021-1\"],\"affected\":[{\"package\":{\"ecosystem\":"
    "\"npm\",\"name\":\"left\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":"
    "\"1.0.0\"},{\"fixed\":\"1.2.0\"},{\"introduced\":\"2.0.0\"},{\"last_affected\":\"2.1.0\"}]},"
    "{\"type\":\"GIT\",\"events\":[{\"introduced\":\"0\"}]}],\"versions\":[\"0.5.0\"]}]}]";

static struct sek_advisory_set *read_feed(const char *text)
{
    struct sek_advisory_set *set = NULL;
    struct sek_fault fault = {0};
    if (sek_advisories_read("feed", text, strlen(text), &set, &fault))
        fail_msg("%s", fault.message);
    return set;
}

static void join(void *arg, const struct sek_finding *finding)
{
    strcat(arg, finding->id);
    strcat(arg, " ");
}

/* The ids found, in a static buffer. */
static const char *found(const struct sek_advisory_set *const *sets, size_t count,
                         const char *ecosystem, const char *name, const char *version,
                         const char *cpe)
{
    static char ids[1024];
    struct sek_component component = {ecosystem, name, version, cpe};
    ids[0] = '\0';
    assert_int_equal(sek_match(sets, count, &component, join, ids, NULL), SEK_OK);
    return ids;
}

static void the_debian_tracker_matches_by_source_package_and_release(void **state)
{
    const struct sek_advisory_set *set = read_feed(debian);
    (void)state;
    assert_string_equal(sek_advisories_kind(set), "debian");
    assert_string_equal(found(&set, 1, "Debian:12", "bash", "4.2-1", NULL),
                        "CVE-2014-6271 CVE-2099-1 ");
    assert_string_equal(found(&set, 1, "Debian:12", "bash", "4.3-9.1", NULL), "CVE-2099-1 ");
    assert_string_equal(found(&set, 1, "Debian:11", "bash", "4.2-1", NULL), "");
    assert_string_equal(found(&set, 1, "Debian:12", "zlib", "1:1.2.11.dfsg-4", NULL),
                        "CVE-2022-37434 ");
    sek_advisories_free((struct sek_advisory_set *)set);
}

static void packages_of_each_ecosystem_match_its_advisories(void **state)
{
    static const struct {
        const char *said, *name, *introduced, *fixed, *ours, *ours_name, *bad, *good;
    } rows[] = {
        {"npm", "@a/b", "0", "1.2.0", "npm", "@a/b", "1.2.0-rc.1", "1.2.0"},
        {"PyPI", "Foo_Bar", "0", "1.10", "PyPI", "foo-bar", "1.10rc1", "1.10.post1"},
        {"Maven", "org.x:y", "0", "2.15.0", "Maven", "org.x:y", "2.14.1", "2.15"},
        {"Go", "golang.org/x/net", "0", "0.7.0", "Go", "golang.org/x/net", "v0.6.9", "v0.7.0"},
        {"Alpine:v3.19", "openssl", "0", "3.1.4-r5", "Alpine:v3.19", "openssl", "3.1.4-r4",
         "3.1.4-r5"},
        {"Rocky Linux:9", "bash", "0", "0:5.1.8-9.el9", "Rocky Linux:9", "bash", "5.1.8-6.el9_1",
         "5.1.8-9.el9"},
        {"Red Hat:enterprise_linux:9::baseos", "bash", "0", "0:5.1.8-9.el9",
         "Red Hat:enterprise_linux:9", "bash", "5.1.8-6.el9", "5.1.8-9.el9"},
        {"Ubuntu:22.04:LTS", "bash", "0", "5.1-6ubuntu1.1", "Ubuntu:22.04", "bash", "5.1-6ubuntu1",
         "5.1-6ubuntu1.1"},
        {"openSUSE:Leap 15.5", "bash", "0", "4.4-1.2", "openSUSE:Leap 15.5", "bash", "4.4-1.1",
         "4.4-1.2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 "{\"id\":\"X-1\",\"affected\":[{\"package\":{\"ecosystem\":\"%s\",\"name\":"
                 "\"%s\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"%s\"},"
                 "{\"fixed\":\"%s\"}]}]}]}",
                 rows[i].said, rows[i].name, rows[i].introduced, rows[i].fixed);
        const struct sek_advisory_set *set = read_feed(text);
        if (strcmp(found(&set, 1, rows[i].ours, rows[i].ours_name, rows[i].bad, NULL), "X-1 "))
            fail_msg("%s %s is not found", rows[i].ours, rows[i].bad);
        if (*found(&set, 1, rows[i].ours, rows[i].ours_name, rows[i].good, NULL))
            fail_msg("%s %s is found", rows[i].ours, rows[i].good);
        sek_advisories_free((struct sek_advisory_set *)set);
    }
}

static void a_name_for_any_system_says_nothing_of_language_packages(void **state)
{
    const struct sek_advisory_set *set = read_feed(curated);
    (void)state;
    assert_string_equal(found(&set, 1, "generic", "bash", "4.2", NULL), "CVE-2014-6271 ");
    assert_string_equal(found(&set, 1, "npm", "bash", "4.2", NULL), "");
    sek_advisories_free((struct sek_advisory_set *)set);
}

static void what_the_distribution_says_decides_over_upstream_ranges(void **state)
{
    const struct sek_advisory_set *sets[2] = {read_feed(curated), read_feed(debian)};
    (void)state;
    assert_string_equal(found(sets, 1, "Debian:12", "bash", "1:4.2-1", NULL), "CVE-2014-6271 ");
    assert_string_equal(found(sets, 1, "Debian:12", "bash", "4.3-9.1", NULL), "CVE-2014-6271 ");
    assert_string_equal(found(sets, 2, "Debian:12", "bash", "4.3-9.1", NULL), "CVE-2099-1 ");
    assert_string_equal(found(sets, 1, "generic", "fw", "4.2", "cpe:2.3:a:gnu:bash:4.2"),
                        "CVE-2014-6271 ");
    assert_string_equal(found(sets, 1, "generic", "fw", "4.4", "cpe:2.3:a:gnu:bash:4.4"), "");
    size_t count;
    const struct sek_virtual_patch *patch = sek_advisories_patches(sets[0], &count);
    assert_int_equal(count, 1);
    assert_string_equal(patch->id, "SEK-1");
    assert_string_equal(patch->cves[0], "CVE-2014-6271");
    assert_int_equal(patch->ports[0].port, 80);
    for (int i = 0; i < 2; i++)
        sek_advisories_free((struct sek_advisory_set *)sets[i]);
}

static void osv_ranges_and_versions_match(void **state)
{
    static const struct {
        const char *version;
        const char *expected;
    } cases[] = {{"0.5.0", "CVE-2021-1 "}, {"0.6.0", ""},       {"1.0.0", "CVE-2021-1 "},
                 {"1.2.0", ""},            {"2.1.0", "CVE-2021-1 "}, {"2.1.1", ""}};
    const struct sek_advisory_set *set = read_feed(osv);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(found(&set, 1, "npm", "left", cases[i].version, NULL),
                            cases[i].expected);
    sek_advisories_free((struct sek_advisory_set *)set);
}

static void count_change(void *arg, const char *package)
{
    strcat(arg, package);
    strcat(arg, " ");
}

static void only_packages_that_changed_are_told(void **state)
{
    char changed[200] = "", text[sizeof debian];
    struct sek_advisory_set *old = read_feed(debian);
    (void)state;
    memcpy(text, debian, sizeof debian);
    memcpy(strstr(text, "4.3-9.1"), "4.3-9.2", 7);
    struct sek_advisory_set *now = read_feed(text);
    sek_advisories_changed(old, now, count_change, changed);
    assert_string_equal(changed, "bash ");
    changed[0] = '\0';
    sek_advisories_changed(NULL, now, count_change, changed);
    assert_string_equal(changed, "bash zlib ");
    sek_advisories_free(old);
    sek_advisories_free(now);
}

static void a_feed_whose_records_are_all_withdrawn_takes_the_place_of_the_old_one(void **state)
{
    struct sek_advisory_set *set = read_feed(
        "[{\"id\":\"DSA-1\",\"withdrawn\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":"
        "{\"ecosystem\":\"Debian:12\",\"name\":\"bash\"},\"versions\":[\"5\"]}]}]");
    (void)state;
    assert_int_equal(sek_advisories_count(set), 0);
    sek_advisories_free(set);
}

static void a_feed_cut_off_anywhere_is_refused_with_its_name_and_place(void **state)
{
    static const char *const feeds[] = {debian, curated, osv};
    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (size_t len = 0; len < strlen(feeds[f]); len++) {
            struct sek_advisory_set *set = NULL;
            struct sek_fault fault = {0};
            char *part = malloc(len + 1);
            memcpy(part, feeds[f], len);
            assert_int_equal(sek_advisories_read("feed.json", part, len, &set, &fault), SEK_EINVAL);
            assert_memory_equal(fault.message, "feed.json: line ", 16);
            assert_non_null(strstr(fault.message, "byte "));
            free(part);
        }
}

static void what_is_not_a_feed_says_what_was_expected(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"<html>", "line 1, byte 0: found '<', a JSON object or array expected"},
        {"{\"a\":\n x}", "line 2"},
        {"[]", "the list is empty"},
        {"{\"bash\":{\"CVE-1\":{\"releases\":{\"bookworm\":{\"status\":\"maybe\"}}}}}",
         "status \"maybe\", resolved, open or undetermined expected"},
        {"{\"sekisho_advisory\":1,\"id\":\"CVE-1\",\"afected\":[]}", "unknown member \"afected\""},
        {"{\"sekisho_advisory\":1,\"id\":\"CVE-1\",\"affected\":[{}]}", "affected[0]"},
        {"{\"id\":\"X\",\"affected\":[{\"package\":{\"name\":\"a\"}}]}", "affected[0].package"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sek_advisory_set *set = NULL;
        struct sek_fault fault = {0};
        assert_int_equal(
            sek_advisories_read("f", cases[i].text, strlen(cases[i].text), &set, &fault),
            SEK_EINVAL);
        if (!strstr(fault.message, cases[i].message))
            fail_msg("\"%s\" does not say \"%s\"", fault.message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debian_versions_sort_as_dpkg_sorts_them),
        cmocka_unit_test(dpkg_itself_agrees_where_it_is_installed),
        cmocka_unit_test(rpm_versions_sort_as_rpm_sorts_them),
        cmocka_unit_test(alpine_versions_sort_as_apk_sorts_them),
        cmocka_unit_test(semantic_versions_put_a_prerelease_before_its_release),
        cmocka_unit_test(python_versions_sort_as_pep_440_says),
        cmocka_unit_test(maven_versions_sort_as_maven_sorts_them),
        cmocka_unit_test(packages_of_each_ecosystem_match_its_advisories),
        cmocka_unit_test(a_name_for_any_system_says_nothing_of_language_packages),
        cmocka_unit_test(the_debian_tracker_matches_by_source_package_and_release),
        cmocka_unit_test(what_the_distribution_says_decides_over_upstream_ranges),
        cmocka_unit_test(osv_ranges_and_versions_match),
        cmocka_unit_test(only_packages_that_changed_are_told),
        cmocka_unit_test(a_feed_whose_records_are_all_withdrawn_takes_the_place_of_the_old_one),
        cmocka_unit_test(a_feed_cut_off_anywhere_is_refused_with_its_name_and_place),
        cmocka_unit_test(what_is_not_a_feed_says_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
