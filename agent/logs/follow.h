/* Log files followed as they grow, through rotation: a file that was renamed is read to its end and
 * for two minutes more, one that was cut short (copytruncate) from its beginning, and what was
 * rotated while nobody followed is found by its inode. Positions live in a small text file. */
#ifndef SEK_AGENT_LOG_FOLLOW_H
#define SEK_AGENT_LOG_FOLLOW_H

#include "agent/section.h"

struct sek_follow;

struct sek_follow_options {
    const struct sek_paths *files; /* patterns */
    const char *positions;         /* file; NULL: positions are not kept */
    bool from_start;               /* files that were never seen are read from their beginning */
    void (*on_line)(void *arg, const char *path, const char *line, size_t len);
    void *arg;
};

enum sek_error sek_follow_open(const struct sek_follow_options *options, struct sek_follow **out,
                               struct sek_fault *fault);
/* Readable when there may be something new. */
int sek_follow_fd(const struct sek_follow *f);
/* Take what is new; true: there is more already. */
bool sek_follow_serve(struct sek_follow *f);
/* Files that are followed now. */
unsigned sek_follow_count(const struct sek_follow *f);
/* Write the positions, when they changed. */
enum sek_error sek_follow_save(struct sek_follow *f, struct sek_fault *fault);
void sek_follow_close(struct sek_follow *f);

/* For tests: read positions out of TEXT; false: a line is malformed (those before it are used). */
bool sek_follow_positions(const char *text, size_t len,
                          void (*visit)(void *arg, uint64_t inode, uint64_t offset, uint64_t head,
                                        const char *path),
                          void *arg);

#endif
