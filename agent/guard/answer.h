/* Hands a program the DNS answer to a query that was blocked, as if its server had sent it. */
#ifndef SEK_AGENT_ANSWER_H
#define SEK_AGENT_ANSWER_H

#include "agent/message.h"

/* Only answers from port 53 to the asking address are sent. False: not sent. */
bool sek_answer_send(const struct sek_answer *answer);

#endif
