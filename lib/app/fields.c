/* Named values of a message. */
#include "lib/app/fields.h"

bool sek_fields_add(struct sek_pool *pool, struct sek_fields *f, struct sek_bytes name,
                    struct sek_bytes value, uint32_t limit)
{
    if (f->count == f->cap) {
        uint16_t cap = f->cap ? (uint16_t)(f->cap * 2) : 16;
        struct sek_field *more =
            cap > SEK_FIELDS_MAX ? NULL
                                 : sek_pool_grow(pool, f->list, f->cap * sizeof *more,
                                                 cap * sizeof *more, f->count * sizeof *more);
        if (!more)
            return false;
        f->list = more;
        f->cap = cap;
    }
    if (f->text.len + (uint64_t)name.len + value.len > limit ||
        !sek_buffer_room(pool, &f->text, name.len + value.len))
        return false;
    struct sek_field *x = &f->list[f->count++];
    *x = (struct sek_field){f->text.len, name.len, f->text.len + name.len, value.len};
    sek_buffer_add(pool, &f->text, name.data, name.len, 0);
    sek_buffer_add(pool, &f->text, value.data, value.len, 0);
    return true;
}

void sek_fields_free(struct sek_pool *pool, struct sek_fields *f)
{
    sek_buffer_free(pool, &f->text);
    sek_pool_put(pool, f->list, f->cap * sizeof *f->list);
    *f = (struct sek_fields){0};
}

bool sek_fields_get(const struct sek_fields *f, const char *name, uint32_t index,
                    struct sek_bytes *out)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (!f->list[i].name_len || !sek_bytes_is(sek_field_name(f, &f->list[i]), name) || index--)
            continue;
        *out = sek_field_value(f, &f->list[i]);
        return true;
    }
    return false;
}
