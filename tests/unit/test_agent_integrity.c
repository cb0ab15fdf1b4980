/* objects: agent/integrity/database.c agent/integrity/diff.c agent/integrity/facts.c agent/filehash.c agent/folders.c agent/section.c agent/spare.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/worker/policy.c agent/worker/duties_check.c agent/integrity/options.c agent/logs/options.c agent/malware/options.c */
/* File integrity: the baseline, what a file is, diffs; and the policy's sections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/event.h"
#include "agent/folders.h"
#include "agent/integrity/database.h"
#include "agent/integrity/diff.h"
#include "agent/integrity/options.h"
#include "agent/message.h"
#include "agent/spare.h"
#include "lib/base/file.h"

static char folder[] = "/tmp/sekisho-unit.XXXXXX";
static const char *const files[] = {"db", "db2", "file"};

static const char *in_folder(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(sek_file_replace(path, text, strlen(text), 0644, NULL), SEK_OK);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(in_folder(files[i]));
    return rmdir(folder);
}

static void put(struct sek_database *db, const char *path, const char *text, uint32_t uid)
{
    struct sek_facts *f = calloc(1, sizeof *f);
    f->mode = S_IFREG | 0644;
    f->uid = uid;
    f->size = f->text_len = (uint32_t)strlen(text);
    f->text = text;
    snprintf(f->link, sizeof f->link, "%s", uid == 7 ? "target" : "");
    assert_int_equal(sek_database_put(db, path, f), SEK_OK);
    free(f);
}

static void note_path(void *arg, const char *path)
{
    char **all = arg;
    char *longer;
    assert_true(asprintf(&longer, "%s%s ", *all, path) > 0);
    free(*all);
    *all = longer;
}

static void a_baseline_is_the_same_after_it_was_written_and_opened_again(void **state)
{
    struct sek_database *db;
    struct sek_fault fault;
    struct sek_text text = {0};
    static struct sek_facts f;
    char path[200], *all = strdup("");
    (void)state;
    snprintf(path, sizeof path, "%s", in_folder("db"));
    assert_int_equal(sek_database_open(path, &db, &fault), SEK_ENOTFOUND);
    put(db, "/b", "text of b\n", 1);
    put(db, "/a", "", 7);
    put(db, "/c", "text of c\n", 3);
    put(db, "/gone", "x", 3);
    sek_database_remove(db, "/gone");
    sek_database_remove(db, "/never");
    assert_int_equal(sek_database_count(db), 3);
    assert_int_equal(sek_database_save(db, &fault), SEK_OK);
    assert_false(sek_database_dirty(db));
    /* changes over what the file has: one other, one removed and back, one new */
    put(db, "/b", "new b\n", 2);
    sek_database_remove(db, "/c");
    assert_false(sek_database_find(db, "/c", NULL, &f));
    assert_int_equal(sek_database_count(db), 2);
    put(db, "/c", "c again\n", 4);
    put(db, "/d", "d\n", 5);
    assert_int_equal(sek_database_count(db), 4);
    assert_int_equal(sek_database_save(db, &fault), SEK_OK);
    sek_database_close(db);
    assert_int_equal(sek_database_open(path, &db, &fault), SEK_OK);
    assert_int_equal(sek_database_count(db), 4);
    sek_database_each(db, note_path, &all);
    assert_string_equal(all, "/a /b /c /d ");
    assert_true(sek_database_find(db, "/b", &text, &f));
    assert_int_equal(f.uid, 2);
    assert_int_equal(f.text_len, 6);
    assert_memory_equal(f.text, "new b\n", 6);
    assert_true(sek_database_find(db, "/a", NULL, &f));
    assert_string_equal(f.link, "target");
    assert_false(sek_database_find(db, "/bb", NULL, &f));
    sek_database_close(db);
    sek_text_free(&text);
    free(all);
}

static void a_damaged_baseline_is_named_and_stays_as_it_is(void **state)
{
    struct sek_database *db;
    struct sek_fault fault;
    char path[200], *data;
    size_t len;
    (void)state;
    snprintf(path, sizeof path, "%s", in_folder("db2"));
    sek_database_open(path, &db, &fault);
    put(db, "/a", "some text\n", 1);
    put(db, "/b", "some text\n", 1);
    sek_database_save(db, &fault);
    sek_database_close(db);
    assert_int_equal(sek_file_read(path, 1 << 20, &data, &len, NULL), SEK_OK);
    for (size_t i = 0; i < len; i += 5) {
        data[i] ^= 0x20;
        assert_int_equal(sek_file_replace(path, data, len, 0600, NULL), SEK_OK);
        assert_int_equal(sek_database_open(path, &db, &fault), SEK_EINVAL);
        assert_null(db);
        assert_non_null(strstr(fault.message, "db2: damaged"));
        data[i] ^= 0x20;
    }
    for (size_t cut = 0; cut < len; cut += 37) {
        assert_int_equal(sek_file_replace(path, data, cut, 0600, NULL), SEK_OK);
        assert_int_equal(sek_database_open(path, &db, &fault), SEK_EINVAL);
    }
    /* Also with a right checksum nothing points outside, and paths are in order. */
    data[24 + 3] = 0x7f;
    assert_int_equal(sek_database_check("x", (uint8_t *)data, len - 32, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "entry 0 points outside"));
    data[24 + 3] = 0;
    memcpy(data + 24 + 112, data + 24, 112);
    assert_int_equal(sek_database_check("x", (uint8_t *)data, len - 32, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "entry 1 is out of order"));
    free(data);
}

