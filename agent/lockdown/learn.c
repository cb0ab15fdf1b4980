/* A physical walk that does not leave the file system it began on. */
#include "agent/lockdown/learn.h"
#include "agent/filehash.h"
#include "agent/lockdown/judge.h"
#include "agent/lockdown/script.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum sek_error learn_digest(const uint8_t digest[32], const char *label,
                                   struct sek_allowlist *list, int out_fd,
                                   struct sek_learned *result)
{
    enum sek_error rc = sek_allowlist_add(list, digest);
    if (rc == SEK_EEXIST)
        return SEK_OK;
    result->added += rc == SEK_OK;
    return rc || out_fd < 0 ? rc : sek_allowlist_append(out_fd, digest, label);
}

bool sek_learn_is_program(int fd, const char *path, const struct stat *st)
{
    return (st->st_mode & 0111) || sek_script_ending(path) ||
           sek_file_kind_fd(fd) != SEK_FILE_DATA;
}

enum sek_error sek_learn_descriptor(int fd, const char *path, const struct stat *st,
                                    struct sek_allowlist *list, int out_fd,
                                    struct sek_learned *result)
{
    uint8_t digest[32], set_id[32];
    char label[4096 + 16];
    if (sek_filehash(fd, digest, NULL)) {
        result->unreadable++;
        return SEK_OK;
    }
    enum sek_error rc = learn_digest(digest, path, list, out_fd, result);
    if (rc || !sek_mode_is_set_id(st->st_mode))
        return rc;
    sek_allowlist_set_id(digest, set_id);
    snprintf(label, sizeof label, "%s (set-id)", path);
    return learn_digest(set_id, label, list, out_fd, result);
}

static enum sek_error learn_file(const char *path, const struct stat *st,
                                 struct sek_allowlist *list, int out_fd, struct sek_learned *result)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum sek_error rc = SEK_OK;
    if (fd < 0) {
        result->unreadable++;
        return SEK_OK;
    }
    result->files++;
    if (sek_learn_is_program(fd, path, st))
        rc = sek_learn_descriptor(fd, path, st, list, out_fd, result);
    close(fd);
    return rc;
}

enum sek_error sek_learn_folder(const char *folder, struct sek_allowlist *list, int out_fd,
                                struct sek_learned *result, struct sek_fault *fault)
{
    char copy[4096];
    char *const roots[] = {copy, NULL};
    enum sek_error rc = SEK_OK;
    struct stat st;
    if (strlen(folder) >= sizeof copy || stat(folder, &st) || !S_ISDIR(st.st_mode))
        return sek_fail(fault, SEK_ENOTFOUND, "%s: not a folder", folder);
    strcpy(copy, folder);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_COMFOLLOW, NULL);
    if (!walk)
        return sek_fail(fault, SEK_EIO, "%s: %s", folder, strerror(errno));
    for (FTSENT *e; !rc && (e = fts_read(walk));) {
        if (e->fts_info == FTS_F)
            rc = learn_file(e->fts_path, e->fts_statp, list, out_fd, result);
        else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
            result->unreadable++;
    }
    fts_close(walk);
    return rc ? sek_fail(fault, rc, "%s: %s", folder, sek_error_name(rc)) : SEK_OK;
}
