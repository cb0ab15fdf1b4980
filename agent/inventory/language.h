/* Metadata files of language packages: npm's package.json and package-lock.json, Python's METADATA
 * and PKG-INFO (core metadata, PEP 566). */
#ifndef SEK_AGENT_LANGUAGE_H
#define SEK_AGENT_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

#define SEK_LANGUAGE_LIMIT (512u << 10) /* bytes of one metadata file that are read */

/* Name and version out of the TEXT of LEN bytes; false when it is no such file or lacks one of
 * them. NAME and VERSION hold SIZE bytes each. */
bool sek_node_package(const char *text, size_t len, char *name, char *version, size_t size);

#define SEK_NODE_LOCK_LIMIT (4u << 20) /* bytes of a lock file that is read */
#define SEK_NODE_LOCK_DEPTH 16         /* of dependencies in dependencies */

/* Call FOUND for each package of a package-lock.json (lockfileVersion 1 to 3) that is meant to be
 * installed: what is for development only, links and files of the project itself are left out. */
void sek_node_lock(const char *text, size_t len,
                   void (*found)(void *arg, const char *name, const char *version), void *arg);
/* The name is normalized as the package index does it: lower case, runs of "-_." as one "-". */
bool sek_python_package(const char *text, size_t len, char *name, char *version, size_t size);

#endif