static void what_differs_in_a_file_is_told_field_by_field(void **state)
{
    static struct sek_facts a, b;
    struct sek_text one = {0}, two = {0};
    const char *path = in_folder("file");
    (void)state;
    write_file(path, "one\n");
    assert_int_equal(sek_facts_read(path, 1000, &one, &a, NULL), SEK_OK);
    assert_true(a.hashed);
    assert_int_equal(a.text_len, 4);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(sek_facts_read(path, 1000, &two, &b, NULL), SEK_OK);
    assert_int_equal(sek_facts_compare(&a, &b), SEK_FACT_MODE);
    assert_false(sek_facts_same_times(&a, &b));
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "\0", 1), 1);
    close(fd);
    assert_int_equal(sek_facts_read(path, 1000, &two, &b, NULL), SEK_OK);
    assert_true(sek_facts_compare(&a, &b) & SEK_FACT_CONTENT);
    assert_null(b.text); /* no text: it holds a zero byte */
    unlink(path);
    assert_int_equal(symlink("else", path), 0);
    assert_int_equal(sek_facts_read(path, 1000, &two, &b, NULL), SEK_OK);
    assert_string_equal(b.link, "else");
    assert_true(sek_facts_compare(&a, &b) & SEK_FACT_TYPE);
    unlink(path);
    assert_int_equal(sek_facts_read(path, 1000, &two, &b, NULL), SEK_ENOTFOUND);
    sek_text_free(&one);
    sek_text_free(&two);
}

static void assert_diff(const char *a, const char *b, const char *expected)
{
    struct sek_text out = {0};
    sek_diff(a, strlen(a), b, strlen(b), 4000, &out);
    assert_string_equal(out.data ? out.data : "", expected);
    sek_text_free(&out);
}

static void a_diff_is_the_one_that_diff_u_makes(void **state)
{
    (void)state;
    assert_diff("a\nb\n", "a\nb\n", "");
    assert_diff("", "x\n", "@@ -0,0 +1,1 @@\n+x\n");
    assert_diff("x\n", "", "@@ -1,1 +0,0 @@\n-x\n");
    assert_diff("a\nb\nc\n", "a\nX\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+X\n c\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "1\nx\n3\n4\n5\n6\n7\n8\n9\n10\ny\n",
                "@@ -1,5 +1,5 @@\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -8,3 +8,4 @@\n 8\n 9\n 10\n+y\n");
    assert_diff("a\nb\nc\nd\n", "b\nc\ne\nd\n", "@@ -1,4 +1,4 @@\n-a\n b\n c\n+e\n d\n");
}

static void a_diff_of_short_texts_holds_both_of_them(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 2000; round++) {
        char a[40] = "", b[40] = "", from[80] = "", to[80] = "";
        struct sek_text out = {0};
        for (int i = rand() % 4; i > 0; i--)
            sprintf(a + strlen(a), "%c\n", 'a' + rand() % 3);
        for (int i = rand() % 4; i > 0; i--)
            sprintf(b + strlen(b), "%c\n", 'a' + rand() % 3);
        sek_diff(a, strlen(a), b, strlen(b), 4000, &out);
        assert_true(!strcmp(a, b) == !out.len);
        for (char *line = out.data; line && *line; line = strchr(line, '\n') + 1) {
            if (*line != '@' && *line != '+')
                strncat(from, line + 1, 2);
            if (*line != '@' && *line != '-')
                strncat(to, line + 1, 2);
        }
        if (out.len) {
            assert_string_equal(from, a);
            assert_string_equal(to, b);
        }
        sek_text_free(&out);
    }
}

static void a_diff_that_is_too_long_is_cut_and_says_so(void **state)
{
    char a[8000] = "", b[8000] = "";
    struct sek_text out = {0};
    (void)state;
    for (int i = 0; i < 900; i++) {
        sprintf(a + strlen(a), "a%d\n", i);
        sprintf(b + strlen(b), "b%d\n", i);
    }
    sek_diff(a, strlen(a), b, strlen(b), 100, &out);
    assert_true(out.len < 130);
    assert_non_null(strstr(out.data, "left out"));
    sek_text_free(&out);
}

