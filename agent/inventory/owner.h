/* Which files belong to packages: a set of path hashes, and the packages of a few wanted paths.
 * A merged /usr makes /bin/x and /usr/bin/x the same file, so paths are kept without "/usr". */
#ifndef SEK_AGENT_OWNER_H
#define SEK_AGENT_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A path whose package is asked for. */
struct sek_wanted {
    const char *path;
    char package[128]; /* out; "": no package has it */
};

struct sek_owners {
    uint64_t *slots; /* 0: empty */
    size_t used, cap;
    struct sek_wanted *wanted; /* sorted by sek_owners_want */
    size_t wanted_count;
    bool full; /* the limit was met, or memory ran out: some owned files look free */
};

#define SEK_OWNERS_MAX 4000000 /* paths */

/* Ask for the packages of WANTED, which is sorted here and must outlive OWNERS. */
void sek_owners_want(struct sek_owners *o, struct sek_wanted *wanted, size_t count);
/* PATH (absolute, LEN bytes) belongs to PACKAGE. */
void sek_owners_add(struct sek_owners *o, const char *path, size_t len, const char *package);
bool sek_owners_have(const struct sek_owners *o, const char *path);
/* The package of a wanted PATH; "" when there is none. */
const char *sek_owners_package(const struct sek_owners *o, const char *path);
void sek_owners_free(struct sek_owners *o);

#endif
