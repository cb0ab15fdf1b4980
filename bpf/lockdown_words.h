/* The command line and environment of an interpreter that starts: does it run code that is no file?
 * One pass over the characters; every state lies in a map, and what a loop calls are global
 * functions, because the verifier would follow each combination of states. What is longer than the
 * limits here counts as code: padding hides nothing. Included by lockdown.bpf.c only. */
#ifndef SEK_BPF_LOCKDOWN_WORDS_H
#define SEK_BPF_LOCKDOWN_WORDS_H

#define ARGUMENTS   1024 /* bytes up to the script's name */
#define ENVIRONMENT 1024 /* variables, long ones in pieces of VARIABLE bytes */
#define VARIABLE    256

HASH(applets, 64, struct sek_guard_name, struct sek_guard_program);
HASH(names, 256, struct sek_guard_name, __u32);

struct words {
    char text[ARGUMENTS];
    struct sek_guard_program p;
    struct sek_guard_name name; /* of this word: an applet, long option, module or script */
    __u64 last;                 /* the last eight characters of this word */
    volatile __u32 state, kind, values, len, letters;
    volatile __u32 ended, named, maybe, input;
};

MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct words);

enum { PROGRAM, START, LETTERS, LONG, VALUE, COMMAND, REST };
/* What VALUE holds, besides SEK_GUARD_NAME_...: a module, the script. */
enum { MODULE = SEK_GUARD_NAME_CODE + 1, FOLLOWED, SCRIPT };
/* Of a variable, beside its length. */
enum { MAY_HOLD_CODE = 1 << 16, HOLDS_CODE = 1 << 17 };
/* What a character decided. */
enum { GO_ON, IS_CODE, IS_FILE, IS_INPUT, IS_STREAM };

static __always_inline int has_letter(__u64 letters, char c)
{
    if (c >= 'a' && c <= 'z')
        return letters >> (c - 'a') & 1;
    return c >= 'A' && c <= 'Z' && (letters >> (c - 'A' + 32) & 1);
}

static __always_inline int is_text_code(char c, __u64 last)
{
    return c == ';' || c == '{' || c == '(' || (last & 0xffffffffff) == 0x646174613aull; /* data: */
}

static __always_inline int begins_with(const char *text, const char *prefix, int len)
{
#pragma unroll
    for (int i = 0; i < len; i++) {
        if (text[i] != prefix[i])
            return 0;
    }
    return 1;
}

static __always_inline void begin_name(struct words *w)
{
    __builtin_memset(&w->name, 0, sizeof w->name);
    w->len = 0;
}

static __always_inline void add_name(struct words *w, char c)
{
    __u32 at = w->len;
    if (at < SEK_GUARD_NAME - 1) {
        w->name.text[at & (SEK_GUARD_NAME - 1)] = c;
        w->len = at + 1;
    }
}

static __always_inline __u32 kind_of_name(struct words *w)
{
    w->name.interpreter = w->p.id;
    const __u32 *kind = bpf_map_lookup_elem(&names, &w->name);
    return kind ? *kind : SEK_GUARD_NAME_UNKNOWN;
}

/* The end of argv[0], or of busybox's applet: true when the interpreter is known. */
static __always_inline int end_program(struct words *w)
{
    static const char multicall[] = "busybox";
    if (!(w->p.flags & SEK_GUARD_IS_MULTICALL) || begins_with(w->name.text, multicall, 7))
        return 1;
    w->name.interpreter = 0;
    const struct sek_guard_program *p = bpf_map_lookup_elem(&applets, &w->name);
    if (!p)
        return 0;
    __builtin_memcpy(&w->p, p, sizeof w->p);
    return 1;
}

/* Word by word until the applet is known. */
static __always_inline int in_program(struct words *w, char c)
{
    if (c == '\0') {
        if (!end_program(w))
            return IS_FILE;
        w->state = w->p.flags & SEK_GUARD_IS_MULTICALL ? PROGRAM : START;
        begin_name(w);
    } else if (c == '/') {
        begin_name(w);
    } else if (c != '-' || w->len) {
        add_name(w, c);
    }
    return GO_ON;
}

