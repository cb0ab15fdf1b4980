/* Where the running kernel keeps, from a task on, the file that it runs: read from the kernel's own
 * type data (BTF). Asked once, so that the exit programs also load where there is none. */
#ifndef SEK_AGENT_OFFSETS_H
#define SEK_AGENT_OFFSETS_H

#include "bpf/exit.h"

#include <stdbool.h>

/* False, and OUT all 0: the kernel has no such data, or it has another form. */
bool sek_offsets_read(struct sek_exit_offsets *out);

#endif
