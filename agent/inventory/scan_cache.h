/* The cache of a scan: one record a file, in one file that is read and written whole. It is not
 * trusted: it is read with the same care as any other file, and a damaged one counts as empty. */
#ifndef SEK_AGENT_SCAN_CACHE_H
#define SEK_AGENT_SCAN_CACHE_H

#include "agent/inventory/list.h"
#include "agent/inventory/scan.h"

#include <sys/stat.h>

struct sek_scan_cache {
    char *text;
    size_t len;
    uint64_t walked;              /* seconds since 1970; 0: no walk */
    uint32_t took;                /* that walk, ms */
    bool cut;                     /* that walk met a limit */
    struct sek_cache_slot *slots; /* sorted by key */
    size_t count;
    struct sek_text next; /* the records of this walk */
};

/* Read the cache in PATH (NULL: none). */
void sek_cache_load(struct sek_scan_cache *c, const char *path);
/* Use the whole of the last walk. */
void sek_cache_replay(const struct sek_scan_cache *c, struct sek_list *list,
                      struct sek_writable_list *writable);
/* Whether the file of STAT is known; then its items are added to LIST and kept for the next time.
 */
bool sek_cache_use(struct sek_scan_cache *c, const struct stat *stat, struct sek_list *list);
/* Keep what the file of STAT had: the items from FIRST to the end of LIST. */
void sek_cache_keep(struct sek_scan_cache *c, const struct stat *stat, const struct sek_list *list,
                    size_t first);
/* Keep a path that everybody may write. */
void sek_cache_writable(struct sek_scan_cache *c, const struct sek_writable *w);
/* Write the records of this walk to PATH (NULL: nowhere), and free the cache. */
void sek_cache_close(struct sek_scan_cache *c, const char *path, uint32_t took_ms, bool cut);

/* Add to LIST what is kept there; the rest is counted. */
void sek_writable_add(struct sek_writable_list *list, const struct sek_writable *w);

#endif
