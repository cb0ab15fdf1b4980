/* Time. Packets carry microseconds since the epoch; programs that replay a capture take time from
 * it, so library code is given the time and never asks for it. */
#ifndef SEK_BASE_CLOCK_H
#define SEK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z. */
uint64_t sek_clock_wall_us(void);
/* Microseconds on a clock that never goes back. */
uint64_t sek_clock_mono_us(void);

#define SEK_CLOCK_TEXT 40
/* "2026-01-02T03:04:05.000006+0000", the form EVE uses; OUT holds SEK_CLOCK_TEXT bytes. */
void sek_clock_format(uint64_t wall_us, char *out);

#endif
