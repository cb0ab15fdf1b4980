/* Small files are read once, for the digest and the text; large ones are hashed as a stream. */
#include "agent/integrity/facts.h"
#include "agent/filehash.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE_NAMES 4096
#define ATTRIBUTE_VALUE 4096

void sek_facts_stat(const struct stat *st, struct sek_facts *f)
{
    f->mode = st->st_mode;
    f->uid = st->st_uid;
    f->gid = st->st_gid;
    f->size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size;
    f->inode = st->st_ino;
    f->mtime_ns = st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec;
    f->ctime_ns = st->st_ctim.tv_sec * 1000000000ll + st->st_ctim.tv_nsec;
}

/* Each name with its value changes the sum, in whatever order they come. */
static uint64_t attributes_of(const char *path)
{
    char names[ATTRIBUTE_NAMES], value[ATTRIBUTE_VALUE];
    ssize_t len = llistxattr(path, names, sizeof names);
    uint64_t sum = 0;
    for (ssize_t at = 0; at < len;) {
        const char *name = names + at;
        uint8_t digest[2][SEK_SHA256_SIZE];
        uint64_t part[2];
        ssize_t n = lgetxattr(path, name, value, sizeof value);
        sek_sha256(name, strlen(name), digest[0]);
        sek_sha256(value, n > 0 ? (size_t)n : 0, digest[1]);
        memcpy(&part[0], digest[0], 8);
        memcpy(&part[1], digest[1], 8);
        sum += part[0] ^ (part[1] << 1 | part[1] >> 63);
        at += (ssize_t)strlen(name) + 1;
    }
    return sum;
}

static bool read_small(int fd, uint64_t size, struct sek_text *buffer)
{
    char chunk[8192];
    sek_text_clear(buffer);
    for (;;) {
        ssize_t n = pread(fd, chunk, sizeof chunk, (off_t)buffer->len);
        if (n < 0)
            return false;
        if (n == 0)
            return !buffer->failed;
        if (buffer->len + (size_t)n > size + sizeof chunk)
            return false; /* it grows while we read: hash it as a stream */
        sek_text_add(buffer, chunk, (size_t)n);
    }
}

static enum sek_error read_content(const char *path, uint32_t text_limit, struct sek_text *buffer,
                                   struct sek_facts *f, struct sek_fault *fault)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return sek_fail(fault, SEK_ENOTFOUND, "%.400s: not there", path);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return SEK_OK; /* not readable: its metadata is all there is */
    }
    sek_facts_stat(&st, f);
    if (f->size <= text_limit && read_small(fd, f->size, buffer)) {
        sek_sha256(buffer->data ? buffer->data : "", buffer->len, f->digest);
        f->hashed = true;
        if (!buffer->len || !memchr(buffer->data, '\0', buffer->len)) {
            f->text = buffer->data ? buffer->data : "";
            f->text_len = (uint32_t)buffer->len;
        }
    } else {
        f->hashed = !sek_filehash(fd, f->digest, NULL);
    }
    close(fd);
    return SEK_OK;
}

enum sek_error sek_facts_read(const char *path, uint32_t text_limit, struct sek_text *buffer,
                              struct sek_facts *f, struct sek_fault *fault)
{
    struct stat st;
    memset(f, 0, offsetof(struct sek_facts, link) + 1);
    if (lstat(path, &st))
        return sek_fail(fault, errno == ENOENT || errno == ENOTDIR ? SEK_ENOTFOUND : SEK_EIO,
                        "%.400s: %s", path, strerror(errno));
    sek_facts_stat(&st, f);
    f->attributes = attributes_of(path);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, f->link, sizeof f->link - 1);
        f->link[n > 0 ? n : 0] = '\0';
    }
    return S_ISREG(st.st_mode) ? read_content(path, text_limit, buffer, f, fault) : SEK_OK;
}

bool sek_facts_same_times(const struct sek_facts *a, const struct sek_facts *b)
{
    return a->inode == b->inode && a->size == b->size && a->ctime_ns == b->ctime_ns &&
           a->mtime_ns == b->mtime_ns && a->mode == b->mode;
}

uint32_t sek_facts_compare(const struct sek_facts *a, const struct sek_facts *b)
{
    bool folder = S_ISDIR(a->mode) && S_ISDIR(b->mode);
    bool content = a->hashed && b->hashed
                       ? memcmp(a->digest, b->digest, 32) != 0
                       : S_ISREG(a->mode) && S_ISREG(b->mode) && a->size != b->size;
    return ((a->mode & S_IFMT) != (b->mode & S_IFMT) ? SEK_FACT_TYPE : 0u) |
           (content ? SEK_FACT_CONTENT : 0u) |
           ((a->mode & ~S_IFMT) != (b->mode & ~S_IFMT) ? SEK_FACT_MODE : 0u) |
           (a->uid != b->uid || a->gid != b->gid ? SEK_FACT_OWNER : 0u) |
           (strcmp(a->link, b->link) ? SEK_FACT_LINK : 0u) |
           (a->attributes != b->attributes ? SEK_FACT_ATTRIBUTES : 0u) |
           /* A folder's time changes with each name in it, which is told by itself. */
           (!folder && a->mtime_ns != b->mtime_ns ? SEK_FACT_MTIME : 0u);
}

static const char *type_name(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "folder";
    case S_IFLNK:
        return "link";
    case S_IFCHR:
    case S_IFBLK:
        return "device";
    case S_IFIFO:
        return "pipe";
    default:
        return "socket";
    }
}

void sek_facts_write(struct sek_text *t, const char *key, const struct sek_facts *f)
{
    char mode[8], mtime[SEK_CLOCK_TEXT];
    snprintf(mode, sizeof mode, "%04o", f->mode & 07777u);
    sek_clock_format((uint64_t)(f->mtime_ns > 0 ? f->mtime_ns / 1000 : 0), mtime);
    sek_json_open(t, key, '{');
    sek_json_str(t, "type", type_name(f->mode));
    sek_json_str(t, "mode", mode);
    sek_json_uint(t, "uid", f->uid);
    sek_json_uint(t, "gid", f->gid);
    sek_json_uint(t, "size", f->size);
    sek_json_str(t, "mtime", mtime);
    if (f->hashed)
        sek_json_hex(t, "sha256", f->digest, 32);
    if (f->link[0])
        sek_json_bytes(t, "target", f->link, strnlen(f->link, 255));
    sek_json_close(t, '}');
}

void sek_facts_write_changed(struct sek_text *t, uint32_t changed)
{
    static const char *const names[] = {"content", "mode",       "owner", "type",
                                        "target",  "attributes", "mtime"};
    sek_json_open(t, "changed", '[');
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (changed & 1u << i)
            sek_json_str(t, NULL, names[i]);
    }
    sek_json_close(t, ']');
}
