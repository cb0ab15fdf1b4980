/* sd-journal(3). The fields that begin with "_" are the journal's own knowledge of the writer, and
 * no writer can forge them: _UID goes with each line, so that only root's sshd is believed to be
 * sshd. */
#include "agent/logs/journal.h"
#include "lib/base/file.h"
#include "lib/base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY      "libsystemd.so.0"
#define TURN         2000 /* entries before the others have their turn */
#define CURSOR_LIMIT 4096
#define TAG          48
#define UNIT         128

typedef struct sd_journal sd_journal;

enum { LOCAL_ONLY = 1 };

struct library {
    void *handle;
    int (*open)(sd_journal **j, int flags);
    int (*open_directory)(sd_journal **j, const char *path, int flags);
    void (*close)(sd_journal *j);
    int (*get_fd)(sd_journal *j);
    int (*process)(sd_journal *j);
    int (*next)(sd_journal *j);
    int (*previous)(sd_journal *j);
    int (*seek_tail)(sd_journal *j);
    int (*seek_head)(sd_journal *j);
    int (*seek_cursor)(sd_journal *j, const char *cursor);
    int (*get_cursor)(sd_journal *j, char **cursor);
    int (*get_data)(sd_journal *j, const char *field, const void **data, size_t *len);
    int (*set_data_threshold)(sd_journal *j, size_t bytes);
};

struct sek_journal {
    struct library lib;
    sd_journal *journal;
    char *cursor_path;
    bool moved;
    void (*on_line)(void *arg, const struct sek_log_line *line);
    void *arg;
};

static enum sek_error load(struct library *l, struct sek_fault *fault)
{
    const struct {
        const char *name;
        void **place;
    } calls[] = {
        {"sd_journal_open", (void **)&l->open},
        {"sd_journal_open_directory", (void **)&l->open_directory},
        {"sd_journal_close", (void **)&l->close},
        {"sd_journal_get_fd", (void **)&l->get_fd},
        {"sd_journal_process", (void **)&l->process},
        {"sd_journal_next", (void **)&l->next},
        {"sd_journal_previous", (void **)&l->previous},
        {"sd_journal_seek_tail", (void **)&l->seek_tail},
        {"sd_journal_seek_head", (void **)&l->seek_head},
        {"sd_journal_seek_cursor", (void **)&l->seek_cursor},
        {"sd_journal_get_cursor", (void **)&l->get_cursor},
        {"sd_journal_get_data", (void **)&l->get_data},
        {"sd_journal_set_data_threshold", (void **)&l->set_data_threshold},
    };
    l->handle = sek_library_open(LIBRARY, "libsystemd0", fault);
    for (size_t i = 0; l->handle && i < sizeof calls / sizeof calls[0]; i++) {
        *calls[i].place = dlsym(l->handle, calls[i].name);
        if (!*calls[i].place)
            return sek_fail(fault, SEK_EUNSUPPORTED, LIBRARY " has no %s", calls[i].name);
    }
    return l->handle ? SEK_OK : SEK_EUNSUPPORTED;
}

/* After the entry that was taken last; without one, after all that is there. */
static void seek(struct sek_journal *j, bool from_start)
{
    char *text = NULL;
    size_t len;
    if (j->cursor_path && !sek_file_read(j->cursor_path, CURSOR_LIMIT, &text, &len, NULL) && len &&
        j->lib.seek_cursor(j->journal, text) >= 0) {
        j->lib.next(j->journal); /* the one that was taken */
    } else if (from_start) {
        j->lib.seek_head(j->journal);
    } else {
        j->lib.seek_tail(j->journal);
        j->lib.previous(j->journal);
    }
    free(text);
}

enum sek_error sek_journal_open(const char *folder, const char *cursor,
                                void (*on_line)(void *arg, const struct sek_log_line *line),
                                void *arg, struct sek_journal **out, struct sek_fault *fault)
{
    struct sek_journal *j = calloc(1, sizeof *j);
    if (!j)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    j->on_line = on_line;
    j->arg = arg;
    j->cursor_path = cursor ? strdup(cursor) : NULL;
    enum sek_error failed = load(&j->lib, fault);
    if (failed) {
        sek_journal_close(j);
        return sek_fail_context(fault, failed, "journal");
    }
    int rc = folder ? j->lib.open_directory(&j->journal, folder, 0)
                    : j->lib.open(&j->journal, LOCAL_ONLY);
    if (rc < 0 || j->lib.get_fd(j->journal) < 0) {
        sek_journal_close(j);
        return sek_fail(fault, SEK_ENOTFOUND, "journal: %s",
                        rc < 0 ? strerror(-rc) : "it cannot be followed");
    }
    j->lib.set_data_threshold(j->journal, SEK_LOG_LINE);
    seek(j, folder != NULL);
    *out = j;
    return SEK_OK;
}

int sek_journal_fd(const struct sek_journal *j)
{
    return j->lib.get_fd(j->journal);
}

/* The value of FIELD without "FIELD=". */
static struct sek_log_text field(struct sek_journal *j, const char *name)
{
    const void *data;
    size_t len, skip = strlen(name) + 1;
    if (j->lib.get_data(j->journal, name, &data, &len) < 0 || len < skip)
        return (struct sek_log_text){0};
    len -= skip;
    return (struct sek_log_text){(const char *)data + skip,
                                 (uint32_t)(len < SEK_LOG_LINE ? len : SEK_LOG_LINE)};
}

static void take_entry(struct sek_journal *j)
{
    char program[TAG], unit[UNIT], number[24] = "", message[SEK_LOG_LINE];
    struct sek_log_text tag = field(j, "SYSLOG_IDENTIFIER");
    if (!tag.len)
        tag = field(j, "_COMM");
    /* Each call of get_data may take the place of the one before: copies are kept. */
    uint32_t tag_len = tag.len < TAG ? tag.len : TAG;
    if (tag_len)
        memcpy(program, tag.data, tag_len);
    struct sek_log_text uid = field(j, "_UID");
    if (uid.len && uid.len < sizeof number)
        memcpy(number, uid.data, uid.len);
    struct sek_log_text of = field(j, "_SYSTEMD_UNIT");
    uint32_t unit_len = of.len < UNIT ? of.len : UNIT;
    if (unit_len)
        memcpy(unit, of.data, unit_len);
    struct sek_log_text text = field(j, "MESSAGE");
    if (!text.len)
        return;
    memcpy(message, text.data, text.len);
    const struct sek_log_text copy = {message, text.len};
    const struct sek_log_line line = {
        .whole = copy,
        .message = copy,
        .program = {program, tag_len},
        .source = "journal",
        .uid = number[0] ? atoll(number) : -1,
        .unit = {unit, unit_len},
    };
    j->on_line(j->arg, &line);
}

bool sek_journal_serve(struct sek_journal *j)
{
    j->lib.process(j->journal);
    for (int i = 0; i < TURN; i++) {
        if (j->lib.next(j->journal) <= 0)
            return false;
        j->moved = true;
        take_entry(j);
    }
    return true;
}

void sek_journal_save(struct sek_journal *j)
{
    char *cursor = NULL;
    if (!j->moved || !j->cursor_path || j->lib.get_cursor(j->journal, &cursor) < 0)
        return;
    j->moved = sek_file_replace(j->cursor_path, cursor, strlen(cursor), 0600, NULL) != SEK_OK;
    free(cursor);
}

void sek_journal_close(struct sek_journal *j)
{
    if (!j)
        return;
    if (j->journal)
        j->lib.close(j->journal);
    if (j->lib.handle)
        dlclose(j->lib.handle);
    free(j->cursor_path);
    free(j);
}
