/* Deny by default: which program may reach what, and bind which ports. Keeps the table that a
 * person can edit (STATE/exit/learned) and the policy's (STATE/exit/listed) in the kernel's terms,
 * and decides what a kernel record of something unlearned means. */
#ifndef SEK_AGENT_UNLEARNED_H
#define SEK_AGENT_UNLEARNED_H

#include "agent/guard/guard.h"

/* STATE/exit is made when it is not there. */
enum sek_error sek_unlearned_open(struct sek_guard *g, struct sek_fault *fault);
void sek_unlearned_close(struct sek_guard *g);
/* Put policy and tables in force: g->filter says which. */
void sek_unlearned_apply(struct sek_guard *g);
/* A record of the kernel; fills in why. True: it is to be told. */
bool sek_unlearned_record(struct sek_guard *g, struct sek_exit_record *record);
/* An address that a name has. */
void sek_unlearned_name(struct sek_guard *g, const struct sek_named *named);
/* The policy's permissions: the text of a learned table. */
void sek_unlearned_listed(struct sek_guard *g, const char *text, size_t len);
/* Somebody changed a table or a known program: readable then. -1: nothing is watched. */
int sek_unlearned_fd(const struct sek_guard *g);
void sek_unlearned_serve(struct sek_guard *g);
/* When sek_unlearned_time has something to do, us, monotonic; UINT64_MAX: at the next beat. */
uint64_t sek_unlearned_due(const struct sek_guard *g);
/* Write what was learned, read what was edited; with BEAT also drop what is past its time. */
void sek_unlearned_time(struct sek_guard *g, bool beat);

#endif
