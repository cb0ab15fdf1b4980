/* The guard's side of duties (agent/duty.h): one table, one way to start, watch and stop them. */
#ifndef SEK_AGENT_GUARD_DUTIES_H
#define SEK_AGENT_GUARD_DUTIES_H

#include "agent/duty.h"

#include <poll.h>
#include <sys/types.h>

struct sek_guard;

struct sek_duty_process {
    pid_t pid;   /* 0: does not run */
    int socket;  /* -1: none */
    int section; /* memory file of the last wish; -1: not wanted */
    unsigned failures;
    uint64_t started, restart_at;   /* us, monotonic; 0: no restart is due */
    struct sek_duty_datagram *held; /* that the worker could not take yet */
    uint32_t held_len;              /* bytes of text; 0: none */
};

void sek_duties_init(struct sek_guard *g);
/* Start, restart with another section, or stop a duty. Takes SECTION. */
void sek_duty_wish(struct sek_guard *g, const struct sek_duty_wish *wish, int section);
/* Was PID a duty? It is started again with growing delays while it is wanted. */
bool sek_duty_ended(struct sek_guard *g, pid_t pid, int status);
/* Fill SEK_DUTIES entries of WAIT; true: something waits for time. */
bool sek_duties_poll(const struct sek_guard *g, struct pollfd *wait);
/* Forward events, note states, start what is due. */
void sek_duties_serve(struct sek_guard *g);
void sek_duties_stop(struct sek_guard *g);

#endif
