/* Folders by their file handle (name_to_handle_at(2)): a map that still knows a folder's path when
 * the folder is gone. */
#ifndef SEK_AGENT_FOLDERS_H
#define SEK_AGENT_FOLDERS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_folder {
    uint64_t key;
    char *path; /* NULL: free */
};

struct sek_folders {
    struct sek_folder *slots;
    size_t count, cap; /* cap: a power of two */
};

/* Of a handle on the file system FSID. */
uint64_t sek_folder_key(uint64_t fsid, const struct file_handle *handle);
void sek_folders_free(struct sek_folders *f);
/* The path, valid until the next change; NULL: not there. */
const char *sek_folders_find(const struct sek_folders *f, uint64_t key);
void sek_folders_add(struct sek_folders *f, uint64_t key, const char *path);
void sek_folders_remove(struct sek_folders *f, uint64_t key);
/* Forget PATH and all below. */
void sek_folders_forget(struct sek_folders *f, const char *path);
/* Add the folder PATH as it is now. */
void sek_folders_learn(struct sek_folders *f, const char *path);
/* VISIT each folder at and below PATH, on its file system, without following links. */
void sek_folders_walk(const char *path, void (*visit)(void *arg, const char *path), void *arg);

#endif
