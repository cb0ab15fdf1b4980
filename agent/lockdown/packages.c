/* Reads the lists one by one: "<32 hexadecimal digits>  <path without the first slash>". */
#include "agent/lockdown/packages.h"
#include "agent/filehash.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_LIMIT (16u << 20)

struct walk {
    const char *root;
    struct sek_learning *learning;
    void (*altered)(void *arg, const char *path, const char *package);
    void *arg;
};

/* It did not change since it was compared and registered. */
static bool was_registered(const struct sek_learning *l, const struct stat *st)
{
    uint8_t digest[32];
    return sek_digests_know(&l->digests, st, digest) && sek_allowlist_has(l->list, digest);
}

static enum sek_error check_file(struct walk *w, const char *path, const uint8_t recorded[16],
                                 const char *package)
{
    char full[PATH_MAX];
    uint8_t digest[16];
    struct stat st;
    enum sek_error rc = SEK_OK;
    if (snprintf(full, sizeof full, "%s/%s", w->root, path) >= (int)sizeof full)
        return SEK_OK;
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return SEK_OK; /* removed or diverted: nothing that could run */
    w->learning->files++;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && sek_learn_is_program(fd, full, &st)) {
        if (was_registered(w->learning, &st))
            rc = sek_learn_descriptor(w->learning, fd, full, &st);
        else if (sek_filehash_md5(fd, digest))
            w->learning->unreadable++;
        else if (memcmp(digest, recorded, sizeof digest) != 0)
            w->altered(w->arg, full, package);
        else
            rc = sek_learn_descriptor(w->learning, fd, full, &st);
    }
    close(fd);
    return rc;
}

static enum sek_error check_list(struct walk *w, const char *file, char *text,
                                 struct sek_fault *fault)
{
    char package[256], *rest = NULL;
    unsigned number = 0;
    snprintf(package, sizeof package, "%.*s", (int)(strlen(file) - strlen(".md5sums")), file);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        uint8_t recorded[16];
        char hex[33] = "";
        number++;
        memcpy(hex, line, strnlen(line, 32));
        if (!sek_hex_decode(hex, recorded, sizeof recorded) || strncmp(line + 32, "  ", 2) != 0)
            return sek_fail(fault, SEK_EINVAL,
                            "%s:%u: found '%.20s', expected an MD5 digest, two blanks and a path",
                            file, number, line);
        enum sek_error rc = check_file(w, line + 34, recorded, package);
        if (rc)
            return sek_fail(fault, rc, "%s:%u: %s", file, number, sek_error_name(rc));
    }
    return SEK_OK;
}

enum sek_error sek_learn_packages(struct sek_learning *l, const char *root,
                                  void (*altered)(void *arg, const char *path, const char *package),
                                  void *arg, struct sek_fault *fault)
{
    struct walk w = {root, l, altered, arg};
    char folder[PATH_MAX], path[2 * PATH_MAX], *text;
    enum sek_error rc = SEK_OK;
    size_t len;
    snprintf(folder, sizeof folder, "%s/var/lib/dpkg/info", root);
    DIR *dir = opendir(folder);
    if (!dir)
        return sek_fail(fault, SEK_ENOTFOUND, "%s: %s", folder, strerror(errno));
    for (struct dirent *e; !rc && (e = readdir(dir));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".md5sums") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if ((rc = sek_file_read(path, LIST_LIMIT, &text, &len, fault)))
            break;
        rc = check_list(&w, e->d_name, text, fault);
        free(text);
    }
    closedir(dir);
    return rc;
}
