/* objects: agent/lockdown/judge.c agent/lockdown/allowlist.c agent/lockdown/scope.c agent/lockdown/updater.c agent/lockdown/learn.c agent/lockdown/opener.c agent/lockdown/baseline.c agent/lockdown/packages.c agent/lockdown/script.c agent/lockdown/overlay.c agent/filehash.c agent/digests.c */
/* Lockdown's parts that need no privileges: allowlist, digest cache, scopes, updater's files. */
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
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/digests.h"
#include "agent/lockdown/judge.h"
#include "agent/lockdown/baseline.h"
#include "agent/lockdown/learn.h"
#include "agent/lockdown/opener.h"
#include "agent/lockdown/overlay.h"
#include "agent/lockdown/scope.h"
#include "agent/lockdown/script.h"
#include "agent/lockdown/updater.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

static int64_t later(void)
{
    return (int64_t)(sek_clock_wall_us() * 1000u) + 1000000000;
}

static void every_registered_digest_is_found_and_no_other(void **state)
{
    (void)state;
    struct sek_allowlist list = {0};
    uint8_t d[32];
    for (uint32_t i = 0; i < 5000; i++) {
        sek_sha256(&i, sizeof i, d);
        assert_int_equal(sek_allowlist_add(&list, d), SEK_OK);
        assert_int_equal(sek_allowlist_add(&list, d), SEK_EEXIST);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        sek_sha256(&i, sizeof i, d);
        assert_int_equal(sek_allowlist_has(&list, d), i < 5000);
    }
    memset(d, 0, sizeof d);
    assert_false(sek_allowlist_has(&list, d));
    sek_allowlist_free(&list);
}

static bool only_writes(long number, unsigned long first, unsigned long second, unsigned long third)
{
    char line[200];
    snprintf(line, sizeof line, "%ld 0x%lx 0x%lx 0x%lx 0x0 0x0 0x0 0x7ffc 0x7f10\n", number, first,
             second, third);
    return sek_opener_call_only_writes(line);
}

