/* Lookups in a finished table, and its file form. */
#include "lib/reputation/internal.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *sek_indicator_type_name(enum sek_indicator_type type)
{
    static const char *const names[] = {"ip", "ip6", "domain", "url", "sha256", "ja3"};
    return (unsigned)type < SEK_INDICATOR_TYPES ? names[type] : "unknown";
}

/* A keyed 64-bit mix, eight bytes a step. The seed is random in each table, so that nobody can
 * choose names that collide. */
uint32_t reputation_hash(uint64_t seed, uint8_t type, const uint8_t *key, size_t len)
{
    const uint64_t multiplier = 0x9e3779b97f4a7c15u;
    uint64_t h = seed ^ ((uint64_t)type << 56) ^ (len * multiplier);
    while (len) {
        uint64_t word = 0;
        size_t step = len < 8 ? len : 8;
        memcpy(&word, key, step);
        h = (h ^ word) * multiplier;
        h ^= h >> 29;
        key += step;
        len -= step;
    }
    h *= 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 32);
}

static const struct reputation_record *find(const struct sek_reputation *r, uint8_t type,
                                            const uint8_t *key, size_t len)
{
    uint32_t mask = r->header->slot_count - 1;
    uint32_t hash = reputation_hash(r->header->seed, type, key, len);
    for (uint32_t i = hash & mask; r->slots[i].record; i = (i + 1) & mask) {
        if (r->slots[i].hash != hash)
            continue;
        const struct reputation_record *rec = &r->records[r->slots[i].record - 1];
        if (rec->type == type && rec->key_len == len && !memcmp(r->pool + rec->key, key, len))
            return rec;
    }
    return NULL;
}

static void fill_hit(const struct sek_reputation *r, const struct reputation_record *rec,
                     struct sek_reputation_hit *hit)
{
    *hit = (struct sek_reputation_hit){
        .type = rec->type,
        .key = r->pool + rec->key,
        .key_len = rec->key_len,
        .confidence = rec->confidence,
        .expiry = rec->expiry,
        .source = (const char *)r->pool + rec->source,
        .reason = (const char *)r->pool + rec->reason,
    };
}

/* FLAG: the record must carry it (0: any record). */
static bool look_up(const struct sek_reputation *r, uint8_t type, const uint8_t *key, size_t len,
                    uint8_t flag, uint64_t now, struct sek_reputation_hit *hit)
{
    const struct reputation_record *rec = find(r, type, key, len);
    if (!rec || (flag && !(rec->flags & flag)) || (rec->expiry && rec->expiry <= now))
        return false;
    if (hit)
        fill_hit(r, rec, hit);
    return true;
}

static bool longest_prefix(const struct sek_reputation *r, uint8_t type, const uint8_t *address,
                           unsigned size, const uint64_t *lengths, uint64_t now,
                           struct sek_reputation_hit *hit)
{
    uint8_t key[17];
    memcpy(key + 1, address, size);
    for (int bits = (int)size * 8; bits >= 0; bits--) {
        unsigned whole = (unsigned)bits / 8, rest = (unsigned)bits % 8;
        if (whole < size) {
            key[1 + whole] &= (uint8_t)(0xff00u >> rest);
            memset(key + 2 + whole, 0, size - whole - 1);
        }
        if (!(lengths[bits / 64] >> (bits % 64) & 1))
            continue;
        key[0] = (uint8_t)bits;
        if (look_up(r, type, key, size + 1, 0, now, hit))
            return true;
    }
    return false;
}

bool sek_reputation_address(const struct sek_reputation *r, const uint8_t *address, size_t len,
                            uint64_t now, struct sek_reputation_hit *hit)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!r)
        return false;
    if (len == 16 && !memcmp(address, mapped, sizeof mapped)) {
        address += 12;
        len = 4;
    }
    if (len == 4)
        return r->header->lengths4 &&
               longest_prefix(r, SEK_INDICATOR_IP4, address, 4, &r->header->lengths4, now, hit);
    return len == 16 && r->header->counts[SEK_INDICATOR_IP6] &&
           longest_prefix(r, SEK_INDICATOR_IP6, address, 16, r->header->lengths6, now, hit);
}

bool sek_reputation_domain(const struct sek_reputation *r, const char *name, size_t len,
                           uint64_t now, struct sek_reputation_hit *hit)
{
    uint8_t key[REPUTATION_KEY];
    if (!r || !r->header->counts[SEK_INDICATOR_DOMAIN])
        return false;
    size_t used = reputation_domain_key(name, len, key);
    if (!used)
        return false;
    if (look_up(r, SEK_INDICATOR_DOMAIN, key, used, 0, now, hit))
        return true;
    for (size_t i = 0; i < used; i++) {
        if (key[i] == '.' &&
            look_up(r, SEK_INDICATOR_DOMAIN, key + i + 1, used - i - 1, RECORD_SUBTREE, now, hit))
            return true;
    }
    return false;
}

bool sek_reputation_url(const struct sek_reputation *r, const char *host, size_t host_len,
                        const char *target, size_t target_len, uint64_t now,
                        struct sek_reputation_hit *hit)
{
    uint8_t key[REPUTATION_KEY];
    if (!r || !r->header->counts[SEK_INDICATOR_URL])
        return false;
    size_t used = reputation_url_key(host, host_len, target, target_len, key);
    if (!used)
        return false;
    if (look_up(r, SEK_INDICATOR_URL, key, used, 0, now, hit))
        return true;
    for (size_t i = used; i-- > 0;) {
        bool boundary = key[i] == '/' || key[i] == '?' || key[i] == '&' || i + 1 == used;
        if (boundary && look_up(r, SEK_INDICATOR_URL, key, i + 1, RECORD_PREFIX, now, hit))
            return true;
    }
    return false;
}

