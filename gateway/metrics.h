/* Statistics in OpenMetrics text form. */
#ifndef SEK_GATEWAY_METRICS_H
#define SEK_GATEWAY_METRICS_H

#include "lib/base/text.h"

#include <jansson.h>

/* STATS is the object that sek_stats_object writes. */
void metrics_text(struct sek_text *out, json_t *stats);

#endif