static void only_an_open_for_writing_alone_counts_as_one(void **state)
{
    (void)state;
    const unsigned long here = (unsigned long)AT_FDCWD;
    assert_true(only_writes(SYS_openat, here, 4096, O_WRONLY | O_CREAT | O_TRUNC));
    assert_true(only_writes(SYS_openat, here, 4096, O_WRONLY | O_APPEND));
    assert_false(only_writes(SYS_openat, here, 4096, O_RDWR | O_CREAT));
    assert_false(only_writes(SYS_openat, here, 4096, O_RDONLY));
    assert_false(only_writes(SYS_openat, here, 4096, O_ACCMODE));
    assert_false(only_writes(SYS_execve, O_WRONLY, O_WRONLY, O_WRONLY));
    assert_false(only_writes(SYS_openat2, O_WRONLY, O_WRONLY, O_WRONLY));
#ifdef SYS_open
    assert_true(only_writes(SYS_open, 4096, O_WRONLY, 0));
    assert_false(only_writes(SYS_open, 4096, O_RDWR, O_WRONLY));
#endif
    const char *const others[] = {"", "running\n", "-1 0x7ffc 0x7f10\n", "257", "257 0x1", "257 0x1 0x2", "x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(sek_opener_call_only_writes(others[i]));
    assert_false(sek_opener_only_writes(getpid())); /* it runs */
    assert_false(sek_opener_only_writes(0));
}

static bool all_folders(const struct sek_baseline *b)
{
    bool folders, packages;
    sek_baseline_remembered(b, &folders, &packages);
    assert_false(packages); /* none were asked for */
    return folders;
}

static void threads_of_the_kernel_are_told_from_processes(void **state)
{
    (void)state;
    /* nfsd and a kworker; a process whose name looks like one; io_uring's workers, old and new. */
    assert_true(sek_opener_stat_is_kernel("391 (nfsd) I 2 0 0 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0\n"));
    assert_true(sek_opener_stat_is_kernel("7 (kworker/u4:0-ev) I 2 0 0 0 -1 69238880 0 0\n"));
    assert_false(sek_opener_stat_is_kernel("391 (nfsd) S 1 391 391 0 -1 4194304 100 0\n"));
    assert_false(sek_opener_stat_is_kernel("9 (x) I 2 0 0 0 -1 2097216) S 1 9 9 0 -1 4194304 1 0\n"));
    assert_false(sek_opener_stat_is_kernel("412 (io_wqe_worker-0) S 2 0 0 0 -1 2097216 0 0\n"));
    assert_false(sek_opener_stat_is_kernel("412 (iou-wrk-411) S 1 411 411 0 -1 4194320 0 0\n"));
    const char *const others[] = {"", "1", "1 (", "1 )(", "1 (nfsd)", "1 (nfsd) I 2 0 0 0 -1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(sek_opener_stat_is_kernel(others[i]));
    assert_true(sek_opener_is_kernel(2)); /* kthreadd */
    assert_false(sek_opener_is_kernel(getpid()));
    assert_false(sek_opener_is_kernel(0));
}

static void served_file_systems_are_told_by_their_type(void **state)
{
    (void)state;
    assert_int_equal(sek_server_of("ext4"), SEK_SERVER_NONE);
    assert_int_equal(sek_server_of("overlay"), SEK_SERVER_NONE);
    assert_int_equal(sek_server_of("nfs4"), SEK_SERVER_NETWORK);
    assert_int_equal(sek_server_of("cifs"), SEK_SERVER_NETWORK);
    assert_int_equal(sek_server_of("fuse"), SEK_SERVER_PROGRAM);
    assert_int_equal(sek_server_of("fuse.sshfs"), SEK_SERVER_PROGRAM);
    assert_int_equal(sek_server_of("fuseblk"), SEK_SERVER_PROGRAM);
}

static void a_scope_is_registered_once_and_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/sekisho-baseline.XXXXXX", list[64], path[600];
    struct sek_fault fault;
    struct sek_scope scopes[2] = {{.path = ""}, {.path = "/nonexistent/folder"}};
    assert_non_null(mkdtemp(folder));
    snprintf(list, sizeof list, "%s/list", folder);
    snprintf(scopes[0].path, sizeof scopes[0].path, "%s/scope", folder);
    assert_int_equal(mkdir(scopes[0].path, 0755), 0);
    snprintf(path, sizeof path, "%s/tool", scopes[0].path);
    assert_int_equal(sek_file_replace(path, "#!/bin/sh\n", 10, 0755, &fault), SEK_OK);
    assert_int_equal(sek_file_replace(list, "", 0, 0600, &fault), SEK_OK);
    struct sek_baseline b = {.scopes = scopes, .scope_count = 1, .folders = true, .allowlist = list, .root = ""};
    assert_false(all_folders(&b));
    assert_int_equal(sek_baseline_register(&b, false, &fault), SEK_OK);
    assert_true(all_folders(&b));
    struct sek_allowlist known = {0};
    assert_int_equal(sek_allowlist_load(&known, list, &fault), SEK_OK);
    assert_int_equal(known.count, 1);
    sek_allowlist_free(&known);

    /* What came later is not registered by a second time, unless it is asked for again. */
    assert_int_equal(sek_file_replace(path, "#!/bin/sh\n:", 11, 0755, &fault), SEK_OK);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(sek_baseline_register(&b, again, &fault), SEK_OK);
        assert_int_equal(sek_allowlist_load(&known, list, &fault), SEK_OK);
        assert_int_equal(known.count, 1 + again);
        sek_allowlist_free(&known);
    }

    /* One that cannot be read is not complete, and neither is what begins alike. */
    b.scope_count = 2;
    assert_int_equal(sek_baseline_register(&b, false, &fault), SEK_ENOTFOUND);
    assert_false(all_folders(&b));
    b.scope_count = 1;
    scopes[0].path[strlen(scopes[0].path) - 1] = '\0';
    assert_false(all_folders(&b));
    b.forget = true;
    assert_false(all_folders(&b));
    snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
}

static void a_bad_allowlist_line_is_named(void **state)
{
    (void)state;
    struct sek_allowlist list = {0};
    struct sek_fault fault;
    const char good[] =
        "# c\n\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  /bin/x y\n"
        "E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856";
    assert_int_equal(sek_allowlist_parse(&list, "a", good, sizeof good - 1, &fault), SEK_OK);
    assert_int_equal(list.count, 2);
    const char bad[] = "\ne3b0c4 /bin/x\n";
    assert_int_equal(sek_allowlist_parse(&list, "a", bad, sizeof bad - 1, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "a:2: found 'e3b0c4"));
    assert_int_equal(list.count, 2);
    sek_allowlist_free(&list);
}

