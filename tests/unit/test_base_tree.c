/* lib/base/tree: each file below a folder once, never out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/tree.h"

static char folder[64];

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/sekisho-tree.XXXXXX");
    return !mkdtemp(folder) || chdir(folder) || mkdir("a", 0755) || mkdir("a/b", 0755) ||
           mkdir("skipped", 0755) || symlink("/etc", "link") ||
           close(creat("a/one", 0644)) || close(creat("a/b/two", 0644)) ||
           close(creat("skipped/three", 0644));
}

static int end(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", folder);
    return chdir("/") || system(command);
}

/* Each path below FOLDER once, as "path:kind:depth", sorted, in one text. */
static void list(const char *root, bool follow, char *out, size_t size)
{
    char lines[64][80];
    unsigned n = 0;
    struct sek_tree *t = sek_tree_open(root, follow);
    assert_non_null(t);
    for (const struct sek_tree_entry *e; (e = sek_tree_next(t));) {
        assert_true(n < 64);
        snprintf(lines[n++], sizeof lines[0], "%.60s:%c:%u", e->path, "dfox"[e->kind], e->depth);
        if (!strcmp(e->name, "skipped"))
            sek_tree_skip(t);
    }
    sek_tree_close(t);
    qsort(lines, n, sizeof lines[0], (int (*)(const void *, const void *))strcmp);
    *out = '\0';
    for (unsigned i = 0; i < n; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s ", lines[i]);
}

static void each_file_comes_once_after_its_folder_and_links_are_not_followed(void **state)
{
    (void)state;
    char said[2000];
    list(".", false, said, sizeof said);
    assert_string_equal(said, "./a/b/two:f:3 ./a/b:d:2 ./a/one:f:2 ./a:d:1 ./link:o:1 ./skipped:d:1 .:d:0 ");
    list("a/", false, said, sizeof said);
    assert_string_equal(said, "a/:d:0 a/b/two:f:2 a/b:d:1 a/one:f:1 ");
    list("a/one", false, said, sizeof said);
    assert_string_equal(said, "a/one:f:0 ");
    assert_int_equal(symlink("a/b", "to"), 0);
    list("to", false, said, sizeof said);
    assert_string_equal(said, "to:o:0 ");
    list("to", true, said, sizeof said);
    assert_string_equal(said, "to/two:f:1 to:d:0 ");
}

static void what_is_not_there_is_an_error(void **state)
{
    (void)state;
    static char longer[5000];
    assert_null(sek_tree_open("none", false));
    assert_int_equal(errno, ENOENT);
    memset(longer, 'x', sizeof longer - 1);
    assert_null(sek_tree_open(longer, false));
    assert_int_equal(errno, ENAMETOOLONG);
    sek_tree_close(NULL);
}

static void folders_that_go_and_are_too_deep_end_nothing(void **state)
{
    (void)state;
    struct sek_tree *t = sek_tree_open("a", false);
    unsigned seen = 0;
    for (const struct sek_tree_entry *e; (e = sek_tree_next(t)); seen++) {
        if (e->kind == SEK_TREE_FOLDER && e->depth == 1) {
            assert_int_equal(unlink("a/b/two"), 0);
            assert_int_equal(rmdir("a/b"), 0);
        }
        assert_int_not_equal(e->kind, SEK_TREE_UNREADABLE);
    }
    assert_int_equal(seen, 3); /* a, b, one */
    sek_tree_close(t);

    assert_int_equal(mkdir("deep", 0755), 0);
    int at = open("deep", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < SEK_TREE_DEPTH + 20; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    t = sek_tree_open("deep", false);
    unsigned folders = 0, unreadable = 0;
    for (const struct sek_tree_entry *e; (e = sek_tree_next(t));) {
        folders += e->kind == SEK_TREE_FOLDER;
        unreadable += e->kind == SEK_TREE_UNREADABLE && e->error == ELOOP;
    }
    assert_int_equal(folders, SEK_TREE_DEPTH + 1);
    assert_int_equal(unreadable, 1);
    sek_tree_close(t);
}

static void what_is_mounted_within_is_told_and_not_entered(void **state)
{
    (void)state;
    char said[2000];
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("tmpfs", "skipped", "tmpfs", 0, NULL) || rename("link", "skipped/x") == 0 ||
            close(creat("skipped/inner", 0644)))
            _exit(77);
        assert_int_equal(mkdir("m", 0755), 0);
        assert_int_equal(mount("skipped", "m", NULL, MS_MOVE, NULL), 0);
        list(".", false, said, sizeof said);
        assert_null(strstr(said, "inner"));
        assert_non_null(strstr(said, "./m:d:1"));
        list("m", false, said, sizeof said);
        assert_non_null(strstr(said, "m/inner:f:1"));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* only root may mount */
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_file_comes_once_after_its_folder_and_links_are_not_followed, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(folders_that_go_and_are_too_deep_end_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_is_mounted_within_is_told_and_not_entered, begin, end),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
