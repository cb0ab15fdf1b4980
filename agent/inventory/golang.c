/* The blob begins with a magic of 14 bytes, the pointer size and flags. Since Go 1.18 the two
 * strings follow it, each after its length (flag 2); before, it held pointers to Go string headers.
 */
#include "agent/inventory/golang.h"
#include "lib/base/reader.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "\xff Go buildinf:"
#define MAGIC_LEN   14
#define FLAG_BIG    1
#define FLAG_INLINE 2
#define SENTINEL    16 /* bytes before and after the module list */
#define SEARCH      (1u << 20)
#define VERSION_MAX 200

struct info {
    char *version, *modules;
};

/* Without section headers the blob is at the start of the first writable segment. */
static bool find_blob(const struct sek_elf *elf, uint64_t *offset)
{
    const struct sek_elf_part *section = sek_elf_section(elf, ".go.buildinfo");
    char magic[MAGIC_LEN];
    if (section) {
        *offset = section->offset;
        return sek_view_read(elf->view, *offset, magic, MAGIC_LEN) &&
               !memcmp(magic, MAGIC, MAGIC_LEN);
    }
    if (elf->section_count)
        return false;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct sek_elf_part *p = &elf->segments[i];
        uint64_t end = p->size < SEARCH ? p->size : SEARCH;
        for (uint64_t at = 0; (p->flags & PF_W) && at + MAGIC_LEN < end; at += 16) {
            if (!sek_view_read(elf->view, p->offset + at, magic, MAGIC_LEN))
                break;
            if (!memcmp(magic, MAGIC, MAGIC_LEN)) {
                *offset = p->offset + at;
                return true;
            }
        }
    }
    return false;
}

static char *take(const struct sek_elf *elf, uint64_t offset, uint64_t len, uint64_t limit)
{
    char *text = len <= limit ? malloc((size_t)len + 1) : NULL;
    if (text && !sek_view_read(elf->view, offset, text, (size_t)len)) {
        free(text);
        return NULL;
    }
    if (text)
        text[len] = '\0';
    return text;
}

/* A length in base 128, then the bytes; *OFFSET moves past them. */
static char *take_inline(const struct sek_elf *elf, uint64_t *offset, uint64_t limit, uint64_t *len)
{
    uint8_t byte = 0x80;
    *len = 0;
    for (unsigned shift = 0; (byte & 0x80) && shift < 35; shift += 7) {
        if (!sek_view_read(elf->view, (*offset)++, &byte, 1))
            return NULL;
        *len |= (uint64_t)(byte & 0x7f) << shift;
    }
    char *text = take(elf, *offset, *len, limit);
    *offset += *len;
    return text;
}

static bool pointer(const struct sek_elf *elf, uint64_t offset, uint8_t size, bool big,
                    uint64_t *out)
{
    uint8_t bytes[8] = {0};
    if ((size != 4 && size != 8) || !sek_view_read(elf->view, offset, bytes, size))
        return false;
    struct sek_reader r = sek_reader_make(bytes, size);
    if (size == 8)
        *out = big ? sek_reader_u64(&r) : sek_reader_u64le(&r);
    else
        *out = big ? sek_reader_u32(&r) : sek_reader_u32le(&r);
    return true;
}

/* Through the pointer at AT to a string header (address, length). */
static char *take_pointed(const struct sek_elf *elf, uint64_t at, uint8_t size, bool big,
                          uint64_t limit, uint64_t *len)
{
    uint64_t header, text, offset;
    if (!pointer(elf, at, size, big, &header) || !sek_elf_offset(elf, header, &offset) ||
        !pointer(elf, offset, size, big, &text) || !pointer(elf, offset + size, size, big, len) ||
        !sek_elf_offset(elf, text, &offset))
        return NULL;
    return take(elf, offset, *len, limit);
}

static bool read_info(const struct sek_elf *elf, struct info *info)
{
    uint64_t offset, len = 0;
    uint8_t head[2];
    if (!find_blob(elf, &offset) || !sek_view_read(elf->view, offset + MAGIC_LEN, head, 2))
        return false;
    bool big = head[1] & FLAG_BIG;
    if (head[1] & FLAG_INLINE) {
        offset += 32;
        info->version = take_inline(elf, &offset, VERSION_MAX, &len);
        info->modules = info->version ? take_inline(elf, &offset, SEK_GO_INFO_MAX, &len) : NULL;
    } else {
        info->version = take_pointed(elf, offset + 16, head[0], big, VERSION_MAX, &len);
        info->modules = info->version ? take_pointed(elf, offset + 16 + head[0], head[0], big,
                                                     SEK_GO_INFO_MAX, &len)
                                      : NULL;
    }
    if (!info->version)
        return false;
    if (info->modules && len >= 2 * SENTINEL + 1 && info->modules[len - SENTINEL - 1] == '\n') {
        memmove(info->modules, info->modules + SENTINEL, (size_t)len - 2 * SENTINEL);
        info->modules[len - 2 * SENTINEL] = '\0';
    } else if (info->modules) {
        info->modules[0] = '\0';
    }
    return true;
}

struct line {
    char *kind, *path, *version;
};

/* "dep\tPATH\tVERSION\tHASH". */
static struct line split(char *text)
{
    struct line l;
    l.kind = strsep(&text, "\t");
    l.path = text ? strsep(&text, "\t") : NULL;
    l.version = text ? strsep(&text, "\t") : NULL;
    return l;
}

static void tell(const struct line *l, void (*module)(void *, const char *, const char *, bool),
                 void *arg)
{
    /* "(devel)": built from a working tree; it has no version. */
    if (l->kind && l->path && l->version && l->version[0] == 'v')
        module(arg, l->path, l->version, !strcmp(l->kind, "mod"));
}

static void read_modules(char *text, void (*module)(void *, const char *, const char *, bool),
                         void *arg)
{
    struct line last = {0};
    char *next = text;
    for (unsigned i = 0; next && i < SEK_GO_MODULES; i++) {
        struct line now = split(strsep(&next, "\n"));
        if (now.kind && !strcmp(now.kind, "=>")) {
            if (last.kind && now.version && *now.version) {
                last.path = now.path;
                last.version = now.version;
            }
            continue;
        }
        tell(&last, module, arg);
        last = (struct line){0};
        if (now.kind && (!strcmp(now.kind, "mod") || !strcmp(now.kind, "dep")))
            last = now;
    }
    tell(&last, module, arg);
}

bool sek_go_modules(const struct sek_elf *elf,
                    void (*module)(void *arg, const char *path, const char *version, bool main),
                    void *arg)
{
    struct info info = {0};
    bool found = read_info(elf, &info);
    if (found && !strncmp(info.version, "go", 2)) {
        info.version[2 + strcspn(info.version + 2, " -")] = '\0'; /* "go1.21.5 X:boringcrypto" */
        module(arg, "stdlib", info.version + 2, false);
    }
    if (found && info.modules)
        read_modules(info.modules, module, arg);
    free(info.version);
    free(info.modules);
    return found;
}
