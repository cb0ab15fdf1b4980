/* Who did it: a process by its id, looked up at once, with the login it belongs to. */
#ifndef SEK_AGENT_WHO_H
#define SEK_AGENT_WHO_H

#include "agent/event.h"

struct sek_who {
    struct sek_process process;
    uint32_t login_uid; /* UINT32_MAX: none */
    bool gone; /* it had ended before it could be looked at: only what its start told is there */
};

#define SEK_WHO_CACHE 16
struct sek_who_cache {
    struct sek_who *list;
    unsigned count, next;
    uint64_t since_us;
};

/* Valid until the next call. Entries live for 20 ms: a process may have become another program. */
const struct sek_who *sek_who_find(struct sek_who_cache *cache, int32_t pid);
/* Forget all; the memory is given back. */
void sek_who_clear(struct sek_who_cache *cache);
/* The member "process". */
void sek_who_write(struct sek_text *t, const struct sek_who *who);

#endif
