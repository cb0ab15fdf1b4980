/* One pass over the status file. */
#include "agent/inventory/dpkg.h"
#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

struct paragraph {
    struct sek_package package;
    struct sek_field status;
    bool any;
};

struct parse {
    const char *name;
    bool control; /* a paragraph without Status is a package that is there */
    bool (*visit)(void *arg, const struct sek_package *package);
    void *arg;
    bool go_on;
};

static struct sek_field trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return (struct sek_field){from, (size_t)(to - from)};
}

static bool field_is(struct sek_field f, const char *word)
{
    return f.len == strlen(word) && !strncasecmp(f.data, word, f.len);
}

/* "name" or "name (version)". */
static void set_source(struct sek_package *p, struct sek_field value)
{
    const char *open = memchr(value.data, '(', value.len);
    p->source = trim(value.data, open ? open : value.data + value.len);
    if (open) {
        const char *end = value.data + value.len;
        const char *close = memchr(open, ')', (size_t)(end - open));
        p->source_version = trim(open + 1, close ? close : end);
    }
}

static void set_field(struct paragraph *p, struct sek_field key, struct sek_field value)
{
    if (field_is(key, "Package"))
        p->package.name = value;
    else if (field_is(key, "Version"))
        p->package.version = value;
    else if (field_is(key, "Architecture"))
        p->package.arch = value;
    else if (field_is(key, "Status"))
        p->status = value;
    else if (field_is(key, "Source"))
        set_source(&p->package, value);
    else if (field_is(key, "SourceName"))
        p->package.source = value; /* opkg's Source is a folder of the feed */
    else if (field_is(key, "CPE-ID"))
        p->package.cpe = value;
    p->any = true;
}

/* The third word of Status says what is on the disk. */
static bool is_present(struct sek_field status, bool control)
{
    if (!status.len)
        return control; /* no Status in a database: a paragraph of another one */
    static const char *const absent[] = {"config-files", "not-installed", "half-installed"};
    const char *end = status.data + status.len, *word = end;
    while (word > status.data && word[-1] != ' ')
        word--;
    struct sek_field last = {word, (size_t)(end - word)};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        if (field_is(last, absent[i]))
            return false;
    }
    return last.len != 0;
}

static enum sek_error end_paragraph(struct parse *parse, struct paragraph *p, unsigned line,
                                    struct sek_fault *fault)
{
    struct paragraph done = *p;
    *p = (struct paragraph){0};
    if (!done.any || !is_present(done.status, parse->control))
        return SEK_OK;
    if (!done.package.name.len || !done.package.version.len)
        return sek_fail(fault, SEK_EINVAL, "%s:%u: the paragraph that ends here has no %s field",
                        parse->name, line, done.package.name.len ? "Version" : "Package");
    if (!done.package.source.len)
        done.package.source = done.package.name;
    if (!done.package.source_version.len)
        done.package.source_version = done.package.version;
    parse->go_on = parse->visit(parse->arg, &done.package);
    return SEK_OK;
}

static enum sek_error parse_text(struct parse *parse, const char *text, size_t len,
                                 struct sek_fault *fault)
{
    struct paragraph p = {0};
    const char *next = text, *at;
    size_t n;
    enum sek_error rc = SEK_OK;
    unsigned line = 0;
    if (memchr(text, '\0', len))
        return sek_fail(fault, SEK_EINVAL, "%s: found a NUL byte, expected text", parse->name);
    while (parse->go_on && !rc && sek_text_line(&next, text + len, &at, &n)) {
        const char *stop = at + n;
        const char *colon = memchr(at, ':', (size_t)(stop - at));
        line++;
        if (stop == at || (stop == at + 1 && *at == '\r'))
            rc = end_paragraph(parse, &p, line, fault);
        else if (*at != ' ' && *at != '\t' && *at != '#') {
            if (!colon || colon == at)
                return sek_fail(fault, SEK_EINVAL, "%s:%u: found '%.*s', expected `Field: value`",
                                parse->name, line, (int)(stop - at > 60 ? 60 : stop - at), at);
            set_field(&p, trim(at, colon), trim(colon + 1, stop));
        }
    }
    return rc || !parse->go_on ? rc : end_paragraph(parse, &p, line, fault);
}

enum sek_error sek_dpkg_parse(const char *name, const char *text, size_t len,
                              bool (*visit)(void *arg, const struct sek_package *package),
                              void *arg, struct sek_fault *fault)
{
    struct parse parse = {name, false, visit, arg, true};
    return parse_text(&parse, text, len, fault);
}

enum sek_error sek_dpkg_control(const char *name, const char *text, size_t len,
                                bool (*visit)(void *arg, const struct sek_package *package),
                                void *arg, struct sek_fault *fault)
{
    struct parse parse = {name, true, visit, arg, true};
    return parse_text(&parse, text, len, fault);
}
