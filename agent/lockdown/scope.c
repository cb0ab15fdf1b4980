/* Mount points from mountinfo (proc_pid_mountinfo(5)): "36 35 98:0 /root /point opts - type ...".
 */
#include "agent/lockdown/scope.h"
#include "lib/base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_LIMIT (8u << 20)

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

static bool parse_line(const char *line, size_t len, struct sek_mount_line *m)
{
    char copy[5 * PATH_MAX];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, line, len);
    copy[len] = '\0';
    if (sscanf(copy, "%u %*d %31s %4095s %4095s", &m->id, m->device, m->root, m->point) != 4)
        return false;
    const char *dash = strstr(copy, " - ");
    m->options[0] = '\0';
    if (!dash || sscanf(dash + 3, "%63s %*s %8191s", m->type, m->options) < 1)
        return false;
    unescape(m->options);
    unescape(m->root);
    unescape(m->point);
    return true;
}

bool sek_mount_next(const char **text, struct sek_mount_line *line)
{
    while (**text) {
        size_t len = strcspn(*text, "\n");
        bool good = parse_line(*text, len, line);
        *text += len + ((*text)[len] == '\n');
        if (good)
            return true;
    }
    return false;
}

bool sek_mount_is_pseudo(const struct sek_mount_line *line)
{
    static const char *const types[] = {
        "proc",      "sysfs",  "cgroup",     "cgroup2",    "devpts",    "debugfs",     "tracefs",
        "mqueue",    "bpf",    "securityfs", "pstore",     "configfs",  "fusectl",     "efivarfs",
        "hugetlbfs", "autofs", "nsfs",       "rpc_pipefs", "selinuxfs", "binfmt_misc", "sockfs"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!strcmp(line->type, types[i]))
            return true;
    }
    return false;
}

enum sek_server sek_server_of(const char *type)
{
    static const char *const networks[] = {"nfs",  "nfs4", "cifs", "smb3", "smbfs",    "9p",  "virtiofs",
                                           "ceph", "afs",  "coda", "ncpfs", "orangefs", "gfs2", "ocfs2",
                                           "lustre"};
    if (!strncmp(type, "fuse", 4)) /* fuseblk and fuse.NAME as well */
        return SEK_SERVER_PROGRAM;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        if (!strcmp(type, networks[i]))
            return SEK_SERVER_NETWORK;
    }
    return SEK_SERVER_NONE;
}

enum sek_error sek_mounts_read(char **text, struct sek_fault *fault)
{
    size_t len;
    return sek_file_read("/proc/self/mountinfo", MOUNTS_LIMIT, text, &len, fault);
}

bool sek_path_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    while (len && folder[len - 1] == '/')
        len--;
    return !strncmp(path, folder, len) && (path[len] == '/' || path[len] == '\0');
}

bool sek_scope_is_all(const struct sek_scope *scope)
{
    return !strcmp(scope->path, "all");
}

enum sek_error sek_scope_find(const char *path, const char *text, struct sek_scope *scope,
                              struct sek_fault *fault)
{
    static struct sek_mount_line m, found;
    unsigned same = 0;
    found.device[0] = '\0';
    for (const char *p = text; sek_mount_next(&p, &m);) {
        if (!strcmp(m.point, path))
            found = m; /* the last one is on top */
    }
    if (!found.device[0])
        return sek_fail(fault, SEK_EINVAL,
                        "%.300s: not a mount point; a lockdown scope is a whole mount "
                        "(`mount --bind DIR DIR` makes one)",
                        path);
    if (strlen(path) >= sizeof scope->path || strlen(found.root) >= sizeof scope->root)
        return sek_fail(fault, SEK_ELIMIT, "%.100s...: path too long", path);
    for (const char *p = text; sek_mount_next(&p, &m);)
        same += !strcmp(m.device, found.device);
    *scope = (struct sek_scope){.whole = same == 1 && !strcmp(found.root, "/"), .id = found.id};
    snprintf(scope->path, sizeof scope->path, "%s", path);
    snprintf(scope->type, sizeof scope->type, "%s", found.type);
    snprintf(scope->device, sizeof scope->device, "%s", found.device);
    memcpy(scope->root, found.root, strlen(found.root) + 1);
    return SEK_OK;
}

enum sek_error sek_scope_open(const char *path, struct sek_scope *scope, struct sek_fault *fault)
{
    char resolved[PATH_MAX], *text;
    *scope = (struct sek_scope){.path = "all"};
    if (!strcmp(path, "all"))
        return SEK_OK;
    if (!realpath(path, resolved))
        return sek_fail(fault, SEK_ENOTFOUND, "%s: %s", path, strerror(errno));
    enum sek_error rc = sek_mounts_read(&text, fault);
    if (rc)
        return rc;
    rc = sek_scope_find(resolved, text, scope, fault);
    free(text);
    return rc;
}
