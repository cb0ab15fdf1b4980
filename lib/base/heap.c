/* mallopt(3), malloc_trim(3). */
#include "lib/base/heap.h"

#include <malloc.h>

#ifdef __GLIBC__
void sek_heap_give_back(void)
{
    malloc_trim(0);
}

void sek_heap_share(void)
{
    mallopt(M_ARENA_MAX, 1);
}

void sek_heap_map_from(size_t threshold)
{
    mallopt(M_MMAP_THRESHOLD, (int)threshold);
}
#else
void sek_heap_give_back(void)
{
}

void sek_heap_share(void)
{
}

void sek_heap_map_from(size_t threshold)
{
    (void)threshold;
}
#endif
