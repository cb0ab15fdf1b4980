/* Everything in the file is checked once, when it is opened: the checksum, that each reference lies
 * inside, and the order of the paths. After that it is used where it is mapped. */
#include "agent/integrity/database.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define MAGIC      "SEKFIM1\n"
#define HEADER     24u
#define RECORD     112u
#define FILE_LIMIT (1u << 30)
#define TEXT_LIMIT (1u << 20) /* of one file, unpacked */
#define TEXT_TOTAL (8u << 20) /* of all texts, packed; files beyond it have no diff */

/* One entry of the file, in this order. */
struct record {
    uint32_t path, path_len, link, link_len, text, text_packed, text_len;
    struct sek_facts facts;
};

/* A change since the file was written. */
struct change {
    char *path;
    uint8_t *packed;
    uint32_t packed_len;
    bool removed;
    struct sek_facts *facts; /* allocated as long as its link is; NULL: removed */
};

struct sek_database {
    char *path; /* NULL: never written */
    const uint8_t *map;
    size_t map_len;
    uint32_t count; /* entries of the file */
    uint64_t time_s;
    uint64_t text_bytes; /* packed texts, of the file and of the changes */
    void *changes;       /* tsearch(3) tree of struct change, by path */
    size_t change_count, added, removed;
};

static void record_at(const uint8_t *data, size_t len, uint32_t index, struct record *r)
{
    struct sek_reader in = sek_reader_make(data, (uint32_t)len);
    sek_reader_skip(&in, HEADER + index * RECORD);
    r->path = sek_reader_u32le(&in);
    r->path_len = sek_reader_u32le(&in);
    r->link = sek_reader_u32le(&in);
    r->link_len = sek_reader_u32le(&in);
    r->text = sek_reader_u32le(&in);
    r->text_packed = sek_reader_u32le(&in);
    r->text_len = sek_reader_u32le(&in);
    struct sek_facts *f = &r->facts;
    f->mode = sek_reader_u32le(&in);
    f->uid = sek_reader_u32le(&in);
    f->gid = sek_reader_u32le(&in);
    f->size = sek_reader_u64le(&in);
    f->inode = sek_reader_u64le(&in);
    f->mtime_ns = (int64_t)sek_reader_u64le(&in);
    f->ctime_ns = (int64_t)sek_reader_u64le(&in);
    f->attributes = sek_reader_u64le(&in);
    struct sek_bytes digest = sek_reader_bytes(&in, 32);
    static const uint8_t none[32];
    memcpy(f->digest, digest.len ? digest.data : none, 32);
    f->hashed = memcmp(f->digest, none, 32) != 0;
    f->link[0] = '\0';
    f->text = NULL;
    f->text_len = 0;
}

