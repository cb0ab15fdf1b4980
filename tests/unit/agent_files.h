/* A folder of files for the agent's tests, and byte strings that grow. */
#ifndef TESTS_AGENT_FILES_H
#define TESTS_AGENT_FILES_H

#include "lib/base/file.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char files_root[] = "/tmp/sekisho-files.XXXXXX";

static inline int files_setup(void **state)
{
    strcpy(files_root, "/tmp/sekisho-files.XXXXXX");
    *state = files_root;
    return mkdtemp(files_root) ? 0 : -1;
}

static inline int files_teardown(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", files_root);
    return system(command);
}

/* Write LEN bytes to PATH below the root, with its folders. */
static inline void put_file(const char *path, const void *data, size_t len, mode_t mode)
{
    char full[600], folder[600];
    snprintf(full, sizeof full, "%s%s", files_root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = '\0';
    if (sek_make_folder(folder, 0755, NULL) || sek_file_replace(full, data, len, mode, NULL) ||
        chmod(full, mode))
        abort();
}

static inline void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text), 0644);
}

static inline void add_be(struct sek_text *t, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        sek_text_putc(t, (char)(v >> (8 * i)));
}

static inline void add_le(struct sek_text *t, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        sek_text_putc(t, (char)(i < 8 ? v >> (8 * i) : 0));
}

#endif