/* The next character, or the next word, begins a value. */
static __always_inline void begin_value(struct words *w, __u32 kind)
{
    w->state = VALUE;
    w->kind = kind;
    w->values = 1; /* until a character of it is seen */
    begin_name(w);
}

static __always_inline int end_value(struct words *w)
{
    __u32 kind = w->kind;
    if (w->values) { /* nothing in the option's own word: it is the next */
        w->state = START;
        return GO_ON;
    }
    w->state = START;
    if (kind == MODULE || kind == FOLLOWED) {
        if (kind_of_name(w) == SEK_GUARD_NAME_CODE)
            return IS_CODE;
        return kind == FOLLOWED ? IS_FILE : GO_ON;
    }
    if (kind == SEK_GUARD_NAME_FILE && w->len == 1 && w->name.text[0] == '-')
        return IS_INPUT;
    if (kind == SEK_GUARD_NAME_FILE || kind == SCRIPT)
        return w->name.text[0] == '/' ? IS_STREAM : kind == SCRIPT ? IS_FILE : GO_ON;
    return GO_ON;
}

static __always_inline int in_value(struct words *w, char c)
{
    if (c == '\0')
        return end_value(w);
    w->values = 0;
    if ((w->kind == MODULE || w->kind == FOLLOWED) &&
        (c == ';' || c == '{' || c == '(' || c == ' ' || c == '\n' || c == '\t'))
        return IS_CODE;
    add_name(w, c);
    return GO_ON;
}

/* One letter of an option. */
static __always_inline int in_letters(struct words *w, char c)
{
    __u64 flags = w->p.flags;
    __u32 first = w->letters == 0;
    if (c == '\0') {
        w->state = START;
        if (first && flags & SEK_GUARD_IS_SHELL)
            w->ended = 1;
        else if (first && flags & SEK_GUARD_FIRST_IS_CODE)
            return IS_CODE;
        else if (first && !(flags & SEK_GUARD_IS_EDITOR))
            return IS_INPUT;
        return GO_ON;
    }
    w->letters = 1;
    if (first && (c == '-' || flags & SEK_GUARD_WORD_OPTIONS)) {
        w->state = LONG;
        begin_name(w);
        if (c != '-')
            add_name(w, c);
        return GO_ON;
    }
    if (has_letter(w->p.code, c))
        return IS_CODE;
    if (has_letter(w->p.input, c))
        w->input = 1;
    if (has_letter(w->p.info, c))
        w->named = w->maybe = 1;
    if (flags & SEK_GUARD_IS_SHELL) {
        w->values += (__u32)has_letter(w->p.values, c);
        w->kind = SEK_GUARD_NAME_VALUE;
    } else if (has_letter(w->p.files, c) && has_letter(w->p.modules, c)) {
        begin_value(w, FOLLOWED);
    } else if (has_letter(w->p.files, c)) {
        w->named = 1;
        begin_value(w, SEK_GUARD_NAME_FILE);
    } else if (has_letter(w->p.modules, c) || c == ':') {
        begin_value(w, MODULE);
    } else if (has_letter(w->p.values, c)) {
        begin_value(w, SEK_GUARD_NAME_VALUE);
    } else if (has_letter(w->p.attached, c)) {
        w->state = REST;
    }
    return GO_ON;
}

static __always_inline int in_long(struct words *w, char c)
{
    if (c != '\0' && c != '=') {
        add_name(w, c);
        return GO_ON;
    }
    w->state = c ? REST : START;
    if (!w->len && c == '\0') {
        w->ended = 1; /* "--" */
        return GO_ON;
    }
    __u32 kind = kind_of_name(w);
    if (kind == SEK_GUARD_NAME_CODE)
        return IS_CODE;
    if (kind == SEK_GUARD_NAME_INFO) {
        w->named = w->maybe = 1;
        w->input = 0;
    } else if (kind == SEK_GUARD_NAME_UNKNOWN && c == '\0' && w->p.flags & SEK_GUARD_GUESSES) {
        w->maybe = 1;
    } else if (kind == SEK_GUARD_NAME_FILE || kind == SEK_GUARD_NAME_VALUE) {
        if (kind == SEK_GUARD_NAME_FILE && w->p.flags & SEK_GUARD_FIRST_IS_CODE)
            w->named = 1;
        begin_value(w, kind);
        w->state = c ? VALUE : START;
    }
    return GO_ON;
}

