/* File kinds, and the digest cache: four places for each key, the oldest of them is replaced. */
#include "agent/lockdown/judge.h"
#include "agent/filehash.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#define WAYS      4
#define COARSE_NS 50000000
#define SECOND_NS 1000000000

#define CHUNK        65536
#define OBJECT_LIMIT (64 << 20) /* bytes; what is larger is judged like a program */

const char *sek_file_kind_name(enum sek_file_kind kind)
{
    static const char *const names[] = {"data", "executable", "script"};
    return names[kind];
}

enum sek_file_kind sek_file_kind_of(const uint8_t *head, size_t len)
{
    if (len >= 4 && !memcmp(head,
                            "\x7f"
                            "ELF",
                            4))
        return SEK_FILE_ELF;
    if (len >= 2 && head[0] == '#' && head[1] == '!')
        return SEK_FILE_SCRIPT;
    return SEK_FILE_DATA;
}

enum sek_file_kind sek_file_kind_fd(int fd)
{
    uint8_t head[4];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n > 0 ? sek_file_kind_of(head, (size_t)n) : SEK_FILE_DATA;
}

bool sek_file_is_object(int fd)
{
    static const char module[] =
        ".gnu.linkonce.this_module"; /* the kernel looks for this section */
    static char chunk[CHUNK];
    uint8_t head[20];
    size_t name = sizeof module - 1, kept = 0;
    off_t at = 0;
    if (pread(fd, head, sizeof head, 0) != sizeof head)
        return false;
    unsigned type = head[EI_DATA] == ELFDATA2MSB ? head[17] | (unsigned)head[16] << 8
                                                 : head[16] | (unsigned)head[17] << 8;
    if (type != ET_REL)
        return false;
    for (ssize_t n; (n = pread(fd, chunk + kept, sizeof chunk - kept, at)) > 0;) {
        size_t have = kept + (size_t)n;
        at += n;
        if (memmem(chunk, have, module, name) || at > OBJECT_LIMIT)
            return false;
        kept = have < name ? have : name - 1;
        memmove(chunk, chunk + have - kept, kept);
    }
    return true;
}

bool sek_mode_is_set_id(mode_t mode)
{
    return (mode & S_ISUID) || (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
}

bool sek_file_is_text(int fd)
{
    uint8_t head[512];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n > 0 && !memchr(head, '\0', (size_t)n);
}

static struct sek_judge_entry *ways(struct sek_judge *judge, uint64_t device, uint64_t inode)
{
    uint64_t h = (inode ^ device << 32) * 0x9e3779b97f4a7c15u;
    return &judge->cache[(h >> 40) % (SEK_JUDGE_CACHE / WAYS) * WAYS];
}

static int64_t changed_ns(const struct stat *st)
{
    return st->st_ctim.tv_sec * (int64_t)SECOND_NS + st->st_ctim.tv_nsec;
}

enum sek_error sek_judge_digest(struct sek_judge *judge, int fd, const struct stat *st,
                                bool may_change, int64_t now_ns, _Atomic uint64_t *progress,
                                uint8_t digest[32])
{
    struct sek_judge_entry *way = ways(judge, st->st_dev, st->st_ino);
    int64_t changed = changed_ns(st);
    for (int i = 0; i < WAYS && !may_change; i++) {
        struct sek_judge_entry *e = &way[i];
        if (e->inode == st->st_ino && e->device == st->st_dev && e->changed_ns == changed &&
            e->size == (uint64_t)st->st_size) {
            memcpy(digest, e->digest, 32);
            judge->cached++;
            return SEK_OK;
        }
    }
    enum sek_error rc = sek_filehash(fd, digest, progress);
    judge->hashed++;
    if (rc || may_change || now_ns - changed < COARSE_NS)
        return rc;
    sek_judge_forget(judge, st->st_dev, st->st_ino);
    memmove(way + 1, way, (WAYS - 1) * sizeof *way);
    way[0] = (struct sek_judge_entry){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .changed_ns = changed,
    };
    memcpy(way[0].digest, digest, 32);
    return SEK_OK;
}

bool sek_judge_knows(struct sek_judge *judge, uint64_t device, uint64_t inode)
{
    struct sek_judge_entry *way = ways(judge, device, inode);
    for (int i = 0; i < WAYS; i++) {
        if (way[i].inode == inode && way[i].device == device)
            return true;
    }
    return false;
}

void sek_judge_forget(struct sek_judge *judge, uint64_t device, uint64_t inode)
{
    struct sek_judge_entry *way = ways(judge, device, inode);
    for (int i = 0; i < WAYS; i++) {
        if (way[i].inode == inode && way[i].device == device)
            way[i] = (struct sek_judge_entry){0};
    }
}
