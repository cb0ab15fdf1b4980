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

/* A copy of what stands behind "NAME=", cut at SIZE; its length, 0: there is none. */
static uint32_t copy_field(struct sek_journal *j, const char *name, char *out, uint32_t size)
{
    const void *data;
    size_t len, skip = strlen(name) + 1;
    if (j->lib.get_data(j->journal, name, &data, &len) < 0 || len < skip)
        return 0;
    len = len - skip < size ? len - skip : size;
    memcpy(out, (const char *)data + skip, len);
    return (uint32_t)len;
}

static void take_entry(struct sek_journal *j)
{
    char program[TAG], unit[UNIT], number[24] = "", message[SEK_LOG_LINE];
    uint32_t program_len = copy_field(j, "SYSLOG_IDENTIFIER", program, TAG);
    if (!program_len)
        program_len = copy_field(j, "_COMM", program, TAG);
    copy_field(j, "_UID", number, sizeof number - 1);
    uint32_t unit_len = copy_field(j, "_SYSTEMD_UNIT", unit, UNIT);
    uint32_t message_len = copy_field(j, "MESSAGE", message, sizeof message);
    if (!message_len)
        return;
    const struct sek_log_text copy = {message, message_len};
    const struct sek_log_line line = {
        .whole = copy,
        .message = copy,
        .program = {program, program_len},
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
