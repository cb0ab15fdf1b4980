/* Where the manager keeps its state. A backend is a struct of functions over one small SQL dialect
 * (what SQLite and PostgreSQL share); everything above it uses only the calls below. One connection,
 * one thread.
 *
 * FORMAT has one letter a parameter: s text (NULL: null), t text and size_t length, i int64_t,
 * b blob and size_t length. */
#ifndef SEK_MANAGER_STORE_H
#define SEK_MANAGER_STORE_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_store;

/* One row of a result, valid inside the callback. */
struct sek_row {
    int64_t (*integer)(const struct sek_row *row, int column);
    const char *(*text)(const struct sek_row *row, int column, size_t *len); /* LEN may be NULL */
    const void *(*blob)(const struct sek_row *row, int column, size_t *len);
    json_t *(*json)(const struct sek_row *row); /* all columns by name, new reference */
    void *statement;
};

/* Return false to stop early. */
typedef bool sek_row_callback(void *arg, const struct sek_row *row);

struct sek_store_backend {
    const char *name;
    enum sek_error (*open)(const char *place, struct sek_store **out, struct sek_fault *fault);
    void (*close)(struct sek_store *store);
    enum sek_error (*run)(struct sek_store *store, sek_row_callback *callback, void *arg,
                          struct sek_fault *fault, const char *sql, const char *format, va_list ap);
    int64_t (*changes)(struct sek_store *store); /* rows changed by the last statement */
};

struct sek_store {
    const struct sek_store_backend *backend;
    unsigned depth; /* of nested transactions: only the outermost is real */
    bool doomed;    /* an inner one failed: the outermost rolls back */
};

extern const struct sek_store_backend sek_store_sqlite;

enum sek_error sek_store_open(const char *place, struct sek_store **out, struct sek_fault *fault);
void sek_store_close(struct sek_store *store);

/* A statement without a result, or whose rows go to CALLBACK. */
enum sek_error sek_store_run(struct sek_store *store, struct sek_fault *fault, const char *sql,
                             const char *format, ...);
enum sek_error sek_store_each(struct sek_store *store, sek_row_callback *callback, void *arg,
                              struct sek_fault *fault, const char *sql, const char *format, ...);
/* All rows as an array of objects (new reference). A column named "x:json" is parsed, "x:bool"
 * becomes true or false. */
enum sek_error sek_store_rows(struct sek_store *store, json_t **out, struct sek_fault *fault,
                              const char *sql, const char *format, ...);
/* The first row as an object; SEK_ENOTFOUND when there is none. */
enum sek_error sek_store_row(struct sek_store *store, json_t **out, struct sek_fault *fault,
                             const char *sql, const char *format, ...);
/* The first column of the first row; FALLBACK when there is none or on failure. */
int64_t sek_store_number(struct sek_store *store, int64_t fallback, const char *sql,
                         const char *format, ...);
int64_t sek_store_changes(struct sek_store *store);

enum sek_error sek_store_begin(struct sek_store *store, struct sek_fault *fault);
/* Commits when RC is SEK_OK, else rolls back; returns RC or the commit's failure. */
enum sek_error sek_store_end(struct sek_store *store, enum sek_error rc, struct sek_fault *fault);

/* Statements that make the tables; run at every start. */
extern const char sek_store_schema[];

/* What brings an older database up to date: SQL that is run when TABLE is there without COLUMN. */
struct sek_store_step {
    const char *table, *column, *sql;
};
extern const struct sek_store_step sek_store_steps[]; /* ends with a NULL table */

#endif
