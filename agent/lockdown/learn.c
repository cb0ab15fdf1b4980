/* A physical walk that does not leave the file system it began on. */
#include "agent/lockdown/learn.h"
#include "agent/lockdown/judge.h"
#include "agent/lockdown/script.h"
#include "lib/base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum sek_error learn_digest(struct sek_learning *l, const uint8_t digest[32],
                                   const char *label)
{
    enum sek_error rc = sek_allowlist_add(l->list, digest);
    if (rc == SEK_EEXIST)
        return SEK_OK;
    l->added += rc == SEK_OK;
    return rc || !l->out ? rc : sek_allowlist_append(l->out, digest, label);
}

bool sek_learn_is_program(int fd, const char *path, const struct stat *st)
{
    return (st->st_mode & 0111) || sek_script_ending(path) || sek_file_kind_fd(fd) != SEK_FILE_DATA;
}

enum sek_error sek_learn_descriptor(struct sek_learning *l, int fd, const char *path,
                                    const struct stat *st)
{
    uint8_t digest[32], set_id[32];
    char label[4096 + 16];
    if (sek_digests_of(&l->digests, fd, st, digest)) {
        l->unreadable++;
        return SEK_OK;
    }
    enum sek_error rc = learn_digest(l, digest, path);
    if (rc || !sek_mode_is_set_id(st->st_mode))
        return rc;
    sek_allowlist_set_id(digest, set_id);
    snprintf(label, sizeof label, "%s (set-id)", path);
    return learn_digest(l, set_id, label);
}

static enum sek_error learn_file(struct sek_learning *l, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum sek_error rc = SEK_OK;
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        l->unreadable++;
    } else {
        l->files++;
        if (S_ISREG(st.st_mode) && sek_learn_is_program(fd, path, &st))
            rc = sek_learn_descriptor(l, fd, path, &st);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

enum sek_error sek_learn_folder(struct sek_learning *l, const char *folder, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct stat st;
    if (stat(folder, &st) || !S_ISDIR(st.st_mode))
        return sek_fail(fault, SEK_ENOTFOUND, "%s: not a folder", folder);
    struct sek_tree *tree = sek_tree_open(folder, true);
    if (!tree)
        return sek_fail(fault, SEK_EIO, "%s: %s", folder, strerror(errno));
    for (const struct sek_tree_entry *e; !rc && (e = sek_tree_next(tree));) {
        if (e->kind == SEK_TREE_FILE)
            rc = learn_file(l, e->path);
        else if (e->kind == SEK_TREE_UNREADABLE)
            l->unreadable++;
    }
    sek_tree_close(tree);
    return rc ? sek_fail(fault, rc, "%s: %s", folder, sek_error_name(rc)) : SEK_OK;
}
