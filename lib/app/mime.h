/* Internet messages (RFC 5322) with MIME parts (RFC 2045, 2046), line by line as they arrive:
 * header fields of the message, attachments decoded into files, URLs of the text. */
#ifndef SEK_APP_MIME_H
#define SEK_APP_MIME_H

#include "lib/app/fields.h"
#include "lib/app/file.h"

#define MIME_DEPTH 8

enum mime_anomaly {
    MIME_PARSE_FAILED    = 1 << 0,
    MIME_MALFORMED       = 1 << 1,
    MIME_INVALID_BASE64  = 1 << 2,
    MIME_INVALID_QP      = 1 << 3,
    MIME_LONG_LINE       = 1 << 4,
    MIME_LONG_ENC_LINE   = 1 << 5,
    MIME_LONG_NAME       = 1 << 6,
    MIME_LONG_VALUE      = 1 << 7,
    MIME_LONG_BOUNDARY   = 1 << 8,
    MIME_LONG_FILENAME   = 1 << 9,
};

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QP };

struct mime {
    struct sek_app_state *state; /* of the protocol that carries the message */
    struct sek_tx *tx;           /* gets the files */
    enum sek_dir dir;
    struct sek_fields headers;   /* of the message itself */
    struct sek_fields part;      /* of the part at hand */
    struct sek_fields urls, attachments;
    struct sek_buffer field; /* the header line at hand, unfolded */
    struct sek_buffer boundary[MIME_DEPTH];
    unsigned depth;
    bool in_headers, main_done, is_text, skip, newline;
    enum mime_encoding encoding;
    struct sek_app_file *file;
    uint32_t quad; /* of base64: bits so far, and how many digits */
    unsigned quad_count;
    uint32_t anomalies; /* enum mime_anomaly */
    void *md5;          /* of the body */
    bool md5_line;
    char body_md5[33];
};

void mime_open(struct mime *m, struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir);
void mime_line(struct mime *m, struct sek_bytes line);
void mime_end(struct mime *m);
void mime_free(struct mime *m);

#endif
