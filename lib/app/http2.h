/* HTTP/2 (RFC 9113): what the files of the parser share. A transaction is one stream; each frame
 * that is about the whole connection (stream 0) is one by itself. */
#ifndef SEK_APP_HTTP2_H
#define SEK_APP_HTTP2_H

#include "lib/app/app.h"
#include "lib/app/decode.h"
#include "lib/app/dns.h"
#include "lib/app/fields.h"
#include "lib/app/hpack.h"

enum { H2_STARTED, H2_HEADERS, H2_BODY, H2_COMPLETE };

enum h2_frame_type { H2_DATA, H2_HEADERS_FRAME, H2_PRIORITY_FRAME, H2_RST_STREAM, H2_SETTINGS,
                     H2_PUSH_PROMISE, H2_PING, H2_GOAWAY, H2_WINDOW_UPDATE, H2_CONTINUATION };

enum h2_event {
    H2_EVENT_MAGIC, H2_EVENT_FRAME_HEADER, H2_EVENT_FRAME_DATA, H2_EVENT_HEADER,
    H2_EVENT_FRAME_LENGTH, H2_EVENT_EXTRA_HEADER, H2_EVENT_LONG_FRAME, H2_EVENT_STREAM_REUSE,
    H2_EVENT_HTTP1_SETTINGS, H2_EVENT_DECOMPRESSION, H2_EVENT_RANGE, H2_EVENT_INTEGER,
    H2_EVENT_STREAMS, H2_EVENT_AUTHORITY, H2_EVENT_USERINFO, H2_EVENT_REASSEMBLY,
    H2_EVENT_DNS_REQUEST, H2_EVENT_DNS_RESPONSE, H2_EVENT_STREAM_ZERO, H2_EVENT_FRAMES,
    H2_EVENT_BOMB,
};

/* Numbers that frames of a transaction carried, in order. */
enum h2_kind { H2_IS_TYPE, H2_IS_ERROR, H2_IS_PRIORITY, H2_IS_WINDOW, H2_IS_SIZE, H2_IS_SETTING };
struct h2_value {
    uint16_t kind, id;
    uint64_t value;
};

struct h2_side {
    struct h2_value *values;
    uint16_t count, cap;
    struct sek_fields headers;
    struct sek_buffer body; /* decoded */
    uint64_t raw, total;
    struct sek_decoder *decoder;
    struct sek_file file;
    struct sek_buffer file_name;
    struct sek_buffer list, names, line, one; /* made when a rule asks */
    bool got_headers, ended;
    struct sek_tx *dns;     /* the message in the body */
    struct sek_buffer wire; /* its bytes */
};

struct h2_tx {
    struct sek_tx base;
    uint32_t stream;
    struct h2_side side[2];
    struct sek_buffer host;
    bool doh;
    uint64_t kept; /* its part of what the flow keeps */
};

struct h2_flow {
    struct hpack_table table;
    struct sek_buffer block; /* header block over HEADERS and CONTINUATION */
    uint32_t block_stream;
    uint8_t block_flags;
    bool block_push, preface;
    uint32_t data_left, pad_left, skip; /* of the frame at hand */
    uint32_t data_stream;
    bool data_end;
};

#define H2_KEEP (16u * 1024u * 1024u) /* of one flow, about */

struct h2_state {
    struct sek_app_state base;
    struct h2_flow flow[2];
    uint32_t highest; /* stream seen */
    uint64_t kept;    /* bytes of headers and bodies in transactions; H2_KEEP bounds it */
};

/* Room for LEN more bytes of TX; false when the flow keeps too much already. */
static inline bool h2_keep(struct h2_state *s, struct h2_tx *tx, uint64_t len)
{
    if (s->kept + len > H2_KEEP)
        return false;
    s->kept += len;
    tx->kept += len;
    return true;
}

/* --- http2.c --- */
void h2_state_open(struct sek_app_state *state);
struct sek_app_result h2_parse(struct sek_app_state *state, enum sek_dir dir, const uint8_t *data,
                               uint32_t len, unsigned flags);

/* --- http2_message.c --- */
void h2_headers_done(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir);
void h2_body_add(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, const uint8_t *data,
                 uint32_t len);
void h2_side_end(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir);
void h2_message_free(struct h2_state *s, struct h2_tx *tx);
/* The first transaction after an upgrade from HTTP/1 is the request that asked for it. */
void h2_from_http1(struct h2_state *s, struct h2_tx *tx);

/* --- http2_rule.c --- */
extern const struct sek_buffer_def h2_buffers[];
extern const struct sek_number_def h2_numbers[];
extern const struct sek_test_def h2_tests[];
extern const struct sek_app_event_name h2_events[];
void h2_eve(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);

#endif
