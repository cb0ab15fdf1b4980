/* One pass over the database. */
#include "agent/inventory/apk.h"
#include "lib/base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct state {
    struct sek_package package;
    struct sek_field folder;
};

static void set_field(struct state *s, char key, struct sek_field value)
{
    if (key == 'P')
        s->package.name = value;
    else if (key == 'V')
        s->package.version = value;
    else if (key == 'A')
        s->package.arch = value;
    else if (key == 'o')
        s->package.source = value;
    else if (key == 'F')
        s->folder = value;
}

static bool end_package(struct state *s, bool (*visit)(void *, const struct sek_package *),
                        void *arg)
{
    struct sek_package done = s->package;
    *s = (struct state){0};
    if (!done.name.len || !done.version.len)
        return true;
    if (!done.source.len)
        done.source = done.name;
    done.source_version = done.version;
    return visit(arg, &done);
}

enum sek_error sek_apk_parse(const char *name, const char *text, size_t len,
                             bool (*visit)(void *arg, const struct sek_package *package),
                             void (*file)(void *arg, struct sek_field package, const char *path,
                                          size_t len),
                             void *arg, struct sek_fault *fault)
{
    struct state s = {0};
    const char *next = text, *at;
    size_t n;
    unsigned number = 0;
    while (sek_text_line(&next, text + len, &at, &n)) {
        const char *stop = at + n;
        number++;
        if (stop == at) {
            if (!end_package(&s, visit, arg))
                return SEK_OK;
        } else if (stop - at < 2 || at[1] != ':') {
            return sek_fail(fault, SEK_EINVAL, "%s:%u: found '%.*s', expected `X:value`", name,
                            number, (int)(stop - at > 60 ? 60 : stop - at), at);
        } else if (*at == 'R' && file) {
            char path[PATH_MAX];
            int size = snprintf(path, sizeof path, "/%.*s%s%.*s", (int)s.folder.len, s.folder.data,
                                s.folder.len ? "/" : "", (int)(stop - at - 2), at + 2);
            if (size > 0 && (size_t)size < sizeof path)
                file(arg, s.package.name, path, (size_t)size);
        } else {
            set_field(&s, *at, (struct sek_field){at + 2, (size_t)(stop - at - 2)});
        }
    }
    end_package(&s, visit, arg);
    return SEK_OK;
}
