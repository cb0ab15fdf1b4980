/* Whole-file reads with a size limit, and atomic durable replacement. */
#ifndef SEK_BASE_FILE_H
#define SEK_BASE_FILE_H

#include "lib/base/error.h"

#include <stddef.h>
#include <sys/types.h>

/* Read PATH whole. *DATA is malloc'd, NUL-terminated one byte past *LEN, owned by the caller.
 * A file over LIMIT bytes is SEK_ELIMIT. */
enum sek_error sek_file_read(const char *path, size_t limit, char **data, size_t *len,
                             struct sek_fault *fault);

/* Replace PATH: temporary file in the same folder, fsync, rename, fsync of the folder. After a
 * power cut the file is the old one or the new one, never a part. */
enum sek_error sek_file_replace(const char *path, const void *data, size_t len, mode_t mode,
                                struct sek_fault *fault);

/* mkdir -p. */
enum sek_error sek_make_folder(const char *path, mode_t mode, struct sek_fault *fault);

/* The root folder of a file system of TYPE ("cgroup2") that is mounted nowhere, so that nobody else sees
 * it; the caller closes it. -1: the kernel has no such type, or no fsopen(2) (Linux 5.2). */
int sek_file_system(const char *type);

#endif
