/* Files that travel inside a protocol: name and content, kept for rules and EVE. Any protocol whose
 * transactions carry files uses these; what is kept is bounded per file and per flow. */
#ifndef SEK_APP_FILE_H
#define SEK_APP_FILE_H

#include "lib/app/app.h"

/* Bytes kept of one file. While it grows it is searched again and again from its beginning, so that
 * more would cost more than it finds. */
#define SEK_FILE_KEEP (256u * 1024u)

struct sek_app_file {
    struct sek_file base;
    struct sek_buffer name, content;
};

/* A file at the end of TX's list, going in DIR. NULL when memory is out or TX has too many. */
struct sek_app_file *sek_app_file_new(struct sek_app_state *state, struct sek_tx *tx,
                                      enum sek_dir dir, const void *name, uint32_t len);
void sek_app_file_add(struct sek_app_state *state, struct sek_app_file *f, const void *data,
                      uint32_t len);
/* For tx_free: all files of TX. */
void sek_app_files_free(struct sek_app_state *state, struct sek_tx *tx);

/* Getters for tables: content and name of the INDEXth file of a direction, size of those complete.
 */
bool sek_app_file_data(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, struct sek_bytes *out);
bool sek_app_file_name(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, struct sek_bytes *out);
/* What file(1) would say of it: file_magic.h. */
bool sek_app_file_magic(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                        uint32_t index, struct sek_bytes *out);
bool sek_app_file_size(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, uint64_t *out);

#endif
