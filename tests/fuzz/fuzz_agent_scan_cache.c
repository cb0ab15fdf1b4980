/* objects: agent/inventory/list.c agent/inventory/scan_cache.c */
/* The cache of scanned files, which is read with the same care as any other file. */
#include "agent/inventory/scan_cache.h"
#include "lib/base/file.h"

#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct sek_scan_cache cache;
    struct sek_list list = {0};
    struct sek_writable_list writable = {0};
    struct stat st = {0};
    snprintf(path, sizeof path, "/dev/shm/sekisho-fuzz-cache-%d", (int)getpid());
    FILE *file = fopen(path, "wb");
    if (!file)
        return 0;
    fwrite(data, 1, size, file);
    fclose(file);
    sek_cache_load(&cache, path);
    if (cache.walked)
        sek_cache_replay(&cache, &list, &writable);
    sek_cache_use(&cache, &st, &list);
    sek_cache_close(&cache, NULL, 0, false);
    sek_list_free(&list);
    sek_arena_free(&writable.arena);
    unlink(path);
    return 0;
}
