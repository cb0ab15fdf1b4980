/* objects: agent/integrity/database.c agent/integrity/facts.c agent/filehash.c */
/* A baseline of file integrity, with a right checksum: opened, looked through, changed and written.
 */
#include "agent/integrity/database.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void visit(void *arg, const char *path)
{
    static struct sek_text text;
    static struct sek_facts facts;
    struct sek_database *db = arg;
    if (!sek_database_find(db, path, &text, &facts))
        abort();
    sek_database_remove(db, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_database *db;
    struct sek_fault fault;
    char path[64];
    if (size > 1 << 16)
        return 0;
    snprintf(path, sizeof path, "/dev/shm/sekisho-fuzz-%d", (int)getpid());
    char *file = malloc(size + 32);
    memcpy(file, data, size);
    sek_sha256(data, size, (uint8_t *)file + size);
    if (!sek_file_replace(path, file, size + 32, 0600, &fault) &&
        !sek_database_open(path, &db, &fault)) {
        sek_database_each(db, visit, db);
        if (sek_database_count(db))
            abort();
        sek_database_close(db);
    }
    unlink(path);
    free(file);
    return 0;
}