static void a_folder_is_known_by_its_handle_also_when_it_is_gone(void **state)
{
    struct sek_folders f = {0};
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + 8];
    } u = {.handle = {.handle_bytes = 8}};
    char path[40];
    (void)state;
    for (int i = 0; i < 5000; i++) {
        memcpy(u.space + sizeof(struct file_handle), &i, sizeof i);
        snprintf(path, sizeof path, "/%s/%d", i % 2 ? "odd" : "even", i);
        sek_folders_add(&f, sek_folder_key(1, &u.handle), path);
    }
    sek_folders_forget(&f, "/odd");
    assert_int_equal(f.count, 2500);
    for (int i = 0; i < 5000; i++) {
        memcpy(u.space + sizeof(struct file_handle), &i, sizeof i);
        const char *found = sek_folders_find(&f, sek_folder_key(1, &u.handle));
        snprintf(path, sizeof path, "/even/%d", i);
        if (i % 2)
            assert_null(found);
        else
            assert_string_equal(found, path);
    }
    assert_null(sek_folders_find(&f, sek_folder_key(2, &u.handle)));
    sek_folders_free(&f);
}

static void a_wrong_field_of_a_section_is_named(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"{\"mode\":\"prevent\"}", "integrity.mode: found 'prevent'"},
        {"{\"paths\":\"/etc\"}", "integrity.paths: expected a list"},
        {"{\"paths\":[\"/etc\",\"usr\"]}", "integrity.paths[1]: expected an absolute path"},
        {"{\"schedule_s\":-1}", "integrity.schedule_s: expected a number 0..2592000"},
        {"[]", "integrity: expected an object"},
    };
    struct sek_integrity_options o;
    struct sek_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *section = json_loads(cases[i].text, 0, NULL);
        sek_integrity_options_default(&o);
        assert_int_equal(sek_integrity_options_read(&o, section, &fault), SEK_EINVAL);
        assert_non_null(strstr(fault.message, cases[i].fault));
        json_decref(section);
    }
    json_t *section = json_loads("{\"mode\":\"detect\",\"paths\":[\"/a/\"],\"rate\":9}", 0, NULL);
    assert_int_equal(sek_integrity_options_read(&o, section, &fault), SEK_OK);
    assert_int_equal(o.mode, SEK_MODE_DETECT);
    assert_int_equal(o.rate, 9);
    assert_true(sek_paths_cover(&o.paths, "/a/b"));
    assert_true(sek_paths_cover(&o.paths, "/a"));
    assert_false(sek_paths_cover(&o.paths, "/ab"));
    assert_true(sek_paths_match(&o.secret, "/etc/ssl/private/x"));
    assert_true(sek_paths_match(&o.secret, "/etc/shadow"));
    assert_false(sek_paths_match(&o.secret, "/etc/hosts"));
    json_decref(section);
}

static void a_spared_prefix_covers_its_addresses_and_what_holds_them(void **state)
{
    struct sek_spares s = {0};
    uint8_t a[16];
    (void)state;
    assert_true(sek_spares_add(&s, "10.0.0.0/8"));
    assert_true(sek_spares_add(&s, "2001:db8::/32"));
    assert_false(sek_spares_add(&s, "host"));
    assert_false(sek_spares_add(&s, "10.0.0.0/40"));
    sek_address_parse("10.9.8.7", a);
    assert_true(sek_spares_cover(&s, a, 128));
    sek_address_parse("11.0.0.0", a);
    assert_false(sek_spares_cover(&s, a, 128));
    assert_true(sek_spares_cover(&s, a, 96)); /* all of IPv4 holds 10/8 */
    sek_address_parse("2001:db8:1::1", a);
    assert_true(sek_spares_cover(&s, a, 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_baseline_is_the_same_after_it_was_written_and_opened_again),
        cmocka_unit_test(a_damaged_baseline_is_named_and_stays_as_it_is),
        cmocka_unit_test(what_differs_in_a_file_is_told_field_by_field),
        cmocka_unit_test(a_diff_is_the_one_that_diff_u_makes),
        cmocka_unit_test(a_diff_of_short_texts_holds_both_of_them),
        cmocka_unit_test(a_diff_that_is_too_long_is_cut_and_says_so),
        cmocka_unit_test(a_folder_is_known_by_its_handle_also_when_it_is_gone),
        cmocka_unit_test(a_wrong_field_of_a_section_is_named),
        cmocka_unit_test(a_spared_prefix_covers_its_addresses_and_what_holds_them),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
