/* Segment files "<first sequence, 16 hex digits>.seg" and a file "acknowledged". */
#include "lib/wire/spool.h"

#include "lib/base/file.h"
#include "lib/base/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define DEFAULT_LIMIT (32ull << 20)
#define SEGMENT_LIMIT (8u << 20)

struct segment {
    uint64_t first; /* sequence of its first record */
    uint64_t last;  /* of its last; first - 1 when empty */
    uint64_t bytes; /* of whole records */
};

struct sek_spool {
    char *folder;
    struct segment *segments; /* oldest first */
    size_t count, cap;
    int fd; /* the newest segment, for appending; -1 */
    uint64_t limit, segment_size, bytes;
    uint64_t next, acknowledged, dropped;
    uint64_t offset; /* of the first unacknowledged record in segments[0] */
    bool dirty;
    bool fresh; /* the newest segment's name may not be on disk yet */
    struct sek_text last;
    char *batch; /* bytes of segments[0] being read */
};

struct header {
    uint32_t len, crc;
    uint64_t seq;
};

static struct header header_read(const void *data)
{
    struct sek_reader r = sek_reader_make(data, SEK_SPOOL_HEADER);
    struct header h;
    h.len = sek_reader_u32le(&r);
    h.crc = sek_reader_u32le(&r);
    h.seq = sek_reader_u64le(&r);
    return h;
}

