/* What is known of one file: its metadata, the SHA-256 of its content, the target of a link, a
 * digest of its extended attributes (capabilities and ACLs among them), and the text of a small
 * text file. */
#ifndef SEK_AGENT_FACTS_H
#define SEK_AGENT_FACTS_H

#include "lib/base/error.h"
#include "lib/base/text.h"

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>

struct sek_facts {
    uint32_t mode; /* type and permissions, as stat(2) has them */
    uint32_t uid, gid;
    uint64_t size, inode;
    int64_t mtime_ns, ctime_ns;
    uint64_t attributes; /* 0: none */
    bool hashed;         /* digest holds the content's */
    uint8_t digest[32];
    const char *text; /* NULL: not kept */
    uint32_t text_len;
    char link[PATH_MAX]; /* last, so that a copy may end after it; "" when it is no link */
};

enum {
    SEK_FACT_CONTENT = 1,
    SEK_FACT_MODE = 2,
    SEK_FACT_OWNER = 4,
    SEK_FACT_TYPE = 8,
    SEK_FACT_LINK = 16,
    SEK_FACT_ATTRIBUTES = 32,
    SEK_FACT_MTIME = 64,
};

/* Look at PATH, never following a link. Text files up to TEXT_LIMIT bytes are kept in BUFFER, which
 * FACTS points into. SEK_ENOTFOUND: nothing is there. */
enum sek_error sek_facts_read(const char *path, uint32_t text_limit, struct sek_text *buffer,
                              struct sek_facts *facts, struct sek_fault *fault);
/* From lstat(2) only. */
void sek_facts_stat(const struct stat *st, struct sek_facts *facts);
/* Nothing happened to the file, as far as the kernel's own times tell. */
bool sek_facts_same_times(const struct sek_facts *a, const struct sek_facts *b);
/* SEK_FACT_ bits of what differs. */
uint32_t sek_facts_compare(const struct sek_facts *before, const struct sek_facts *after);
/* One object KEY; and the array "changed". */
void sek_facts_write(struct sek_text *t, const char *key, const struct sek_facts *facts);
void sek_facts_write_changed(struct sek_text *t, uint32_t changed);

#endif
