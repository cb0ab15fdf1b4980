/* A file is read in pieces that overlap by more than the longest string that is looked at, so every
 * such string is whole in one piece. */
#include "agent/inventory/versions.h"
#include "lib/base/matcher.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PIECE    (128u << 10)
#define AROUND   256u /* bytes of a string before and after its anchor that are looked at */
#define OVERLAP  1024u
#define ROWS_MAX 96
#define VERSION  64
#define SCAN_MAX (256ull << 20) /* bytes of one file */

struct found {
    char version[VERSION];
    bool wanted;  /* the anchor was seen, the version is a string of its own */
    bool unclear; /* two versions */
    bool foreign; /* the library is another file */
};

struct sek_versions {
    hs_database_t *db;
    hs_scratch_t *scratch;
    pcre2_code *code[ROWS_MAX];
    pcre2_match_data *match;
    uint8_t *piece;
    /* of the file that is scanned */
    size_t len;
    struct found found[ROWS_MAX];
};

/* Literal number N is the anchor of row N/2, or its library. */
static enum sek_error compile(struct sek_versions *v, struct sek_fault *fault)
{
    const char *text[2 * ROWS_MAX];
    unsigned flags[2 * ROWS_MAX], ids[2 * ROWS_MAX], count = 0;
    size_t len[2 * ROWS_MAX];
    hs_compile_error_t *error = NULL;
    for (unsigned i = 0; i < sek_version_row_count; i++) {
        const char *both[2] = {sek_version_rows[i].anchor, sek_version_rows[i].library};
        for (unsigned k = 0; k < 2; k++) {
            if (!both[k])
                continue;
            text[count] = both[k];
            len[count] = strlen(both[k]);
            flags[count] = 0;
            ids[count++] = 2 * i + k;
        }
    }
    if (hs_compile_lit_multi(text, flags, ids, len, count, HS_MODE_BLOCK, NULL, &v->db, &error)) {
        enum sek_error rc = sek_fail(fault, SEK_ENOMEM, "version strings: %s",
                                     error ? error->message : "cannot be compiled");
        hs_free_compile_error(error);
        return rc;
    }
    if (hs_alloc_scratch(v->db, &v->scratch))
        return sek_fail(fault, SEK_ENOMEM, "version strings: out of memory");
    return SEK_OK;
}

struct sek_versions *sek_versions_open(struct sek_fault *fault)
{
    struct sek_versions *v = calloc(1, sizeof *v);
    if (v)
        v->piece = malloc(PIECE);
    if (!v || !v->piece || sek_version_row_count > ROWS_MAX) {
        sek_fail(fault, SEK_ENOMEM, "version strings: out of memory");
    } else if (!compile(v, fault)) {
        v->match = pcre2_match_data_create(4, NULL);
        if (v->match)
            return v;
    }
    sek_versions_close(v);
    return NULL;
}

void sek_versions_close(struct sek_versions *v)
{
    if (!v)
        return;
    for (unsigned i = 0; i < ROWS_MAX; i++)
        pcre2_code_free(v->code[i]);
    pcre2_match_data_free(v->match);
    hs_free_scratch(v->scratch);
    hs_free_database(v->db);
    free(v->piece);
    free(v);
}

