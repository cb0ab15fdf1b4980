/* Capture files (pcap and pcapng). */
#ifndef SEK_GATEWAY_CAPTURE_FILE_H
#define SEK_GATEWAY_CAPTURE_FILE_H

#include "lib/base/error.h"
#include "lib/packet/packet.h"

struct capture_file;

enum sek_error capture_file_open(const char *path, struct capture_file **out,
                                 struct sek_fault *fault);
/* The next frame; *DATA is valid until the next call. SEK_EAGAIN at the end of the file. At a
 * packet whose length is impossible the capture ends with a warning that names it, at one that is cut off
 * with an error. */
enum sek_error capture_file_next(struct capture_file *f, const uint8_t **data, uint32_t *len,
                                 uint64_t *ts_us, struct sek_fault *fault);
enum sek_link capture_file_link(const struct capture_file *f);
void capture_file_close(struct capture_file *f);

#endif
