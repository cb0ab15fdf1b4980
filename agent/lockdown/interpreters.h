/* The interpreters of this machine, by inode and by content, so that a copy or a link under another
 * name is still known as one. */
#ifndef SEK_AGENT_INTERPRETERS_H
#define SEK_AGENT_INTERPRETERS_H

#include "agent/lockdown/script.h"

#define SEK_INTERPRETERS 64 /* files, and contents, at most; the oldest is forgotten */

struct sek_kernel_guard;

struct sek_interpreters {
    struct {
        dev_t device;
        ino_t inode;
        const struct sek_interpreter *interpreter;
    } files[SEK_INTERPRETERS];
    struct {
        uint8_t digest[32];
        const struct sek_interpreter *interpreter;
    } contents[SEK_INTERPRETERS];
    unsigned next_file, next_content;
};

/* A registered program with this status and content was opened on FD: note it when its name or its
 * content is an interpreter's. KERNEL, when not NULL, is told. */
void sek_interpreters_note(struct sek_interpreters *all, int fd, const struct stat *st,
                           const uint8_t digest[32], struct sek_kernel_guard *kernel);
/* A registered content was learned under this path. */
void sek_interpreters_label(struct sek_interpreters *all, const uint8_t digest[32],
                            const char *path);
/* The interpreter that process PID runs, as far as noted; else NULL. */
const struct sek_interpreter *sek_interpreters_running(const struct sek_interpreters *all,
                                                       pid_t pid);
/* Tell KERNEL of the interpreters in the usual folders (/bin, /usr/bin, /usr/local/bin). */
void sek_interpreters_usual(struct sek_kernel_guard *kernel);

#endif