static bool inside(size_t len, uint32_t at, uint32_t count)
{
    return at <= len && count <= len - at;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

enum sek_error sek_database_check(const char *name, const uint8_t *data, size_t len,
                                  struct sek_fault *fault)
{
    static struct record r;
    const char *before = NULL;
    uint32_t before_len = 0;
    if (len < HEADER || len > FILE_LIMIT || memcmp(data, MAGIC, 8) != 0)
        return sek_fail(fault, SEK_EINVAL, "%.300s: damaged: not a baseline of file integrity",
                        name);
    struct sek_reader in = sek_reader_make(data + 8, 4);
    uint32_t count = sek_reader_u32le(&in);
    if (count > (len - HEADER) / RECORD)
        return sek_fail(fault, SEK_EINVAL, "%.300s: damaged: %u entries do not fit into %zu bytes",
                        name, count, len);
    for (uint32_t i = 0; i < count; i++) {
        record_at(data, len, i, &r);
        if (!r.path_len || r.path_len >= PATH_MAX || r.link_len >= PATH_MAX ||
            r.text_len > TEXT_LIMIT || !inside(len, r.path, r.path_len) ||
            !inside(len, r.link, r.link_len) || !inside(len, r.text, r.text_packed))
            return sek_fail(fault, SEK_EINVAL, "%.300s: damaged: entry %u points outside", name, i);
        const char *path = (const char *)data + r.path;
        if (memchr(path, '\0', r.path_len) ||
            (before && compare_bytes(before, before_len, path, r.path_len) >= 0))
            return sek_fail(fault, SEK_EINVAL, "%.300s: damaged: entry %u is out of order", name,
                            i);
        before = path;
        before_len = r.path_len;
    }
    return SEK_OK;
}

static int compare_changes(const void *a, const void *b)
{
    return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

static void free_change(void *arg)
{
    struct change *c = arg;
    free(c->path);
    free(c->packed);
    free(c->facts);
    free(c);
}

static void unmap(struct sek_database *db)
{
    if (db->map)
        munmap((void *)(uintptr_t)db->map, db->map_len);
    db->map = NULL;
    db->map_len = db->count = 0;
}

static enum sek_error map_file(struct sek_database *db, struct sek_fault *fault)
{
    struct stat st;
    uint8_t digest[32];
    int fd = open(db->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sek_fail(fault, errno == ENOENT ? SEK_ENOTFOUND : SEK_EIO, "%.300s: %s", db->path,
                        strerror(errno));
    void *map = MAP_FAILED;
    if (!fstat(fd, &st) && st.st_size > (off_t)(HEADER + 32) && st.st_size < (off_t)FILE_LIMIT)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return sek_fail(fault, SEK_EINVAL, "%.300s: damaged: it is cut", db->path);
    const uint8_t *data = map;
    size_t len = (size_t)st.st_size - 32;
    sek_sha256(data, len, digest);
    enum sek_error rc = SEK_OK;
    if (memcmp(digest, data + len, 32) != 0)
        rc = sek_fail(fault, SEK_EINVAL, "%.300s: damaged: its checksum does not fit", db->path);
    if (!rc)
        rc = sek_database_check(db->path, data, len, fault);
    db->map = data;
    db->map_len = (size_t)st.st_size;
    if (rc) {
        unmap(db);
        return rc;
    }
    struct sek_reader in = sek_reader_make(data + 8, HEADER - 8);
    db->count = sek_reader_u32le(&in);
    sek_reader_skip(&in, 4);
    db->time_s = sek_reader_u64le(&in);
    db->text_bytes = 0;
    for (uint32_t i = 0; i < db->count; i++) {
        static struct record r;
        record_at(data, len, i, &r);
        db->text_bytes += r.text_packed;
    }
    madvise(map, db->map_len, MADV_DONTNEED);
    return SEK_OK;
}

struct sek_database *sek_database_none(void)
{
    return calloc(1, sizeof(struct sek_database));
}

enum sek_error sek_database_open(const char *path, struct sek_database **out,
                                 struct sek_fault *fault)
{
    struct sek_database *db = sek_database_none();
    *out = NULL;
    if (!db || !(db->path = strdup(path))) {
        free(db);
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    }
    enum sek_error rc = map_file(db, fault);
    if (rc && rc != SEK_ENOTFOUND)
        sek_database_close(db);
    else
        *out = db;
    return rc;
}

static void forget_changes(struct sek_database *db)
{
    tdestroy(db->changes, free_change);
    db->changes = NULL;
    db->change_count = db->added = db->removed = 0;
}

void sek_database_close(struct sek_database *db)
{
    if (!db)
        return;
    forget_changes(db);
    unmap(db);
    free(db->path);
    free(db);
}

size_t sek_database_count(const struct sek_database *db)
{
    return db->count + db->added - db->removed;
}

uint64_t sek_database_time(const struct sek_database *db)
{
    return db->time_s;
}

bool sek_database_dirty(const struct sek_database *db)
{
    return db->path && db->change_count;
}

/* The entry of PATH in the file; false: none. */
static bool find_record(const struct sek_database *db, const char *path, struct record *r)
{
    uint32_t low = 0, high = db->count;
    size_t len = strlen(path);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        record_at(db->map, db->map_len, middle, r);
        int order = compare_bytes(path, len, (const char *)db->map + r->path, r->path_len);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static size_t facts_size(const struct sek_facts *f)
{
    return offsetof(struct sek_facts, link) + strlen(f->link) + 1;
}

static struct change *find_change(const struct sek_database *db, const char *path)
{
    struct change key = {.path = (char *)(uintptr_t)path};
    struct change **found = tfind(&key, &db->changes, compare_changes);
    return found ? *found : NULL;
}

static void unpack(const uint8_t *packed, uint32_t packed_len, uint32_t len,
                   struct sek_text *buffer, struct sek_facts *f)
{
    sek_text_clear(buffer);
    char *space = malloc(len + 1u);
    if (space && ZSTD_decompress(space, len, packed, packed_len) == len) {
        sek_text_add(buffer, space, len);
        f->text = buffer->data ? buffer->data : "";
        f->text_len = len;
    }
    free(space);
}

bool sek_database_find(const struct sek_database *db, const char *path, struct sek_text *buffer,
                       struct sek_facts *f)
{
    static struct record r;
    const struct change *c = find_change(db, path);
    if (c && c->removed)
        return false;
    if (c) {
        memcpy(f, c->facts, facts_size(c->facts));
        f->text = NULL;
        if (c->packed && buffer)
            unpack(c->packed, c->packed_len, c->facts->text_len, buffer, f);
        return true;
    }
    if (!find_record(db, path, &r))
        return false;
    memcpy(f, &r.facts, offsetof(struct sek_facts, link));
    memcpy(f->link, db->map + r.link, r.link_len);
    f->link[r.link_len] = '\0';
    if (r.text_packed && buffer)
        unpack(db->map + r.text, r.text_packed, r.text_len, buffer, f);
    return true;
}

/* The change of PATH, made when there is none yet. */
static struct change *change_of(struct sek_database *db, const char *path)
{
    struct change *c = find_change(db, path);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path)) || !tsearch(c, &db->changes, compare_changes)) {
        if (c)
            free_change(c);
        return NULL;
    }
    db->change_count++;
    c->removed = true;
    return c;
}

static void pack(struct sek_database *db, struct change *c, const struct sek_facts *f)
{
    db->text_bytes -= c->packed_len;
    free(c->packed);
    c->packed = NULL;
    c->packed_len = 0;
    c->facts->text = NULL;
    c->facts->text_len = 0;
    if (!f->text || f->text_len > TEXT_LIMIT)
        return;
    size_t room = ZSTD_compressBound(f->text_len);
    if (!(c->packed = malloc(room)))
        return;
    size_t n = ZSTD_compress(c->packed, room, f->text, f->text_len, 3);
    if (ZSTD_isError(n) || db->text_bytes + n > TEXT_TOTAL) {
        free(c->packed);
        c->packed = NULL;
        return;
    }
    uint8_t *fitting = realloc(c->packed, n);
    c->packed = fitting ? fitting : c->packed;
    c->packed_len = (uint32_t)n;
    db->text_bytes += n;
    c->facts->text_len = f->text_len;
}

enum sek_error sek_database_put(struct sek_database *db, const char *path,
                                const struct sek_facts *f)
{
    static struct record r;
    bool fresh = !find_change(db, path), known = find_record(db, path, &r);
    if (!known && fresh && sek_database_count(db) >= SEK_DATABASE_FILES)
        return SEK_ELIMIT;
    struct change *c = change_of(db, path);
    struct sek_facts *copy = malloc(facts_size(f));
    if (!c || !copy) {
        free(copy);
        return SEK_ENOMEM;
    }
    memcpy(copy, f, facts_size(f));
    /* What the file knows and nothing removed counts already. */
    if (c->removed && !(fresh && known)) {
        if (known)
            db->removed--;
        else
            db->added++;
    }
    c->removed = false;
    free(c->facts);
    c->facts = copy;
    pack(db, c, f);
    return SEK_OK;
}

void sek_database_remove(struct sek_database *db, const char *path)
{
    static struct record r;
    struct change *c = find_change(db, path);
    bool known = find_record(db, path, &r);
    if (c && !c->removed && !known) {
        db->text_bytes -= c->packed_len;
        tdelete(c, &db->changes, compare_changes);
        free_change(c);
        db->change_count--;
        db->added--;
        return;
    }
    if (!known || (c && c->removed) || !(c = change_of(db, path)))
        return;
    c->removed = true;
    db->removed++;
}

/* --- all of it, sorted ----------------------------------------------------------------------- */

struct gather {
    struct change **list;
    size_t count;
};

/* twalk(3) passes no argument, and musl has no twalk_r. */
static struct gather *gathering;

static void gather_change(const void *node, VISIT visit, int depth)
{
    (void)depth;
    if (visit == postorder || visit == leaf)
        gathering->list[gathering->count++] = *(struct change *const *)node;
}

/* One of the sorted whole: from the file, or a change that takes its place. */
struct one {
    uint32_t index; /* when change is NULL */
    struct change *change;
};

static struct one *merge(const struct sek_database *db, size_t *count)
{
    static struct record r;
    struct gather g = {.list = malloc((db->change_count + 1) * sizeof *g.list)};
    struct one *all = malloc((db->count + db->change_count + 1) * sizeof *all);
    *count = 0;
    if (!g.list || !all) {
        free(g.list);
        free(all);
        return NULL;
    }
    gathering = &g;
    twalk(db->changes, gather_change);
    uint32_t i = 0;
    size_t k = 0;
    while (i < db->count || k < g.count) {
        int order = i == db->count ? 1 : k == g.count ? -1 : 0;
        if (!order) {
            record_at(db->map, db->map_len, i, &r);
            order = compare_bytes((const char *)db->map + r.path, r.path_len, g.list[k]->path,
                                  strlen(g.list[k]->path));
        }
        if (order < 0)
            all[(*count)++] = (struct one){i++, NULL};
        else if (!g.list[k]->removed)
            all[(*count)++] = (struct one){0, g.list[k]};
        i += order == 0;
        k += order >= 0;
    }
    free(g.list);
    return all;
}

void sek_database_each(struct sek_database *db, void (*visit)(void *arg, const char *path),
                       void *arg)
{
    static struct record r;
    size_t count;
    char path[PATH_MAX];
    struct sek_text names = {0};
    struct one *all = merge(db, &count);
    /* Copied first: the visitor may change what there is. */
    for (size_t i = 0; all && i < count; i++) {
        if (all[i].change) {
            sek_text_add(&names, all[i].change->path, strlen(all[i].change->path) + 1);
        } else {
            record_at(db->map, db->map_len, all[i].index, &r);
            memcpy(path, db->map + r.path, r.path_len);
            path[r.path_len] = '\0';
            sek_text_add(&names, path, r.path_len + 1);
        }
    }
    free(all);
    for (size_t at = 0; at < names.len; at += strlen(names.data + at) + 1)
        visit(arg, names.data + at);
    sek_text_free(&names);
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_u32(uint8_t **p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *(*p)++ = (uint8_t)(v >> 8 * i);
}

static void put_u64(uint8_t **p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p, (uint32_t)(v >> 32));
}

static uint32_t add_blob(struct sek_text *out, const void *data, size_t len)
{
    uint32_t at = (uint32_t)out->len;
    sek_text_add(out, data, len);
    return at;
}

static void write_record(const struct sek_database *db, const struct one *one, size_t index,
                         struct sek_text *out)
{
    static struct record r;
    uint8_t bytes[RECORD], *p = bytes;
    const struct change *c = one->change;
    if (c) {
        memcpy(&r.facts, c->facts, offsetof(struct sek_facts, link));
        r.path_len = (uint32_t)strlen(c->path);
        r.link_len = (uint32_t)strlen(c->facts->link);
        r.text_packed = c->packed_len;
        r.text_len = c->facts->text_len;
        r.path = add_blob(out, c->path, r.path_len);
        r.link = add_blob(out, c->facts->link, r.link_len);
        r.text = add_blob(out, c->packed ? (const void *)c->packed : "", c->packed_len);
    } else {
        record_at(db->map, db->map_len, one->index, &r);
        r.path = add_blob(out, db->map + r.path, r.path_len);
        r.link = add_blob(out, db->map + r.link, r.link_len);
        r.text = add_blob(out, db->map + r.text, r.text_packed);
    }
    const uint32_t first[] = {r.path,        r.path_len, r.link,       r.link_len,  r.text,
                              r.text_packed, r.text_len, r.facts.mode, r.facts.uid, r.facts.gid};
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        put_u32(&p, first[i]);
    put_u64(&p, r.facts.size);
    put_u64(&p, r.facts.inode);
    put_u64(&p, (uint64_t)r.facts.mtime_ns);
    put_u64(&p, (uint64_t)r.facts.ctime_ns);
    put_u64(&p, r.facts.attributes);
    if (r.facts.hashed)
        memcpy(p, r.facts.digest, 32);
    else
        memset(p, 0, 32);
    if (!out->failed)
        memcpy(out->data + HEADER + index * RECORD, bytes, RECORD);
}

enum sek_error sek_database_save(struct sek_database *db, struct sek_fault *fault)
{
    struct sek_text out = {0};
    uint8_t header[HEADER] = MAGIC, digest[32], *p = header + 8;
    static const uint8_t empty[RECORD];
    size_t count;
    struct one *all = merge(db, &count);
    if (!db->path || !all) {
        free(all);
        return sek_fail(fault, db->path ? SEK_ENOMEM : SEK_ESTATE,
                        "the baseline cannot be written");
    }
    db->time_s = sek_clock_wall_us() / 1000000u;
    put_u32(&p, (uint32_t)count);
    put_u32(&p, 0);
    put_u64(&p, db->time_s);
    sek_text_add(&out, header, sizeof header);
    for (size_t i = 0; i < count; i++)
        sek_text_add(&out, empty, sizeof empty);
    for (size_t i = 0; i < count; i++)
        write_record(db, &all[i], i, &out);
    free(all);
    enum sek_error rc = SEK_OK;
    if (out.failed || out.len > FILE_LIMIT - 32)
        rc = sek_fail(fault, SEK_ELIMIT, "%.300s: the baseline would be too large", db->path);
    if (!rc) {
        sek_sha256(out.data, out.len, digest);
        sek_text_add(&out, digest, sizeof digest);
        rc = sek_file_replace(db->path, out.data, out.len, 0600, fault);
    }
    sek_text_free(&out);
    if (rc)
        return rc;
    forget_changes(db);
    unmap(db);
    return map_file(db, fault);
}
