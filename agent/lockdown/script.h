/* Interpreters, and which files are scripts to them. A script is recognised by "#!", by the ending
 * of its name, or because the interpreter's command line names it as the script. In strict mode
 * every text that an interpreter opens is one (also what `.` and `source` read). */
#ifndef SEK_AGENT_SCRIPT_H
#define SEK_AGENT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Masks of option letters: bit 0 for 'a', bit 32 for 'A'. */
struct sek_interpreter {
    const char *names[8];   /* program names; digits and dots may follow */
    const char *endings[8]; /* of the files that it runs or loads */
    uint64_t code;          /* options whose value, or standard input, is code */
    uint64_t values;        /* other options that take the next word */
    uint64_t files;         /* options whose value is a script */
};

/* The interpreter that goes by NAME (the last part of a path), or NULL. */
const struct sek_interpreter *sek_interpreter_named(const char *name);
/* The interpreter that a busybox process runs as: the applet that its command line names. */
const struct sek_interpreter *sek_interpreter_applet(pid_t pid);
/* Is NAME's ending one of a script or module, of any interpreter? */
bool sek_script_ending(const char *name);
/* Would INTERPRETER, running as PID, run or load the file with this NAME and status? It has neither
 * "#!" nor is it ELF. */
bool sek_script_is_meant(const struct sek_interpreter *interpreter, pid_t pid, const char *name,
                         const struct stat *file);
/* The words of a command line (NUL-separated): is one of them the script, and which? NULL: none,
 * the code is on the command line or comes from standard input. */
const char *sek_script_word(const struct sek_interpreter *interpreter, const char *words,
                            size_t len);

#endif
