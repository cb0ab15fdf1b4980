/* The table of interpreters. Names and options are those of their manual pages. */
#include "agent/lockdown/script.h"
#include "lib/base/linux.h"

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

#define MULTICALL "busybox"

#define L(letter) (1ull << ((letter) - 'a'))
#define U(letter) (1ull << ((letter) - 'A' + 32))

/* Rows of long options and modules name these. */
enum { SHELL, PYTHON, PERL, RUBY, NODE, LUA, PHP, AWK, TCL, EXPECT, VIM, GDB, BUSYBOX };

static const struct sek_interpreter interpreters[] = {
    [SHELL] = {{"sh", "dash", "bash", "rbash", "ash", "hush", "zsh", "ksh", "mksh"},
               {".sh", ".bash", ".ksh", ".zsh"},
               {.flags = SEK_GUARD_IS_SHELL, .code = L('c') | L('s'), .values = L('o') | U('O')},
               .variables = {"BASH_ENV=", "BASH_FUNC_", "SHELLOPTS=", "PS4="}},
    [PYTHON] = {{"python", "pypy", "micropython"},
                {".py", ".pyc", ".pyo", ".pyw", ".pyz"},
                {.code = L('c'),
                 .values = U('W') | U('X'),
                 .files = L('m'),
                 .modules = L('m'),
                 .input = L('i'),
                 .info = U('V') | L('h')}},
    [PERL] = {{"perl"},
              {".pl", ".pm", ".plx", ".al"},
              {.code = L('e') | U('E'),
               .values = U('I'),
               .attached = L('i') | U('F') | U('C') | U('D') | U('V') | L('x'),
               .modules = U('M') | L('m'),
               .input = L('d'),
               .info = L('v') | U('V') | L('h')},
              .variables = {"PERL5DB="},
              .text_variable = "PERL5OPT="},
    [RUBY] = {{"ruby"},
              {".rb"},
              {.flags = SEK_GUARD_GUESSES,
               .code = L('e'),
               .values = L('r') | U('I') | U('C') | U('E'),
               .attached = L('x') | L('i') | U('F') | U('T') | U('K') | U('W'),
               .info = L('v') | L('h')}},
    [NODE] = {{"node", "nodejs"},
              {".js", ".mjs", ".cjs"},
              {.flags = SEK_GUARD_GUESSES | SEK_GUARD_URLS,
               .code = L('e') | L('p'),
               .values = L('r') | U('C'),
               .input = L('i'),
               .info = L('v') | L('h')},
              .loads = L('r'),
              .text_variable = "NODE_OPTIONS="},
    [LUA] = {{"lua", "luajit", "texlua"},
             {".lua", ".luac"},
             {.code = L('e'), .modules = L('l'), .input = L('i'), .info = L('v')},
             .variables = {"LUA_INIT"}},
    [PHP] = {{"php"},
             {".php", ".phar", ".phtml", ".inc"},
             {.flags = SEK_GUARD_GUESSES | SEK_GUARD_URLS,
              .code = L('r') | U('B') | U('R') | U('E'),
              .values = L('d') | L('c') | L('z') | U('S') | L('t'),
              .files = L('f') | U('F'),
              .input = L('a'),
              .info = L('v') | L('m') | L('i') | L('h')},
             .settings = {"auto_prepend_file=", "auto_append_file="}},
    [AWK] = {{"awk", "gawk", "mawk", "nawk", "original-awk"},
             {".awk"},
             {.flags = SEK_GUARD_FIRST_IS_CODE,
              .code = L('e'),
              .values = L('v') | U('F') | L('i') | L('l'),
              .attached = L('d') | L('o') | L('p') | U('L'),
              .files = L('f') | U('E'),
              .modules = U('W'),
              .input = U('D'),
              .info = U('V') | L('h')},
             .loads = L('i')},
    [TCL] = {{"tclsh", "wish"}, {".tcl"}, {.flags = SEK_GUARD_WORD_OPTIONS}},
    [EXPECT] = {{"expect"},
                {".exp"},
                {.code = L('c'),
                 .values = U('D'),
                 .files = L('f') | L('b'),
                 .input = L('i') | U('D'),
                 .info = L('v')}},
    [VIM] = {{"vim", "vi", "ex", "view", "nvim", "vimdiff", "vim.basic", "vim.tiny", "vim.nox",
              "vim.gtk"},
             {NULL},
             {.flags = SEK_GUARD_IS_EDITOR,
              .code = L('c'),
              .values = L('i') | U('T') | L('t') | L('q') | L('w') | U('W') | U('U'),
              .files = U('S') | L('s') | L('u'),
              .input = L('e') | U('E')}},
    [GDB] = {{"gdb"},
             {NULL},
             {.flags = SEK_GUARD_IS_EDITOR | SEK_GUARD_WORD_OPTIONS | SEK_GUARD_READS_INPUT}},
    [BUSYBOX] = {{MULTICALL}, {NULL}, {.flags = SEK_GUARD_IS_MULTICALL}},
};
#define COUNT (sizeof interpreters / sizeof interpreters[0])

