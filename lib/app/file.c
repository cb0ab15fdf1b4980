/* Files inside protocols: the list of a transaction, and the getters that rules use. */
#include "lib/app/file.h"
#include "lib/app/file_magic.h"

#include <string.h>

#define FILES_MAX 256u        /* of one transaction */
#define NAME_KEEP 4096u
#define FLOW_KEEP (2u * 1024u * 1024u) /* bytes kept of all files of a flow, about */

struct sek_app_file *sek_app_file_new(struct sek_app_state *state, struct sek_tx *tx,
                                      enum sek_dir dir, const void *name, uint32_t len)
{
    struct sek_file **link = &tx->files;
    unsigned count = 0;
    for (; *link; link = &(*link)->next)
        count++;
    struct sek_app_file *f =
        count < FILES_MAX ? sek_pool_get_zero(state->pool, sizeof *f) : NULL;
    if (!f)
        return NULL;
    sek_buffer_add(state->pool, &f->name, name, len, NAME_KEEP);
    f->base.name = sek_buffer_view(&f->name);
    f->base.content = &f->content;
    f->base.dir = dir;
    f->base.id = count;
    *link = &f->base;
    return f;
}

void sek_app_file_add(struct sek_app_state *state, struct sek_app_file *f, const void *data,
                      uint32_t len)
{
    if (!f)
        return;
    uint32_t before = f->content.len;
    if (state->file_bytes < FLOW_KEEP)
        sek_buffer_add(state->pool, &f->content, data, len, SEK_FILE_KEEP);
    else
        f->content.cut = true;
    state->file_bytes += f->content.len - before;
    f->base.size += len;
    f->base.truncated |= f->content.cut;
}

void sek_app_files_free(struct sek_app_state *state, struct sek_tx *tx)
{
    while (tx->files) {
        struct sek_app_file *f = (struct sek_app_file *)tx->files;
        tx->files = f->base.next;
        state->file_bytes -= f->content.len;
        sek_buffer_free(state->pool, &f->name);
        sek_buffer_free(state->pool, &f->content);
        sek_pool_put(state->pool, f, sizeof *f);
    }
}

static const struct sek_file *file_at(const struct sek_tx *tx, enum sek_dir dir, uint32_t index,
                                      bool with_content)
{
    for (const struct sek_file *f = tx->files; f; f = f->next)
        if (f->dir == dir && (!with_content || f->content->len) && !index--)
            return f;
    return NULL;
}

bool sek_app_file_data(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, struct sek_bytes *out)
{
    const struct sek_file *f = file_at(tx, dir, index, true);
    (void)state;
    if (f)
        *out = sek_buffer_view(f->content);
    return f;
}

bool sek_app_file_name(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, struct sek_bytes *out)
{
    const struct sek_file *f = file_at(tx, dir, index, false);
    (void)state;
    if (f)
        *out = f->name;
    return f;
}

bool sek_app_file_magic(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                        uint32_t index, struct sek_bytes *out)
{
    const struct sek_file *f = file_at(tx, dir, index, true);
    const char *text = f ? sek_file_magic(f) : NULL;
    (void)state;
    if (text)
        *out = (struct sek_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
    return text;
}

bool sek_app_file_size(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                       uint32_t index, uint64_t *out)
{
    const struct sek_file *f = file_at(tx, dir, index, false);
    (void)state;
    if (!f || !f->closed)
        return false;
    *out = f->size;
    return true;
}
