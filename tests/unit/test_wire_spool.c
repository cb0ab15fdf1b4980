/* lib/wire: the spool loses nothing to kill -9 or a torn write, and its chain is what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/wire/inventory.h"
#include "lib/wire/record.h"
#include "lib/wire/spool.h"
#include "lib/wire/zstd.h"

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/test-spool-XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    free(*state);
    return system(command);
}

static struct sek_spool *open_spool(const char *folder, uint64_t limit)
{
    struct sek_spool *spool = NULL;
    struct sek_fault fault = {0};
    if (sek_spool_open(folder, limit, &spool, &fault))
        fail_msg("%s", fault.message);
    return spool;
}

static void append(struct sek_spool *spool, unsigned number)
{
    char text[64];
    int len = snprintf(text, sizeof text, "record %u", number);
    assert_int_equal(sek_spool_append(spool, text, (size_t)len, NULL), SEK_OK);
}

/* All that waits, as one text of lines; *LAST is the last sequence. */
static struct sek_text drain(struct sek_spool *spool, uint64_t *last)
{
    struct sek_text out = {0};
    sek_text_puts(&out, "");
    *last = 0;
    sek_spool_batch(spool, 1 << 20, 100000, &out, last, NULL);
    return out;
}

static void records_come_back_in_order_until_acknowledged(void **state)
{
    struct sek_spool *spool = open_spool(*state, 0);
    uint64_t last;
    for (unsigned i = 1; i <= 3; i++)
        append(spool, i);
    assert_int_equal(sek_spool_backlog(spool), 3);
    struct sek_text text = drain(spool, &last);
    assert_string_equal(text.data, "record 1\nrecord 2\nrecord 3\n");
    sek_text_free(&text);
    assert_int_equal(sek_spool_acknowledge(spool, 2, NULL), SEK_OK);
    text = drain(spool, &last);
    assert_string_equal(text.data, "record 3\n");
    sek_text_free(&text);
    assert_int_equal(sek_spool_acknowledge(spool, 9, NULL), SEK_EINVAL);
    sek_spool_close(spool);
    spool = open_spool(*state, 0);
    assert_int_equal(sek_spool_backlog(spool), 1);
    assert_int_equal(sek_spool_next(spool), 4);
    assert_string_equal(sek_spool_last(spool), "record 3");
    sek_spool_close(spool);
}

