/* Interpreters, and which files are scripts to them. A script is recognised by "#!", by the ending
 * of its name, or because the interpreter's command line names it as a script. In strict mode
 * every text that an interpreter opens is one (also what `.` and `source` read). */
#ifndef SEK_AGENT_SCRIPT_H
#define SEK_AGENT_SCRIPT_H

#include "bpf/lockdown.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct sek_interpreter {
    const char *names[12];           /* program names; digits and dots may follow */
    const char *endings[8];          /* of the files that it runs or loads */
    struct sek_guard_program syntax; /* without id and variables; see sek_interpreter_program */
    uint64_t loads;                  /* options whose value is a file that is loaded: node -r */
    const char *settings[2]; /* option values that begin so name a file: auto_prepend_file= */
    const char *variables[SEK_GUARD_VARIABLES]; /* environment that is code: beginnings */
    const char *text_variable; /* environment that is code when it has `;`, `{`, `(` or `data:` */
};

/* The interpreter that goes by NAME (the last part of a path), or NULL. */
const struct sek_interpreter *sek_interpreter_named(const char *name);
/* The interpreter that a busybox process runs as: the applet that its command line names. */
const struct sek_interpreter *sek_interpreter_applet(pid_t pid);
/* In the kernel's form. */
void sek_interpreter_program(const struct sek_interpreter *interpreter,
                             struct sek_guard_program *program);
/* Visit all names of applets, long options and modules that the kernel needs: KIND is one of
 * SEK_GUARD_NAME_, and APPLET is set for an applet. */
void sek_interpreter_names(void (*visit)(void *arg, const struct sek_guard_name *name,
                                         uint32_t kind, const struct sek_interpreter *applet),
                           void *arg);
/* Is a file that begins with "#!" a script whenever INTERPRETER opens it? Not to awk and editors,
 * which read such files as text. */
bool sek_interpreter_runs_marked(const struct sek_interpreter *interpreter);
/* Does it open texts only to show or edit them, but for those that its options name? */
bool sek_interpreter_edits(const struct sek_interpreter *interpreter);
/* Is NAME's ending one of a script or module, of any interpreter? */
bool sek_script_ending(const char *name);
/* Would INTERPRETER, running as PID, run or load the file with this NAME and status? It has neither
 * "#!" nor is it ELF. */
bool sek_script_is_meant(const struct sek_interpreter *interpreter, pid_t pid, const char *name,
                         const struct stat *file);

/* A walk over the words of a command line (NUL-separated) that may be scripts. */
struct sek_script_words {
    const struct sek_interpreter *interpreter;
    const char *at, *end;
    bool begun;      /* the program's name is passed */
    bool ended;      /* no more options */
    bool named;      /* operands are no scripts: -c, -f */
    bool all;        /* every operand may be one */
    bool maybe;      /* the next operand may be an option's value */
    bool decided;    /* the first operand was seen */
    unsigned values; /* words that belong to an option, of this kind: */
    int kind;
};
void sek_script_words(struct sek_script_words *w, const struct sek_interpreter *interpreter,
                      const char *words, size_t len);
/* The next one, or NULL: no more. A word that is cut is none. */
const char *sek_script_next(struct sek_script_words *w);

#endif
