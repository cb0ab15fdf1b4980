/* What the kernel tells, one change after the other. A file is looked at when its change is taken
 * up: one that is gone by then is not hashed, but told all the same. */
#include "agent/integrity/integrity.h"
#include "agent/guard/executed.h"
#include "lib/base/clock.h"
#include "lib/base/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVE_US 1000000u

static const char *reason_of(enum sek_integrity_change change, uint32_t what, bool gone)
{
    if (change == SEK_INTEGRITY_CREATED)
        return what & SEK_CHANGE_MOVED_TO ? "file moved here"
               : gone                     ? "file created; it was gone before it was read"
                                          : "file created";
    if (change == SEK_INTEGRITY_DELETED)
        return what & SEK_CHANGE_MOVED_FROM ? "file moved away" : "file deleted";
    return what & SEK_CHANGE_MOVED_TO ? "file replaced" : "file modified";
}

static void tell(struct sek_integrity *i, const struct sek_change *c,
                 enum sek_integrity_change change, const struct sek_facts *before,
                 const struct sek_facts *after, uint32_t changed)
{
    const struct sek_integrity_event e = {
        .change = change,
        .path = c->path,
        .reason = reason_of(change, c->what, !after),
        .before = before,
        .after = after,
        .changed = changed,
        .pid = c->pid,
        .realtime = true,
    };
    sek_report_event(&i->report, &e);
}

/* It is there, or was a moment ago. */
static void appeared(struct sek_integrity *i, const struct sek_change *c)
{
    static struct sek_facts before, after;
    bool fresh = (c->what & (SEK_CHANGE_CREATED | SEK_CHANGE_MOVED_TO)) != 0;
    bool leaves = (c->what & (SEK_CHANGE_DELETED | SEK_CHANGE_MOVED_FROM)) != 0;
    bool there = !leaves && !sek_facts_read(c->path, sek_integrity_text_limit(i, c->path),
                                            &i->new_text, &after, NULL);
    bool known = there && sek_database_find(i->db, c->path, NULL, &before);
    uint32_t changed = known ? sek_facts_compare(&before, &after) : 0;
    if (changed & SEK_FACT_CONTENT)
        sek_database_find(i->db, c->path, &i->old_text, &before);
    if (known && c->what & SEK_CHANGE_MOVED_TO) {
        tell(i, c, SEK_INTEGRITY_MODIFIED, &before, &after, changed);
    } else if (fresh) {
        /* Without processes (inotify) a new folder's content may be told twice. */
        if (!known || changed || sek_changes_names_processes(i->changes))
            tell(i, c, SEK_INTEGRITY_CREATED, NULL, there ? &after : NULL, 0);
    } else if (there && (!known || changed)) {
        tell(i, c, SEK_INTEGRITY_MODIFIED, known ? &before : NULL, &after, changed);
    }
    if (there)
        sek_database_put(i->db, c->path, &after);
}

static void disappeared(struct sek_integrity *i, const struct sek_change *c)
{
    static struct sek_facts before;
    bool known = sek_database_find(i->db, c->path, NULL, &before);
    tell(i, c, SEK_INTEGRITY_DELETED, known ? &before : NULL, NULL, 0);
    sek_database_remove(i->db, c->path);
}

/* What is in a folder that was moved here or away comes and goes with it. */
static void move_in(struct sek_integrity *i, const struct sek_change *c)
{
    struct sek_tree *tree = sek_tree_open(c->path, false);
    for (const struct sek_tree_entry *e; tree && (e = sek_tree_next(tree));) {
        struct sek_change one = {e->path, SEK_CHANGE_MOVED_TO, e->kind == SEK_TREE_FOLDER, c->pid};
        if (e->depth > 0 && e->kind != SEK_TREE_UNREADABLE)
            appeared(i, &one);
    }
    sek_tree_close(tree);
}

struct leaving {
    struct sek_integrity *i;
    const struct sek_change *folder;
    size_t len;
};

static void leave(void *arg, const char *path)
{
    const struct leaving *l = arg;
    struct sek_change one = {path, SEK_CHANGE_MOVED_FROM, false, l->folder->pid};
    if (!strncmp(path, l->folder->path, l->len) && path[l->len] == '/')
        disappeared(l->i, &one);
}

static void on_change(void *arg, const struct sek_change *c)
{
    struct sek_integrity *i = arg;
    if (c->pid == getpid())
        return;
    if (c->what &
        (SEK_CHANGE_CREATED | SEK_CHANGE_MOVED_TO | SEK_CHANGE_WRITTEN | SEK_CHANGE_ATTRIBUTES))
        appeared(i, c);
    if (c->folder && c->what & SEK_CHANGE_MOVED_TO)
        move_in(i, c);
    if (c->what & (SEK_CHANGE_DELETED | SEK_CHANGE_MOVED_FROM))
        disappeared(i, c);
    if (c->folder && c->what & SEK_CHANGE_MOVED_FROM) {
        struct leaving l = {i, c, strlen(c->path)};
        sek_database_each(i->db, leave, &l);
    }
}

static void on_lost(void *arg)
{
    struct sek_integrity *i = arg;
    i->lost = true;
}

enum sek_error sek_integrity_watch(struct sek_integrity *i, struct sek_fault *fault)
{
    const struct sek_changes_options options = {
        .paths = &i->options.paths,
        .exclude = &i->options.exclude,
        .what = SEK_CHANGE_CREATED | SEK_CHANGE_DELETED | SEK_CHANGE_MOVED_TO |
                SEK_CHANGE_MOVED_FROM | SEK_CHANGE_WRITTEN | SEK_CHANGE_ATTRIBUTES,
        .on_change = on_change,
        .on_lost = on_lost,
        .arg = i,
    };
    enum sek_error rc = sek_changes_open(&options, &i->changes, fault);
    if (!rc && sek_changes_names_processes(i->changes))
        sek_executed_open(); /* without it processes that are gone have no path */
    return rc;
}

void sek_integrity_serve(struct sek_integrity *i)
{
    uint64_t end = sek_clock_mono_us() + SERVE_US;
    sek_executed_drain(NULL);
    while (sek_changes_serve(i->changes) && sek_clock_mono_us() < end)
        ;
    if (i->lost) {
        struct sek_integrity_counts counts;
        i->lost = false;
        sek_report_note(&i->report, "lost",
                        "the kernel's queue ran over; all files are checked instead");
        sek_integrity_check(i, true, false, &counts);
    }
    sek_report_flush(&i->report);
}

void sek_integrity_close(struct sek_integrity *i)
{
    sek_report_flush(&i->report);
    sek_changes_close(i->changes);
    sek_executed_close();
    sek_database_close(i->db);
    sek_report_free(&i->report);
    sek_text_free(&i->old_text);
    sek_text_free(&i->new_text);
}