#define A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define B "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856"
#define C "aaaac44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856"

static void what_left_the_bundle_leaves_the_list_and_nothing_else_does(void **state)
{
    (void)state;
    static const char have[] = "# ours\n" A "  /bin/a\n" B "  bundle\n" C "  bundle";
    static const char other[] = C "\n" A "\n";
    struct sek_allowlist bundle = {0}, none = {0};
    struct sek_fault fault;
    struct sek_text out = {0};
    assert_int_equal(sek_allowlist_parse(&bundle, "b", other, sizeof other - 1, &fault), SEK_OK);
    assert_int_equal(sek_allowlist_rebase("f", have, sizeof have - 1, &bundle, &out, &fault),
                     SEK_OK);
    assert_string_equal(out.data, "# ours\n" A "  /bin/a\n" C "  bundle\n");
    sek_text_clear(&out);
    assert_int_equal(sek_allowlist_rebase("f", have, sizeof have - 1, &none, &out, &fault), SEK_OK);
    assert_string_equal(out.data, "# ours\n" A "  /bin/a\n");
    assert_int_equal(sek_allowlist_rebase("f", "zz", 2, &none, &out, &fault), SEK_EINVAL);
    sek_text_free(&out);
    sek_allowlist_free(&bundle);
}

static void a_line_goes_into_the_file_that_has_the_path_now(void **state)
{
    (void)state;
    char folder[] = "/tmp/sekisho-list.XXXXXX", path[64], *text;
    struct sek_allowlist bundle = {0}, none = {0};
    struct sek_allowlist_out out;
    struct sek_fault fault;
    uint8_t a[32], b[32];
    bool changed;
    size_t len;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/list", folder);
    assert_true(sek_hex_decode(A, a, 32) && sek_hex_decode(B, b, 32));
    assert_int_equal(sek_allowlist_open(&out, path, &fault), SEK_OK);
    assert_int_equal(sek_allowlist_append(&out, a, "/bin/a\nb"), SEK_OK);
    assert_int_equal(sek_allowlist_add(&bundle, b), SEK_OK);
    assert_int_equal(sek_allowlist_replace_bundle(path, &bundle, &changed, &fault), SEK_OK);
    assert_true(changed);
    assert_int_equal(sek_allowlist_replace_bundle(path, &bundle, &changed, &fault), SEK_OK);
    assert_false(changed);
    assert_int_equal(sek_allowlist_replace_bundle(path, &none, &changed, &fault), SEK_OK);
    assert_true(changed);
    assert_int_equal(sek_allowlist_append(&out, b, "late"), SEK_OK);
    assert_int_equal(sek_file_read(path, 4096, &text, &len, &fault), SEK_OK);
    assert_string_equal(text, A "  /bin/a?b\n" B "  late\n");
    free(text);
    close(out.fd);
    unlink(path);
    rmdir(folder);
    sek_allowlist_free(&bundle);
}

static void an_entry_is_found_by_its_first_bytes(void **state)
{
    (void)state;
    struct sek_allowlist list = {0};
    uint8_t d[32];
    assert_false(sek_allowlist_has_content(&list, 7));
    for (uint32_t i = 0; i < 2000; i++) {
        sek_sha256(&i, sizeof i, d);
        if (i < 1000)
            assert_int_equal(sek_allowlist_add(&list, d), SEK_OK);
        assert_int_equal(sek_allowlist_has_content(&list, sek_allowlist_content(d)), i < 1000);
    }
    sek_allowlist_free(&list);
}

