/* Digests of an open file, read with pread so that the descriptor's position does not matter. */
#ifndef SEK_AGENT_FILEHASH_H
#define SEK_AGENT_FILEHASH_H

#include "lib/base/error.h"

#include <stdint.h>

/* Files larger than this are not hashed (SEK_ELIMIT): nothing that runs is so large. */
#define SEK_FILEHASH_LIMIT (1ull << 30)

/* PROGRESS, when not NULL, is raised by one for each 256 KiB, so that a watchdog sees life. */
enum sek_error sek_filehash(int fd, uint8_t digest[32], _Atomic uint64_t *progress);

/* MD5, only to compare with a package database that has nothing better. */
enum sek_error sek_filehash_md5(int fd, uint8_t digest[16]);

/* Make OpenSSL load its provider now: it opens files, which a fanotify responder never may. */
void sek_filehash_prepare(void);

#endif
