/* systemd's journal through libsystemd, which is opened when it is needed: a device without systemd
 * does without it. */
#ifndef SEK_AGENT_LOG_JOURNAL_H
#define SEK_AGENT_LOG_JOURNAL_H

#include "agent/logs/line.h"

#include "lib/base/error.h"

#include <stdbool.h>

struct sek_journal;

/* FOLDER NULL: this machine's journal. CURSOR: a file that remembers the position, or NULL. */
enum sek_error sek_journal_open(const char *folder, const char *cursor,
                                void (*on_line)(void *arg, const struct sek_log_line *line),
                                void *arg, struct sek_journal **out, struct sek_fault *fault);
int sek_journal_fd(const struct sek_journal *j);
/* Take what is new; true: there is more already. */
bool sek_journal_serve(struct sek_journal *j);
void sek_journal_save(struct sek_journal *j);
void sek_journal_close(struct sek_journal *j);

#endif
