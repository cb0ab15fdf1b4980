/* What the engine makes of one rule, in words. */
#ifndef SEK_DETECT_EXPLAIN_H
#define SEK_DETECT_EXPLAIN_H

#include "lib/base/text.h"
#include "lib/detect/compiled.h"

/* Append lines about RULE, which belongs to C. */
void sek_explain(const struct sek_compiled *c, const struct sek_rule *rule, struct sek_text *out);

#endif