/* Long options by the name after the dashes, and (Python) modules that run what they are given. */
static const struct {
    uint32_t interpreter;
    const char *name;
    int kind;
} long_names[] = {
    {SHELL, "rcfile", SEK_GUARD_NAME_FILE},
    {SHELL, "init-file", SEK_GUARD_NAME_FILE},
    {SHELL, "version", SEK_GUARD_NAME_INFO},
    {SHELL, "help", SEK_GUARD_NAME_INFO},
    {PYTHON, "check-hash-based-pycs", SEK_GUARD_NAME_VALUE},
    {PYTHON, "version", SEK_GUARD_NAME_INFO},
    {PYTHON, "help", SEK_GUARD_NAME_INFO},
    {PYTHON, "timeit", SEK_GUARD_NAME_CODE},
    {PYTHON, "code", SEK_GUARD_NAME_CODE},
    {PYTHON, "asyncio", SEK_GUARD_NAME_CODE},
    {PYTHON, "pdb", SEK_GUARD_NAME_CODE},
    {PYTHON, "cProfile", SEK_GUARD_NAME_FILE},
    {PYTHON, "profile", SEK_GUARD_NAME_FILE},
    {PYTHON, "trace", SEK_GUARD_NAME_FILE},
    {PYTHON, "doctest", SEK_GUARD_NAME_FILE},
    {PERL, "version", SEK_GUARD_NAME_INFO},
    {PERL, "help", SEK_GUARD_NAME_INFO},
    {RUBY, "version", SEK_GUARD_NAME_INFO},
    {RUBY, "help", SEK_GUARD_NAME_INFO},
    {RUBY, "yjit", SEK_GUARD_NAME_PLAIN},
    {RUBY, "jit", SEK_GUARD_NAME_PLAIN},
    {NODE, "eval", SEK_GUARD_NAME_CODE},
    {NODE, "print", SEK_GUARD_NAME_CODE},
    {NODE, "require", SEK_GUARD_NAME_FILE},
    {NODE, "import", SEK_GUARD_NAME_FILE},
    {NODE, "loader", SEK_GUARD_NAME_FILE},
    {NODE, "experimental-loader", SEK_GUARD_NAME_FILE},
    {NODE, "interactive", SEK_GUARD_NAME_CODE},
    {NODE, "version", SEK_GUARD_NAME_INFO},
    {NODE, "help", SEK_GUARD_NAME_INFO},
    {NODE, "v8-options", SEK_GUARD_NAME_INFO},
    {NODE, "enable-source-maps", SEK_GUARD_NAME_PLAIN},
    {NODE, "expose-gc", SEK_GUARD_NAME_PLAIN},
    {NODE, "inspect", SEK_GUARD_NAME_PLAIN},
    {NODE, "no-warnings", SEK_GUARD_NAME_PLAIN},
    {NODE, "no-deprecation", SEK_GUARD_NAME_PLAIN},
    {NODE, "trace-warnings", SEK_GUARD_NAME_PLAIN},
    {NODE, "preserve-symlinks", SEK_GUARD_NAME_PLAIN},
    {PHP, "run", SEK_GUARD_NAME_CODE},
    {PHP, "process-begin", SEK_GUARD_NAME_CODE},
    {PHP, "process-code", SEK_GUARD_NAME_CODE},
    {PHP, "process-end", SEK_GUARD_NAME_CODE},
    {PHP, "interactive", SEK_GUARD_NAME_CODE},
    {PHP, "file", SEK_GUARD_NAME_FILE},
    {PHP, "process-file", SEK_GUARD_NAME_FILE},
    {PHP, "version", SEK_GUARD_NAME_INFO},
    {PHP, "help", SEK_GUARD_NAME_INFO},
    {PHP, "info", SEK_GUARD_NAME_INFO},
    {PHP, "modules", SEK_GUARD_NAME_INFO},
    {PHP, "ini", SEK_GUARD_NAME_INFO},
    {PHP, "no-php-ini", SEK_GUARD_NAME_PLAIN},
    /* GNU getopt takes what is left of a name when it is clear. */
    {AWK, "source", SEK_GUARD_NAME_CODE},
    {AWK, "sourc", SEK_GUARD_NAME_CODE},
    {AWK, "sour", SEK_GUARD_NAME_CODE},
    {AWK, "sou", SEK_GUARD_NAME_CODE},
    {AWK, "so", SEK_GUARD_NAME_CODE},
    {AWK, "file", SEK_GUARD_NAME_FILE},
    {AWK, "fil", SEK_GUARD_NAME_FILE},
    {AWK, "exec", SEK_GUARD_NAME_FILE},
    {AWK, "assign", SEK_GUARD_NAME_VALUE},
    {AWK, "field-separator", SEK_GUARD_NAME_VALUE},
    {AWK, "include", SEK_GUARD_NAME_VALUE},
    {AWK, "load", SEK_GUARD_NAME_VALUE},
    {AWK, "version", SEK_GUARD_NAME_INFO},
    {AWK, "help", SEK_GUARD_NAME_INFO},
    {TCL, "encoding", SEK_GUARD_NAME_VALUE},
    {VIM, "cmd", SEK_GUARD_NAME_CODE},
    {VIM, "remote-expr", SEK_GUARD_NAME_CODE},
    {VIM, "remote-send", SEK_GUARD_NAME_CODE},
    {VIM, "version", SEK_GUARD_NAME_INFO},
    {GDB, "ex", SEK_GUARD_NAME_CODE},
    {GDB, "iex", SEK_GUARD_NAME_CODE},
    {GDB, "eval-command", SEK_GUARD_NAME_CODE},
    {GDB, "init-eval-command", SEK_GUARD_NAME_CODE},
    {GDB, "x", SEK_GUARD_NAME_FILE},
    {GDB, "ix", SEK_GUARD_NAME_FILE},
    {GDB, "command", SEK_GUARD_NAME_FILE},
    {GDB, "init-command", SEK_GUARD_NAME_FILE},
    {GDB, "batch", SEK_GUARD_NAME_INFO},
    {GDB, "version", SEK_GUARD_NAME_INFO},
    {GDB, "help", SEK_GUARD_NAME_INFO},
};
#define LONG_NAMES (sizeof long_names / sizeof long_names[0])
#define NAMES_EACH (sizeof interpreters[0].names / sizeof interpreters[0].names[0])

