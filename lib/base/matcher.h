/* Many literals searched at once: Hyperscan (or Vectorscan, which has its names), or, on processors
 * that neither is made for (armhf), a matcher of our own under the same names, built with
 * SEK_WITHOUT_HYPERSCAN. Only what this project uses of Hyperscan is there: literals, blocks. */
#ifndef SEK_BASE_MATCHER_H
#define SEK_BASE_MATCHER_H

#ifndef SEK_WITHOUT_HYPERSCAN
#include <hs/hs.h>
#else

#include <stddef.h>

typedef struct hs_database hs_database_t;
typedef struct hs_scratch hs_scratch_t;
typedef int hs_error_t;
typedef struct {
    unsigned tune;
    unsigned long long cpu_features;
} hs_platform_info_t;
typedef struct {
    const char *message;
} hs_compile_error_t;
/* As in Hyperscan: FROM is 0, TO the offset after the match; another value than 0 ends the scan. */
typedef int (*match_event_handler)(unsigned id, unsigned long long from, unsigned long long to,
                                   unsigned flags, void *context);

#define HS_SUCCESS         0
#define HS_INVALID         (-1)
#define HS_NOMEM           (-2)
#define HS_SCAN_TERMINATED (-3)
#define HS_FLAG_CASELESS   1u
#define HS_MODE_BLOCK      1u

const char *hs_version(void);
hs_error_t hs_populate_platform(hs_platform_info_t *platform);
hs_error_t hs_compile_lit_multi(const char *const *expressions, const unsigned *flags,
                                const unsigned *ids, const size_t *lens, unsigned count,
                                unsigned mode, const hs_platform_info_t *platform,
                                hs_database_t **db, hs_compile_error_t **error);
hs_error_t hs_free_compile_error(hs_compile_error_t *error);
hs_error_t hs_free_database(hs_database_t *db);
hs_error_t hs_database_size(const hs_database_t *db, size_t *size);
hs_error_t hs_serialize_database(const hs_database_t *db, char **bytes, size_t *len);
hs_error_t hs_deserialize_database(const char *bytes, size_t len, hs_database_t **db);
hs_error_t hs_alloc_scratch(const hs_database_t *db, hs_scratch_t **scratch);
hs_error_t hs_clone_scratch(const hs_scratch_t *from, hs_scratch_t **to);
hs_error_t hs_free_scratch(hs_scratch_t *scratch);
hs_error_t hs_scan(const hs_database_t *db, const char *data, unsigned len, unsigned flags,
                   hs_scratch_t *scratch, match_event_handler on_match, void *context);

#endif
#endif
