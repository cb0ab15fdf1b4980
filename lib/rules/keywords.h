/* The list of all keywords, in Markdown. */
#ifndef SEK_RULES_KEYWORDS_H
#define SEK_RULES_KEYWORDS_H

#include "lib/base/text.h"

/* Append the whole document. */
void sek_keywords_document(struct sek_text *out);

#endif