static void what_was_hashed_is_known_at_the_next_start_until_it_changes(void **state)
{
    (void)state;
    char folder[] = "/tmp/sekisho-digests.XXXXXX", path[64], file[64];
    struct sek_digests d;
    struct sek_fault fault;
    struct stat st;
    uint8_t a[32], b[32];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/digests", folder);
    snprintf(file, sizeof file, "%s/file", folder);
    int fd = open(file, O_RDWR | O_CREAT, 0755);
    assert_int_equal(write(fd, "one", 3), 3);
    sleep(3);                               /* what changed within two seconds is not kept */
    for (int held = 1; held >= 0; held--) { /* nor what somebody has open for writing */
        int reader = open(file, O_RDONLY);
        sek_digests_open(&d, path);
        fstat(reader, &st);
        assert_int_equal(sek_digests_of(&d, reader, &st, a), SEK_OK);
        assert_int_equal(d.read, 1);
        assert_int_equal(sek_digests_close(&d, path, &fault), SEK_OK);
        close(reader);
        close(held ? fd : -1);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fd = open(file, O_RDONLY);
    fstat(fd, &st);
    sek_digests_open(&d, path);
    assert_int_equal(sek_digests_of(&d, fd, &st, b), SEK_OK);
    assert_int_equal(d.used, 1);
    assert_int_equal(d.read, 0);
    assert_memory_equal(a, b, 32);
    assert_int_equal(sek_digests_close(&d, path, &fault), SEK_OK);
    int writer = open(file, O_WRONLY);
    assert_int_equal(write(writer, "two", 3), 3);
    close(writer);
    fstat(fd, &st);
    sek_digests_open(&d, path);
    assert_int_equal(sek_digests_of(&d, fd, &st, b), SEK_OK);
    assert_int_equal(d.read, 1);
    assert_memory_not_equal(a, b, 32);
    sek_digests_close(&d, NULL, NULL);
    close(fd);
    unlink(file);
    unlink(path);
    rmdir(folder);
}

static void a_damaged_file_of_digests_counts_as_empty(void **state)
{
    (void)state;
    char path[] = "/tmp/sekisho-digests.XXXXXX";
    char text[16 + 128] = "SEKISHO DIGEST1\n";
    struct sek_digests d;
    int fd = mkstemp(path);
    text[16] = 2; /* the entries are out of order */
    text[16 + 64] = 1;
    for (size_t len = 0; len <= sizeof text; len++) {
        assert_int_equal(pwrite(fd, text, len, 0), len);
        sek_digests_open(&d, path);
        assert_int_equal(d.count, len == 80);
        sek_digests_close(&d, NULL, NULL);
    }
    sek_digests_open(&d, "/nonexistent");
    assert_int_equal(d.count, 0);
    close(fd);
    unlink(path);
}

static void a_changed_file_is_hashed_again_and_an_unchanged_one_is_not(void **state)
{
    (void)state;
    struct sek_judge *judge = calloc(1, sizeof *judge);
    char path[] = "/tmp/sekisho-judge.XXXXXX";
    int fd = mkstemp(path);
    struct stat st;
    uint8_t a[32], b[32];
    assert_int_equal(write(fd, "one", 3), 3);
    fstat(fd, &st);
    assert_int_equal(sek_judge_digest(judge, fd, &st, false, later(), NULL, a), SEK_OK);
    assert_int_equal(sek_judge_digest(judge, fd, &st, false, later(), NULL, b), SEK_OK);
    assert_int_equal(judge->hashed, 1);
    assert_memory_equal(a, b, 32);
    usleep(20000);
    assert_int_equal(pwrite(fd, "two", 3, 0), 3);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    futimens(fd, times); /* the old time is restored: the change time still tells */
    fstat(fd, &st);
    assert_int_equal(sek_judge_digest(judge, fd, &st, false, later(), NULL, b), SEK_OK);
    assert_memory_not_equal(a, b, 32);
    close(fd);
    unlink(path);
    free(judge);
}

static void a_file_that_may_be_changing_is_never_remembered(void **state)
{
    (void)state;
    struct sek_judge *judge = calloc(1, sizeof *judge);
    char path[] = "/tmp/sekisho-judge.XXXXXX";
    int fd = mkstemp(path);
    struct stat st;
    uint8_t d[32];
    fstat(fd, &st);
    int64_t now = (int64_t)(sek_clock_wall_us() * 1000u);
    sek_judge_digest(judge, fd, &st, true, later(), NULL, d);
    sek_judge_digest(judge, fd, &st, false, now, NULL, d);
    sek_judge_digest(judge, fd, &st, false, now, NULL, d);
    assert_int_equal(judge->hashed, 3);
    close(fd);
    unlink(path);
    free(judge);
}

static void kinds_are_told_by_the_first_bytes(void **state)
{
    (void)state;
    assert_int_equal(sek_file_kind_of((const uint8_t *)"\x7f"
                                                       "ELF",
                                      4),
                     SEK_FILE_ELF);
    assert_int_equal(sek_file_kind_of((const uint8_t *)"\x7f"
                                                       "EL",
                                      3),
                     SEK_FILE_DATA);
    assert_int_equal(sek_file_kind_of((const uint8_t *)"#!", 2), SEK_FILE_SCRIPT);
    assert_int_equal(sek_file_kind_of(NULL, 0), SEK_FILE_DATA);
}

static void a_scope_is_a_mount_and_a_shared_file_system_is_not_taken_whole(void **state)
{
    (void)state;
    struct sek_scope s;
    struct sek_fault fault;
    const char mounts[] = "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                          "40 25 0:30 / /mnt/a\\040b rw shared:1 - tmpfs tmpfs rw\n"
                          "41 25 8:1 /srv /jail rw - ext4 /dev/sda1 rw\nbroken line\n";
    assert_int_equal(sek_scope_find("/mnt/a b", mounts, &s, &fault), SEK_OK);
    assert_true(s.whole);
    assert_int_equal(sek_scope_find("/jail", mounts, &s, &fault), SEK_OK);
    assert_false(s.whole);
    assert_int_equal(sek_scope_find("/", mounts, &s, &fault), SEK_OK);
    assert_false(s.whole);
    assert_int_equal(sek_scope_find("/mnt", mounts, &s, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "not a mount point"));
}

static void what_an_updater_wrote_is_remembered_until_forgotten(void **state)
{
    (void)state;
    struct sek_updaters u = {0};
    for (uint64_t i = 1; i <= 4000; i++)
        sek_updaters_wrote(&u, 8, i);
    for (uint64_t i = 1; i <= 4000; i++)
        assert_true(sek_updaters_has(&u, 8, i));
    assert_false(sek_updaters_has(&u, 9, 1));
    sek_updaters_forget(&u, 8, 7);
    assert_false(sek_updaters_has(&u, 8, 7));
    assert_false(sek_updaters_process(&u, getpid(), NULL));
    free(u.files);
}

static void learning_takes_programs_and_scripts_and_leaves_data(void **state)
{
    (void)state;
    char folder[] = "/tmp/sekisho-learn.XXXXXX", path[64];
    struct sek_allowlist list = {0};
    struct sek_learning learning = {.list = &list};
    struct sek_fault fault;
    static const struct {
        const char *name, *text;
        mode_t mode;
    } files[] = {{"elf",
                  "\x7f"
                  "ELFx",
                  0644},
                 {"script", "#!/bin/sh\n", 0644},
                 {"tool", "x", 0755},
                 {"data", "y", 0644}};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        int fd = open(path, O_WRONLY | O_CREAT, files[i].mode);
        assert_true(write(fd, files[i].text, strlen(files[i].text)) > 0);
        close(fd);
    }
    assert_int_equal(sek_learn_folder(&learning, folder, &fault), SEK_OK);
    assert_int_equal(learning.files, 4);
    assert_int_equal(list.count, 3);
    assert_int_equal(sek_learn_folder(&learning, "/nonexistent", &fault), SEK_ENOTFOUND);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        unlink(path);
    }
    rmdir(folder);
    sek_allowlist_free(&list);
}

