/* A duty: a process of its own, child of the guard, that watches one thing when the policy wants it
 * (file integrity, logs, malware). It is started with its section of the policy as a memory file,
 * and sends datagrams: events that go on to the worker, and its state for `doctor`. */
#ifndef SEK_AGENT_DUTY_H
#define SEK_AGENT_DUTY_H

#include "agent/message.h"
#include "lib/base/text.h"

#include <jansson.h>

/* How a duty is started. */
struct sek_duty_start {
    int socket;        /* SOCK_SEQPACKET to the guard; end of file: end */
    int section;       /* memory file: {"policy": {...}, ...}, see docs/protocol.md */
    const char *state; /* folder of this duty, which is there */
    const char *user;  /* whom hostile bytes are read as */
};

typedef int sek_duty_main(const struct sek_duty_start *start);

/* A datagram of a duty. */
enum { SEK_DUTY_SAYS_EVENT, SEK_DUTY_SAYS_STATE };
struct sek_duty_datagram {
    uint8_t kind, level; /* level: enum sek_protection, of a state */
    uint8_t unused[2];
    char text[SEK_MESSAGE_MAX]; /* JSON of an event, or why; as long as the datagram is */
};

/* Send an event; waits while the guard does not take it. False: it is too long (SEK_MESSAGE_MAX),
 * or the guard is gone. */
bool sek_duty_event(int socket, const struct sek_text *event);
void sek_duty_state(int socket, enum sek_protection level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The section as JSON; NULL with FAULT. */
json_t *sek_duty_section(int fd, struct sek_fault *fault);

/* Rule files by name that were right the last time, in the file PATH; NULL: none. */
json_t *sek_duty_last_good(const char *path);
void sek_duty_keep_good(const char *path, const json_t *files);

#endif
