/* Open addressing; a removed entry makes its run be inserted again, so that there are no
 * tombstones. Keys are 64 bits of a hash over file system and handle: two folders meet by chance
 * only once in 2^64. */
#include "agent/folders.h"
#include "lib/base/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

uint64_t sek_folder_key(uint64_t fsid, const struct file_handle *handle)
{
    uint64_t h = 0xcbf29ce484222325u ^ fsid;
    h = (h ^ (uint32_t)handle->handle_type) * 0x100000001b3u;
    for (unsigned i = 0; i < handle->handle_bytes; i++)
        h = (h ^ handle->f_handle[i]) * 0x100000001b3u;
    h ^= h >> 29;
    return h * 0x9e3779b97f4a7c15u;
}

void sek_folders_free(struct sek_folders *f)
{
    for (size_t i = 0; i < f->cap; i++)
        free(f->slots[i].path);
    free(f->slots);
    *f = (struct sek_folders){0};
}

/* The slot of KEY, or the free one where it belongs. */
static struct sek_folder *slot_of(const struct sek_folders *f, uint64_t key)
{
    size_t at = (size_t)(key >> 32) & (f->cap - 1);
    while (f->slots[at].path && f->slots[at].key != key)
        at = (at + 1) & (f->cap - 1);
    return &f->slots[at];
}

const char *sek_folders_find(const struct sek_folders *f, uint64_t key)
{
    return f->cap ? slot_of(f, key)->path : NULL;
}

static bool grow(struct sek_folders *f)
{
    struct sek_folders bigger = {.cap = f->cap ? f->cap * 2 : 256, .count = f->count};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < f->cap; i++) {
        if (f->slots[i].path)
            *slot_of(&bigger, f->slots[i].key) = f->slots[i];
    }
    free(f->slots);
    *f = bigger;
    return true;
}

void sek_folders_add(struct sek_folders *f, uint64_t key, const char *path)
{
    if ((f->count + 1) * 4 > f->cap * 3 && !grow(f))
        return;
    char *copy = strdup(path);
    struct sek_folder *s = slot_of(f, key);
    if (!copy)
        return;
    f->count += !s->path;
    free(s->path);
    *s = (struct sek_folder){key, copy};
}

void sek_folders_remove(struct sek_folders *f, uint64_t key)
{
    struct sek_folder *s = f->cap ? slot_of(f, key) : NULL;
    if (!s || !s->path)
        return;
    free(s->path);
    s->path = NULL;
    f->count--;
    for (size_t at = (size_t)(s - f->slots + 1) & (f->cap - 1); f->slots[at].path;
         at = (at + 1) & (f->cap - 1)) {
        struct sek_folder moved = f->slots[at];
        f->slots[at].path = NULL;
        *slot_of(f, moved.key) = moved;
    }
}

void sek_folders_forget(struct sek_folders *f, const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < f->cap; i++) {
        /* A removal may bring another entry to this place: look at it again. */
        while (f->slots[i].path && !strncmp(f->slots[i].path, path, len) &&
               (!f->slots[i].path[len] || f->slots[i].path[len] == '/'))
            sek_folders_remove(f, f->slots[i].key);
    }
}

void sek_folders_learn(struct sek_folders *f, const char *path)
{
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } u = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
    struct statfs fs;
    uint64_t fsid;
    int mount;
    if (statfs(path, &fs) || name_to_handle_at(AT_FDCWD, path, &u.handle, &mount, 0))
        return;
    memcpy(&fsid, &fs.f_fsid, sizeof fsid);
    sek_folders_add(f, sek_folder_key(fsid, &u.handle), path);
}

void sek_folders_walk(const char *path, void (*visit)(void *arg, const char *path), void *arg)
{
    struct sek_tree *tree = sek_tree_open(path, false);
    for (const struct sek_tree_entry *e; tree && (e = sek_tree_next(tree));) {
        if (e->kind == SEK_TREE_FOLDER)
            visit(arg, e->path);
    }
    sek_tree_close(tree);
}
