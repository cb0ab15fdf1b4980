/* Names and URLs that the device cannot judge alone: it holds the hash prefixes of long lists, and
 * asks the manager for the whole hashes of a prefix that it met. What the manager learns is that
 * the device met something that begins with one of a few 32-bit numbers, some of them chosen at
 * random. Answers, also "nothing", are remembered for their lifetime, over a restart too. */
#ifndef SEK_AGENT_UNSURE_H
#define SEK_AGENT_UNSURE_H

#include "lib/reputation/reputation.h"

#include <jansson.h>

enum sek_look { SEK_LOOK_CLEAN, SEK_LOOK_LISTED, SEK_LOOK_ASK };

#define SEK_UNSURE_CACHE 1024 /* answers */
#define SEK_UNSURE_TEXT  (512u << 10)

struct sek_unsure;

struct sek_unsure *sek_unsure_new(void);
void sek_unsure_free(struct sek_unsure *u);
/* The bundle's set (lib/reputation/prefixes.h, in base64); LEN 0: none. On an error nothing
 * changes. */
enum sek_error sek_unsure_set(struct sek_unsure *u, const char *text, size_t len,
                              struct sek_fault *fault);
uint32_t sek_unsure_count(const struct sek_unsure *u);

/* TARGET may be NULL: the host alone. LISTED: HIT is filled, until the next call. ASK: its prefixes
 * are in the next question. */
enum sek_look sek_unsure_look(struct sek_unsure *u, const char *host, size_t host_len,
                              const char *target, size_t target_len, uint64_t now_s,
                              struct sek_reputation_hit *hit);
/* {"prefixes":[...]} of what is to be asked (new reference); NULL: nothing. */
json_t *sek_unsure_question(struct sek_unsure *u);
/* REPLY answers QUESTION; NULL: there was none, and nothing is asked for some seconds. */
void sek_unsure_answer(struct sek_unsure *u, const json_t *question, const json_t *reply,
                       uint64_t now_s);
/* Is there sense in waiting for an answer now? */
bool sek_unsure_may_ask(const struct sek_unsure *u, uint64_t now_s);
void sek_unsure_online(struct sek_unsure *u, bool online);

/* The answers as JSON text (malloc'd), when they changed since the last call; else NULL. */
char *sek_unsure_save(struct sek_unsure *u);
/* What is damaged or past its time is left out. */
void sek_unsure_restore(struct sek_unsure *u, const char *text, size_t len, uint64_t now_s);

#endif
