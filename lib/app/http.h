/* HTTP/1 (RFC 9112) as it is on the wire: what the files of the HTTP parser share. The parser is
 * ours, because detection needs what a server tolerates (bare LF, folding, odd chunk sizes, absolute
 * targets) told apart and reported, in memory that is bounded and pooled. */
#ifndef SEK_APP_HTTP_H
#define SEK_APP_HTTP_H

#include "lib/app/app.h"

enum http_progress {
    HTTP_STARTED,
    HTTP_LINE,    /* request or status line complete */
    HTTP_HEADERS, /* header section complete */
    HTTP_BODY,    /* some of the body is there */
    HTTP_COMPLETE,
};

enum http_event {
    HTTP_EVENT_UNKNOWN,
    HTTP_EVENT_GZIP_FAILED,
    HTTP_EVENT_FIELD_MISSING_COLON_REQ,
    HTTP_EVENT_FIELD_MISSING_COLON_RES,
    HTTP_EVENT_CHUNK_LEN_REQ,
    HTTP_EVENT_CHUNK_LEN_RES,
    HTTP_EVENT_TRANSFER_ENCODING_REQ,
    HTTP_EVENT_TRANSFER_ENCODING_RES,
    HTTP_EVENT_CONTENT_LENGTH_REQ,
    HTTP_EVENT_CONTENT_LENGTH_RES,
    HTTP_EVENT_DUPLICATE_LENGTH_REQ,
    HTTP_EVENT_DUPLICATE_LENGTH_RES,
    HTTP_EVENT_100_AGAIN,
    HTTP_EVENT_UNMATCHED_RESPONSE,
    HTTP_EVENT_SERVER_PORT,
    HTTP_EVENT_AUTHORITY_PORT,
    HTTP_EVENT_HEADER_INVALID_REQ,
    HTTP_EVENT_HEADER_INVALID_RES,
    HTTP_EVENT_MISSING_HOST,
    HTTP_EVENT_HOST_AMBIGUOUS,
    HTTP_EVENT_FOLDING_REQ,
    HTTP_EVENT_FOLDING_RES,
    HTTP_EVENT_FIELD_TOO_LONG_REQ,
    HTTP_EVENT_FIELD_TOO_LONG_RES,
    HTTP_EVENT_PORT_MISMATCH,
    HTTP_EVENT_URI_HOST_INVALID,
    HTTP_EVENT_HEADER_HOST_INVALID,
    HTTP_EVENT_METHOD_DELIMITER,
    HTTP_EVENT_URI_DELIMITER,
    HTTP_EVENT_LINE_LEADING_SPACE,
    HTTP_EVENT_TOO_MANY_LAYERS,
    HTTP_EVENT_ABNORMAL_CE,
    HTTP_EVENT_AUTH_UNRECOGNIZED,
    HTTP_EVENT_REPEATED_REQ,
    HTTP_EVENT_REPEATED_RES,
    HTTP_EVENT_DOUBLE_ENCODED_URI,
    HTTP_EVENT_LINE_INVALID,
    HTTP_EVENT_MISSING_PROTOCOL,
    HTTP_EVENT_BODY_UNEXPECTED,
    HTTP_EVENT_CHUNK_EXTENSION_REQ,
    HTTP_EVENT_CHUNK_EXTENSION_RES,
    HTTP_EVENT_INVALID_PROTOCOL_RES,
    HTTP_EVENT_INVALID_STATUS,
    HTTP_EVENT_CHUNKED_OLD_PROTO,
    HTTP_EVENT_ABNORMAL_TE_RES,
    HTTP_EVENT_BOMB,
    HTTP_EVENT_FAILED_CHANGE,
    HTTP_EVENT_LINE_INCOMPLETE,
    HTTP_EVENT_TOO_MANY_HEADERS_REQ,
    HTTP_EVENT_TOO_MANY_HEADERS_RES,
    HTTP_EVENT_RANGE,
    HTTP_EVENT_FORM_ERROR,
    HTTP_EVENT_FORM_EMPTY_FILE,
    HTTP_EVENT_FORM_HEADER,
    HTTP_EVENT_FILE_NAME,
    HTTP_EVENT_LZMA_MEMORY,
    HTTP_EVENT_WARNINGS,
};

#define HTTP_HEADERS_MAX 128

struct http_field {
    uint32_t name, value; /* offsets into the head */
    uint16_t name_len;
    uint32_t value_len;
};

struct http_decoder; /* a chain of content decoders, in http_body.c */

