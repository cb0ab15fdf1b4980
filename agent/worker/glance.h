/* Short looks at the first bytes of outgoing connections: which name a DNS query asks for, which
 * server a TLS ClientHello names, which host and target an HTTP request names. Nothing is kept;
 * every read is bounded. (Full parsing, for detection, is lib/app; this runs on every connection of
 * the device, so it looks at nothing else.) */
#ifndef SEK_AGENT_GLANCE_H
#define SEK_AGENT_GLANCE_H

#include "lib/base/reader.h"

enum sek_glance {
    SEK_GLANCE_NONE, /* not this protocol, or it names nobody */
    SEK_GLANCE_MORE, /* the answer is in bytes that are yet to come */
    SEK_GLANCE_FOUND
};

#define SEK_NAME_SIZE 256

/* TLS: the server name of a ClientHello (RFC 6066), over several records if need be. NAME is
 * NUL-terminated. */
enum sek_glance sek_glance_tls(const uint8_t *data, uint32_t len, char name[SEK_NAME_SIZE],
                               bool *ech);
/* The same of handshake bytes without records. *ECH: it has an encrypted ClientHello (or what looks
 * like one), so that the name may be another's. */
enum sek_glance sek_glance_hello(const uint8_t *data, uint32_t len, char name[SEK_NAME_SIZE],
                                 bool *ech);

#define SEK_HELLO_LIMIT 16384 /* bytes of a ClientHello */

/* The ClientHello of a QUIC flow, as far as it came. */
struct sek_quic_stream {
    uint32_t whole; /* bytes from the begin on without a gap */
    uint8_t data[SEK_HELLO_LIMIT];
    uint8_t seen[SEK_HELLO_LIMIT / 8]; /* a bit for each byte of DATA */
};
/* The frames of a decrypted Initial packet, added to STREAM. */
void sek_glance_quic_frames(struct sek_quic_stream *stream, const uint8_t *plain, uint32_t len);
/* One datagram of the client, added to STREAM. NONE: no Initial packet in it can be read. */
enum sek_glance sek_glance_quic(struct sek_quic_stream *stream, const uint8_t *data, uint32_t len,
                                char name[SEK_NAME_SIZE], bool *ech);

struct sek_glance_http {
    struct sek_bytes host;   /* may be empty */
    struct sek_bytes target; /* "/path?query" or an absolute URL */
    uint32_t head;           /* bytes of the request line and headers */
    uint64_t body;           /* Content-Length; 0 when there is none */
    bool unknown_body; /* chunked, or an upgrade: where the next request begins is not known */
};
enum sek_glance sek_glance_http(const uint8_t *data, uint32_t len, struct sek_glance_http *out);
/* Could DATA be the beginning of a request? */
bool sek_glance_is_request(const uint8_t *data, uint32_t len);

struct sek_glance_address {
    uint8_t address[16]; /* IPv4-mapped for IPv4 */
    uint32_t ttl_s;
};

#define SEK_GLANCE_ADDRESSES 16
#define SEK_GLANCE_ALIASES   8

struct sek_glance_dns {
    bool response;
    uint16_t id, type;
    char name[SEK_NAME_SIZE]; /* first question, lower case, no trailing dot */
    uint32_t question_end;    /* offset behind the first question */
    char aliases[SEK_GLANCE_ALIASES][SEK_NAME_SIZE]; /* CNAME targets of the answer */
    unsigned alias_count;
    struct sek_glance_address addresses[SEK_GLANCE_ADDRESSES];
    unsigned address_count;
};
/* One DNS message (RFC 1035). */
enum sek_glance sek_glance_dns(const uint8_t *data, uint32_t len, struct sek_glance_dns *out);

/* Write the answer "there is no such name" to the query of DATA into OUT; returns its length, or 0
 * when SIZE is too small. */
uint32_t sek_glance_refuse(const uint8_t *data, const struct sek_glance_dns *query, uint8_t *out,
                           uint32_t size);

#endif
