/* Bytes of a file that is read where it lies, or of memory. A file may be cut or change while it is
 * read: a read then fails, where a mapping would end the process. */
#ifndef SEK_AGENT_VIEW_H
#define SEK_AGENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_view {
    int fd;              /* used when data is NULL */
    const uint8_t *data; /* not owned */
    uint64_t size;       /* bytes */
};

/* LEN bytes from OFFSET; false when they are not all there. */
bool sek_view_read(const struct sek_view *v, uint64_t offset, void *out, size_t len);
/* Up to LEN bytes from OFFSET; how many there were. */
size_t sek_view_some(const struct sek_view *v, uint64_t offset, void *out, size_t len);

#endif