/* Blanks in WORDS stand for the NULs. */
static void begin_words(struct sek_script_words *walk, const char *text, char words[128])
{
    char name[128];
    size_t len = strlen(text) + 1;
    memcpy(words, text, len);
    for (size_t k = 0; k < len; k++)
        words[k] = words[k] == ' ' ? '\0' : words[k];
    const char *base = strrchr(words, '/');
    base = base ? base + 1 : words;
    snprintf(name, sizeof name, "%s", *base == '-' ? base + 1 : base);
    const struct sek_interpreter *in = sek_interpreter_named(name);
    assert_non_null(in);
    sek_script_words(walk, in, words, len);
}

static void the_scripts_of_a_command_line_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *scripts; /* with a blank after each */
    } rows[] = {
        {"sh run.sh a -c b", "run.sh "},
        {"sh -e run.sh", "run.sh "},
        {"sh +e run.sh", "run.sh "},
        {"sh -o errexit run.sh", "run.sh "},
        {"sh -oO errexit extglob run.sh", "run.sh "},
        {"sh -c code run.sh", ""},
        {"sh -ec code run.sh", ""},
        {"sh - run.sh", "run.sh "},
        {"sh -- -c", "-c "},
        {"-sh", ""},
        {"sh -s", ""},
        {"bash --rcfile rc run.sh", "rc run.sh "},
        {"python3 -W ignore x.py", "x.py "},
        {"python3 -Wignore::code x.py", "x.py "},
        {"python3 -W ignore -c code", ""},
        {"python3.11 -u -B x", "x "},
        {"python3 - x", ""},
        {"python3 -m json.tool data", ""},
        {"python3 -m cProfile -s time x data", "-s time x data "},
        {"perl -we code x", ""},
        {"perl -w x", "x "},
        {"perl -Ilib -MData::Dumper x y", "x "},
        {"perl -I lib x", "x "},
        {"node --eval code", ""},
        {"node -r module x.js", "module x.js "},
        {"node --enable-source-maps x.js y", "x.js "},
        {"node --title name x.js y", "name x.js "},
        {"node --require=module x.js", "module x.js "},
        {"awk -f prog data", "prog "},
        {"awk -fprog data", "prog "},
        {"awk -v a=1 -f prog -f more data", "prog more "},
        {"awk code data", ""},
        {"gawk -i lib code", "lib "},
        {"gawk --file=prog data", "prog "},
        {"php -f x data", "x "},
        {"php -r code", ""},
        {"php -d auto_prepend_file=y -d a=b x", "y x "},
        {"lua5.4 -l lib x", "x "},
        {"tclsh -encoding utf-8 x y", "x "},
        {"vim -u rc -c cmd text", "rc "},
        {"gdb -x cmds program", "cmds "},
        {"gdb program", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sek_script_words walk;
        char words[128], found[128] = "";
        begin_words(&walk, rows[i].words, words);
        for (const char *word; (word = sek_script_next(&walk));)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", word);
        if (strcmp(found, rows[i].scripts) != 0)
            fail_msg("%s: found '%s', expected '%s'", rows[i].words, found, rows[i].scripts);
    }
}

