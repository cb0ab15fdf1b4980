/* What a file is and whether it is registered. The digest of a file is remembered by device, inode,
 * change time and size; a file that was changed less than 50 ms ago is never remembered, because
 * the change time of some file systems is that coarse, nor is one that somebody may be writing. */
#ifndef SEK_AGENT_JUDGE_H
#define SEK_AGENT_JUDGE_H

#include "agent/lockdown/allowlist.h"

#include <sys/stat.h>

enum sek_file_kind { SEK_FILE_DATA, SEK_FILE_ELF, SEK_FILE_SCRIPT };

const char *sek_file_kind_name(enum sek_file_kind kind);
/* By the first bytes ("\x7f" "ELF", "#!"). */
enum sek_file_kind sek_file_kind_of(const uint8_t *head, size_t len);
enum sek_file_kind sek_file_kind_fd(int fd);
/* Is this ELF file relocatable, and no kernel module? The linker reads such; the kernel starts and
 * the dynamic loader loads none. */
bool sek_file_is_object(int fd);
/* Does starting a file with this mode change user or group? */
bool sek_mode_is_set_id(mode_t mode);
/* No zero byte in the first 512. */
bool sek_file_is_text(int fd);

#define SEK_JUDGE_CACHE 1024 /* entries; 80 bytes each */

struct sek_judge_entry {
    uint64_t device, inode, size;
    int64_t changed_ns; /* status change time */
    uint8_t digest[32];
};

struct sek_judge {
    struct sek_allowlist allowlist;
    struct sek_judge_entry cache[SEK_JUDGE_CACHE];
    uint64_t hashed, cached; /* files; for the counters */
};

/* The digest of the file behind FD with status ST. MAY_CHANGE: somebody may be writing it, so the
 * digest is neither taken from the cache nor put there. NOW_NS: wall clock. */
enum sek_error sek_judge_digest(struct sek_judge *judge, int fd, const struct stat *st,
                                bool may_change, int64_t now_ns, _Atomic uint64_t *progress,
                                uint8_t digest[32]);
bool sek_judge_knows(struct sek_judge *judge, uint64_t device, uint64_t inode);
/* Forget what is remembered of a file. */
void sek_judge_forget(struct sek_judge *judge, uint64_t device, uint64_t inode);

#endif
