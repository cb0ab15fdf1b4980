/* Statistics of an engine: as a part of an object, and as a record of its own. */
#ifndef SEK_EVE_STATS_H
#define SEK_EVE_STATS_H

#include "lib/base/text.h"
#include "lib/detect/engine.h"

/* The counters of ENGINE as the object KEY (NULL: inside a list, or the outermost). */
void sek_stats_object(struct sek_text *out, const char *key, const struct sek_engine *engine);

/* One line with event_type `stats`. NOW: microseconds since the epoch. */
void sek_eve_stats(struct sek_text *out, const struct sek_engine *engine, uint64_t now_us,
                   uint64_t uptime_s);

#endif
