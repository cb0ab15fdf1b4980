/* rpmdb.sqlite through libsqlite3, opened at run time: only systems that have such a database need
 * it, and there RPM itself brings it. The file is opened read-only with its log of writes when
 * there is one, else immutable: as it lies there, and nothing is written beside it. The few
 * declarations are those of sqlite3.h. */
#include "agent/inventory/rpm.h"
#include "lib/base/library.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LIBRARY "libsqlite3.so.0"

enum { SQLITE_ROW = 100, SQLITE_DONE = 101, OPEN_READONLY = 1, OPEN_URI = 0x40 };

struct sqlite {
    void *library;
    int (*open_v2)(const char *, void **, int, const char *);
    int (*close)(void *);
    int (*prepare_v2)(void *, const char *, int, void **, const char **);
    int (*step)(void *);
    int (*finalize)(void *);
    const void *(*column_blob)(void *, int);
    int (*column_bytes)(void *, int);
    const char *(*errmsg)(void *);
};

static enum sek_error load(struct sqlite *s, struct sek_fault *fault)
{
    const struct {
        const char *name;
        void *at;
    } symbols[] = {
        {"sqlite3_open_v2", &s->open_v2},           {"sqlite3_close", &s->close},
        {"sqlite3_prepare_v2", &s->prepare_v2},     {"sqlite3_step", &s->step},
        {"sqlite3_finalize", &s->finalize},         {"sqlite3_column_blob", &s->column_blob},
        {"sqlite3_column_bytes", &s->column_bytes}, {"sqlite3_errmsg", &s->errmsg},
    };
    s->library = sek_library_open(LIBRARY, "libsqlite3-0", fault);
    for (size_t i = 0; s->library && i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(s->library, symbols[i].name);
        if (!symbol)
            return sek_fail(fault, SEK_EUNSUPPORTED, LIBRARY " has no %s", symbols[i].name);
        memcpy(symbols[i].at, &symbol, sizeof symbol);
    }
    return s->library ? SEK_OK : SEK_EUNSUPPORTED;
}

/* file:PATH with what a URI does not take escaped. */
static bool make_uri(const char *path, const char *mode, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "file:");
    for (; *path && n + 4 < size; path++)
        n += (size_t)snprintf(out + n, size - n, strchr("%?#", *path) ? "%%%02X" : "%c",
                              (unsigned char)*path);
    return !*path && (size_t)snprintf(out + n, size - n, "?%s", mode) < size - n;
}

/* A running RPM's last writes are in PATH-wal. */
static bool has_log(const char *path)
{
    char log[PATH_MAX + 8];
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", path);
    return !stat(log, &st) && st.st_size > 0;
}

static enum sek_error read_blobs(const struct sqlite *s, const char *path, const char *mode,
                                 void (*blob)(void *arg, const uint8_t *data, size_t len),
                                 void *arg, struct sek_fault *fault)
{
    char uri[3 * PATH_MAX];
    void *db = NULL, *query = NULL;
    enum sek_error rc = SEK_OK;
    int step = SQLITE_DONE;
    if (!make_uri(path, mode, uri, sizeof uri))
        return sek_fail(fault, SEK_EINVAL, "%s: the path is too long", path);
    if (s->open_v2(uri, &db, OPEN_READONLY | OPEN_URI, NULL) ||
        s->prepare_v2(db, "SELECT blob FROM Packages", -1, &query, NULL))
        rc = sek_fail(fault, SEK_EINVAL, "%s: %s", path, db ? s->errmsg(db) : "cannot be opened");
    while (!rc && (step = s->step(query)) == SQLITE_ROW) {
        const void *data = s->column_blob(query, 0);
        int len = s->column_bytes(query, 0);
        if (data && len > 0)
            blob(arg, data, (size_t)len);
    }
    if (!rc && step != SQLITE_DONE)
        rc = sek_fail(fault, SEK_EINVAL, "%s: %s", path, s->errmsg(db));
    if (query)
        s->finalize(query);
    if (db)
        s->close(db);
    return rc;
}

enum sek_error sek_rpm_sqlite(const char *path,
                              void (*blob)(void *arg, const uint8_t *data, size_t len), void *arg,
                              struct sek_fault *fault)
{
    struct sqlite s = {0};
    enum sek_error rc = load(&s, fault);
    if (rc)
        sek_fail_context(fault, rc, "%s", path);
    else if (!has_log(path) || read_blobs(&s, path, "mode=ro", blob, arg, fault))
        rc = read_blobs(&s, path, "immutable=1", blob, arg, fault);
    if (s.library)
        dlclose(s.library);
    return rc;
}
