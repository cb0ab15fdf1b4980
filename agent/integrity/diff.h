/* Two texts to a unified diff (the form of diff -u, without the names of files). */
#ifndef SEK_AGENT_DIFF_H
#define SEK_AGENT_DIFF_H

#include "lib/base/text.h"

/* Append the diff to OUT, at most LIMIT bytes of it; what is left out is said in its last line.
 * Texts that differ in more than a few hundred lines are shown as one removed and one added block.
 */
void sek_diff(const char *before, size_t before_len, const char *after, size_t after_len,
              size_t limit, struct sek_text *out);

#endif
