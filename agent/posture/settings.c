/* Lines of the settings files of services, which differ little in form. A line of more than 255
 * bytes is not looked at; of a folder the first 64 files are read. */
#include "agent/posture/posture.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_line(const char *text, size_t len, struct sek_setting *out)
{
    char copy[256];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = (struct sek_setting){0};
    if (sscanf(copy, " %63[^ \t=#]%*[ \t=]%127[^\r\n]", out->key, out->value) < 1)
        return false;
    for (size_t n = strlen(out->value); n && isspace((unsigned char)out->value[n - 1]);)
        out->value[--n] = '\0';
    return true;
}

bool sek_posture_lines(const struct sek_posture *p, const char *path,
                       bool (*each)(void *arg, const struct sek_setting *line), void *arg)
{
    char *text = sek_posture_file(p, path);
    struct sek_setting line;
    bool go_on = true;
    for (const char *at = text; at && *at && go_on;) {
        size_t len = strcspn(at, "\n");
        if (read_line(at, len, &line))
            go_on = each(arg, &line);
        at += len + (at[len] == '\n');
    }
    free(text);
    return text != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

void sek_posture_folder(const struct sek_posture *p, const char *folder, const char *tail,
                        bool (*each)(void *arg, const struct sek_setting *line), void *arg)
{
    char path[PATH_MAX], names[64][256];
    size_t count = 0, end = strlen(tail);
    snprintf(path, sizeof path, "%s%s", p->root, folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && count < 64 && (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] != '.' && len >= end && !strcmp(e->d_name + len - end, tail))
            snprintf(names[count++], sizeof names[0], "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%.255s", folder, names[i]);
        sek_posture_lines(p, path, each, arg);
    }
}
