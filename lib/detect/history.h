/* What a stream held before bytes of it were lost, kept for records: what an analyst sees of a match is the
 * stream with "[N bytes missing]" in it, and not only what came after the gap. */
#ifndef SEK_DETECT_HISTORY_H
#define SEK_DETECT_HISTORY_H

#include "lib/base/text.h"
#include "lib/flow/tcp.h"

struct history;

/* Bytes after what S, direction DIR, holds are about to be skipped. */
void history_gap(struct sek_pool *pool, struct history **h, enum sek_dir dir, const struct sek_stream *s);
/* The beginning of DIR's buffer is let go: what was before is, too. */
void history_forget(struct sek_pool *pool, struct history *h, enum sek_dir dir);
void history_free(struct sek_pool *pool, struct history *h);

/* Bytes BEGIN..END (offsets in the stream) of direction DIR as far as they are there, also behind a hole: of S
 * itself, or written into TEXT with the gaps. H may be NULL. */
struct sek_bytes history_view(const struct history *h, enum sek_dir dir, const struct sek_stream *s,
                              uint64_t begin, uint64_t end, struct sek_text *text);

#endif