bool sek_reputation_sha256(const struct sek_reputation *r, const uint8_t digest[32], uint64_t now,
                           struct sek_reputation_hit *hit)
{
    return r && look_up(r, SEK_INDICATOR_SHA256, digest, 32, 0, now, hit);
}

bool sek_reputation_ja3(const struct sek_reputation *r, const uint8_t digest[16], uint64_t now,
                        struct sek_reputation_hit *hit)
{
    return r && look_up(r, SEK_INDICATOR_JA3, digest, 16, 0, now, hit);
}

void sek_reputation_text(const struct sek_reputation_hit *hit, char *out)
{
    char address[INET6_ADDRSTRLEN] = "";
    switch (hit->type) {
    case SEK_INDICATOR_IP4:
    case SEK_INDICATOR_IP6: {
        bool v4 = hit->type == SEK_INDICATOR_IP4;
        inet_ntop(v4 ? AF_INET : AF_INET6, hit->key + 1, address, sizeof address);
        if (hit->key[0] == (v4 ? 32 : 128))
            snprintf(out, SEK_INDICATOR_TEXT, "%s", address);
        else
            snprintf(out, SEK_INDICATOR_TEXT, "%s/%u", address, hit->key[0]);
        break;
    }
    case SEK_INDICATOR_SHA256:
    case SEK_INDICATOR_JA3:
        sek_hex_encode(hit->key, hit->key_len, out);
        break;
    default:
        snprintf(out, SEK_INDICATOR_TEXT, "%.*s", (int)hit->key_len, (const char *)hit->key);
    }
}

uint32_t sek_reputation_count(const struct sek_reputation *r, enum sek_indicator_type type)
{
    return r && (unsigned)type < SEK_INDICATOR_TYPES ? r->header->counts[type] : 0;
}

void sek_reputation_each(const struct sek_reputation *r,
                         bool (*visit)(void *context, const struct sek_reputation_hit *hit),
                         void *context)
{
    for (uint32_t i = 0; r && i < r->header->record_count; i++) {
        struct sek_reputation_hit hit;
        fill_hit(r, &r->records[i], &hit);
        if (!visit(context, &hit))
            return;
    }
}

static bool record_sound(const struct reputation_header *h, const struct reputation_record *rec)
{
    static const uint16_t key_len[] = {5, 17, 0, 0, 32, 16};
    return rec->type < SEK_INDICATOR_TYPES && rec->source < h->pool_size &&
           rec->reason < h->pool_size && rec->key <= h->pool_size && rec->key_len &&
           rec->key_len <= REPUTATION_KEY && rec->key_len <= h->pool_size - rec->key &&
           (!key_len[rec->type] || key_len[rec->type] == rec->key_len);
}

bool reputation_attach(struct sek_reputation *r, const void *block, size_t size)
{
    const struct reputation_header *h = block;
    if (size < sizeof *h || memcmp(h->magic, REPUTATION_MAGIC, 8) != 0 || !h->pool_size ||
        !h->slot_count || (h->slot_count & (h->slot_count - 1)) ||
        h->record_count > h->slot_count / 2 || h->size_check != (uint32_t)size)
        return false;
    uint64_t need = sizeof *h + (uint64_t)h->record_count * sizeof *r->records +
                    (uint64_t)h->slot_count * sizeof *r->slots + h->pool_size;
    if (need != size)
        return false;
    r->header = h;
    r->records = (const void *)(h + 1);
    r->slots = (const void *)(r->records + h->record_count);
    r->pool = (const void *)(r->slots + h->slot_count);
    r->size = size;
    if (r->pool[h->pool_size - 1] != '\0')
        return false;
    for (uint32_t i = 0; i < h->record_count; i++) {
        if (!record_sound(h, &r->records[i]))
            return false;
    }
    uint32_t full = 0;
    for (uint32_t i = 0; i < h->slot_count; i++) {
        if (r->slots[i].record > h->record_count)
            return false;
        full += r->slots[i].record != 0;
    }
    return full == h->record_count;
}

enum sek_error sek_reputation_save(const struct sek_reputation *r, const char *path,
                                   struct sek_fault *fault)
{
    return sek_file_replace(path, r->header, r->size, 0644, fault);
}

enum sek_error sek_reputation_map(const char *path, struct sek_reputation **out,
                                  struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct stat st;
    struct sek_reputation *r = NULL;
    void *block = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sek_fail(fault, errno == ENOENT ? SEK_ENOTFOUND : SEK_EIO, "%s: cannot open: %s",
                        path, strerror(errno));
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        block = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    r = calloc(1, sizeof *r);
    if (block == MAP_FAILED || !r) {
        rc = sek_fail(fault, SEK_EINVAL, "%s: cannot map: empty file or no memory", path);
        goto done;
    }
    if (!reputation_attach(r, block, (size_t)st.st_size)) {
        rc = sek_fail(fault, SEK_EINVAL, "%s: not a sound reputation table of this version", path);
        goto done;
    }
    r->mapped = true;
    *out = r;
done:
    if (rc && block != MAP_FAILED)
        munmap(block, (size_t)st.st_size);
    if (rc)
        free(r);
    close(fd);
    return rc;
}

void sek_reputation_free(struct sek_reputation *r)
{
    if (!r)
        return;
    if (r->mapped)
        munmap((void *)(uintptr_t)r->header, r->size);
    else
        free((void *)(uintptr_t)r->header);
    free(r);
}
