/* What files themselves tell: language packages, and components of programs that no package owns.
 * One walk over the places where software lies. What was found in a file is kept in a cache under
 * its device, inode, time of change and size, so that an unchanged file is not read again; and for
 * some minutes the walk itself is not repeated either. */
#ifndef SEK_AGENT_SCAN_H
#define SEK_AGENT_SCAN_H

#include "agent/inventory/list.h"
#include "agent/inventory/owner.h"
#include "lib/base/error.h"

struct sek_scan_options {
    const char *root;                /* "" or a folder */
    bool whole;                      /* no package database: look at everything */
    const struct sek_owners *owners; /* files of packages are left out */
    const char *cache;               /* file; NULL: none */
    unsigned walk_every_s;           /* with a cache: how old a walk may be to be used as it is */
    unsigned read_s; /* with a cache: time for reading files; the next walk goes on from there */
};

/* Files and folders of the system that everybody may write; kept in the order of the walk. */
struct sek_writable {
    const char *path;
    bool folder, program;
};

struct sek_writable_list {
    struct sek_writable items[64];
    size_t count, total; /* kept; found */
    struct sek_arena arena;
};

/* Add what is found to LIST and WRITABLE. A file that cannot be read is left out. */
enum sek_error sek_scan(const struct sek_scan_options *options, struct sek_list *list,
                        struct sek_writable_list *writable, struct sek_fault *fault);

#endif