static void put_le(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t record_crc(const uint8_t *seq, const void *payload, size_t len)
{
    uLong crc = crc32(crc32(0, NULL, 0), seq, 8);
    return (uint32_t)crc32(crc, payload, (uInt)len);
}

size_t sek_spool_scan(const void *data, size_t len,
                      void (*visit)(void *arg, uint64_t seq, const void *payload, size_t len),
                      void *arg)
{
    const uint8_t *p = data;
    size_t at = 0;
    while (len - at >= SEK_SPOOL_HEADER) {
        struct header h = header_read(p + at);
        const uint8_t *payload = p + at + SEK_SPOOL_HEADER;
        if (h.len > SEK_SPOOL_RECORD_LIMIT || h.len > len - at - SEK_SPOOL_HEADER ||
            record_crc(p + at + 8, payload, h.len) != h.crc)
            break;
        if (visit)
            visit(arg, h.seq, payload, h.len);
        at += SEK_SPOOL_HEADER + h.len;
    }
    return at;
}

static void segment_path(const struct sek_spool *spool, uint64_t first, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%016llx.seg", spool->folder, (unsigned long long)first);
}

static int by_first(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static enum sek_error segment_add(struct sek_spool *spool, uint64_t first, struct sek_fault *fault)
{
    if (spool->count == spool->cap) {
        size_t cap = spool->cap ? spool->cap * 2 : 16;
        struct segment *more = realloc(spool->segments, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", spool->folder);
        spool->segments = more;
        spool->cap = cap;
    }
    spool->segments[spool->count++] = (struct segment){.first = first, .last = first - 1};
    return SEK_OK;
}

static void segment_remove(struct sek_spool *spool, size_t index)
{
    char path[PATH_MAX];
    segment_path(spool, spool->segments[index].first, path);
    unlink(path);
    spool->bytes -= spool->segments[index].bytes;
    memmove(&spool->segments[index], &spool->segments[index + 1],
            (--spool->count - index) * sizeof *spool->segments);
    if (!index)
        spool->offset = 0;
}

static enum sek_error list_segments(struct sek_spool *spool, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    DIR *dir = opendir(spool->folder);
    if (!dir)
        return sek_fail(fault, SEK_EIO, "%s: cannot list: %s", spool->folder, strerror(errno));
    for (struct dirent *entry; !rc && (entry = readdir(dir));) {
        char *end;
        unsigned long long first = strtoull(entry->d_name, &end, 16);
        if (end == entry->d_name + 16 && !strcmp(end, ".seg") && first)
            rc = segment_add(spool, first, fault);
    }
    closedir(dir);
    if (spool->count)
        qsort(spool->segments, spool->count, sizeof *spool->segments, by_first);
    return rc;
}

struct scan {
    struct sek_spool *spool;
    struct segment *segment;
};

static void scan_record(void *arg, uint64_t seq, const void *payload, size_t len)
{
    struct scan *scan = arg;
    scan->segment->last = seq;
    sek_text_clear(&scan->spool->last);
    sek_text_add(&scan->spool->last, payload, len);
}

/* Read every segment; cut the torn tail, so that later appends follow a whole record. */
static enum sek_error scan_segments(struct sek_spool *spool, struct sek_fault *fault)
{
    for (size_t i = 0; i < spool->count; i++) {
        struct segment *segment = &spool->segments[i];
        char path[PATH_MAX];
        char *data = NULL;
        size_t len = 0;
        segment_path(spool, segment->first, path);
        enum sek_error rc = sek_file_read(path, 2 * SEGMENT_LIMIT, &data, &len, fault);
        if (rc)
            return rc;
        struct scan scan = {spool, segment};
        segment->bytes = sek_spool_scan(data, len, scan_record, &scan);
        free(data);
        if (segment->bytes < len && truncate(path, (off_t)segment->bytes))
            return sek_fail(fault, SEK_EIO, "%s: cannot cut the torn tail: %s", path,
                            strerror(errno));
        spool->bytes += segment->bytes;
        if (segment->last >= segment->first && segment->last >= spool->next)
            spool->next = segment->last + 1;
        else if (segment->first > spool->next)
            spool->next = segment->first;
    }
    for (size_t i = spool->count; i-- > 0;)
        if (!spool->segments[i].bytes)
            segment_remove(spool, i);
    return SEK_OK;
}

static void load_acknowledged(struct sek_spool *spool)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/acknowledged", spool->folder);
    if (sek_file_read(path, 64, &text, &len, NULL))
        return;
    uint64_t value = strtoull(text, NULL, 10);
    free(text);
    if (value < spool->next)
        spool->acknowledged = value;
}

static enum sek_error open_newest(struct sek_spool *spool, struct sek_fault *fault)
{
    char path[PATH_MAX];
    segment_path(spool, spool->segments[spool->count - 1].first, path);
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spool->fd < 0)
        return sek_fail(fault, SEK_EIO, "%s: cannot open: %s", path, strerror(errno));
    return SEK_OK;
}

enum sek_error sek_spool_open(const char *folder, uint64_t limit, struct sek_spool **out,
                              struct sek_fault *fault)
{
    struct sek_spool *spool = calloc(1, sizeof *spool);
    enum sek_error rc;
    if (!spool || !(spool->folder = strdup(folder))) {
        free(spool);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", folder);
    }
    spool->fd = -1;
    spool->next = 1;
    spool->limit = limit ? limit : DEFAULT_LIMIT;
    spool->segment_size = spool->limit / 8 < SEGMENT_LIMIT ? spool->limit / 8 : SEGMENT_LIMIT;
    rc = sek_make_folder(folder, 0700, fault);
    if (!rc)
        rc = list_segments(spool, fault);
    if (!rc)
        rc = scan_segments(spool, fault);
    if (!rc && spool->count)
        rc = open_newest(spool, fault);
    if (!rc) {
        load_acknowledged(spool);
        rc = sek_spool_acknowledge(spool, spool->acknowledged, fault);
    }
    if (rc)
        sek_spool_close(spool);
    else
        *out = spool;
    return rc;
}

void sek_spool_close(struct sek_spool *spool)
{
    if (!spool)
        return;
    if (spool->fd >= 0) {
        fdatasync(spool->fd);
        close(spool->fd);
    }
    sek_text_free(&spool->last);
    free(spool->batch);
    free(spool->segments);
    free(spool->folder);
    free(spool);
}

uint64_t sek_spool_next(const struct sek_spool *spool)
{
    return spool->next;
}

const char *sek_spool_last(const struct sek_spool *spool)
{
    return spool->last.len ? spool->last.data : NULL;
}

uint64_t sek_spool_backlog(const struct sek_spool *spool)
{
    uint64_t waiting = 0;
    for (size_t i = 0; i < spool->count; i++) {
        const struct segment *s = &spool->segments[i];
        if (s->last > spool->acknowledged)
            waiting += s->last - (s->first > spool->acknowledged ? s->first - 1
                                                                 : spool->acknowledged);
    }
    return waiting;
}

uint64_t sek_spool_dropped(const struct sek_spool *spool)
{
    return spool->dropped;
}

static enum sek_error make_room(struct sek_spool *spool, size_t need, struct sek_fault *fault)
{
    while (spool->count > 1 && spool->bytes + need > spool->limit) {
        const struct segment *oldest = &spool->segments[0];
        uint64_t from = oldest->first > spool->acknowledged ? oldest->first
                                                            : spool->acknowledged + 1;
        if (oldest->last >= from)
            spool->dropped += oldest->last - from + 1;
        segment_remove(spool, 0);
    }
    if (spool->count && spool->segments[spool->count - 1].bytes + need <= spool->segment_size)
        return SEK_OK;
    if (spool->count && !spool->segments[spool->count - 1].bytes)
        return SEK_OK;
    /* What the segment before holds is on disk before a new one begins: after a power cut records
     * are missing at the end only. */
    enum sek_error rc = sek_spool_sync(spool, fault);
    if (!rc)
        rc = segment_add(spool, spool->next, fault);
    spool->fresh = true;
    return rc ? rc : open_newest(spool, fault);
}

enum sek_error sek_spool_append(struct sek_spool *spool, const void *data, size_t len,
                                struct sek_fault *fault)
{
    size_t total = SEK_SPOOL_HEADER + len;
    if (len > SEK_SPOOL_RECORD_LIMIT)
        return sek_fail(fault, SEK_ELIMIT, "%s: record of %zu bytes, at most %u expected",
                        spool->folder, len, SEK_SPOOL_RECORD_LIMIT);
    enum sek_error rc = make_room(spool, total, fault);
    if (rc)
        return rc;
    uint8_t *record = malloc(total);
    if (!record)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", spool->folder);
    put_le(record, len, 4);
    put_le(record + 8, spool->next, 8);
    put_le(record + 4, record_crc(record + 8, data, len), 4);
    memcpy(record + SEK_SPOOL_HEADER, data, len);
    struct segment *newest = &spool->segments[spool->count - 1];
    ssize_t n = write(spool->fd, record, total);
    free(record);
    if (n != (ssize_t)total) {
        int saved = n < 0 ? errno : ENOSPC;
        if (ftruncate(spool->fd, (off_t)newest->bytes))
            saved = errno;
        return sek_fail(fault, SEK_EIO, "%s: cannot append: %s", spool->folder, strerror(saved));
    }
    newest->bytes += total;
    newest->last = spool->next++;
    spool->bytes += total;
    spool->dirty = true;
    sek_text_clear(&spool->last);
    sek_text_add(&spool->last, data, len);
    return SEK_OK;
}

enum sek_error sek_spool_sync(struct sek_spool *spool, struct sek_fault *fault)
{
    if (spool->dirty && spool->fd >= 0 && fdatasync(spool->fd))
        return sek_fail(fault, SEK_EIO, "%s: cannot sync: %s", spool->folder, strerror(errno));
    if (spool->dirty && spool->fresh) {
        int folder = open(spool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int rc = folder >= 0 ? fsync(folder) : -1;
        if (folder >= 0)
            close(folder);
        if (rc)
            return sek_fail(fault, SEK_EIO, "%s: cannot sync: %s", spool->folder, strerror(errno));
        spool->fresh = false;
    }
    spool->dirty = false;
    return SEK_OK;
}

struct gather {
    struct sek_text *out;
    uint64_t after, last;
    size_t max_bytes;
    unsigned left;
};

static void gather_record(void *arg, uint64_t seq, const void *payload, size_t len)
{
    struct gather *g = arg;
    if (seq <= g->after || !g->left || (g->out->len && g->out->len + len > g->max_bytes))
        return;
    sek_text_add(g->out, payload, len);
    sek_text_putc(g->out, '\n');
    g->last = seq;
    g->after = seq;
    if (--g->left == 0 || g->out->len >= g->max_bytes)
        g->left = 0;
}

/* Bytes FROM.. of segment INDEX, at most WANT, into spool->batch. */
static enum sek_error read_segment(struct sek_spool *spool, size_t index, uint64_t from,
                                   size_t want, size_t *len, struct sek_fault *fault)
{
    char path[PATH_MAX];
    segment_path(spool, spool->segments[index].first, path);
    uint64_t left = spool->segments[index].bytes - from;
    if (want > left)
        want = (size_t)left;
    free(spool->batch);
    spool->batch = malloc(want ? want : 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 && spool->batch ? pread(fd, spool->batch, want, (off_t)from) : -1;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return sek_fail(fault, SEK_EIO, "%s: cannot read: %s", path, strerror(saved));
    *len = (size_t)n;
    return SEK_OK;
}

enum sek_error sek_spool_batch(struct sek_spool *spool, size_t max_bytes, unsigned max_records,
                               struct sek_text *out, uint64_t *last, struct sek_fault *fault)
{
    struct gather g = {out, spool->acknowledged, 0, max_bytes, max_records};
    enum sek_error rc = SEK_OK;
    for (size_t i = 0; i < spool->count && g.left && out->len < max_bytes; i++) {
        size_t len = 0;
        rc = read_segment(spool, i, i ? 0 : spool->offset,
                          max_bytes + SEK_SPOOL_RECORD_LIMIT + SEK_SPOOL_HEADER, &len, fault);
        if (rc)
            break;
        sek_spool_scan(spool->batch, len, gather_record, &g);
    }
    free(spool->batch);
    spool->batch = NULL;
    if (rc)
        return rc;
    if (!g.last)
        return SEK_EAGAIN;
    *last = g.last;
    return sek_spool_sync(spool, fault);
}

/* Move `offset` in segments[0] past acknowledged records, so that batches start there. */
static enum sek_error advance(struct sek_spool *spool, struct sek_fault *fault)
{
    char path[PATH_MAX];
    if (!spool->count)
        return SEK_OK;
    segment_path(spool, spool->segments[0].first, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sek_fail(fault, SEK_EIO, "%s: cannot open: %s", path, strerror(errno));
    while (spool->offset < spool->segments[0].bytes) {
        uint8_t raw[SEK_SPOOL_HEADER];
        if (pread(fd, raw, sizeof raw, (off_t)spool->offset) != (ssize_t)sizeof raw)
            break;
        struct header h = header_read(raw);
        if (h.seq > spool->acknowledged)
            break;
        spool->offset += SEK_SPOOL_HEADER + h.len;
    }
    close(fd);
    return SEK_OK;
}

enum sek_error sek_spool_acknowledge(struct sek_spool *spool, uint64_t seq,
                                     struct sek_fault *fault)
{
    char path[PATH_MAX], text[32];
    if (seq >= spool->next)
        return sek_fail(fault, SEK_EINVAL, "%s: acknowledged %llu, but the last record is %llu",
                        spool->folder, (unsigned long long)seq,
                        (unsigned long long)spool->next - 1);
    if (seq > spool->acknowledged) {
        spool->acknowledged = seq;
        /* No fsync: a stale number only sends a record twice, and the manager stores it once. */
        snprintf(path, sizeof path, "%s/acknowledged", spool->folder);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        int len = snprintf(text, sizeof text, "%020llu\n", (unsigned long long)seq);
        bool ok = fd >= 0 && pwrite(fd, text, (size_t)len, 0) == len;
        if (fd >= 0)
            close(fd);
        if (!ok)
            return sek_fail(fault, SEK_EIO, "%s: cannot write: %s", path, strerror(errno));
    }
    while (spool->count > 1 && spool->segments[0].last <= spool->acknowledged)
        segment_remove(spool, 0);
    return advance(spool, fault);
}