static void every_append_that_returned_survives_kill_9(void **state)
{
    int pipes[2];
    unsigned confirmed = 0, number;
    uint64_t last;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (!child) {
        struct sek_spool *spool = NULL;
        sek_spool_open(*state, 0, &spool, NULL);
        for (unsigned i = 1;; i++) {
            char text[64];
            int len = snprintf(text, sizeof text, "record %u", i);
            if (sek_spool_append(spool, text, (size_t)len, NULL) ||
                write(pipes[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    close(pipes[1]);
    while (confirmed < 2000 && read(pipes[0], &number, sizeof number) == sizeof number)
        confirmed = number;
    kill(child, SIGKILL);
    while (read(pipes[0], &number, sizeof number) == sizeof number)
        confirmed = number;
    waitpid(child, NULL, 0);
    close(pipes[0]);
    struct sek_spool *spool = open_spool(*state, 0);
    assert_true(sek_spool_backlog(spool) >= confirmed);
    struct sek_text text = drain(spool, &last);
    assert_true(last >= confirmed);
    assert_memory_equal(text.data, "record 1\nrecord 2\n", 18);
    sek_text_free(&text);
    sek_spool_close(spool);
}

static void a_torn_tail_is_cut_and_the_next_record_takes_its_number(void **state)
{
    char path[128];
    uint64_t last;
    struct stat st;
    struct sek_spool *spool = open_spool(*state, 0);
    append(spool, 1);
    append(spool, 2);
    sek_spool_close(spool);
    snprintf(path, sizeof path, "%s/0000000000000001.seg", (char *)*state);
    assert_int_equal(stat(path, &st), 0);
    for (off_t cut = st.st_size - 1; cut > st.st_size / 2; cut--) {
        assert_int_equal(truncate(path, cut), 0);
        spool = open_spool(*state, 0);
        assert_int_equal(sek_spool_next(spool), 2);
        append(spool, 2);
        struct sek_text text = drain(spool, &last);
        assert_string_equal(text.data, "record 1\nrecord 2\n");
        sek_text_free(&text);
        sek_spool_close(spool);
    }
}

static void a_damaged_record_is_not_sent(void **state)
{
    char path[128];
    uint64_t last;
    struct sek_spool *spool = open_spool(*state, 0);
    append(spool, 1);
    append(spool, 2);
    sek_spool_close(spool);
    snprintf(path, sizeof path, "%s/0000000000000001.seg", (char *)*state);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 2 * SEK_SPOOL_HEADER + 8 + 3), 1);
    close(fd);
    spool = open_spool(*state, 0);
    struct sek_text text = drain(spool, &last);
    assert_string_equal(text.data, "record 1\n");
    sek_text_free(&text);
    sek_spool_close(spool);
}

static void over_its_limit_the_oldest_go_and_are_counted(void **state)
{
    char payload[1000];
    uint64_t last;
    struct sek_spool *spool = open_spool(*state, 64 << 10);
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < 500; i++)
        assert_int_equal(sek_spool_append(spool, payload, sizeof payload, NULL), SEK_OK);
    assert_true(sek_spool_dropped(spool) > 0);
    assert_int_equal(sek_spool_dropped(spool) + sek_spool_backlog(spool), 500);
    assert_true(sek_spool_backlog(spool) * 1016 <= 64 << 10);
    struct sek_text text = drain(spool, &last);
    assert_int_equal(last, 500);
    sek_text_free(&text);
    assert_int_equal(sek_spool_acknowledge(spool, 500, NULL), SEK_OK);
    assert_int_equal(sek_spool_backlog(spool), 0);
    sek_spool_close(spool);
}

static void a_record_carries_its_hash_and_any_change_shows(void **state)
{
    struct sek_text record = {0};
    char id[SEK_SHA256_HEX];
    struct sek_fault fault;
    (void)state;
    assert_int_equal(sek_record_make("{\"event_type\":\"alert\"}\n", 23, "d-1", "default", 7,
                                     SEK_RECORD_NO_PREVIOUS, &record, &fault),
                     SEK_OK);
    assert_int_equal(sek_record_id(record.data, record.len, id, &fault), SEK_OK);
    assert_non_null(strstr(record.data, "\"seq\":7"));
    strstr(record.data, "alert")[0] = 'A';
    assert_int_equal(sek_record_id(record.data, record.len, id, &fault), SEK_EAUTH);
    assert_int_equal(sek_record_id("{}", 2, id, &fault), SEK_EINVAL);
    sek_text_free(&record);
}

static void an_event_that_is_not_an_object_is_refused_before_it_is_spooled(void **state)
{
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"id\":\"x\"}", "{\"a\":1,\"a\":2}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sek_text record = {0};
        assert_int_equal(sek_record_make(bad[i], strlen(bad[i]), "d", "t", 1,
                                         SEK_RECORD_NO_PREVIOUS, &record, NULL),
                         SEK_EINVAL);
        sek_text_free(&record);
    }
}

static void an_inventory_goes_whole_once_and_then_only_what_changed(void **state)
{
    struct sek_inventory inv;
    assert_int_equal(sek_inventory_open(&inv, *state, NULL), SEK_OK);
    json_t *first = json_loads("{\"components\":[{\"ecosystem\":\"Debian:12\",\"name\":\"a\","
                               "\"version\":\"1\"},{\"ecosystem\":\"Debian:12\",\"name\":\"b\","
                               "\"version\":\"1\"}]}",
                               0, NULL);
    json_t *second = json_loads("{\"components\":[{\"ecosystem\":\"Debian:12\",\"name\":\"a\","
                                "\"version\":\"2\"}]}",
                                0, NULL);
    assert_int_equal(sek_inventory_set(&inv, first, NULL), SEK_OK);
    json_t *message = sek_inventory_message(&inv);
    assert_string_equal(json_string_value(json_object_get(message, "type")), "full");
    json_decref(message);
    sek_inventory_sent(&inv, "{\"digest\":\"d1\"}", 15);
    assert_false(sek_inventory_pending(&inv));
    assert_int_equal(sek_inventory_set(&inv, second, NULL), SEK_OK);
    assert_true(sek_inventory_pending(&inv));
    message = sek_inventory_message(&inv);
    assert_string_equal(json_string_value(json_object_get(message, "base")), "d1");
    assert_int_equal(json_array_size(json_object_get(message, "add")), 1);
    assert_int_equal(json_array_size(json_object_get(message, "remove")), 2);
    json_decref(message);
    sek_inventory_sent(&inv, "{\"digest\":\"d2\"}", 15);
    sek_inventory_clear(&inv);
    /* After a restart the manager still knows it. */
    assert_int_equal(sek_inventory_open(&inv, *state, NULL), SEK_OK);
    assert_int_equal(sek_inventory_set(&inv, second, NULL), SEK_OK);
    assert_false(sek_inventory_pending(&inv));
    assert_int_equal(sek_inventory_set(&inv, first, NULL), SEK_OK);
    message = sek_inventory_message(&inv);
    assert_string_equal(json_string_value(json_object_get(message, "base")), "d2");
    json_decref(message);
    sek_inventory_clear(&inv);
    json_decref(first);
    json_decref(second);
}

static void an_inventory_that_changed_while_one_was_under_way_goes_next(void **state)
{
    struct sek_inventory inv;
    json_t *first = json_loads("{\"components\":[],\"services\":[1]}", 0, NULL);
    json_t *second = json_loads("{\"components\":[],\"services\":[2]}", 0, NULL);
    assert_int_equal(sek_inventory_open(&inv, *state, NULL), SEK_OK);
    assert_int_equal(sek_inventory_set(&inv, first, NULL), SEK_OK);
    json_decref(sek_inventory_message(&inv));
    sek_inventory_sent(&inv, "{\"digest\":\"d1\"}", 15);
    assert_int_equal(sek_inventory_set(&inv, second, NULL), SEK_OK);
    json_decref(sek_inventory_message(&inv));
    /* Back to what the manager knows, but for the message under way. */
    assert_int_equal(sek_inventory_set(&inv, first, NULL), SEK_OK);
    sek_inventory_sent(&inv, "{\"digest\":\"d2\"}", 15);
    assert_true(sek_inventory_pending(&inv));
    json_t *message = sek_inventory_message(&inv);
    assert_string_equal(json_string_value(json_object_get(message, "base")), "d2");
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(message, "services"), 0)), 1);
    json_decref(message);
    /* The manager has lost its base: all of it goes. */
    sek_inventory_forget(&inv);
    message = sek_inventory_message(&inv);
    assert_string_equal(json_string_value(json_object_get(message, "type")), "full");
    json_decref(message);
    /* It refuses that for good: nothing goes until there is another. */
    sek_inventory_give_up(&inv);
    assert_false(sek_inventory_pending(&inv));
    sek_inventory_clear(&inv);
    json_decref(first);
    json_decref(second);
}

