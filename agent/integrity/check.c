/* A walk over the watched paths, each file against the baseline; then the baseline against what is
 * there. Folders are walked without following links, on one file system each. */
#include "agent/integrity/integrity.h"
#include "lib/base/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool watched(const struct sek_integrity *i, const char *path)
{
    return sek_paths_cover(&i->options.paths, path) && !sek_paths_cover(&i->options.exclude, path);
}

/* Secret files are hashed, and their text is not even kept. */
uint32_t sek_integrity_text_limit(const struct sek_integrity *i, const char *path)
{
    return sek_paths_match(&i->options.secret, path) ? 0 : i->options.text_limit;
}

void sek_integrity_look(struct sek_integrity *i, const char *path, bool update, bool deep,
                        struct sek_integrity_counts *counts)
{
    static struct sek_facts before, after;
    struct stat st;
    struct sek_integrity_event e = {.path = path, .before = &before, .after = &after};
    bool known = sek_database_find(i->db, path, NULL, &before);
    if (!lstat(path, &st)) {
        sek_facts_stat(&st, &after);
        if (known && !deep && sek_facts_same_times(&before, &after))
            return;
    }
    enum sek_error rc =
        sek_facts_read(path, sek_integrity_text_limit(i, path), &i->new_text, &after, NULL);
    if (rc == SEK_ENOTFOUND && known) {
        e.change = SEK_INTEGRITY_DELETED;
        e.after = NULL;
        e.reason = "file deleted while nobody watched";
        counts->deleted++;
    } else if (rc) {
        return;
    } else if (!known) {
        e.change = SEK_INTEGRITY_CREATED;
        e.before = NULL;
        e.reason = "file created while nobody watched";
        counts->created++;
    } else {
        e.change = SEK_INTEGRITY_MODIFIED;
        e.changed = sek_facts_compare(&before, &after);
        e.reason = "file modified while nobody watched";
        if (e.changed & SEK_FACT_CONTENT)
            sek_database_find(i->db, path, &i->old_text, &before);
        counts->modified += e.changed != 0;
    }
    if (e.change != SEK_INTEGRITY_MODIFIED || e.changed)
        sek_report_event(&i->report, &e);
    if (!update)
        return;
    if (e.after)
        sek_database_put(i->db, path, &after);
    else
        sek_database_remove(i->db, path);
}

/* VISIT everything that is watched. */
static void walk(struct sek_integrity *i, void (*visit)(void *arg, const char *path), void *arg)
{
    for (unsigned n = 0; n < i->options.paths.count; n++) {
        struct sek_tree *tree = sek_tree_open(i->options.paths.item[n], false);
        for (const struct sek_tree_entry *e; tree && (e = sek_tree_next(tree));) {
            if (sek_paths_cover(&i->options.exclude, e->path))
                sek_tree_skip(tree);
            else if (e->kind != SEK_TREE_UNREADABLE)
                visit(arg, e->path);
        }
        sek_tree_close(tree);
    }
}

struct visitor {
    struct sek_integrity *i;
    struct sek_integrity_counts *counts;
    bool update, deep;
};

static void visit_new(void *arg, const char *path)
{
    static struct sek_facts facts;
    struct visitor *v = arg;
    if (sek_facts_read(path, sek_integrity_text_limit(v->i, path), &v->i->new_text, &facts, NULL))
        return;
    sek_database_put(v->i->db, path, &facts);
    v->counts->files++;
}

static void visit_old(void *arg, const char *path)
{
    struct visitor *v = arg;
    sek_database_remove(v->i->db, path);
}

enum sek_error sek_integrity_baseline(struct sek_integrity *i, struct sek_integrity_counts *counts)
{
    struct visitor v = {i, counts, true, true};
    *counts = (struct sek_integrity_counts){0};
    sek_database_each(i->db, visit_old, &v);
    walk(i, visit_new, &v);
    return SEK_OK;
}

static void visit_there(void *arg, const char *path)
{
    struct visitor *v = arg;
    v->counts->files++;
    sek_integrity_look(v->i, path, v->update, v->deep, v->counts);
}

/* What is in the baseline only: deleted, or no longer asked for. */
static void visit_known(void *arg, const char *path)
{
    struct visitor *v = arg;
    struct stat st;
    if (!watched(v->i, path)) {
        if (v->update)
            sek_database_remove(v->i->db, path);
    } else if (lstat(path, &st) && (errno == ENOENT || errno == ENOTDIR)) {
        sek_integrity_look(v->i, path, v->update, v->deep, v->counts);
    }
}

void sek_integrity_check(struct sek_integrity *i, bool update, bool deep,
                         struct sek_integrity_counts *counts)
{
    struct visitor v = {i, counts, update, deep};
    *counts = (struct sek_integrity_counts){0};
    sek_database_each(i->db, visit_known, &v);
    walk(i, visit_there, &v);
    sek_report_flush(&i->report);
}