const struct sek_interpreter *sek_interpreter_named(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        for (const char *const *n = interpreters[i].names;
             n < interpreters[i].names + NAMES_EACH && *n; n++) {
            size_t len = strlen(*n);
            if (!strncmp(name, *n, len) && name[len + strspn(name + len, "0123456789.-")] == '\0')
                return &interpreters[i];
        }
    }
    return NULL;
}

/* The first bytes of a variable and a mask that covers them. */
static void set_variable(struct sek_guard_variable *v, const char *text)
{
    size_t len = strlen(text);
    memcpy(v->text, text, len < sizeof v->text ? len : sizeof v->text);
    memset(v->mask, 0xff, len < sizeof v->mask ? len : sizeof v->mask);
}

void sek_interpreter_program(const struct sek_interpreter *in, struct sek_guard_program *program)
{
    *program = in->syntax;
    program->flags |= SEK_GUARD_IS_INTERPRETER;
    program->values |= in->loads;
    program->id = (uint32_t)(in - interpreters) + 1;
    for (size_t i = 0; i < SEK_GUARD_VARIABLES && in->variables[i]; i++)
        set_variable(&program->variables[i], in->variables[i]);
    if (in->text_variable)
        set_variable(&program->text_variable, in->text_variable);
}

static struct sek_guard_name make_name(uint32_t interpreter, const char *text)
{
    struct sek_guard_name name = {.interpreter = interpreter};
    snprintf(name.text, sizeof name.text, "%s", text);
    return name;
}

