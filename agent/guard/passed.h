/* What passes connect() and sendto() by: connections that are older than the listing of their target,
 * and packets of sockets that are neither TCP nor UDP. */
#ifndef SEK_AGENT_PASSED_H
#define SEK_AGENT_PASSED_H

#include "agent/guard/guard.h"

/* Exit control is open: are there sockets from before that only a look at each packet covers? */
void sek_passed_open(struct sek_guard *g);
/* A list or the mode is new: tell, and in prevent mode end, what is connected to a listed address. */
void sek_passed_connections(struct sek_guard *g);
/* Give the verdict of a packet of the exit queue by the address that it goes to. */
void sek_passed_packet(struct sek_guard *g, const struct sek_judge *judge);

#endif
