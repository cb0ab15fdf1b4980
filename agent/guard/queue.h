/* The kernel's side of packet queues: NFQUEUE and NFLOG sockets, made and bound here, read by the
 * worker, which has no right to answer; verdicts are written here. */
#ifndef SEK_AGENT_QUEUE_H
#define SEK_AGENT_QUEUE_H

#include "agent/message.h"

/* Bind NFQUEUE number NUMBER. FAIL_OPEN: packets pass when the queue is full. Returns a netlink
 * descriptor in *FD. */
enum sek_error sek_queue_open(uint16_t number, bool fail_open, int *fd, struct sek_fault *fault);
/* Bind NFLOG group NUMBER, with the first 128 bytes of each packet. */
enum sek_error sek_log_group_open(uint16_t number, int *fd, struct sek_fault *fault);
/* Answer packet V->id of queue NUMBER on FD. A settled one passes the same chain once more with
 * SEK_MARK_SETTLED. */
void sek_queue_verdict(int fd, uint16_t number, const struct sek_verdict *v);
/* Where the kernel lacks nft's own `queue`: a rule at the end of CHAIN of the table inet TABLE, with
 * the NFQUEUE target. BYPASS: packets pass while nobody serves the queue. */
enum sek_error sek_queue_target(const char *table, const char *chain, uint16_t number, bool bypass,
                                struct sek_fault *fault);

#endif