void sek_interpreter_names(void (*visit)(void *arg, const struct sek_guard_name *name,
                                         uint32_t kind, const struct sek_interpreter *applet),
                           void *arg)
{
    for (size_t i = 0; i < LONG_NAMES; i++) {
        struct sek_guard_name name = make_name(long_names[i].interpreter + 1, long_names[i].name);
        visit(arg, &name, (uint32_t)long_names[i].kind, NULL);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < NAMES_EACH && interpreters[i].names[k]; k++) {
            struct sek_guard_name name = make_name(0, interpreters[i].names[k]);
            visit(arg, &name, SEK_GUARD_NAME_UNKNOWN, &interpreters[i]);
        }
    }
}

bool sek_interpreter_runs_marked(const struct sek_interpreter *in)
{
    return !(in->syntax.flags & (SEK_GUARD_FIRST_IS_CODE | SEK_GUARD_IS_EDITOR));
}

bool sek_interpreter_edits(const struct sek_interpreter *in)
{
    return in->syntax.flags & SEK_GUARD_IS_EDITOR;
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
    const char *at = words, *applet = last_part(at);
    while (!strncmp(applet, MULTICALL, strlen(MULTICALL)) && (at += strlen(at) + 1) < words + len)
        applet = last_part(at);
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

#define MODULE (SEK_GUARD_NAME_CODE + 1) /* a kind of value besides SEK_GUARD_NAME_... */

static int long_kind(const struct sek_interpreter *in, const char *name, size_t len)
{
    for (size_t i = 0; i < LONG_NAMES; i++) {
        if (&interpreters[long_names[i].interpreter] == in &&
            !strncmp(long_names[i].name, name, len) && !long_names[i].name[len])
            return long_names[i].kind;
    }
    return SEK_GUARD_NAME_UNKNOWN;
}

/* The file that the value of an option names, or NULL. */
static const char *named_by(const struct sek_script_words *w, int kind, const char *value)
{
    if (kind == SEK_GUARD_NAME_FILE)
        return value;
    for (size_t i = 0; i < 2 && w->interpreter->settings[i]; i++) {
        size_t len = strlen(w->interpreter->settings[i]);
        if (!strncmp(value, w->interpreter->settings[i], len))
            return value + len;
    }
    return NULL;
}

/* A module's name: the words that follow are the module's, and scripts when it runs such. */
static void take_module(struct sek_script_words *w, const char *name)
{
    w->all = long_kind(w->interpreter, name, strlen(name)) >= SEK_GUARD_NAME_FILE;
    w->at = w->all ? w->at : w->end;
    w->decided = true;
}

/* An option that takes a value: REST, or when that is empty the next word. */
static const char *take_value(struct sek_script_words *w, int kind, const char *rest)
{
    w->values = !*rest;
    w->kind = kind;
    if (*rest && kind == MODULE)
        take_module(w, rest);
    return *rest ? named_by(w, kind, rest) : NULL;
}

static const char *read_long(struct sek_script_words *w, const char *name)
{
    size_t len = strcspn(name, "=");
    int kind = long_kind(w->interpreter, name, len);
    w->named = w->named || kind == SEK_GUARD_NAME_CODE;
    w->maybe = kind == SEK_GUARD_NAME_UNKNOWN && !name[len] &&
               w->interpreter->syntax.flags & SEK_GUARD_GUESSES;
    return kind < SEK_GUARD_NAME_VALUE ? NULL
                                       : take_value(w, kind, name[len] ? name + len + 1 : "");
}

/* The letters of one word. */
static const char *read_letters(struct sek_script_words *w, const char *letter)
{
    const struct sek_guard_program *s = &w->interpreter->syntax;
    for (; *letter; letter++) {
        bool code = in_mask(s->code, *letter), file = in_mask(s->files, *letter);
        w->named = w->named || code || (file && !(s->flags & SEK_GUARD_IS_EDITOR));
        if (s->flags & SEK_GUARD_IS_SHELL) {
            w->values += in_mask(s->values, *letter);
            w->kind = SEK_GUARD_NAME_VALUE;
        } else if (file && in_mask(s->modules, *letter)) {
            return take_value(w, MODULE, letter + 1);
        } else if (file || in_mask(w->interpreter->loads, *letter)) {
            return take_value(w, SEK_GUARD_NAME_FILE, letter + 1);
        } else if (code || in_mask(s->values | s->modules, *letter)) {
            return take_value(w, SEK_GUARD_NAME_VALUE, letter + 1);
        } else if (in_mask(s->attached, *letter)) {
            return NULL;
        }
    }
    return NULL;
}

static const char *read_option(struct sek_script_words *w, const char *word)
{
    uint64_t flags = w->interpreter->syntax.flags;
    if (!strcmp(word, "--") || (!strcmp(word, "-") && flags & SEK_GUARD_IS_SHELL)) {
        w->ended = true;
        return NULL;
    }
    if (!strcmp(word, "-")) { /* standard input */
        w->decided = !(flags & SEK_GUARD_IS_EDITOR);
        w->at = w->decided ? w->end : w->at;
        return NULL;
    }
    if (word[1] == '-' || flags & SEK_GUARD_WORD_OPTIONS)
        return read_long(w, word + 1 + (word[1] == '-'));
    return read_letters(w, word + 1);
}

static const char *read_operand(struct sek_script_words *w, const char *word)
{
    uint64_t flags = w->interpreter->syntax.flags;
    if (w->all)
        return word;
    if (flags & SEK_GUARD_IS_EDITOR)
        return NULL;
    if (w->maybe) { /* of an option that is not known, or the script */
        w->maybe = false;
        return word;
    }
    w->at = w->end;
    w->decided = true;
    return w->named || flags & SEK_GUARD_FIRST_IS_CODE ? NULL : word;
}

void sek_script_words(struct sek_script_words *w, const struct sek_interpreter *interpreter,
                      const char *words, size_t len)
{
    *w = (struct sek_script_words){.interpreter = interpreter, .at = words, .end = words + len};
}

const char *sek_script_next(struct sek_script_words *w)
{
    const char *found = NULL;
    while (!found && w->at < w->end) {
        const char *word = w->at;
        size_t left = (size_t)(w->end - word), len = strnlen(word, left);
        if (len == left)
            return NULL; /* cut */
        w->at += len + 1;
        bool option =
            *word == '-' || (*word == '+' && w->interpreter->syntax.flags & SEK_GUARD_IS_SHELL);
        if (!w->begun) {
            /* busybox sh script: the applet is a word of its own */
            w->begun = strncmp(last_part(word), MULTICALL, strlen(MULTICALL)) != 0;
        } else if (w->values) {
            w->values--;
            if (w->kind == MODULE)
                take_module(w, word);
            found = named_by(w, w->kind, word);
        } else if (option && !w->ended && !w->all) {
            found = read_option(w, word);
        } else if (*word) {
            found = read_operand(w, word);
        }
    }
    return found;
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
           st.stx_ino == file->st_ino &&
           makedev(st.stx_dev_major, st.stx_dev_minor) == file->st_dev;
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
    bool same =
        fd >= 0 && !fstat(fd, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
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
    struct sek_script_words walk;
    size_t len = read_words(pid, words, sizeof words);
    sek_script_words(&walk, interpreter, words, len);
    for (const char *word; (word = sek_script_next(&walk));) {
        if (names_file(pid, word, file))
            return true;
    }
    return len == sizeof words && !walk.decided; /* the script may stand behind what was cut */
}
