/* Folders of rule files, in memory as name -> text. */
#include "manager/content.h"

#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_FILE_LIMIT (4u << 20)

struct sek_content {
    json_t *parts[SEK_CONTENT_PARTS]; /* name -> text */
};

static const struct {
    const char *folder, *ending;
} parts[SEK_CONTENT_PARTS] = {
    [SEK_CONTENT_RULES] = {"rules", ".rules"},
    [SEK_CONTENT_PATCHES] = {"patches", ".rules"},
    [SEK_CONTENT_TESTS] = {"patches", ".tests"},
    [SEK_CONTENT_LOGS] = {"logs", ".yaml"},
    [SEK_CONTENT_MALWARE] = {"malware", ".yar"},
};

static enum sek_error load_folder(const char *folder, const char *part, const char *ending,
                                  json_t *into, struct sek_fault *fault)
{
    size_t end = strlen(ending);
    char path[PATH_MAX];
    enum sek_error rc = SEK_OK;
    snprintf(path, sizeof path, "%s/%s", folder, part);
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT
                   ? SEK_OK
                   : sek_fail(fault, SEK_EIO, "%s: cannot list: %s", path, strerror(errno));
    for (struct dirent *entry; !rc && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        char file[PATH_MAX], name[256];
        char *text = NULL;
        size_t size = 0;
        if (len <= end || len > 200 || strcmp(entry->d_name + len - end, ending) ||
            entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s/%s", folder, part, entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)(len - end), entry->d_name);
        rc = sek_file_read(file, RULE_FILE_LIMIT, &text, &size, fault);
        if (!rc && json_object_set_new(into, name, json_stringn(text, size)))
            rc = sek_fail(fault, SEK_EINVAL, "%s: not valid UTF-8", file);
        free(text);
    }
    closedir(dir);
    return rc;
}

enum sek_error sek_content_open(const char *folder, struct sek_content **out,
                                struct sek_fault *fault)
{
    struct sek_content *content = calloc(1, sizeof *content);
    enum sek_error rc = SEK_OK;
    for (int i = 0; content && !rc && i < SEK_CONTENT_PARTS; i++) {
        content->parts[i] = json_object();
        rc = content->parts[i]
                 ? load_folder(folder, parts[i].folder, parts[i].ending, content->parts[i], fault)
                 : sek_fail(fault, SEK_ENOMEM, "content: out of memory");
    }
    if (!content)
        return sek_fail(fault, SEK_ENOMEM, "content: out of memory");
    if (rc)
        sek_content_free(content);
    else
        *out = content;
    return rc;
}

void sek_content_free(struct sek_content *content)
{
    for (int i = 0; content && i < SEK_CONTENT_PARTS; i++)
        json_decref(content->parts[i]);
    free(content);
}

const char *sek_content_patch(const struct sek_content *content, const char *id)
{
    return json_string_value(json_object_get(content->parts[SEK_CONTENT_PATCHES], id));
}

const char *sek_content_tests(const struct sek_content *content, const char *id)
{
    return json_string_value(json_object_get(content->parts[SEK_CONTENT_TESTS], id));
}

void sek_content_each(const struct sek_content *content, enum sek_content_part part,
                      void (*visit)(void *arg, const char *name, const char *text), void *arg)
{
    const char *name;
    json_t *text;
    json_object_foreach(content->parts[part], name, text)
    {
        visit(arg, name, json_string_value(text));
    }
}

json_t *sek_content_sids(const char *rules)
{
    json_t *sids = json_array();
    for (const char *line = rules; *line;) {
        size_t len = strcspn(line, "\n");
        const char *sid = memmem(line, len, "sid:", 4);
        if (*line != '#' && sid)
            json_array_append_new(sids, json_integer(strtoll(sid + 4, NULL, 10)));
        line += len + (line[len] == '\n');
    }
    return sids;
}
