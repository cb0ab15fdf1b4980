/* PDUs of DCE/RPC: bind and its answer, request, response; fragments of one call gathered. */
#include "lib/app/dcerpc.h"

#include "lib/base/encode.h"

#include <stdio.h>

#define STUB_LIMIT (256u * 1024u)

void dce_uuid(struct sek_reader *r, bool little, uint8_t out[16])
{
    uint32_t a = dce_u32(r, little);
    uint16_t b = dce_u16(r, little), c = dce_u16(r, little);
    struct sek_bytes rest = sek_reader_bytes(r, 8);
    uint8_t head[8] = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a,
                       (uint8_t)(b >> 8),  (uint8_t)b,         (uint8_t)(c >> 8), (uint8_t)c};
    memcpy(out, head, 8);
    if (rest.len == 8)
        memcpy(out + 8, rest.data, 8);
}

bool dce_header_read(struct sek_reader *r, struct dce_header *h)
{
    h->version = sek_reader_u8(r);
    h->minor = sek_reader_u8(r);
    h->type = sek_reader_u8(r);
    h->flags = sek_reader_u8(r);
    uint8_t order = sek_reader_u8(r), reals = sek_reader_u8(r);
    h->little = order & 0x10;
    sek_reader_skip(r, 2);
    h->size = dce_u16(r, h->little);
    h->auth = dce_u16(r, h->little);
    h->call_id = dce_u32(r, h->little);
    return !r->failed && h->version == 5 && h->minor <= 1 && h->type < DCE_TYPES &&
           !(order & 0xee) && reals <= 3 && h->size >= DCE_HEADER;
}

void dce_call_begin(struct dce_call *call, const struct dce_header *h)
{
    call->call_id = h->call_id;
    call->minor = h->minor;
    call->type[0] = call->type[1] = DCE_NONE;
}

static void bind(struct sek_pool *pool, struct dce_ifaces *ifaces, struct sek_reader *r,
                 bool little)
{
    sek_reader_skip(r, 8); /* fragment sizes, association group */
    unsigned items = sek_reader_u8(r);
    sek_reader_skip(r, 3);
    if (!ifaces->list)
        ifaces->list = sek_pool_get_zero(pool, DCE_IFACES_MAX * sizeof *ifaces->list);
    if (!ifaces->list)
        return;
    if (ifaces->count + items > DCE_IFACES_MAX)
        ifaces->count = 0; /* only who binds over and over comes here: the oldest go */
    ifaces->asked = ifaces->count;
    for (unsigned i = 0; i < items && ifaces->count < DCE_IFACES_MAX; i++) {
        struct dce_iface f = {.context = dce_u16(r, little)};
        uint8_t syntaxes = sek_reader_u8(r);
        sek_reader_skip(r, 1);
        dce_uuid(r, little, f.uuid);
        f.version = dce_u16(r, little);
        f.minor = dce_u16(r, little);
        sek_reader_skip(r, syntaxes * 20u);
        if (r->failed)
            return;
        ifaces->list[ifaces->count++] = f;
    }
}

static void bind_ack(struct dce_ifaces *ifaces, struct sek_reader *r, bool little)
{
    sek_reader_skip(r, 8);
    sek_reader_skip(r, dce_u16(r, little)); /* secondary address */
    sek_reader_skip(r, (4 - r->pos % 4) % 4);
    unsigned items = sek_reader_u8(r);
    sek_reader_skip(r, 3);
    for (unsigned i = 0; i < items && ifaces->asked + i < ifaces->count; i++) {
        struct dce_iface *f = &ifaces->list[ifaces->asked + i];
        uint16_t result = dce_u16(r, little);
        sek_reader_skip(r, 22);
        if (r->failed)
            return;
        f->result = result;
        f->answered = true;
    }
}

/* What rules know as stub data: an object identifier and authentication belong to it, and outside
 * of pipes the fixed fields of a response too. */
static void stub(struct sek_pool *pool, struct dce_call *call, const struct dce_header *h,
                 struct sek_reader *r, enum sek_dir dir)
{
    struct sek_bytes data = sek_reader_bytes(r, sek_reader_left(r));
    if (call->fragments[dir] < UINT16_MAX)
        call->fragments[dir]++;
    sek_buffer_add(pool, &call->stub[dir], data.data, data.len, STUB_LIMIT);
    call->ended[dir] |= !!(h->flags & DCE_LAST);
}

void dce_pdu(struct sek_pool *pool, struct dce_ifaces *ifaces, struct dce_call *call,
             const struct dce_header *h, struct sek_reader r, enum sek_dir dir)
{
    call->type[dir] = h->type;
    switch (h->type) {
    case DCE_REQUEST:
        sek_reader_skip(&r, 4);
        call->context = dce_u16(&r, h->little);
        call->opnum = dce_u16(&r, h->little);
        stub(pool, call, h, &r, dir);
        return;
    case DCE_RESPONSE:
        if (call->in_pipe)
            sek_reader_skip(&r, 8);
        stub(pool, call, h, &r, dir);
        return;
    case DCE_BIND:
    case DCE_ALTER:
        bind(pool, ifaces, &r, h->little);
        break;
    case DCE_BIND_ACK:
    case DCE_ALTER_RESPONSE:
        bind_ack(ifaces, &r, h->little);
        break;
    default:
        break;
    }
    call->ended[dir] = true;
}

void dce_call_free(struct sek_pool *pool, struct dce_call *call)
{
    sek_buffer_free(pool, &call->stub[0]);
    sek_buffer_free(pool, &call->stub[1]);
}

void dce_ifaces_free(struct sek_pool *pool, struct dce_ifaces *ifaces)
{
    if (ifaces->list)
        sek_pool_put(pool, ifaces->list, DCE_IFACES_MAX * sizeof *ifaces->list);
    *ifaces = (struct dce_ifaces){0};
}

const char *dce_type_name(uint8_t type)
{
    static const char *const names[DCE_TYPES] = {
        "REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL",
        "FACK", "CANCEL_ACK", "BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP",
        "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED", "RTS"};
    return type < DCE_TYPES ? names[type] : "UNKNOWN";
}

void dce_eve_ifaces(struct sek_text *out, const struct dce_ifaces *ifaces)
{
    sek_json_open(out, "interfaces", '[');
    for (unsigned i = ifaces->asked; i < ifaces->count; i++) {
        const struct dce_iface *f = &ifaces->list[i];
        const uint8_t *u = f->uuid;
        char text[40], version[16];
        snprintf(text, sizeof text,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
                 u[15]);
        snprintf(version, sizeof version, "%u.%u", f->version, f->minor);
        sek_json_open(out, NULL, '{');
        sek_json_str(out, "uuid", text);
        sek_json_str(out, "version", version);
        if (f->answered)
            sek_json_uint(out, "ack_result", f->result);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void eve_side(struct sek_text *out, const struct dce_call *call, enum sek_dir dir)
{
    sek_json_open(out, dir ? "res" : "req", '{');
    if (!dir)
        sek_json_uint(out, "opnum", call->opnum);
    sek_json_uint(out, "frag_cnt", call->fragments[dir]);
    sek_json_uint(out, "stub_data_size", call->stub[dir].len);
    sek_json_close(out, '}');
}

void dce_eve_call(struct sek_text *out, const struct dce_call *call)
{
    if (call->type[0] == DCE_REQUEST)
        eve_side(out, call, SEK_TOSERVER);
    if (call->type[1] == DCE_RESPONSE)
        eve_side(out, call, SEK_TOCLIENT);
}
