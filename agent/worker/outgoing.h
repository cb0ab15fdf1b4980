/* Looks at the packets of outgoing connections that the kernel queues: DNS, TLS and HTTP. Says what
 * to do with each, and what to report. One connection's first bytes are collected in order until
 * the name they carry is known. */
#ifndef SEK_AGENT_OUTGOING_H
#define SEK_AGENT_OUTGOING_H

#include "agent/event.h"
#include "agent/worker/indicators.h"
#include "agent/worker/names.h"
#include "agent/worker/unsure.h"

enum sek_outgoing_protocol {
    SEK_OUTGOING_DNS,
    SEK_OUTGOING_TLS,
    SEK_OUTGOING_HTTP,
    SEK_OUTGOING_QUIC,
    SEK_OUTGOING_OTHER, /* known by its port or address alone */
};

/* A destination that is listed. */
struct sek_outgoing_hit {
    enum sek_outgoing_protocol protocol;
    struct sek_endpoints endpoints; /* source: this device */
    struct sek_reputation_hit indicator;
    char name[256];     /* the name asked for, the server name, or the host */
    char url[512];      /* HTTP: the target */
    bool answer;        /* DNS: it was seen in an answer (an alias) */
    const char *reason; /* of the policy; NULL: INDICATOR says it */
    bool ech;           /* TLS, QUIC: the name may be another's (encrypted ClientHello) */
};

struct sek_outgoing_result {
    bool drop;
    bool settled; /* the rest of this connection need not be looked at */
    bool hit;     /* WHAT is filled */
    bool hold;    /* the manager is to be asked; judge again with sek_outgoing_again */
    struct sek_outgoing_hit what;
    uint16_t reply_len; /* DNS: hand this answer to the program, from WHAT's server */
    uint8_t reply[1232];
};

struct sek_outgoing;

/* What the policy says beside the lists. */
struct sek_outgoing_rules {
    struct sek_unsure *unsure; /* NULL: nobody is asked */
    bool deny_unanswered;
    uint8_t encrypted_dns, quic; /* SEK_EXIT_ALLOW_ALL, _NOTE, _DENY: resolvers; what is not read */
};

struct sek_outgoing *sek_outgoing_new(void);
void sek_outgoing_rules(struct sek_outgoing *o, const struct sek_outgoing_rules *rules);
void sek_outgoing_free(struct sek_outgoing *o);
/* Judge one packet (IP header first). PREVENT: listed destinations are dropped, else only told. */
void sek_outgoing_packet(struct sek_outgoing *o, const struct sek_indicators *indicators,
                         struct sek_names *names, const uint8_t *packet, uint32_t len, bool prevent,
                         uint64_t now_us, struct sek_outgoing_result *result);
/* The same of a packet that was held. LAST: whatever is not answered by now is the policy's. */
void sek_outgoing_again(struct sek_outgoing *o, const struct sek_indicators *indicators,
                        struct sek_names *names, const uint8_t *packet, uint32_t len, bool prevent,
                        bool last, uint64_t now_us, struct sek_outgoing_result *result);

#endif
