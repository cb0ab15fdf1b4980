/* DCE/RPC (The Open Group C706) as it is on the wire: what the parser of DCE/RPC over TCP and UDP
 * and the parser of SMB, which carries it in named pipes, share. */
#ifndef SEK_APP_DCERPC_H
#define SEK_APP_DCERPC_H

#include "lib/app/app.h"

enum dce_type {
    DCE_REQUEST, DCE_PING, DCE_RESPONSE, DCE_FAULT, DCE_WORKING, DCE_NOCALL, DCE_REJECT, DCE_ACK,
    DCE_CL_CANCEL, DCE_FACK, DCE_CANCEL_ACK, DCE_BIND, DCE_BIND_ACK, DCE_BIND_NAK, DCE_ALTER,
    DCE_ALTER_RESPONSE, DCE_AUTH3, DCE_SHUTDOWN, DCE_CANCEL, DCE_ORPHANED, DCE_RTS, DCE_TYPES,
    DCE_NONE = 255,
};

#define DCE_HEADER     16u
#define DCE_IFACES_MAX 64
#define DCE_FIRST      1
#define DCE_LAST       2

struct dce_header {
    uint8_t version, minor, type, flags;
    bool little;
    uint16_t size, auth;
    uint32_t call_id;
};

struct dce_iface {
    uint8_t uuid[16]; /* as it is written, most significant byte first */
    uint16_t version, minor, context, result;
    bool answered;
};

/* The interfaces that one connection or pipe asked for. */
struct dce_ifaces {
    struct dce_iface *list;
    unsigned count, asked; /* ASKED: where the last bind begins */
};

struct dce_call {
    uint32_t call_id;
    uint16_t opnum, context;
    uint8_t type[2]; /* of request and answer, DCE_NONE */
    uint8_t minor;
    bool ended[2];
    bool in_pipe; /* carried by SMB */
    uint16_t fragments[2];
    struct sek_buffer stub[2];
    /* over UDP the request itself names its interface */
    bool datagram;
    uint8_t uuid[16], activity[16];
    uint32_t sequence;
    uint16_t version;
};

static inline uint16_t dce_u16(struct sek_reader *r, bool little)
{
    return little ? sek_reader_u16le(r) : sek_reader_u16(r);
}
static inline uint32_t dce_u32(struct sek_reader *r, bool little)
{
    return little ? sek_reader_u32le(r) : sek_reader_u32(r);
}
void dce_uuid(struct sek_reader *r, bool little, uint8_t out[16]);

/* False: R does not begin with a connection-oriented PDU. */
bool dce_header_read(struct sek_reader *r, struct dce_header *h);
void dce_call_begin(struct dce_call *call, const struct dce_header *h);
/* The body of one PDU that belongs to CALL. */
void dce_pdu(struct sek_pool *pool, struct dce_ifaces *ifaces, struct dce_call *call,
             const struct dce_header *h, struct sek_reader body, enum sek_dir dir);
void dce_call_free(struct sek_pool *pool, struct dce_call *call);
void dce_ifaces_free(struct sek_pool *pool, struct dce_ifaces *ifaces);
const char *dce_type_name(uint8_t type);
/* `interfaces` of an EVE record. */
void dce_eve_ifaces(struct sek_text *out, const struct dce_ifaces *ifaces);
void dce_eve_call(struct sek_text *out, const struct dce_call *call);

/* --- dcerpc_rule.c: dce_iface and dce_opnum --- */
const void *dce_iface_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault);
const void *dce_opnum_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault);
/* BY_CONTEXT: only the interface that the call itself names counts. */
bool dce_iface_match(const struct dce_ifaces *ifaces, const struct dce_call *call, bool by_context,
                     const void *test);
bool dce_opnum_match(const struct dce_call *call, const void *test);

#endif
