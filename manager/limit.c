/* Token buckets. */
#include "manager/limit.h"

#include <stdio.h>
#include <string.h>

static unsigned find(struct sek_limit *limit, const char *key, uint64_t now_us)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < SEK_LIMIT_ENTRIES; i++) {
        if (!strcmp(limit->entries[i].key, key)) {
            double back =
                (double)(now_us - limit->entries[i].at_us) / 60e6 * limit->per_minute;
            limit->entries[i].tokens += back;
            if (limit->entries[i].tokens > limit->per_minute)
                limit->entries[i].tokens = limit->per_minute;
            limit->entries[i].at_us = now_us;
            return i;
        }
        if (limit->entries[i].at_us < limit->entries[oldest].at_us)
            oldest = i;
    }
    snprintf(limit->entries[oldest].key, sizeof limit->entries[oldest].key, "%s", key);
    limit->entries[oldest].at_us = now_us;
    limit->entries[oldest].tokens = limit->per_minute;
    return oldest;
}

bool sek_limit_allows(struct sek_limit *limit, const char *key, uint64_t now_us)
{
    return limit->entries[find(limit, key, now_us)].tokens >= 1;
}

void sek_limit_take(struct sek_limit *limit, const char *key, uint64_t now_us)
{
    unsigned i = find(limit, key, now_us);
    if (limit->entries[i].tokens >= 1)
        limit->entries[i].tokens -= 1;
}
