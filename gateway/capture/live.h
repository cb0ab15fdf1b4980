/* One network interface, read and written whole frames at a time (packet(7) sockets). Offload
 * information travels with each frame (virtio-net header), so that what the sending host left to its
 * network card (checksums, segmentation) is still left to the next one. */
#ifndef SEK_GATEWAY_CAPTURE_LIVE_H
#define SEK_GATEWAY_CAPTURE_LIVE_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_BATCH 32
#define LIVE_FRAME 65600u /* longest frame: a segmented 64 KiB packet with its link header */

struct live;

struct live_frame {
    uint8_t *data;
    uint32_t len;
    bool checksum_known; /* verified by the card, or not filled in yet */
    bool checksum_open;  /* not filled in yet: the next one does it */
    void *slot;          /* for live_forward */
};

enum sek_error live_open(const char *interface, struct live **out, struct sek_fault *fault);
void live_close(struct live *l);
int live_fd(const struct live *l);

/* Up to LIVE_BATCH frames that arrived; returns how many. They are valid until the next call. */
unsigned live_receive(struct live *l, struct live_frame *frames);
/* Send a received frame out of another interface as it came. False when the kernel refused it. */
bool live_forward(struct live *out, const struct live_frame *frame);
/* Send a frame made here (checksums filled in). */
bool live_send(struct live *out, const uint8_t *data, uint32_t len);

#endif
