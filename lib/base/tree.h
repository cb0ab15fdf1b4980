/* A walk through a folder and all below it, on its one mount: subvolumes belong to it, what is mounted
 * within does not. Symbolic links are told and not followed. A folder comes before what it holds; what
 * comes and goes meanwhile may be seen or not. */
#ifndef SEK_BASE_TREE_H
#define SEK_BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define SEK_TREE_DEPTH 512 /* folders below each other, each of which costs a descriptor */

enum sek_tree_kind {
    SEK_TREE_FOLDER,
    SEK_TREE_FILE,  /* regular */
    SEK_TREE_OTHER, /* link, device, socket, pipe */
    SEK_TREE_UNREADABLE /* with ERROR: a folder that was told before, or what has no status */
};

struct sek_tree_entry {
    enum sek_tree_kind kind;
    const char *path, *name; /* valid until the next step, as all of it */
    unsigned depth;          /* 0: the root */
    int error;               /* errno */
    struct stat st;          /* not of what is unreadable */
};

struct sek_tree;

/* NULL with errno: ROOT is not there, or memory ran out. With FOLLOW a ROOT that is a link is what it
 * leads to. ROOT may be a file. */
struct sek_tree *sek_tree_open(const char *root, bool follow);
/* NULL at the end. The first one is the root. */
const struct sek_tree_entry *sek_tree_next(struct sek_tree *tree);
/* Do not enter the folder that came last. */
void sek_tree_skip(struct sek_tree *tree);
void sek_tree_close(struct sek_tree *tree); /* NULL is allowed */
/* The number of the mount that the folder PATH is on, statx(2); 0: the kernel does not tell. */
uint64_t sek_tree_mount(const char *path);

#endif
