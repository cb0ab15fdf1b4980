/* What rules can name of QUIC: versions, names, fingerprints; the EVE object. */
#include "lib/app/quic.h"

#include <stdio.h>

/* --- EVE --- */

static void version_text(uint32_t v, char out[16])
{
    if (v == QUIC_V1)
        snprintf(out, 16, "1");
    else if (v == QUIC_V2)
        snprintf(out, 16, "2");
    else if (quic_is_google(v))
        snprintf(out, 16, "%c%c%c%c", v >> 24, v >> 16 & 0xff, v >> 8 & 0xff, v & 0xff);
    else if (v >> 8 == 0xff0000)
        snprintf(out, 16, "draft-%02u", v & 0xff);
    else
        snprintf(out, 16, "%08x", v);
}

static void eve_ja3(struct sek_text *out, const char *key, const char *hash, const struct tls_tx *t,
                    struct tls_slice text)
{
    struct sek_bytes v = tls_text(t, text);
    if (!hash[0])
        return;
    sek_json_open(out, key, '{');
    sek_json_str(out, "hash", hash);
    sek_json_bytes(out, "string", v.data, v.len);
    sek_json_close(out, '}');
}

static struct sek_bytes sni_of(const struct quic_tx *tx)
{
    return tx->sni.len ? sek_buffer_view(&tx->sni) : tls_text(&tx->hello, tx->hello.sni);
}

void quic_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    struct quic_tx *tx = (struct quic_tx *)base;
    struct sek_bytes sni = sni_of(tx);
    char version[16];
    (void)state;
    version_text(tx->version, version);
    sek_json_str(out, "version", version);
    if (sni.len)
        sek_json_bytes(out, "sni", sni.data, sni.len);
    if (tx->ua.len)
        sek_json_bytes(out, "ua", tx->ua.data, tx->ua.len);
    if (tx->cyu_hash[0]) {
        sek_json_open(out, "cyu", '[');
        sek_json_open(out, NULL, '{');
        sek_json_str(out, "hash", tx->cyu_hash);
        sek_json_bytes(out, "string", tx->cyu.data, tx->cyu.len);
        sek_json_close(out, '}');
        sek_json_close(out, ']');
    }
    eve_ja3(out, "ja3", tx->hello.ja3_hash, &tx->hello, tx->hello.ja3);
    eve_ja3(out, "ja3s", tx->hello.ja3s_hash, &tx->hello, tx->hello.ja3s);
    const char *ja4 = tls_ja4(&tx->hello, 'q');
    if (ja4[0])
        sek_json_str(out, "ja4", ja4);
}

/* --- what rules can name --- */

#define TX(tx) ((struct quic_tx *)(tx))

static bool get_version(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                        struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){TX(tx)->version_bytes, 4};
    return !i;
}

static bool get_sni(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                    struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sni_of(TX(tx));
    return !i && out->len;
}

#define BUFFER_GETTER(fn, field)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = sek_buffer_view(&TX(tx)->field);                                                    \
        return !i && out->len;                                                                     \
    }

BUFFER_GETTER(get_ua, ua)
BUFFER_GETTER(get_cyu, cyu)

#define TEXT_GETTER(fn, field)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = tls_text(&TX(tx)->hello, TX(tx)->hello.field);                                      \
        return !i && out->len;                                                                     \
    }

TEXT_GETTER(get_ja3, ja3)
TEXT_GETTER(get_ja3s, ja3s)

#define HASH_GETTER(fn, text)                                                                      \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const char *hash = text;                                                                   \
        (void)s, (void)dir;                                                                        \
        *out = (struct sek_bytes){(const uint8_t *)hash, (uint32_t)strlen(hash)};                  \
        return !i && out->len;                                                                     \
    }

HASH_GETTER(get_cyu_hash, TX(tx)->cyu_hash)
HASH_GETTER(get_ja3_hash, TX(tx)->hello.ja3_hash)
HASH_GETTER(get_ja3s_hash, TX(tx)->hello.ja3s_hash)
HASH_GETTER(get_ja4, tls_ja4(&TX(tx)->hello, 'q'))

#define DONE {QUIC_COMPLETE, QUIC_COMPLETE}

const struct sek_buffer_def quic_buffers[] = {
    {"quic.version", "quic_version", NULL, 3, DONE, false, false, get_version},
    {"quic.sni", "quic_sni", NULL, 3, DONE, false, false, get_sni},
    {"quic.ua", "quic_ua", NULL, 3, DONE, false, false, get_ua},
    {"quic.cyu.hash", NULL, NULL, 3, DONE, true, false, get_cyu_hash},
    {"quic.cyu.string", NULL, NULL, 3, DONE, true, false, get_cyu},
    {"ja3.hash", "ja3_hash", NULL, 1, DONE, false, false, get_ja3_hash},
    {"ja3.string", "ja3_string", NULL, 1, DONE, false, false, get_ja3},
    {"ja3s.hash", NULL, NULL, 2, DONE, false, false, get_ja3s_hash},
    {"ja3s.string", NULL, NULL, 2, DONE, false, false, get_ja3s},
    {"ja4.hash", "ja4_hash", NULL, 1, DONE, false, false, get_ja4},
    {0},
};

const struct sek_app_event_name quic_events[] = {
    {"failed_decrypt", QUIC_EVENT_DECRYPT},
    {"error_on_data", QUIC_EVENT_DATA},
    {"crypto_frag_too_long", QUIC_EVENT_FRAGMENT},
    {0},
};