/* The expression of row I, compiled when it is first needed. */
static const pcre2_code *expression(struct sek_versions *v, unsigned i)
{
    const struct sek_version_row *row = &sek_version_rows[i];
    int error;
    PCRE2_SIZE at;
    if (!v->code[i])
        v->code[i] = pcre2_compile((PCRE2_SPTR)(row->pattern ? row->pattern : row->lone),
                                   PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
    return v->code[i];
}

/* Note the version in group GROUP when TEXT fits row I. */
static void judge(struct sek_versions *v, unsigned i, const uint8_t *text, size_t len,
                  unsigned group)
{
    struct found *f = &v->found[i];
    const pcre2_code *code = expression(v, i);
    char version[VERSION];
    if (!code || pcre2_match(code, text, len, 0, 0, v->match, NULL) <= (int)group)
        return;
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(v->match);
    size_t n = range[2 * group + 1] - range[2 * group];
    if (!n || n >= sizeof version)
        return;
    memcpy(version, text + range[2 * group], n);
    version[n] = '\0';
    f->unclear = f->unclear || (f->version[0] && strcmp(f->version, version) != 0);
    memcpy(f->version, version, n + 1);
}

static bool printable(uint8_t c)
{
    return (c >= 0x20 && c < 0x7f) || c == '\t';
}

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void *arg)
{
    struct sek_versions *v = arg;
    unsigned i = id / 2;
    const struct sek_version_row *row = &sek_version_rows[i];
    size_t start = (size_t)to, end = (size_t)to;
    (void)from, (void)flags;
    if (id % 2) {
        v->found[i].foreign = true;
    } else if (!row->pattern) {
        v->found[i].wanted = true;
    } else {
        size_t first = to > AROUND ? (size_t)to - AROUND : 0;
        while (start > first && printable(v->piece[start - 1]))
            start--;
        while (end < v->len && end < to + AROUND && printable(v->piece[end]))
            end++;
        judge(v, i, v->piece + start, end - start, 1);
    }
    return 0;
}

/* The next piece; false at the end of the file. */
static bool next_piece(struct sek_versions *v, const struct sek_view *view, uint64_t *at)
{
    if (*at >= view->size || *at >= SCAN_MAX)
        return false;
    v->len = sek_view_some(view, *at, v->piece, PIECE);
    *at += v->len == PIECE ? PIECE - OVERLAP : PIECE;
    return v->len > 0;
}

/* Strings of digits and dots that stand alone. */
static void find_lone(struct sek_versions *v, const struct sek_view *view)
{
    for (uint64_t at = 0; next_piece(v, view, &at);) {
        for (size_t i = 1; i + 1 < v->len; i++) {
            if (v->piece[i - 1] || !isdigit(v->piece[i]))
                continue;
            size_t end = i;
            while (end < v->len && end - i < VERSION && printable(v->piece[end]))
                end++;
            if (end == v->len || v->piece[end])
                continue;
            for (unsigned r = 0; r < sek_version_row_count; r++)
                if (v->found[r].wanted)
                    judge(v, r, v->piece + i, end - i, 0);
            i = end;
        }
    }
}

/* A version that two rows of one component give counts once; the first row is the surer one. */
static bool told_before(const struct sek_versions *v, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (!strcmp(sek_version_rows[k].name, sek_version_rows[i].name) &&
            (v->found[k].version[0] || v->found[k].unclear))
            return true;
    return false;
}

/* libcrypto.so names itself. */
static bool is_library(const char *path, const char *library)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return !strncmp(name, library, strlen(library));
}

enum sek_error
sek_versions_scan(struct sek_versions *v, const struct sek_view *view, const char *path,
                  void (*found)(void *arg, const struct sek_version_row *row, const char *version),
                  void *arg, struct sek_fault *fault)
{
    bool lone = false;
    memset(v->found, 0, sizeof v->found);
    for (uint64_t at = 0; next_piece(v, view, &at);)
        if (hs_scan(v->db, (const char *)v->piece, (unsigned)v->len, 0, v->scratch, on_literal, v))
            return sek_fail(fault, SEK_ENOMEM, "%s: scanning failed", path);
    for (unsigned i = 0; i < sek_version_row_count; i++)
        lone = lone || v->found[i].wanted;
    if (lone)
        find_lone(v, view);
    for (unsigned i = 0; i < sek_version_row_count; i++) {
        const struct found *f = &v->found[i];
        const char *library = sek_version_rows[i].library;
        bool own = !f->foreign || (library && is_library(path, library));
        if (f->version[0] && !f->unclear && own && !told_before(v, i))
            found(arg, &sek_version_rows[i], f->version);
    }
    return SEK_OK;
}

void sek_cpe(const char *product, const char *version, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "cpe:2.3:%s:", product);
    for (const char *c = version; *c && n + 3 < size; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            out[n++] = '\\';
        out[n++] = *c;
    }
    if (n < size)
        snprintf(out + n, size - n, ":*:*:*:*:*:*:*");
}
