/* Answers for people: tables with aligned columns, and one "name  value" a line for objects. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH_MAX 60

static bool is_time(const char *name)
{
    static const char *const names[] = {"created", "expires", "used",  "enrolled", "last_seen",
                                        "since",   "updated", "expiry", "imported", "received",
                                        "time",    "now"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/* The value as one line; malloc'd. */
static char *cell(const char *name, const json_t *value)
{
    char text[64];
    if (!value || json_is_null(value))
        return strdup("-");
    if (json_is_string(value))
        return strdup(*json_string_value(value) ? json_string_value(value) : "-");
    if (json_is_integer(value) && is_time(name) && json_integer_value(value) > 1000000000) {
        time_t t = (time_t)json_integer_value(value);
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &tm);
        return strdup(text);
    }
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void print_cell(const char *text, size_t width, bool last)
{
    if (last)
        printf("%s\n", text);
    else
        printf("%-*.*s  ", (int)width, (int)WIDTH_MAX, text);
}

void sek_cli_table(const json_t *rows, const char *const *columns)
{
    size_t width[16] = {0}, count = 0, i;
    json_t *row;
    for (; columns[count]; count++)
        width[count] = strlen(columns[count]);
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < count; c++) {
            char *text = cell(columns[c], json_object_get(row, columns[c]));
            if (text && strlen(text) > width[c])
                width[c] = strlen(text) < WIDTH_MAX ? strlen(text) : WIDTH_MAX;
            free(text);
        }
    }
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c], width[c], c + 1 == count);
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < count; c++) {
            char *text = cell(columns[c], json_object_get(row, columns[c]));
            print_cell(text ? text : "?", width[c], c + 1 == count);
            free(text);
        }
    }
}

void sek_cli_print(const json_t *value)
{
    const char *name;
    json_t *item;
    if (!json_is_object(value)) {
        char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
        printf("%s\n", text ? text : "");
        free(text);
        return;
    }
    json_object_foreach((json_t *)value, name, item)
    {
        char *text = cell(name, item);
        printf("%-16s %s\n", name, text ? text : "?");
        free(text);
    }
}

void sek_cli_list(const struct sek_cli *cli, const json_t *doc, const char *member,
                  const char *const *columns)
{
    if (cli->json) {
        char *text = json_dumps(doc, JSON_INDENT(2) | JSON_ENCODE_ANY);
        printf("%s\n", text ? text : "");
        free(text);
    } else if (member && columns) {
        sek_cli_table(json_object_get(doc, member), columns);
    } else {
        sek_cli_print(doc);
    }
}

enum sek_error sek_cli_simple(struct sek_cli *cli, const struct sek_command *command,
                              struct sek_fault *fault)
{
    json_t *doc = NULL;
    enum sek_error rc = sek_cli_get(cli, command->path, &doc, fault);
    if (!rc)
        sek_cli_list(cli, doc, command->member, command->columns);
    json_decref(doc);
    return rc;
}
