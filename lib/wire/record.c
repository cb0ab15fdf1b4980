/* Making and checking event records. The id's place at the very end lets both sides hash bytes as
 * they are, without a canonical form. */
#include "lib/wire/record.h"

#include <jansson.h>
#include <string.h>

#define TAIL_PREFIX ",\"id\":\""
#define TAIL_LEN    (sizeof TAIL_PREFIX - 1 + 64 + 2) /* the id's member with the closing "} */

enum sek_error sek_record_make(const char *event, size_t len, const char *device,
                               const char *tenant, uint64_t seq, const char *prev,
                               struct sek_text *out, struct sek_fault *fault)
{
    static const char *const reserved[] = {"device", "tenant", "seq", "prev", "id"};
    json_error_t error;
    char id[SEK_SHA256_HEX];
    while (len && strchr(" \t\r\n", event[len - 1]))
        len--;
    json_t *parsed = json_loadb(event, len, JSON_REJECT_DUPLICATES, &error);
    if (!parsed)
        return sek_fail(fault, SEK_EINVAL, "event: byte %d: %s", error.position, error.text);
    const char *problem = !json_is_object(parsed)      ? "an object is expected"
                          : !json_object_size(parsed) ? "the object is empty"
                                                       : NULL;
    for (size_t i = 0; !problem && i < sizeof reserved / sizeof reserved[0]; i++)
        if (json_object_get(parsed, reserved[i]))
            problem = "device, tenant, seq, prev and id are added by the library";
    json_decref(parsed);
    if (problem)
        return sek_fail(fault, SEK_EINVAL, "event: %s", problem);
    size_t start = out->len;
    for (size_t i = 0; i + 1 < len; i++) /* a record is one line; outside strings this is blank */
        sek_text_putc(out, event[i] == '\n' || event[i] == '\r' ? ' ' : event[i]);
    sek_text_printf(out, ",\"device\":\"%s\",\"tenant\":\"%s\",\"seq\":%llu,\"prev\":\"%s\"}",
                    device, tenant, (unsigned long long)seq, prev);
    sek_sha256_hex(out->data + start, out->len - start, id);
    out->len--;
    sek_text_printf(out, TAIL_PREFIX "%s\"}", id);
    return out->failed ? sek_fail(fault, SEK_ENOMEM, "event: out of memory") : SEK_OK;
}

enum sek_error sek_record_id(const char *record, size_t len, char id[SEK_SHA256_HEX],
                             struct sek_fault *fault)
{
    struct sek_text plain = {0};
    char have[SEK_SHA256_HEX];
    uint8_t scratch[SEK_SHA256_SIZE];
    if (len < TAIL_LEN + 2 || memcmp(record + len - TAIL_LEN, TAIL_PREFIX, sizeof TAIL_PREFIX - 1) ||
        memcmp(record + len - 2, "\"}", 2))
        return sek_fail(fault, SEK_EINVAL, "the last member must be \"id\" with 64 hex digits");
    memcpy(id, record + len - 66, 64);
    id[64] = '\0';
    if (!sek_hex_decode(id, scratch, sizeof scratch))
        return sek_fail(fault, SEK_EINVAL, "\"id\" must be 64 hex digits");
    sek_text_add(&plain, record, len - TAIL_LEN);
    sek_text_putc(&plain, '}');
    sek_sha256_hex(plain.data, plain.len, have);
    sek_text_free(&plain);
    if (strcmp(have, id))
        return sek_fail(fault, SEK_EAUTH, "\"id\" is %s, the record's SHA-256 is %s", id, have);
    return SEK_OK;
}
