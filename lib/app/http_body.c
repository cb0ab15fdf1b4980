/* Message bodies: content codings undone as the bytes arrive (gzip, deflate, brotli, lzma; several
 * on top of each other), what is kept bounded, bombs noticed. zlib, libbrotli and liblzma decode. */
#include "lib/app/http.h"

#include "lib/app/decode.h"

#include <strings.h>

#define LAYERS_MAX   4
#define OUT_CHUNK    16384u
#define BOMB_RATIO   2048u

struct http_decoder {
    struct sek_decoder layers[LAYERS_MAX]; /* outermost (last applied) first */
    unsigned count;
};

struct body_sink {
    struct http_state *h;
    struct http_tx *tx;
    struct http_message *m;
    enum sek_dir dir;
};

static void body_store(struct body_sink *k, const uint8_t *data, uint32_t len)
{
    const struct sek_app_settings *s = k->h->base.settings;
    uint32_t limit = k->dir ? s->http_response_body_limit : s->http_request_body_limit;
    sek_buffer_add(k->h->base.pool, &k->m->body, data, len, limit);
    k->m->body_total += len;
}

static void layer_feed(struct body_sink *k, unsigned index, const uint8_t *data, uint32_t len);

static bool layer_bomb(struct body_sink *k)
{
    const struct http_message *m = k->m;
    if (m->body_total > k->h->base.settings->http_bomb_limit &&
        m->body_total / BOMB_RATIO > m->body_raw) {
        sek_tx_event(&k->tx->base, k->dir, HTTP_EVENT_BOMB);
        return true;
    }
    return false;
}

static void layer_broken(struct body_sink *k, unsigned index, struct sek_decoder *l, const uint8_t *data,
                         uint32_t len)
{
    sek_tx_event(&k->tx->base, k->dir,
                 l->memory ? HTTP_EVENT_LZMA_MEMORY : HTTP_EVENT_GZIP_FAILED);
    sek_decoder_close(l);
    l->dead = true;
    if (!k->m->body_total)
        layer_feed(k, index + 1, data, len); /* mislabelled plain text */
}

static void layer_feed(struct body_sink *k, unsigned index, const uint8_t *data, uint32_t len)
{
    struct http_decoder *d = k->m->decoder;
    if (!d || index >= d->count) {
        body_store(k, data, len);
        return;
    }
    struct sek_decoder *l = &d->layers[index];
    if (l->dead)
        return;
    if (!l->ready) {
        if (!sek_decoder_open(k->h->base.pool, l, data, len)) {
            layer_broken(k, index, l, data, len);
            return;
        }
        l->ready = true;
    }
    const uint8_t *in = data;
    uint32_t left = len;
    uint8_t out[OUT_CHUNK];
    for (;;) {
        bool end = false;
        long n = sek_decoder_step(l, &in, &left, out, OUT_CHUNK, &end);
        if (n < 0) {
            layer_broken(k, index, l, data, len);
            return;
        }
        if (n)
            layer_feed(k, index + 1, out, (uint32_t)n);
        if (end || layer_bomb(k)) {
            sek_decoder_close(l);
            l->dead = true;
            return;
        }
        if (n < (long)OUT_CHUNK && (!left || !n))
            return;
    }
}

void http_body_begin(struct http_state *h, struct http_tx *tx, enum sek_dir dir)
{
    struct http_message *m = &tx->message[dir];
    struct sek_bytes v = http_field_value(m, "content-encoding");
    enum sek_coding list[LAYERS_MAX];
    unsigned count = 0, seen = 0;
    for (uint32_t i = 0; i < v.len;) {
        uint32_t begin = i;
        while (i < v.len && v.data[i] != ',')
            i++;
        uint32_t end = i++;
        while (begin < end && (v.data[begin] == ' ' || v.data[begin] == '\t'))
            begin++;
        while (end > begin && (v.data[end - 1] == ' ' || v.data[end - 1] == '\t'))
            end--;
        enum sek_coding c = sek_coding_find((const char *)v.data + begin, end - begin);
        bool identity = end - begin == 8 && !strncasecmp((char *)v.data + begin, "identity", 8);
        if (c == SEK_CODING_NONE && !identity && end > begin)
            sek_tx_event(&tx->base, dir, HTTP_EVENT_ABNORMAL_CE);
        if (c == SEK_CODING_NONE)
            continue;
        if (++seen > h->base.settings->http_layers) {
            sek_tx_event(&tx->base, dir, HTTP_EVENT_TOO_MANY_LAYERS);
            continue;
        }
        if (count < LAYERS_MAX)
            list[count++] = c;
    }
    if (!count)
        return;
    m->decoder = sek_pool_get_zero(h->base.pool, sizeof *m->decoder);
    if (!m->decoder)
        return;
    m->decoder->count = count;
    for (unsigned i = 0; i < count; i++) /* undone in reverse order of listing */
        m->decoder->layers[i].coding = list[count - 1 - i];
}