static void awk_and_editors_read_marked_files_as_text(void **state)
{
    (void)state;
    assert_false(sek_interpreter_runs_marked(sek_interpreter_named("mawk")));
    assert_false(sek_interpreter_runs_marked(sek_interpreter_named("vim.basic")));
    assert_true(sek_interpreter_edits(sek_interpreter_named("vim.basic")));
    assert_false(sek_interpreter_edits(sek_interpreter_named("mawk")));
    assert_true(sek_interpreter_runs_marked(sek_interpreter_named("dash")));
}

static void count_name(void *arg, const struct sek_guard_name *name, uint32_t kind,
                       const struct sek_interpreter *applet)
{
    unsigned *count = arg;
    assert_true(name->text[0] && memchr(name->text, '\0', sizeof name->text));
    assert_true(applet ? !name->interpreter : name->interpreter && kind);
    count[applet != NULL]++;
}

static void the_kernel_is_told_of_every_name(void **state)
{
    (void)state;
    unsigned count[2] = {0};
    struct sek_guard_program program;
    sek_interpreter_names(count_name, count);
    assert_in_range(count[0], 60, 256);
    assert_in_range(count[1], 40, 64);
    sek_interpreter_program(sek_interpreter_named("perl"), &program);
    assert_true(program.flags & SEK_GUARD_IS_INTERPRETER);
    assert_memory_equal(program.text_variable.text, "PERL5OPT=\0\0\0\0\0\0", 16);
    assert_int_equal(program.text_variable.mask[1], 0xff);
    sek_interpreter_program(sek_interpreter_named("sh"), &program);
    assert_int_equal(program.variables[3].mask[0], 0xffffffff); /* PS4= */
}