static void services_and_posture_travel_when_they_changed_only(void **state)
{
    struct sek_inventory inv;
    assert_int_equal(sek_inventory_open(&inv, *state, NULL), SEK_OK);
    json_t *first = json_loads("{\"components\":[],\"os\":{\"id\":\"x\"},\"services\":[1],"
                               "\"posture\":[]}",
                               0, NULL);
    json_t *second = json_loads("{\"components\":[],\"os\":{\"id\":\"x\"},\"services\":[1],"
                                "\"posture\":[{\"id\":\"kernel-old\"}]}",
                                0, NULL);
    assert_int_equal(sek_inventory_set(&inv, first, NULL), SEK_OK);
    json_decref(sek_inventory_message(&inv));
    sek_inventory_sent(&inv, "{\"digest\":\"d1\"}", 15);
    assert_int_equal(sek_inventory_set(&inv, second, NULL), SEK_OK);
    json_t *message = sek_inventory_message(&inv);
    assert_int_equal(json_array_size(json_object_get(message, "posture")), 1);
    assert_null(json_object_get(message, "services"));
    assert_null(json_object_get(message, "os"));
    json_decref(message);
    sek_inventory_clear(&inv);
    json_decref(first);
    json_decref(second);
}

static void a_compressed_body_is_bounded_and_a_cut_one_is_refused(void **state)
{
    char zeros[100000] = {0};
    struct sek_text packed = {0}, plain = {0};
    (void)state;
    assert_int_equal(sek_zstd_compress(zeros, sizeof zeros, &packed, NULL), SEK_OK);
    assert_int_equal(sek_zstd_expand(packed.data, packed.len, sizeof zeros, &plain, NULL), SEK_OK);
    assert_int_equal(plain.len, sizeof zeros);
    sek_text_clear(&plain);
    assert_int_equal(sek_zstd_expand(packed.data, packed.len, 1000, &plain, NULL), SEK_ELIMIT);
    sek_text_clear(&plain);
    assert_int_equal(sek_zstd_expand(packed.data, packed.len - 3, sizeof zeros, &plain, NULL),
                     SEK_EINVAL);
    sek_text_free(&packed);
    sek_text_free(&plain);
}

/* What a disk may hold after a power cut: what was synced, then any part of the rest, some of it as
 * zeros. FROM has the spool as the programs saw it; SYNCED is the size of each segment at the last
 * sync. */