void http_body_add(struct http_state *h, struct http_tx *tx, enum sek_dir dir, const uint8_t *data,
                   uint32_t len)
{
    struct http_message *m = &tx->message[dir];
    struct body_sink k = {h, tx, m, dir};
    if (!len)
        return;
    if (tx->base.progress[dir] < HTTP_BODY)
        tx->base.progress[dir] = HTTP_BODY;
    m->body_raw += len;
    layer_feed(&k, 0, data, len);
    tx->file[dir].size = m->body_total;
}

void http_body_gap(struct http_tx *tx, enum sek_dir dir)
{
    struct http_decoder *d = tx->message[dir].decoder;
    for (unsigned i = 0; d && i < d->count; i++) {
        if (d->layers[i].ready && !d->layers[i].dead)
            sek_decoder_close(&d->layers[i]);
        d->layers[i].dead = true;
    }
    tx->file[dir].gaps = true;
}

/* The name a user would save the body under: Content-Disposition, else the target's last part. */
static void file_name(struct http_tx *tx, enum sek_dir dir)
{
    struct sek_bytes v = http_field_value(&tx->message[dir], "content-disposition");
    const uint8_t *p = v.len ? memmem(v.data, v.len, "filename=", 9) : NULL;
    struct sek_file *f = &tx->file[dir];
    struct sek_bytes name = {0};
    if (p) {
        p += 9;
        const uint8_t *end = v.data + v.len;
        if (p < end && *p == '"')
            p++;
        const uint8_t *stop = p;
        while (stop < end && *stop != '"' && *stop != ';')
            stop++;
        name = (struct sek_bytes){p, (uint32_t)(stop - p)};
    } else {
        struct sek_bytes uri = sek_buffer_view(&tx->uri);
        uint32_t end = 0;
        while (end < uri.len && uri.data[end] != '?')
            end++;
        uint32_t begin = end;
        while (begin && uri.data[begin - 1] != '/')
            begin--;
        if (uri.len)
            name = (struct sek_bytes){uri.data + begin, end - begin};
        if (!name.len && uri.len)
            name = (struct sek_bytes){uri.data, end};
    }
    f->name = name; /* head and URI are complete: neither moves any more */
}

void http_body_end(struct http_state *h, struct http_tx *tx, enum sek_dir dir)
{
    struct http_message *m = &tx->message[dir];
    if (m->decoder) {
        for (unsigned i = 0; i < m->decoder->count; i++)
            sek_decoder_close(&m->decoder->layers[i]);
        sek_pool_put(h->base.pool, m->decoder, sizeof *m->decoder);
        m->decoder = NULL;
    }
    if (!m->body_total)
        return;
    if (dir == SEK_TOSERVER)
        http_multipart(h, tx);
    if (dir == SEK_TOSERVER && tx->form_files)
        return;
    struct sek_file *f = &tx->file[dir];
    file_name(tx, dir);
    f->content = &m->body;
    f->size = m->body_total;
    f->truncated = m->body.cut;
    f->closed = true;
    f->next = tx->base.files;
    tx->base.files = f;
}

void http_body_free(struct http_state *h, struct http_message *m)
{
    if (m->decoder) {
        for (unsigned i = 0; i < m->decoder->count; i++)
            sek_decoder_close(&m->decoder->layers[i]);
        sek_pool_put(h->base.pool, m->decoder, sizeof *m->decoder);
        m->decoder = NULL;
    }
}
