/* File integrity: a baseline of files, checks against it, and what the kernel tells in between,
 * each change as an event with what the file was, what it is, who did it, and a diff of text. The
 * duty watches in a process of its own; the commands use the same parts. */
#ifndef SEK_AGENT_INTEGRITY_H
#define SEK_AGENT_INTEGRITY_H

#include "agent/changes.h"
#include "agent/duty.h"
#include "agent/integrity/database.h"
#include "agent/integrity/options.h"
#include "agent/integrity/report.h"

struct sek_integrity {
    struct sek_integrity_options options;
    struct sek_database *db;
    struct sek_report report;
    struct sek_changes *changes; /* NULL: not in real time */
    struct sek_text old_text, new_text;
    bool lost; /* the kernel's queue ran over: a check is due */
};

sek_duty_main sek_integrity_duty;

/* check.c: look at every file now. */
/* Bytes of the text of PATH that are kept. */
uint32_t sek_integrity_text_limit(const struct sek_integrity *i, const char *path);
struct sek_integrity_counts {
    uint64_t files, created, modified, deleted;
};
/* Make a new baseline of what is there. */
enum sek_error sek_integrity_baseline(struct sek_integrity *i, struct sek_integrity_counts *counts);
/* Report what differs; UPDATE: what is there becomes the baseline; DEEP: read also the files whose
 * times did not change. */
void sek_integrity_check(struct sek_integrity *i, bool update, bool deep,
                         struct sek_integrity_counts *counts);
/* Look at PATH and report what differs. */
void sek_integrity_look(struct sek_integrity *i, const char *path, bool update, bool deep,
                        struct sek_integrity_counts *counts);

/* watch.c: in real time. */
enum sek_error sek_integrity_watch(struct sek_integrity *i, struct sek_fault *fault);
/* Take what the kernel has, at most for about a second. */
void sek_integrity_serve(struct sek_integrity *i);
void sek_integrity_close(struct sek_integrity *i);

#endif