static void cut_power(const char *from, const char *to, const uint64_t *synced, unsigned *random)
{
    char path[512], data[65536];
    struct dirent *e;
    DIR *dir = opendir(from);
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        unsigned long long first = strtoull(e->d_name, NULL, 16);
        if (*e->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", from, e->d_name);
        int in = open(path, O_RDONLY);
        ssize_t size = read(in, data, sizeof data);
        close(in);
        assert_in_range(size, 0, sizeof data - 1);
        uint64_t kept = strstr(e->d_name, ".seg") ? synced[first % 4096] : 0;
        size_t extra = (size_t)size - (size_t)kept, survives = extra ? (unsigned)rand_r(random) % (extra + 1) : 0;
        if (survives && rand_r(random) % 3 == 0)
            memset(data + kept + survives / 2, 0, survives - survives / 2);
        if (!kept && !survives)
            continue; /* not even the name */
        snprintf(path, sizeof path, "%s/%s", to, e->d_name);
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(out, data, (size_t)kept + survives), (ssize_t)((size_t)kept + survives));
        close(out);
    }
    closedir(dir);
}

static void note_synced(const char *folder, uint64_t *synced)
{
    char path[512];
    struct dirent *e;
    struct stat st;
    DIR *dir = opendir(folder);
    while ((e = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strstr(e->d_name, ".seg") && !stat(path, &st))
            synced[strtoull(e->d_name, NULL, 16) % 4096] = (uint64_t)st.st_size;
    }
    closedir(dir);
}

static void what_was_synced_survives_a_thousand_power_cuts(void **state)
{
    static uint64_t synced[4096];
    unsigned random = 7, number = 0, sent = 0, acknowledged = 0;
    struct sek_spool *spool = open_spool(*state, 65536);
    for (int cut = 0; cut < 1000; cut++) {
        char to[] = "/tmp/test-cut-XXXXXX", expected[64];
        for (int i = rand_r(&random) % 12; i >= 0; i--)
            append(spool, ++number);
        /* A batch is synced before it leaves; some of it is acknowledged. */
        if (rand_r(&random) % 3 == 0) {
            struct sek_text batch = {0};
            uint64_t last = 0;
            if (!sek_spool_batch(spool, 1 << 20, 5 + (unsigned)rand_r(&random) % 50, &batch, &last, NULL))
                sent = (unsigned)last;
            sek_text_free(&batch);
            note_synced(*state, synced);
            if (rand_r(&random) % 2)
                assert_int_equal(sek_spool_acknowledge(spool, acknowledged = sent, NULL), SEK_OK);
        }
        assert_non_null(mkdtemp(to));
        cut_power(*state, to, synced, &random);
        struct sek_spool *after = open_spool(to, 65536);
        struct sek_text out = {0};
        uint64_t last = 0;
        sek_text_puts(&out, "");
        sek_spool_batch(after, 1 << 20, 100000, &out, &last, NULL);
        /* Each record that had left once, and was not acknowledged, is there, in order and once. */
        const char *at = out.data;
        for (unsigned n = acknowledged + 1; n <= sent; n++) {
            snprintf(expected, sizeof expected, "record %u\n", n);
            const char *found = strstr(at, expected);
            if (!found)
                fail_msg("cut %d: record %u is lost", cut, n);
            at = found + strlen(expected);
            assert_null(strstr(at, expected));
        }
        sek_text_free(&out);
        sek_spool_close(after);
        char command[64];
        snprintf(command, sizeof command, "rm -rf %s", to);
        assert_int_equal(system(command), 0);
    }
    sek_spool_close(spool);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_synced_survives_a_thousand_power_cuts),
        IN_FOLDER(records_come_back_in_order_until_acknowledged),
        IN_FOLDER(every_append_that_returned_survives_kill_9),
        IN_FOLDER(a_torn_tail_is_cut_and_the_next_record_takes_its_number),
        IN_FOLDER(a_damaged_record_is_not_sent),
        IN_FOLDER(over_its_limit_the_oldest_go_and_are_counted),
        cmocka_unit_test(a_record_carries_its_hash_and_any_change_shows),
        cmocka_unit_test(an_event_that_is_not_an_object_is_refused_before_it_is_spooled),
        IN_FOLDER(an_inventory_goes_whole_once_and_then_only_what_changed),
        IN_FOLDER(an_inventory_that_changed_while_one_was_under_way_goes_next),
        IN_FOLDER(services_and_posture_travel_when_they_changed_only),
        cmocka_unit_test(a_compressed_body_is_bounded_and_a_cut_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