static void interpreters_are_known_by_name_with_any_version(void **state)
{
    (void)state;
    static const char *const good[] = {"sh",     "dash",   "python3",    "python3.11",
                                       "lua5.4", "php8.2", "perl5.36.0", "busybox"};
    static const char *const bad[] = {"ssh", "shadow", "python-config", "cat", "perldoc", ""};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_non_null(sek_interpreter_named(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(sek_interpreter_named(bad[i]));
    assert_true(sek_script_ending("/x/mod.py"));
    assert_true(sek_script_ending("a.sh"));
    assert_false(sek_script_ending("a.conf"));
    assert_false(sek_script_ending("sh"));
}

static void a_command_line_that_was_cut_names_no_script(void **state)
{
    (void)state;
    struct sek_script_words walk;
    sek_script_words(&walk, sek_interpreter_named("sh"), "sh\0run", 6);
    assert_null(sek_script_next(&walk));
    sek_script_words(&walk, sek_interpreter_named("sh"), "", 0);
    assert_null(sek_script_next(&walk));
}

static bool is_root_device(void *arg, dev_t device)
{
    return device == *(dev_t *)arg;
}

static void an_overlay_names_its_layers(void **state)
{
    (void)state;
    struct stat st;
    size_t layers;
    assert_int_equal(stat("/", &st), 0);
    dev_t root = st.st_dev;
    assert_int_equal(sek_overlay_marked_layers("rw,lowerdir=/:/nowhere,upperdir=/,workdir=/",
                                               is_root_device, &root, &layers),
                     2);
    assert_int_equal(layers, 3);
    assert_int_equal(
        sek_overlay_marked_layers("rw,lowerdir=/no\\:where", is_root_device, &root, &layers), 0);
    assert_int_equal(layers, 1);
    assert_int_equal(sek_overlay_marked_layers("", is_root_device, &root, &layers), 0);
    assert_int_equal(layers, 0);
}

static void a_set_id_bit_is_registered_apart(void **state)
{
    (void)state;
    struct sek_allowlist list = {0};
    struct sek_learning learning = {.list = &list};
    struct sek_fault fault;
    uint8_t digest[32], set_id[32];
    char folder[] = "/tmp/sekisho-learn.XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tool", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0755);
    assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
    assert_int_equal(fchmod(fd, 0755), 0);
    sek_sha256("#!/bin/sh\n", 10, digest);
    sek_allowlist_set_id(digest, set_id);
    assert_int_equal(sek_learn_folder(&learning, folder, &fault), SEK_OK);
    assert_true(sek_allowlist_has(&list, digest));
    assert_false(sek_allowlist_has(&list, set_id));
    assert_int_equal(fchmod(fd, 04755), 0);
    assert_int_equal(sek_learn_folder(&learning, folder, &fault), SEK_OK);
    assert_true(sek_allowlist_has(&list, set_id));
    close(fd);
    unlink(path);
    rmdir(folder);
    sek_allowlist_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_registered_digest_is_found_and_no_other),
        cmocka_unit_test(only_an_open_for_writing_alone_counts_as_one),
        cmocka_unit_test(threads_of_the_kernel_are_told_from_processes),
        cmocka_unit_test(served_file_systems_are_told_by_their_type),
        cmocka_unit_test(a_scope_is_registered_once_and_whole),
        cmocka_unit_test(a_bad_allowlist_line_is_named),
        cmocka_unit_test(what_left_the_bundle_leaves_the_list_and_nothing_else_does),
        cmocka_unit_test(a_line_goes_into_the_file_that_has_the_path_now),
        cmocka_unit_test(an_entry_is_found_by_its_first_bytes),
        cmocka_unit_test(what_was_hashed_is_known_at_the_next_start_until_it_changes),
        cmocka_unit_test(a_damaged_file_of_digests_counts_as_empty),
        cmocka_unit_test(a_changed_file_is_hashed_again_and_an_unchanged_one_is_not),
        cmocka_unit_test(a_file_that_may_be_changing_is_never_remembered),
        cmocka_unit_test(kinds_are_told_by_the_first_bytes),
        cmocka_unit_test(a_scope_is_a_mount_and_a_shared_file_system_is_not_taken_whole),
        cmocka_unit_test(what_an_updater_wrote_is_remembered_until_forgotten),
        cmocka_unit_test(learning_takes_programs_and_scripts_and_leaves_data),
        cmocka_unit_test(the_scripts_of_a_command_line_are_found),
        cmocka_unit_test(awk_and_editors_read_marked_files_as_text),
        cmocka_unit_test(the_kernel_is_told_of_every_name),
        cmocka_unit_test(interpreters_are_known_by_name_with_any_version),
        cmocka_unit_test(a_command_line_that_was_cut_names_no_script),
        cmocka_unit_test(an_overlay_names_its_layers),
        cmocka_unit_test(a_set_id_bit_is_registered_apart),
    };
    return cmocka_run_group_tests_name("agent lockdown", tests, NULL, NULL);
}
