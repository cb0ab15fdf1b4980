/* A ClientHello is known by its first bytes (RFC 8446, 5.1 and 4): handshake record, version 3,
 * message type 1. Packets are looked at one by one: a first segment that is cut within six bytes is
 * missed, the next connection's is not. */
#include "agent/worker/patches.h"
#include "agent/event.h"
#include "lib/base/reader.h"

#include <netinet/in.h>
#include <string.h>

struct segment {
    uint8_t source[16], target[16];
    uint16_t port;
};

/* False: no TCP segment with data. R is at its data afterwards. */
static bool read_segment(struct sek_reader *r, struct segment *s)
{
    uint8_t first = sek_reader_u8(r);
    bool v4 = first >> 4 == 4;
    uint8_t protocol;
    if (v4) {
        sek_reader_skip(r, 8);
        protocol = sek_reader_u8(r);
        sek_reader_skip(r, 2);
    } else {
        sek_reader_skip(r, 5);
        protocol = sek_reader_u8(r);
        sek_reader_skip(r, 1);
    }
    uint32_t size = v4 ? 4 : 16;
    if (first >> 4 != (v4 ? 4 : 6) || protocol != IPPROTO_TCP || sek_reader_left(r) < 2 * size)
        return false;
    sek_address_map(r->data + r->pos, v4, s->source);
    sek_address_map(r->data + r->pos + size, v4, s->target);
    sek_reader_skip(r, 2 * size);
    if (v4)
        sek_reader_skip(r, (first & 15u) > 5 ? ((first & 15u) - 5) * 4 : 0);
    sek_reader_skip(r, 2);
    s->port = sek_reader_u16(r);
    sek_reader_skip(r, 8);
    uint32_t header = (uint32_t)(sek_reader_u8(r) >> 4) * 4;
    sek_reader_skip(r, header > 13 ? header - 13 : 0);
    return !r->failed && sek_reader_left(r) >= 6;
}

static bool is_local(const struct segment *s)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    return !memcmp(s->source, s->target, 16) ||
           (sek_address_is4(s->source) && s->source[12] == 127) ||
           !memcmp(s->source, loopback6, 16);
}

void sek_patch_ports_see(struct sek_patch_ports *p, const uint8_t *packet, uint32_t len)
{
    struct sek_reader r = sek_reader_make(packet, len);
    struct segment s;
    unsigned i = 0;
    if (!read_segment(&r, &s))
        return;
    const uint8_t *d = r.data + r.pos;
    bool record = d[0] >= 0x14 && d[0] <= 0x18 && d[1] == 3;
    bool hello = record && d[0] == 0x16 && d[5] == 1;
    if (!hello && (record || !is_local(&s)))
        return;
    while (i < p->count && p->seen[i].port != s.port)
        i++;
    if (i == SEK_PATCH_PORTS)
        return;
    if (i == p->count) {
        memset(&p->seen[i], 0, sizeof p->seen[i]);
        p->seen[p->count++].port = s.port;
    }
    p->changed = p->changed || (hello ? !p->seen[i].tls : !p->seen[i].plain_local);
    p->seen[i].tls = p->seen[i].tls || hello;
    p->seen[i].plain_local = p->seen[i].plain_local || !hello;
}

static int find(const struct sek_patch_ports *p, const json_t *port)
{
    const char *proto = json_string_value(json_object_get(port, "proto"));
    for (unsigned i = 0; proto && !strcmp(proto, "tcp") && i < p->count; i++) {
        if (p->seen[i].port == json_integer_value(json_object_get(port, "port")))
            return (int)i;
    }
    return -1;
}

/* The port of the patch on which a proxy of this device hands the plaintext on; 0: none was seen.
 */
static int plain_side(const json_t *patch, const struct sek_patch_ports *p)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(patch, "ports"), i, port)
    {
        int at = find(p, port);
        if (at >= 0 && p->seen[at].plain_local && !p->seen[at].tls)
            return p->seen[at].port;
    }
    return 0;
}

void sek_patches_describe(json_t *list, const struct sek_patch_ports *ports)
{
    size_t i, k;
    json_t *patch, *port;
    json_array_foreach(list, i, patch)
    {
        json_t *tls = json_array();
        int plain = plain_side(patch, ports);
        json_array_foreach(json_object_get(patch, "ports"), k, port)
        {
            int at = find(ports, port);
            if (at < 0 || !ports->seen[at].tls)
                continue;
            json_array_append_new(tls, plain
                                           ? json_pack("{s:i, s:i}", "port",
                                                       (int)ports->seen[at].port, "covered", plain)
                                           : json_pack("{s:i}", "port", (int)ports->seen[at].port));
        }
        if (json_array_size(tls))
            json_object_set(patch, "tls", tls);
        json_decref(tls);
    }
}
