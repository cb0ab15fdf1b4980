/* Clocks and their EVE form. */
#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t sek_clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

uint64_t sek_clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void sek_clock_format(uint64_t wall_us, char *out)
{
    time_t seconds = (time_t)(wall_us / 1000000u);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, SEK_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, SEK_CLOCK_TEXT - n, ".%06u+0000", (unsigned)(wall_us % 1000000u));
}