/* One request or one response. */
struct http_message {
    struct sek_buffer line; /* first line, without its end; the tokens point into it */
    struct sek_buffer head; /* first line and header section as received, folding joined */
    uint32_t line_len;      /* of the first line, without its end */
    struct http_field *fields;
    uint16_t field_count, field_cap;
    struct sek_bytes token[3]; /* method, target, version; or version, status, reason */
    struct sek_buffer body;    /* decoded */
    struct sek_buffer names, headers, start; /* made when a rule asks */
    struct http_decoder *decoder;
    uint64_t body_raw;   /* bytes of body on the wire */
    uint64_t body_total; /* decoded bytes, also those not kept */
    int64_t length;      /* Content-Length; -1: absent */
    bool chunked, http09;
    uint16_t status;
    uint8_t version; /* 9, 10, 11; 0: not understood */
};

struct http_tx {
    struct sek_tx base;
    struct http_message message[2]; /* [dir] */
    struct sek_buffer uri;          /* normalised target */
    struct sek_buffer host;         /* lower case, without port */
    struct sek_file file[2];
    bool connect, upgrade, is_put, interim_seen;
    bool form_files; /* the request's files are those of a form */
};

enum http_step {
    STEP_LINE,
    STEP_FIELDS,
    STEP_BODY_LENGTH,
    STEP_CHUNK_SIZE,
    STEP_CHUNK_DATA,
    STEP_CHUNK_END,
    STEP_TRAILER,
    STEP_BODY_CLOSE, /* until the connection ends */
    STEP_TUNNEL,     /* after CONNECT or an upgrade: not HTTP any more */
    STEP_LOST,       /* after a gap: where the next request begins is not known */
};

struct http_side {
    enum http_step step;
    struct http_tx *tx;
    uint64_t left; /* bytes of body or chunk still to come */
    struct sek_frame *frame; /* of the message at hand; NULL: no rule asks */
    const uint8_t *data;     /* what the parser was given */
    uint32_t at;             /* end in it of what was used last */
    uint64_t next;           /* offset in the stream after what was used */
};

struct http_state {
    struct sek_app_state base;
    struct http_side side[2];
    uint16_t change; /* what follows in STEP_TUNNEL; 0: nothing we know */
};

static inline bool http_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

/* --- http_head.c --- */
void http_request_line(struct http_tx *tx);
/* False: it is not a status line. */
bool http_status_line(struct http_tx *tx);
/* The field that lies in the head at AT, LEN bytes without its line end. */
void http_field_add(struct http_state *h, struct http_tx *tx, enum sek_dir dir, uint32_t at,
                    uint32_t len);
void http_note_repeats(struct http_tx *tx, enum sek_dir dir);
/* Content-Length and Transfer-Encoding (RFC 9112 section 6). */
void http_framing(struct http_tx *tx, enum sek_dir dir);
void http_check_host(struct http_state *h, struct http_tx *tx);

/* Content-Range: "bytes 0-99/200", "bytes 0-99/asterisk", or that it cannot be satisfied (RFC 9110
 * section 14.4). Absent is good: the parts have their own. */
bool http_range_good(struct sek_bytes v);

/* The first field called NAME (any case), or NULL. */
const struct http_field *http_field_find(const struct http_message *m, const char *name);
struct sek_bytes http_field_value(const struct http_message *m, const char *name);
/* Head bytes at a field's name or value. */
static inline struct sek_bytes http_name(const struct http_message *m, const struct http_field *f)
{
    return (struct sek_bytes){sek_buffer_at(&m->head, f->name), f->name_len};
}
static inline struct sek_bytes http_value(const struct http_message *m, const struct http_field *f)
{
    return (struct sek_bytes){sek_buffer_at(&m->head, f->value), f->value_len};
}

/* http_uri.c: percent-decoding and path normalisation into OUT. */
void http_uri_normalize(struct sek_pool *pool, struct http_tx *tx, struct sek_bytes target,
                        struct sek_buffer *out);
/* Authority out of an absolute target or a Host field: lower case, port cut off into *PORT (-1). */
void http_host_normalize(struct sek_pool *pool, struct sek_bytes authority, struct sek_buffer *out,
                         int *port);

/* http_body.c */
void http_body_begin(struct http_state *h, struct http_tx *tx, enum sek_dir dir);
void http_body_add(struct http_state *h, struct http_tx *tx, enum sek_dir dir, const uint8_t *data,
                   uint32_t len);
/* Bytes of the body are missing: what is compressed ends here. */
void http_body_gap(struct http_tx *tx, enum sek_dir dir);
void http_body_end(struct http_state *h, struct http_tx *tx, enum sek_dir dir);
void http_body_free(struct http_state *h, struct http_message *m);

/* http_multipart.c */
bool http_is_form(const struct http_tx *tx);
void http_multipart(struct http_state *h, struct http_tx *tx);

extern const struct sek_buffer_def http_buffers[];
extern const struct sek_app_event_name http_events[];
extern const struct sek_number_def http_numbers[];

#endif
