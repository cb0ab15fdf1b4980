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
/* Answer packet V->id of queue NUMBER on FD; MARK is set on the packet when not 0. */
void sek_queue_verdict(int fd, uint16_t number, const struct sek_verdict *v, uint32_t mark);

#endif
