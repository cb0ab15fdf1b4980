/* The table of interpreters. Names and options are those of their manual pages. */
#include "agent/lockdown/script.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define L(letter) (1ull << ((letter) - 'a'))
#define U(letter) (1ull << ((letter) - 'A' + 32))

static const struct sek_interpreter interpreters[] = {
    {{"sh", "dash", "bash", "ash", "zsh", "ksh", "mksh", "busybox"},
     {".sh", ".bash", ".ksh", ".zsh"},
     .code = L('c') | L('s'),
     .values = L('o') | U('O')},
    {{"python", "pypy", "micropython"},
     {".py", ".pyc", ".pyo", ".pyw", ".pyz"},
     .code = L('c'),
     .values = U('W') | U('X')},
    {{"perl"}, {".pl", ".pm", ".plx", ".al"}, .code = L('e') | U('E'), .values = 0},
    {{"ruby"}, {".rb"}, .code = L('e'), .values = L('r') | U('I') | U('C')},
    {{"node", "nodejs"},
     {".js", ".mjs", ".cjs"},
     .code = L('e') | L('p'),
     .values = L('r')},
    {{"lua", "luajit", "texlua"}, {".lua", ".luac"}, .code = L('e'), .values = L('l')},
    {{"php"}, {".php", ".phar", ".phtml", ".inc"},
     .code = L('r') | U('B') | U('R') | U('E'),
     .values = L('d') | L('c') | L('z'),
     .files = L('f') | U('F')},
    {{"awk", "gawk", "mawk", "nawk", "original-awk"},
     {".awk"},
     .code = 0,
     .values = L('v') | U('F'),
     .files = L('f')},
    {{"tclsh", "wish", "expect"}, {".tcl", ".exp"}, .code = L('c'), .values = 0},
};
#define COUNT (sizeof interpreters / sizeof interpreters[0])

const struct sek_interpreter *sek_interpreter_named(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        for (const char *const *n = interpreters[i].names; n < interpreters[i].names + 8 && *n;
             n++) {
            size_t len = strlen(*n);
            if (!strncmp(name, *n, len) && name[len + strspn(name + len, "0123456789.-")] == '\0')
                return &interpreters[i];
        }
    }
    return NULL;
}

/* The command line of PID, words ending in NUL; at most SIZE bytes, or 0. */
static size_t read_words(pid_t pid, char *words, size_t size)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, words, size) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

static const char *last_part(const char *word)
{
    const char *slash = strrchr(word, '/');
    word = slash ? slash + 1 : word;
    return word + (*word == '-'); /* a login shell's name begins so */
}

const struct sek_interpreter *sek_interpreter_applet(pid_t pid)
{
    char words[PATH_MAX + 1] = "";
    size_t len = read_words(pid, words, PATH_MAX);
    const char *applet = last_part(words);
    if (!strcmp(applet, "busybox") && strlen(words) + 1 < len)
        applet = last_part(words + strlen(words) + 1);
    return sek_interpreter_named(applet);
}

static bool has_ending(const struct sek_interpreter *interpreter, const char *name)
{
    const char *dot = strrchr(name, '.');
    for (const char *const *e = interpreter->endings; dot && e < interpreter->endings + 8 && *e;
         e++) {
        if (!strcmp(dot, *e))
            return true;
    }
    return false;
}

bool sek_script_ending(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (has_ending(&interpreters[i], name))
            return true;
    }
    return false;
}

static bool in_mask(uint64_t mask, char letter)
{
    if (letter >= 'a' && letter <= 'z')
        return mask >> (letter - 'a') & 1;
    return letter >= 'A' && letter <= 'Z' && (mask >> (letter - 'A' + 32) & 1);
}

/* What an option word says: '\0' nothing, 'c' code follows, 'v' the next word is its value, 'f' the
 * next word is a script; *ATTACHED is set when the script's name is in the same word. */
static char read_option(const struct sek_interpreter *in, const char *word, const char **attached)
{
    const char *letter = word + 1 + (word[1] == '-');
    for (; *letter; letter++) {
        if (in_mask(in->code, *letter))
            return 'c';
        if (in_mask(in->files, *letter)) {
            *attached = letter[1] && word[1] != '-' ? letter + 1 : NULL;
            return 'f';
        }
        if (word[1] == '-')
            return '\0';
        if (in_mask(in->values, *letter))
            return letter[1] ? '\0' : 'v';
    }
    return '\0';
}

const char *sek_script_word(const struct sek_interpreter *in, const char *words, size_t len)
{
    const char *p = words, *end = words + len, *attached = NULL;
    char expect = 'p'; /* the program's own name */
    for (; p < end; p += strnlen(p, (size_t)(end - p)) + 1) {
        if (!memchr(p, '\0', (size_t)(end - p)))
            return NULL; /* cut */
        if (expect == 'f')
            return p;
        if (expect == 'p') {
            /* busybox sh script: the applet is a word of its own */
            expect = !strcmp(last_part(p), "busybox") ? 'p' : '\0';
        } else if (expect == 'v') {
            expect = '\0';
        } else if (*p != '-') {
            return in->files && !in->code ? NULL : p; /* awk's first word is its program */
        } else {
            expect = read_option(in, p, &attached);
            if (expect == 'c' || attached)
                return attached;
        }
    }
    return NULL;
}

/* The number of a descriptor that WORD names, or -1: these paths lead through /proc, where "self"
 * would be the one who looks. */
static long descriptor_named(const char *word)
{
    static const char *const prefixes[] = {"/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        if (!strncmp(word, prefixes[i], len) && word[len] >= '0' && word[len] <= '9')
            return strtol(word + len, NULL, 10);
    }
    return strcmp(word, "/dev/stdin") ? -1 : 0;
}

static bool is_descriptor(pid_t pid, long number, const struct stat *file)
{
    char path[64];
    struct statx st;
    snprintf(path, sizeof path, "/proc/%d/fd/%ld", (int)pid, number);
    return !statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &st) &&
           st.stx_ino == file->st_ino && makedev(st.stx_dev_major, st.stx_dev_minor) == file->st_dev;
}

/* Does WORD, as the process PID sees it, name the file? The interpreter has just opened it, so its
 * path is in the kernel's cache: only that is looked at, because a file system made by the opener
 * (FUSE) could let a real lookup wait. What is not in the cache counts as the script. */
static bool names_file(pid_t pid, const char *word, const struct stat *file)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    char path[64];
    struct stat st;
    if (!strcmp(word, "-"))
        return false;
    if (descriptor_named(word) >= 0)
        return is_descriptor(pid, descriptor_named(word), file);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, *word == '/' ? "root" : "cwd");
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    word += strspn(word, "/");
    int fd = (int)syscall(SYS_openat2, folder, *word ? word : ".", &how, sizeof how);
    if (fd < 0 && errno != EAGAIN && errno != ENOENT) /* before Linux 5.12 */
        fd = openat(folder, *word ? word : ".", O_PATH | O_CLOEXEC);
    bool uncached = fd < 0 && errno == EAGAIN;
    bool same = fd >= 0 && !fstat(fd, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
    if (fd >= 0)
        close(fd);
    close(folder);
    return same || uncached;
}

bool sek_script_is_meant(const struct sek_interpreter *interpreter, pid_t pid, const char *name,
                         const struct stat *file)
{
    char words[PATH_MAX];
    if (has_ending(interpreter, name))
        return true;
    size_t len = read_words(pid, words, sizeof words);
    const char *word = sek_script_word(interpreter, words, len);
    return word && names_file(pid, word, file);
}
