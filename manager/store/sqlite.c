/* SQLite backend: WAL, synchronous=FULL (an acknowledged event survives a power cut), statements
 * prepared once and kept by their text's address. */
#include "manager/store/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS 256

struct sqlite_store {
    struct sek_store store;
    sqlite3 *db;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[STATEMENTS];
};

static enum sek_error complain(const struct sqlite_store *s, const char *sql,
                               struct sek_fault *fault)
{
    enum sek_error code = sqlite3_errcode(s->db) == SQLITE_CONSTRAINT ? SEK_EEXIST : SEK_EIO;
    return sek_fail(fault, code, "database: %s (in \"%.60s\")", sqlite3_errmsg(s->db), sql);
}

static int64_t row_integer(const struct sek_row *row, int column)
{
    return sqlite3_column_int64(row->statement, column);
}

static const char *row_text(const struct sek_row *row, int column, size_t *len)
{
    const char *text = (const char *)sqlite3_column_text(row->statement, column);
    if (len)
        *len = (size_t)sqlite3_column_bytes(row->statement, column);
    return text ? text : "";
}

static const void *row_blob(const struct sek_row *row, int column, size_t *len)
{
    const void *data = sqlite3_column_blob(row->statement, column);
    *len = (size_t)sqlite3_column_bytes(row->statement, column);
    return data;
}

static json_t *column_value(sqlite3_stmt *st, int i, const char *kind)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        if (kind && !strcmp(kind, ":bool"))
            return json_boolean(sqlite3_column_int64(st, i));
        return json_integer(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(st, i));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(st, i);
        size_t len = (size_t)sqlite3_column_bytes(st, i);
        json_t *value = kind && !strcmp(kind, ":json")
                            ? json_loadb(text, len, JSON_DECODE_ANY, NULL)
                            : json_stringn(text, len);
        return value ? value : json_null();
    }
    default:
        return json_null();
    }
}

static json_t *row_json(const struct sek_row *row)
{
    json_t *object = json_object();
    for (int i = 0; i < sqlite3_column_count(row->statement); i++) {
        const char *name = sqlite3_column_name(row->statement, i);
        const char *kind = strchr(name, ':');
        char key[64];
        size_t len = kind ? (size_t)(kind - name) : strlen(name);
        if (len >= sizeof key)
            len = sizeof key - 1;
        memcpy(key, name, len);
        key[len] = '\0';
        json_object_set_new(object, key, column_value(row->statement, i, kind));
    }
    return object;
}

/* SQL texts are literals, so their address names them; the text is compared in case two literals
 * were merged or a buffer was reused. */
static sqlite3_stmt *prepare(struct sqlite_store *s, const char *sql)
{
    size_t slot = ((uintptr_t)sql >> 3) % STATEMENTS;
    if (s->cache[slot].statement && s->cache[slot].sql == sql &&
        !strcmp(sqlite3_sql(s->cache[slot].statement), sql))
        return s->cache[slot].statement;
    sqlite3_finalize(s->cache[slot].statement);
    s->cache[slot].statement = NULL;
    s->cache[slot].sql = sql;
    sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->cache[slot].statement, NULL);
    return s->cache[slot].statement;
}

static void bind(sqlite3_stmt *st, const char *format, va_list ap)
{
    for (int i = 1; *format; i++, format++) {
        const void *data;
        switch (*format) {
        case 's':
            sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 't':
            data = va_arg(ap, const void *);
            sqlite3_bind_text64(st, i, data, va_arg(ap, size_t), SQLITE_TRANSIENT, SQLITE_UTF8);
            break;
        case 'b':
            data = va_arg(ap, const void *);
            sqlite3_bind_blob64(st, i, data, va_arg(ap, size_t), SQLITE_TRANSIENT);
            break;
        default:
            sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
        }
    }
}

static enum sek_error sqlite_run(struct sek_store *store, sek_row_callback *callback, void *arg,
                                 struct sek_fault *fault, const char *sql, const char *format,
                                 va_list ap)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    sqlite3_stmt *own = NULL, *st = prepare(s, sql);
    enum sek_error rc = SEK_OK;
    int step;
    if (!st)
        return complain(s, sql, fault);
    if (sqlite3_stmt_busy(st)) { /* the same query, from within its own callback */
        if (sqlite3_prepare_v2(s->db, sql, -1, &own, NULL))
            return complain(s, sql, fault);
        st = own;
    }
    bind(st, format, ap);
    struct sek_row row = {row_integer, row_text, row_blob, row_json, st};
    while ((step = sqlite3_step(st)) == SQLITE_ROW)
        if (callback && !callback(arg, &row)) {
            step = SQLITE_DONE;
            break;
        }
    if (step != SQLITE_DONE)
        rc = complain(s, sql, fault);
    if (own) {
        sqlite3_finalize(own);
    } else {
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
    }
    return rc;
}

static int64_t sqlite_changes(struct sek_store *store)
{
    return sqlite3_changes64(((struct sqlite_store *)store)->db);
}

static void sqlite_close(struct sek_store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->cache[i].statement);
    sqlite3_close(s->db);
    free(s);
}

static bool has_column(sqlite3 *db, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(db, NULL, table, column, NULL, NULL, NULL, NULL, NULL) ==
           SQLITE_OK;
}

static int run_steps(sqlite3 *db, char **message)
{
    int rc = SQLITE_OK;
    for (const struct sek_store_step *s = sek_store_steps; !rc && s->table; s++)
        if (has_column(db, s->table, NULL) && !has_column(db, s->table, s->column))
            rc = sqlite3_exec(db, s->sql, NULL, NULL, message);
    return rc;
}

static enum sek_error sqlite_open(const char *place, struct sek_store **out,
                                  struct sek_fault *fault)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    char *message = NULL;
    enum sek_error rc = SEK_OK;
    if (!s)
        return sek_fail(fault, SEK_ENOMEM, "database: out of memory");
    s->store.backend = &sek_store_sqlite;
    if (sqlite3_open_v2(place, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)) {
        rc = sek_fail(fault, SEK_EIO, "%s: cannot open the database: %s", place,
                      sqlite3_errmsg(s->db));
        goto done;
    }
    sqlite3_busy_timeout(s->db, 5000);
    if (sqlite3_exec(s->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;",
                     NULL, NULL, &message) ||
        run_steps(s->db, &message) || sqlite3_exec(s->db, sek_store_schema, NULL, NULL, &message))
        rc = sek_fail(fault, SEK_EIO, "%s: %s", place, message ? message : "cannot set up");
    sqlite3_free(message);
done:
    if (rc)
        sqlite_close(&s->store);
    else
        *out = &s->store;
    return rc;
}

const struct sek_store_backend sek_store_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .run = sqlite_run,
    .changes = sqlite_changes,
};
