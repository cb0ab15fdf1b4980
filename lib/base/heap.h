/* The allocator's settings, where the C library has them (glibc); elsewhere nothing happens: musl gives
 * free pages back by itself and has one heap. */
#ifndef SEK_BASE_HEAP_H
#define SEK_BASE_HEAP_H

#include <stddef.h>

void sek_heap_give_back(void);            /* free pages to the kernel */
void sek_heap_share(void);                /* one heap for all threads */
void sek_heap_map_from(size_t threshold); /* blocks from so many bytes on are mapped, and unmapped */

#endif
