/* Form: 16 bytes "SEKISHO DIGEST1\n", then entries of 64 bytes, sorted by their keys. Numbers in
 * keys are in this machine's byte order: the file never leaves it. */
#include "agent/digests.h"
#include "agent/filehash.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC   "SEKISHO DIGEST1\n"
#define REST_NS 2000000000

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SEK_FILE_KEY);
}

static bool is_sorted(const struct sek_digests *d)
{
    for (size_t i = 1; i < d->count; i++) {
        if (compare(&d->known[i - 1], &d->known[i]) > 0)
            return false;
    }
    return true;
}

void sek_digests_open(struct sek_digests *d, const char *path)
{
    struct stat st;
    *d = (struct sek_digests){0};
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    size_t head = strlen(MAGIC), size = sizeof *d->known;
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > (off_t)head &&
        ((size_t)st.st_size - head) % size == 0 &&
        (size_t)st.st_size <= head + SEK_DIGESTS_LIMIT * size) {
        d->map_len = (size_t)st.st_size;
        d->map = mmap(NULL, d->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0)
        close(fd);
    if (!d->map || d->map == MAP_FAILED) {
        d->map = NULL;
        return;
    }
    d->known = (const void *)((const char *)d->map + head);
    d->count = (d->map_len - head) / size;
    if (memcmp(d->map, MAGIC, head) != 0 || !is_sorted(d))
        d->count = 0;
}

/* Nobody has the file open for writing. */
static bool has_no_writer(int fd)
{
    bool none = !fcntl(fd, F_SETLEASE, F_RDLCK);
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return none;
}

static bool rested(const struct stat *st)
{
    int64_t changed = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;
    return (int64_t)(sek_clock_wall_us() * 1000u) - changed > REST_NS;
}

static void keep(struct sek_digests *d, const struct sek_digest_entry *e)
{
    if (d->next.len < SEK_DIGESTS_LIMIT * sizeof *e)
        sek_text_add(&d->next, e, sizeof *e);
}

bool sek_digests_know(const struct sek_digests *d, const struct stat *st, uint8_t digest[32])
{
    uint8_t key[SEK_FILE_KEY];
    sek_file_key(st, key);
    const struct sek_digest_entry *known =
        d->count ? bsearch(key, d->known, d->count, sizeof *d->known, compare) : NULL;
    if (known)
        memcpy(digest, known->digest, 32);
    return known != NULL;
}

enum sek_error sek_digests_of(struct sek_digests *d, int fd, const struct stat *st,
                              uint8_t digest[32])
{
    struct sek_digest_entry e;
    struct stat after;
    uint8_t key[SEK_FILE_KEY];
    sek_file_key(st, e.key);
    if (sek_digests_know(d, st, digest)) {
        d->used++;
        memcpy(e.digest, digest, 32);
        keep(d, &e);
        return SEK_OK;
    }
    bool still = rested(st) && has_no_writer(fd);
    enum sek_error rc = sek_filehash(fd, digest, NULL);
    d->read++;
    if (rc || !still || !has_no_writer(fd) || fstat(fd, &after))
        return rc;
    sek_file_key(&after, key);
    memcpy(e.digest, digest, 32);
    if (!memcmp(key, e.key, sizeof key))
        keep(d, &e);
    return SEK_OK;
}

enum sek_error sek_digests_close(struct sek_digests *d, const char *path, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct sek_text out = {0};
    if (path && d->next.len) {
        qsort(d->next.data, d->next.len / sizeof *d->known, sizeof *d->known, compare);
        sek_text_puts(&out, MAGIC);
        sek_text_add(&out, d->next.data, d->next.len);
        rc = out.failed || d->next.failed ? sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path)
                                          : sek_file_replace(path, out.data, out.len, 0600, fault);
    }
    sek_text_free(&out);
    sek_text_free(&d->next);
    if (d->map)
        munmap(d->map, d->map_len);
    *d = (struct sek_digests){0};
    return rc;
}
