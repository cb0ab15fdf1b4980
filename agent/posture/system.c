/* The system itself: paths that everybody may write, and the kernel. */
#include "agent/posture/posture.h"
#include "lib/vuln/version.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- paths --- */

static void check_paths(struct sek_posture *p)
{
    const struct sek_writable_list *list = &p->device->writable;
    for (size_t i = 0; i < list->count; i++) {
        const struct sek_writable *w = &list->items[i];
        sek_posture_add(p, "path-writable", w->program ? "critical" : "high", w->path,
                        "Take the right away: chmod o-w PATH.", "everybody may %s",
                        w->program  ? "change this program"
                        : w->folder ? "put files into this folder of the system, and take them away"
                                    : "change this file of the system");
    }
    if (list->total > list->count)
        sek_posture_add(p, "path-writable-more", "high", "/",
                        "Find them with: find /etc /usr /opt -xdev -perm -0002 ! -type l.",
                        "everybody may write %zu more paths of the system",
                        list->total - list->count);
}

/* Files whose content lets in who reads them. */
static void check_secrets(struct sek_posture *p)
{
    static const char *const files[] = {
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/ssh/ssh_host_ecdsa_key",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/dropbear/dropbear_rsa_host_key",
        "/etc/dropbear/dropbear_ed25519_host_key",
        "/etc/ssl/private/ssl-cert-snakeoil.key",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_MAX];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", p->root, files[i]);
        if (!lstat(path, &st) && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH))
            sek_posture_add(p, "secret-readable", "high", files[i],
                            "Take the right away: chmod o-r PATH.",
                            "everybody on the device may read this secret");
    }
}

/* --- kernel --- */

/* Series with long-term support, and the month after which kernel.org ends it (as of 2026). */
static const struct {
    unsigned major, minor, year, month;
} series[] = {
    {3, 16, 2020, 6},  {3, 18, 2017, 2},  {4, 4, 2022, 2},   {4, 9, 2023, 1},   {4, 14, 2024, 1},
    {4, 19, 2024, 12}, {5, 4, 2025, 12},  {5, 10, 2026, 12}, {5, 15, 2026, 12}, {6, 1, 2027, 12},
    {6, 6, 2027, 12},  {6, 12, 2028, 12}, {6, 18, 2028, 12},
};
#define SERIES (sizeof series / sizeof series[0])

/* Whether the series of RELEASE has ended by now; a series newer than the table is not judged. */
static bool has_ended(const char *release, unsigned *major, unsigned *minor)
{
    time_t now = time(NULL);
    struct tm tm;
    if (sscanf(release, "%u.%u", major, minor) != 2 || !gmtime_r(&now, &tm))
        return false;
    unsigned month = ((unsigned)tm.tm_year + 1900) * 12 + (unsigned)tm.tm_mon + 1;
    for (size_t i = 0; i < SERIES; i++)
        if (series[i].major == *major && series[i].minor == *minor)
            return month > series[i].year * 12 + series[i].month;
    const unsigned newest = series[SERIES - 1].major * 1000 + series[SERIES - 1].minor;
    return *major * 1000 + *minor < newest; /* a series of a few months */
}

static void check_series(struct sek_posture *p)
{
    const struct sek_collection *c = p->device;
    unsigned major, minor;
    /* A distribution's own kernel has its distribution's support: only others are in the list. */
    for (size_t i = 0; i < c->list.count; i++) {
        const struct sek_item *item = &c->list.items[i];
        if (strcmp(item->ecosystem, "generic") || strcmp(item->name, "linux") ||
            !has_ended(item->version, &major, &minor))
            continue;
        sek_posture_add(p, "kernel-old", "high", item->version,
                        "Ask the maker for a firmware with a supported long-term kernel.",
                        "Linux %u.%u gets no security fixes any more", major, minor);
    }
}

/* The newest release below /lib/modules that is whole. */
static void newest_installed(const struct sek_posture *p, char *out, size_t size)
{
    char path[2 * PATH_MAX], folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/lib/modules", p->root);
    DIR *dir = opendir(folder);
    *out = '\0';
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s/modules.dep", folder, e->d_name);
        if (e->d_name[0] == '.' || access(path, F_OK))
            continue;
        if (!*out || sek_version_compare(SEK_VERSION_DPKG, e->d_name, out) > 0)
            snprintf(out, size, "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
}

/* What follows the numbers names the flavour ("-cloud-amd64"): others are not newer kernels. */
static const char *flavour(const char *release)
{
    const char *dash = strrchr(release, '-');
    return dash ? dash : "";
}

static void check_running(struct sek_posture *p)
{
    char newest[256];
    const char *running = p->device->os.kernel;
    if (!*running)
        return;
    newest_installed(p, newest, sizeof newest);
    if (*newest && !strcmp(flavour(newest), flavour(running)) &&
        sek_version_compare(SEK_VERSION_DPKG, running, newest) < 0)
        sek_posture_add(p, "kernel-reboot", "medium", running,
                        "Restart the device, so that the installed kernel runs.",
                        "Linux %s is installed, %s runs", newest, running);
}

void sek_posture_system(struct sek_posture *p)
{
    check_paths(p);
    check_secrets(p);
    check_series(p);
    check_running(p);
}
