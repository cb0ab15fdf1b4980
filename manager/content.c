/* Two folders of rule files, in memory as name -> text. */
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
    json_t *rules, *patches; /* name -> text */
};

static enum sek_error load_folder(const char *folder, const char *part, json_t *into,
                                  struct sek_fault *fault)
{
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
        if (len < 7 || len > 200 || strcmp(entry->d_name + len - 6, ".rules") ||
            entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s/%s", folder, part, entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)(len - 6), entry->d_name);
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
    if (!content || !(content->rules = json_object()) || !(content->patches = json_object())) {
        sek_content_free(content);
        return sek_fail(fault, SEK_ENOMEM, "content: out of memory");
    }
    enum sek_error rc = load_folder(folder, "rules", content->rules, fault);
    if (!rc)
        rc = load_folder(folder, "patches", content->patches, fault);
    if (rc)
        sek_content_free(content);
    else
        *out = content;
    return rc;
}

void sek_content_free(struct sek_content *content)
{
    if (!content)
        return;
    json_decref(content->rules);
    json_decref(content->patches);
    free(content);
}

const char *sek_content_patch(const struct sek_content *content, const char *id)
{
    return json_string_value(json_object_get(content->patches, id));
}

static void visit_all(json_t *map, void (*visit)(void *, const char *, const char *), void *arg)
{
    const char *name;
    json_t *text;
    json_object_foreach(map, name, text)
    {
        visit(arg, name, json_string_value(text));
    }
}

void sek_content_rules(const struct sek_content *content,
                       void (*visit)(void *arg, const char *name, const char *text), void *arg)
{
    visit_all(content->rules, visit, arg);
}

void sek_content_patches(const struct sek_content *content,
                         void (*visit)(void *arg, const char *name, const char *text), void *arg)
{
    visit_all(content->patches, visit, arg);
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
