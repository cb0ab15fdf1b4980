/* Reputation: what is known to be malicious, as one immutable block of memory. The block is built
 * once from a list of indicators, can be written to a file and mapped back read-only, and is asked
 * without allocating: addresses by longest prefix, names on label boundaries, URLs by host and path
 * (exact or prefix), SHA-256 file hashes and JA3 fingerprints.
 *
 * A new table is always built beside the old one, so that bad input never replaces a good table. */
#ifndef SEK_REPUTATION_H
#define SEK_REPUTATION_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sek_indicator_type {
    SEK_INDICATOR_IP4,    /* key: prefix length, 4 bytes */
    SEK_INDICATOR_IP6,    /* key: prefix length, 16 bytes */
    SEK_INDICATOR_DOMAIN, /* key: lower-case name without a trailing dot */
    SEK_INDICATOR_URL,    /* key: normalised host/path?query, no scheme */
    SEK_INDICATOR_SHA256, /* key: 32 bytes */
    SEK_INDICATOR_JA3,    /* key: 16 bytes (MD5) */
    SEK_INDICATOR_TYPES
};

#define SEK_INDICATOR_TEXT 1200 /* bytes that hold any indicator's value as text, with the NUL */

/* "ip", "ip6", "domain", "url", "sha256", "ja3". */
const char *sek_indicator_type_name(enum sek_indicator_type type);

struct sek_reputation; /* immutable; safe to ask from several threads */

/* What a lookup found. Strings are owned by the table. */
struct sek_reputation_hit {
    enum sek_indicator_type type;
    const uint8_t *key;
    uint16_t key_len;
    uint8_t confidence; /* 0..100 */
    uint32_t expiry;    /* seconds since the epoch; 0: never */
    const char *source; /* which feed or which part of the system said so */
    const char *reason; /* "Mirai C&C"; may be "" */
};

/* Lookups. NOW is in seconds since the epoch; expired indicators do not match. HIT may be NULL.
 * ADDRESS is in network order, LEN 4 or 16; an IPv4-mapped IPv6 address is looked up as IPv4. */
bool sek_reputation_address(const struct sek_reputation *r, const uint8_t *address, size_t len,
                            uint64_t now, struct sek_reputation_hit *hit);
/* NAME in any case, with or without the trailing dot. */
bool sek_reputation_domain(const struct sek_reputation *r, const char *name, size_t len,
                           uint64_t now, struct sek_reputation_hit *hit);
/* HOST may carry a port; TARGET is the request target ("/path?query", or an absolute URL). */
bool sek_reputation_url(const struct sek_reputation *r, const char *host, size_t host_len,
                        const char *target, size_t target_len, uint64_t now,
                        struct sek_reputation_hit *hit);
bool sek_reputation_sha256(const struct sek_reputation *r, const uint8_t digest[32], uint64_t now,
                           struct sek_reputation_hit *hit);
bool sek_reputation_ja3(const struct sek_reputation *r, const uint8_t digest[16], uint64_t now,
                        struct sek_reputation_hit *hit);

/* The indicator of HIT as text ("203.0.113.0/24", "evil.example"); OUT holds SEK_INDICATOR_TEXT. */
void sek_reputation_text(const struct sek_reputation_hit *hit, char *out);

/* How many indicators of TYPE the table holds; R may be NULL (0). */
uint32_t sek_reputation_count(const struct sek_reputation *r, enum sek_indicator_type type);
/* Visit every indicator, until VISIT returns false. */
void sek_reputation_each(const struct sek_reputation *r,
                         bool (*visit)(void *context, const struct sek_reputation_hit *hit),
                         void *context);

/* Write the table to PATH (atomic), and map it back. A file that is cut, altered or of another
 * version is SEK_EINVAL. */
enum sek_error sek_reputation_save(const struct sek_reputation *r, const char *path,
                                   struct sek_fault *fault);
enum sek_error sek_reputation_map(const char *path, struct sek_reputation **out,
                                  struct sek_fault *fault);
void sek_reputation_free(struct sek_reputation *r);

/* --- building ------------------------------------------------------------------------------- */

struct sek_indicator {
    const char *type; /* ip, cidr, domain, url, sha256, ja3; NULL: told from the value */
    const char *value;
    const char *source;
    const char *reason;
    unsigned confidence; /* 0..100 */
    uint64_t expiry;     /* seconds since the epoch; 0: never */
};

struct sek_reputation_builder;

struct sek_reputation_builder *sek_reputation_builder_new(void);
void sek_reputation_builder_free(struct sek_reputation_builder *b);

/* Add one indicator. A domain covers its subdomains; "=name" is that name alone. A URL that ends in
 * '*' is a prefix. Twice the same: the higher confidence stays, the later expiry stays. */
enum sek_error sek_reputation_add(struct sek_reputation_builder *b, const struct sek_indicator *i,
                                  struct sek_fault *fault);
/* Remove an indicator that was added; not an error when there is none. */
enum sek_error sek_reputation_remove(struct sek_reputation_builder *b, const char *type,
                                     const char *value, struct sek_fault *fault);
/* Everything that table R holds. */
enum sek_error sek_reputation_add_table(struct sek_reputation_builder *b,
                                        const struct sek_reputation *r, struct sek_fault *fault);
/* The content of indicators.json: a list of objects {type, value, source, confidence, expiry,
 * reason}. NAME is used in messages ("NAME: item 3: ..."). All or nothing is the caller's choice:
 * on an error the builder is to be thrown away. */
enum sek_error sek_reputation_add_json(struct sek_reputation_builder *b, const char *name,
                                       const char *text, size_t len, struct sek_fault *fault);

struct sek_reputation_list {
    const char *source;    /* goes into each indicator */
    const char *reason;    /* where the line itself does not say */
    unsigned confidence;   /* 0..100 */
    uint64_t expiry;       /* 0: never */
    bool skip_bad;         /* count lines that are not indicators instead of failing */
    size_t added, skipped; /* out */
};
/* A text list, one indicator a line: plain values, "address<TAB>hits" (ipsum), "value # comment"
 * and address:port (maltrail). Messages name NAME:LINE. */
enum sek_error sek_reputation_add_list(struct sek_reputation_builder *b, const char *name,
                                       const char *text, size_t len,
                                       struct sek_reputation_list *list, struct sek_fault *fault);

/* The finished table; B can go on being used. */
enum sek_error sek_reputation_build(struct sek_reputation_builder *b, struct sek_reputation **out,
                                    struct sek_fault *fault);

#endif
