/* Mount points from mountinfo (proc_pid_mountinfo(5)): "36 35 98:0 /root /point opts - type ...".
 */
#include "agent/lockdown/scope.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#define MOUNTS_LIMIT (8u << 20)

struct mount_line {
    char device[32], root[PATH_MAX], point[PATH_MAX], type[64];
};

/* Octal escapes of space, tab, newline and backslash. */
static void unescape(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
            s[3] >= '0' && s[3] <= '7') {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

static bool parse_line(const char *line, size_t len, struct mount_line *m)
{
    char copy[3 * PATH_MAX];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, line, len);
    copy[len] = '\0';
    if (sscanf(copy, "%*d %*d %31s %4095s %4095s", m->device, m->root, m->point) != 3)
        return false;
    const char *dash = strstr(copy, " - ");
    if (!dash || sscanf(dash + 3, "%63s", m->type) != 1)
        return false;
    unescape(m->root);
    unescape(m->point);
    return true;
}

enum sek_error sek_scope_find(const char *path, const char *text, struct sek_scope *scope,
                              struct sek_fault *fault)
{
    static struct mount_line m, found;
    unsigned same = 0;
    found.device[0] = '\0';
    for (int pass = 0; pass < 2; pass++) {
        for (const char *p = text; *p;) {
            size_t len = strcspn(p, "\n");
            if (parse_line(p, len, &m)) {
                if (pass == 0 && !strcmp(m.point, path))
                    found = m; /* the last one is on top */
                same += pass == 1 && !strcmp(m.device, found.device);
            }
            p += len + (p[len] == '\n');
        }
        if (!found.device[0])
            return sek_fail(fault, SEK_EINVAL,
                            "%.300s: not a mount point; a lockdown scope is a whole mount "
                            "(`mount --bind DIR DIR` makes one)",
                            path);
    }
    if (strlen(path) >= sizeof scope->path)
        return sek_fail(fault, SEK_ELIMIT, "%.100s...: path too long", path);
    snprintf(scope->path, sizeof scope->path, "%s", path);
    snprintf(scope->source, sizeof scope->source, "%s", found.type);
    scope->whole = same == 1 && !strcmp(found.root, "/");
    return SEK_OK;
}

enum sek_error sek_scope_open(const char *path, struct sek_scope *scope, struct sek_fault *fault)
{
    char resolved[PATH_MAX], *text;
    size_t len;
    if (!realpath(path, resolved))
        return sek_fail(fault, SEK_ENOTFOUND, "%s: %s", path, strerror(errno));
    enum sek_error rc = sek_file_read("/proc/self/mountinfo", MOUNTS_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_scope_find(resolved, text, scope, fault);
    free(text);
    return rc;
}

enum sek_error sek_scope_mark(const struct sek_scope *scope, int fan_fd, struct sek_fault *fault)
{
    unsigned flags = FAN_MARK_ADD | (scope->whole ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT);
    if (fanotify_mark(fan_fd, flags, FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, AT_FDCWD, scope->path))
        return sek_fail(fault, SEK_EIO, "%s: cannot mark %s: %s", scope->path,
                        scope->whole ? "the file system" : "the mount", strerror(errno));
    return SEK_OK;
}
