/* The limit of detection: Hyperscan over just the buffers and groups that the engine asks it to scan.
 *
 *   limit RULES CACHE CAPTURE [ROUNDS]
 *
 * The capture goes through the engine once to fill caches, ROUNDS times (5) measured, and once more
 * while every search is copied; then the searches alone are done ROUNDS times. One line of JSON with
 * medians: what the engine took, what the searches alone take, and their ratio. */
#include "gateway/capture/file.h"
#include "gateway/load.h"
#include "lib/base/clock.h"
#include "lib/detect/engine.h"

#include "lib/base/matcher.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 32

struct search {
    const hs_database_t *db;
    uint64_t at;
    uint32_t len;
};

static struct search *searches;
static uint8_t *bytes;
static uint64_t count, cap, used, room;

static void on_scan(void *ctx, const struct hs_database *db, const uint8_t *data, uint32_t len)
{
    (void)ctx;
    if (count == cap) {
        cap = cap ? cap * 2 : 1 << 20;
        searches = realloc(searches, cap * sizeof *searches);
    }
    if (used + len > room) {
        room = room ? room * 2 : 1ull << 28;
        bytes = realloc(bytes, room);
    }
    if (!searches || !bytes) {
        fputs("limit: out of memory\n", stderr);
        exit(1);
    }
    memcpy(bytes + used, data, len);
    searches[count++] = (struct search){db, used, len};
    used += len;
}

static int found(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    (void)id, (void)from, (void)to, (void)flags;
    ++*(uint64_t *)ctx;
    return 0;
}

static double run(const struct sek_engine_options *options, const struct sek_compiled *rules,
                  const char *path, uint64_t *packets)
{
    struct sek_fault fault;
    struct sek_engine *e = sek_engine_new(options, rules, &fault);
    struct capture_file *f;
    const uint8_t *data;
    uint32_t len;
    uint64_t ts, number = 0;
    if (!e || capture_file_open(path, &f, &fault)) {
        fprintf(stderr, "limit: %s\n", fault.message);
        exit(1);
    }
    uint64_t begin = sek_clock_mono_us();
    while (!capture_file_next(f, &data, &len, &ts, &fault))
        sek_engine_packet(e, capture_file_link(f), data, len, ts, ++number);
    uint64_t end = sek_clock_mono_us();
    capture_file_close(f);
    sek_engine_free(e);
    *packets = number;
    return (double)(end - begin) / 1e6;
}

static double scan_all(hs_scratch_t *scratch)
{
    uint64_t hits = 0, begin = sek_clock_mono_us();
    for (uint64_t i = 0; i < count; i++)
        hs_scan(searches[i].db, (const char *)bytes + searches[i].at, searches[i].len, 0, scratch, found,
                &hits);
    return (double)(sek_clock_mono_us() - begin) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

int main(int argc, char **argv)
{
    struct sek_fault fault;
    struct gateway_rules_summary summary = {0};
    struct sek_engine_options options;
    unsigned rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 5;
    double engine[ROUNDS_MAX], alone[ROUNDS_MAX];
    uint64_t packets = 0;
    if (argc < 4 || !rounds || rounds > ROUNDS_MAX) {
        fputs("usage: limit RULES CACHE CAPTURE [ROUNDS]\n", stderr);
        return 2;
    }
    struct sek_config *config = sek_config_new("limit");
    if (!config || sek_config_set(config, "rules.cache", argv[2]))
        return 1;
    struct sek_compiled *rules = gateway_load_rules(&argv[1], 1, config, &summary, &fault);
    hs_scratch_t *scratch = NULL;
    if (!rules || (rules->scratch && hs_clone_scratch(rules->scratch, &scratch) != HS_SUCCESS)) {
        fprintf(stderr, "limit: %s\n", rules ? "no scratch memory" : fault.message);
        return 1;
    }
    sek_engine_options_default(&options);
    options.verify_checksum = false;
    options.config = config;
    run(&options, rules, argv[3], &packets);
    for (unsigned i = 0; i < rounds; i++)
        engine[i] = run(&options, rules, argv[3], &packets);
    options.on_scan = on_scan;
    run(&options, rules, argv[3], &packets);
    for (unsigned i = 0; i < rounds; i++)
        alone[i] = scan_all(scratch);
    double e = median(engine, rounds), a = median(alone, rounds);
    printf("{\"packets\":%llu,\"engine_seconds\":%.6f,\"limit_seconds\":%.6f,\"ratio\":%.4f,"
           "\"searches\":%llu,\"searched_bytes\":%llu,\"rules\":%u}\n",
           (unsigned long long)packets, e, a, a / e, (unsigned long long)count,
           (unsigned long long)used, summary.loaded);
    hs_free_scratch(scratch);
    sek_compiled_free(rules);
    sek_config_free(config);
    free(searches);
    free(bytes);
    return 0;
}