/* The first character of a word. */
static __always_inline int in_start(struct words *w, char c)
{
    __u64 flags = w->p.flags;
    if (w->values) {
        if (flags & SEK_GUARD_IS_SHELL && w->kind == SEK_GUARD_NAME_VALUE) {
            w->values--;
            w->state = c ? REST : START;
            return GO_ON;
        }
        w->state = VALUE;
        w->values = 0;
        return in_value(w, c);
    }
    if (c == '\0')
        return GO_ON;
    if (!w->ended && (c == '-' || (c == '+' && flags & SEK_GUARD_IS_SHELL))) {
        w->state = LETTERS;
        w->letters = 0;
        return GO_ON;
    }
    if (flags & SEK_GUARD_IS_EDITOR) {
        w->state = c == '+' ? COMMAND : REST;
        return GO_ON;
    }
    if (w->maybe && !w->named) { /* of an option that is not known, or the script */
        w->state = REST;
        w->named = 1;
        w->maybe = 0;
        return GO_ON;
    }
    if (w->named && !w->maybe)
        return IS_FILE;
    if (flags & SEK_GUARD_FIRST_IS_CODE)
        return IS_CODE;
    begin_value(w, SCRIPT);
    w->values = 0;
    add_name(w, c);
    return GO_ON;
}

static __always_inline struct words *walk(void)
{
    __u32 zero = 0;
    return bpf_map_lookup_elem(&scratch, &zero);
}

/* One character more. */
__noinline int guard_step(__u32 character)
{
    struct words *w = walk();
    char c = (char)character;
    if (!w)
        return IS_CODE;
    __u32 state = w->state;
    w->last = c ? w->last << 8 | (__u8)c : 0;
    if (w->p.flags & SEK_GUARD_URLS && state != PROGRAM &&
        ((w->last & 0xffffffffff) == 0x646174613aull /* data: */ ||
         (w->last & 0xffffffff) == 0x7068703aull /* php: */))
        return IS_CODE;
    if (state == PROGRAM)
        return in_program(w, c);
    if (state == START)
        return in_start(w, c);
    if (state == LETTERS)
        return in_letters(w, c);
    if (state == LONG)
        return in_long(w, c);
    if (state == VALUE)
        return in_value(w, c);
    if (state == COMMAND && (c < '0' || c > '9') && c != '/' && c != '\0')
        return IS_CODE;
    w->state = c == '\0' ? START : REST;
    return GO_ON;
}

/* --- what standard input and other descriptors are ----------------------------------------------
 */

static __always_inline int number_in(const char *digits)
{
    int number = -1;
#pragma unroll
    for (int i = 0; i < 5; i++) {
        char c = digits[i];
        if (c < '0' || c > '9')
            break;
        number = (number < 0 ? 0 : number * 10) + (c - '0');
    }
    return number;
}

/* The number in "/dev/fd/N" (how the kernel names a script that was started by its descriptor), in
 * "/proc/self/fd/N", or in "/dev/stdin"; -1: another name. */
static __always_inline int descriptor_in(const char *name)
{
    static const char dev[] = "/dev/fd/", self[] = "/proc/self/fd/", input[] = "/dev/stdin";
    if (begins_with(name, input, 11))
        return 0;
    if (begins_with(name, dev, 8))
        return number_in(name + 8);
    return begins_with(name, self, 14) ? number_in(name + 14) : -1;
}

static __always_inline struct file *descriptor(__u32 number)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
    struct file **table = BPF_CORE_READ(fdt, fd), *file = 0;
    if (number < BPF_CORE_READ(fdt, max_fds))
        bpf_probe_read_kernel(&file, sizeof file, table + number);
    return file;
}

static __always_inline __u32 type_of(struct file *file)
{
    return file ? BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT : S_IFCHR;
}

/* Is standard input something other than a terminal or /dev/null? */
static __always_inline int input_is_data(void)
{
    return type_of(descriptor(0)) != S_IFCHR;
}

/* --- the questions ------------------------------------------------------------------------------
 */

