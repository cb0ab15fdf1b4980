/* A file as it is: device, inode, change time and size. Whoever may only write a file cannot bring
 * back an old key: the kernel alone sets the change time. Root could, by setting the clock. */
#ifndef SEK_AGENT_FILEKEY_H
#define SEK_AGENT_FILEKEY_H

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define SEK_FILE_KEY 32 /* bytes; keys are compared with memcmp(3) */

static inline void sek_file_key(const struct stat *st, uint8_t key[SEK_FILE_KEY])
{
    const uint64_t parts[] = {
        st->st_dev,
        st->st_ino,
        (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec,
        (uint64_t)st->st_size,
    };
    memcpy(key, parts, SEK_FILE_KEY);
}

#endif
