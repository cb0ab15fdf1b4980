/* A bounded queue of records on disk: append-only segment files, read in order, removed when
 * acknowledged.
 *
 * A record is 16 bytes of header (length u32, CRC-32 u32, sequence u64, little endian; the CRC
 * covers sequence and payload) and the payload. Durability: an append is one write(2), so it
 * survives the end of the process at any moment (kill -9); sek_spool_sync (fdatasync) is called
 * before a batch leaves the device, so that a power cut can lose only records that nobody has seen.
 * A torn tail is cut off at open. Over the limit, the oldest segment goes and its unsent records
 * are counted as dropped. The newest record is always kept: the hash chain continues from it. */
#ifndef SEK_WIRE_SPOOL_H
#define SEK_WIRE_SPOOL_H

#include "lib/base/error.h"
#include "lib/base/text.h"

#include <stddef.h>
#include <stdint.h>

#define SEK_SPOOL_HEADER       16
#define SEK_SPOOL_RECORD_LIMIT (256u << 10) /* bytes of payload */

struct sek_spool;

enum sek_error sek_spool_open(const char *folder, uint64_t limit, struct sek_spool **out,
                              struct sek_fault *fault);
void sek_spool_close(struct sek_spool *spool);

/* The sequence number that the next append will use (the first is 1). */
uint64_t sek_spool_next(const struct sek_spool *spool);
/* Payload of the newest record, NUL-terminated, or NULL when there never was one. */
const char *sek_spool_last(const struct sek_spool *spool);
uint64_t sek_spool_backlog(const struct sek_spool *spool);
uint64_t sek_spool_dropped(const struct sek_spool *spool); /* since open */

enum sek_error sek_spool_append(struct sek_spool *spool, const void *data, size_t len,
                                struct sek_fault *fault);
enum sek_error sek_spool_sync(struct sek_spool *spool, struct sek_fault *fault);

/* Add unacknowledged records to OUT, each followed by a newline, at most MAX_RECORDS and about
 * MAX_BYTES. *LAST is the sequence of the last one. SEK_EAGAIN: nothing to send. */
enum sek_error sek_spool_batch(struct sek_spool *spool, size_t max_bytes, unsigned max_records,
                               struct sek_text *out, uint64_t *last, struct sek_fault *fault);
/* All records up to SEQ have arrived. */
enum sek_error sek_spool_acknowledge(struct sek_spool *spool, uint64_t seq,
                                     struct sek_fault *fault);

/* Walk the records in DATA (one segment's bytes): calls VISIT (may be NULL) for each whole record
 * and returns the number of bytes that are whole records. */
size_t sek_spool_scan(const void *data, size_t len,
                      void (*visit)(void *arg, uint64_t seq, const void *payload, size_t len),
                      void *arg);

#endif