__noinline int guard_arguments(void)
{
    struct words *w = walk();
    struct task_struct *task = (void *)bpf_get_current_task();
    unsigned long start = BPF_CORE_READ(task, mm, arg_start);
    unsigned long len = BPF_CORE_READ(task, mm, arg_end) - start;
    int cut = len > ARGUMENTS - 1;
    if (cut)
        len = ARGUMENTS - 1;
    asm volatile("" : "+r"(len));
    if (!w || bpf_probe_read_user(w->text, len & (ARGUMENTS - 1), (void *)start))
        return IS_INPUT;
    for (__u32 at = 0; at < ARGUMENTS - 1; at++) {
        if (at >= len)
            break;
        int found = guard_step((__u8)w->text[at]);
        if (found)
            return found;
    }
    if (cut)
        return IS_CODE;
    return w->named || w->p.flags & SEK_GUARD_IS_EDITOR ? IS_FILE : IS_INPUT;
}

static __always_inline int begins(const struct words *w, const struct sek_guard_variable *v)
{
    const __u64 *text = (const void *)w->text;
    return v->mask[0] && (text[0] & v->mask[0]) == v->text[0] &&
           (text[1] & v->mask[1]) == v->text[1];
}

/* Read the variable at ADDRESS, or a piece of it; AGAIN: its beginning was read before. */
__noinline int guard_variable(__u64 address, __u32 again)
{
    struct words *w = walk();
    long len = w ? bpf_probe_read_user_str(w->text, VARIABLE, (void *)address) : 0;
    if (len <= 0 || again)
        return (int)len;
#pragma unroll
    for (int k = 0; k < SEK_GUARD_VARIABLES; k++) {
        if (begins(w, &w->p.variables[k]))
            return HOLDS_CODE;
    }
    return (int)len | (begins(w, &w->p.text_variable) ? MAY_HOLD_CODE : 0);
}

/* The variable at ADDRESS has options, which may hold code. */
__noinline int guard_text(__u64 address)
{
    struct words *w = walk();
    if (!w || bpf_probe_read_user_str(w->text, ARGUMENTS, (void *)address) == ARGUMENTS)
        return 1;
    w->last = 0;
    for (__u32 at = 0; at < ARGUMENTS - 1; at++) {
        char c = w->text[at];
        if (c == '\0')
            break;
        w->last = w->last << 8 | (__u8)c;
        if (is_text_code(c, w->last))
            return 1;
    }
    return 0;
}

/* Variables that an interpreter runs, whatever its command line says. */
__noinline int guard_environment(void)
{
    struct words *w = walk();
    struct task_struct *task = (void *)bpf_get_current_task();
    __u64 at = BPF_CORE_READ(task, mm, env_start), end = BPF_CORE_READ(task, mm, env_end);
    __u64 text_at = 0;
    __u32 again = 0;
    if (!w || (!w->p.variables[0].mask[0] && !w->p.text_variable.mask[0]))
        return 0;
    for (int i = 0; i < ENVIRONMENT && at < end; i++) {
        int found = guard_variable(at, again), len = found & (MAY_HOLD_CODE - 1);
        if (found <= 0)
            return 0;
        if (found & HOLDS_CODE)
            return 1;
        if (found & MAY_HOLD_CODE)
            text_at = at;
        again = len == VARIABLE;
        at += (__u32)len - again;
    }
    return at < end || (text_at && guard_text(text_at));
}

static __always_inline int runs_inline(const struct sek_guard_program *p, int *stream)
{
    struct words *w = walk();
    *stream = -1;
    if (!w)
        return 0;
    __builtin_memcpy(&w->p, p, sizeof w->p);
    w->state = PROGRAM;
    w->kind = w->values = w->letters = w->ended = w->named = w->maybe = 0;
    w->last = 0;
    begin_name(w);
    w->input = (w->p.flags & SEK_GUARD_READS_INPUT) != 0;
    int found = guard_arguments();
    if (found == IS_STREAM)
        *stream = descriptor_in(w->name.text);
    if (found == IS_CODE || ((found == IS_INPUT || w->input) && input_is_data()))
        return 1;
    return guard_environment();
}

#endif
