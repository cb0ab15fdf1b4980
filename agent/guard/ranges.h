/* Prefixes made into the tables of bpf/exit_ranges.h. */
#ifndef SEK_AGENT_RANGES_H
#define SEK_AGENT_RANGES_H

#include "agent/message.h"
#include "bpf/exit_ranges.h"

#include <stddef.h>

#define SEK_RANGES_LIMIT 2000000u /* prefixes of one family in one list */

/* Tables with *COUNT elements each, malloc'd. Prefixes that overlap or touch become one range. */
enum sek_error sek_ranges4_build(const struct sek_prefix *list, size_t count,
                                 struct sek_range4 **table, uint32_t *elements,
                                 struct sek_fault *fault);
enum sek_error sek_ranges6_build(const struct sek_prefix *list, size_t count,
                                 struct sek_range6 **table, uint32_t *elements,
                                 struct sek_fault *fault);

#endif
