/* An event as it travels and is stored: the device's JSON object with the chain members appended,
 * the last being "id", the SHA-256 of the record without it. */
#ifndef SEK_WIRE_RECORD_H
#define SEK_WIRE_RECORD_H

#include "lib/base/encode.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

#include <stddef.h>
#include <stdint.h>

#define SEK_RECORD_NO_PREVIOUS "0000000000000000000000000000000000000000000000000000000000000000"

/* Append to OUT the record of EVENT ("{...}"). SEK_EINVAL: EVENT is not a non-empty JSON object, or
 * has a chain member already. */
enum sek_error sek_record_make(const char *event, size_t len, const char *device,
                               const char *tenant, uint64_t seq, const char *prev,
                               struct sek_text *out, struct sek_fault *fault);

/* The id at the end of RECORD, checked against its bytes. SEK_EINVAL: there is none; SEK_EAUTH: it
 * is not the record's hash. */
enum sek_error sek_record_id(const char *record, size_t len, char id[SEK_SHA256_HEX],
                             struct sek_fault *fault);

#endif
