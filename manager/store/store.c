/* What all backends share: variadic calls, rows as JSON, nested transactions. */
#include "manager/store/store.h"

enum sek_error sek_store_open(const char *place, struct sek_store **out, struct sek_fault *fault)
{
    return sek_store_sqlite.open(place, out, fault);
}

void sek_store_close(struct sek_store *store)
{
    if (store)
        store->backend->close(store);
}

enum sek_error sek_store_run(struct sek_store *store, struct sek_fault *fault, const char *sql,
                             const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum sek_error rc = store->backend->run(store, NULL, NULL, fault, sql, format, ap);
    va_end(ap);
    return rc;
}

enum sek_error sek_store_each(struct sek_store *store, sek_row_callback *callback, void *arg,
                              struct sek_fault *fault, const char *sql, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum sek_error rc = store->backend->run(store, callback, arg, fault, sql, format, ap);
    va_end(ap);
    return rc;
}

static bool append_row(void *arg, const struct sek_row *row)
{
    return !json_array_append_new(arg, row->json(row));
}

static enum sek_error collect(struct sek_store *store, json_t **out, struct sek_fault *fault,
                              const char *sql, const char *format, va_list ap)
{
    json_t *rows = json_array();
    if (!rows)
        return sek_fail(fault, SEK_ENOMEM, "store: out of memory");
    enum sek_error rc = store->backend->run(store, append_row, rows, fault, sql, format, ap);
    if (rc)
        json_decref(rows);
    else
        *out = rows;
    return rc;
}

enum sek_error sek_store_rows(struct sek_store *store, json_t **out, struct sek_fault *fault,
                              const char *sql, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum sek_error rc = collect(store, out, fault, sql, format, ap);
    va_end(ap);
    return rc;
}

enum sek_error sek_store_row(struct sek_store *store, json_t **out, struct sek_fault *fault,
                             const char *sql, const char *format, ...)
{
    va_list ap;
    json_t *rows = NULL;
    va_start(ap, format);
    enum sek_error rc = collect(store, &rows, fault, sql, format, ap);
    va_end(ap);
    if (!rc && !json_array_size(rows))
        rc = sek_fail(fault, SEK_ENOTFOUND, "no such record");
    if (!rc)
        *out = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return rc;
}

static bool take_number(void *arg, const struct sek_row *row)
{
    *(int64_t *)arg = row->integer(row, 0);
    return false;
}

int64_t sek_store_number(struct sek_store *store, int64_t fallback, const char *sql,
                         const char *format, ...)
{
    va_list ap;
    int64_t value = fallback;
    va_start(ap, format);
    enum sek_error rc = store->backend->run(store, take_number, &value, NULL, sql, format, ap);
    va_end(ap);
    return rc ? fallback : value;
}

int64_t sek_store_changes(struct sek_store *store)
{
    return store->backend->changes(store);
}

enum sek_error sek_store_begin(struct sek_store *store, struct sek_fault *fault)
{
    if (store->depth++)
        return SEK_OK;
    store->doomed = false;
    enum sek_error rc = sek_store_run(store, fault, "BEGIN IMMEDIATE", "");
    if (rc)
        store->depth = 0;
    return rc;
}

enum sek_error sek_store_end(struct sek_store *store, enum sek_error rc, struct sek_fault *fault)
{
    store->doomed = store->doomed || rc;
    if (--store->depth)
        return rc;
    if (!store->doomed) {
        rc = sek_store_run(store, fault, "COMMIT", "");
        if (!rc)
            return SEK_OK;
    }
    sek_store_run(store, NULL, "ROLLBACK", "");
    return rc ? rc : sek_fail(fault, SEK_ESTATE, "store: the transaction was rolled back");
}
