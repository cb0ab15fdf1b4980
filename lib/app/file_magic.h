/* What a file is, in the words of file(1): "PNG image data, 32 x 32, ...". For `filemagic` and `file.magic`.
 * libmagic is loaded only when a rule asks for it, so that devices without such rules need not have it. */
#ifndef SEK_APP_FILE_MAGIC_H
#define SEK_APP_FILE_MAGIC_H

#include "lib/app/app.h"
#include "lib/base/error.h"

/* Load libmagic and its database, where the process may still do so; again is free. SEK_EUNSUPPORTED when they are
 * not installed (Debian: libmagic1). */
enum sek_error sek_file_magic_open(struct sek_fault *fault);
/* A rule asks: from now on files are described. Opens it, too. */
enum sek_error sek_file_magic_need(struct sek_fault *fault);

/* The description of F by what was kept of it; NULL while there is too little to tell, or no rule asks. Valid until
 * the next call. One thread at a time. */
const char *sek_file_magic(const struct sek_file *f);

#endif
