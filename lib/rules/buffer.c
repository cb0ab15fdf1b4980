/* Sticky buffers of packets, and transforms of whatever buffer is current. Buffers of protocols need
 * no row here: they come from the protocols' own tables. */
#include "lib/rules/builder.h"

#include <stdlib.h>
#include <strings.h>

#define PACKET_BUFFER(fn, target)                                                                  \
    static enum sek_error fn(struct builder *b, char *arg)                                         \
    {                                                                                              \
        (void)arg;                                                                                 \
        return builder_sticky(b, target, false);                                                   \
    }

PACKET_BUFFER(kw_pkt_data, SEK_TARGET_PAYLOAD)
PACKET_BUFFER(kw_tcp_hdr, SEK_TARGET_TCP_HEADER)
PACKET_BUFFER(kw_udp_hdr, SEK_TARGET_UDP_HEADER)
PACKET_BUFFER(kw_ipv4_hdr, SEK_TARGET_IPV4_HEADER)
PACKET_BUFFER(kw_ipv6_hdr, SEK_TARGET_IPV6_HEADER)
PACKET_BUFFER(kw_icmpv4_hdr, SEK_TARGET_ICMPV4_HEADER)
PACKET_BUFFER(kw_icmpv6_hdr, SEK_TARGET_ICMPV6_HEADER)
PACKET_BUFFER(kw_sctp_hdr, SEK_TARGET_SCTP_HEADER)
PACKET_BUFFER(kw_sctp_chunk_data, SEK_TARGET_SCTP_CHUNK_DATA)
PACKET_BUFFER(kw_igmp_hdr, SEK_TARGET_IGMP_HEADER)
PACKET_BUFFER(kw_ip_src, SEK_TARGET_IP_SRC)
PACKET_BUFFER(kw_ip_dst, SEK_TARGET_IP_DST)

/* frame:request, frame:http1.request */
static enum sek_error kw_frame(struct builder *b, char *arg)
{
    char *name = arg;
    const struct sek_app_ops *ops = NULL;
    uint64_t apps = b->rule->apps;
    for (char *d = strchr(arg, '.'); d && !ops; d = strchr(d + 1, '.')) {
        *d = '\0';
        ops = sek_app_find(arg);
        *d = '.';
        if (ops)
            name = d + 1;
    }
    for (int app = 0; !ops && app < SEK_APP_COUNT; app++)
        if (apps >> app & 1 && sek_app_frame(app, name) >= 0)
            ops = sek_app_ops(app);
    int type = ops ? sek_app_frame(ops->id, name) : -1;
    if (type < 0)
        return builder_fail(b, SEK_EUNSUPPORTED, "'%.60s' is not a frame of the rule's protocol", arg);
    b->rule->apps = apps ? apps & SEK_APP_BIT(ops->id) : SEK_APP_BIT(ops->id);
    if (!b->rule->apps)
        return builder_fail(b, SEK_EINVAL, "'%.60s' does not fit the rule's protocol", arg);
    return builder_sticky(b, SEK_TARGET_FRAME + (int)ops->id * SEK_FRAME_TYPES + type, false);
}

static enum sek_error transform(struct builder *b, enum sek_transform_kind kind,
                                struct sek_transform **out)
{
    struct part *p = b->current;
    if (!b->sticky)
        return builder_fail(b, SEK_EINVAL, "needs a sticky buffer before it");
    if (p->first) {
        /* The buffer was used without this transform: from here on it is another view. */
        struct part *fresh = builder_part(b, p->view.target);
        if (!fresh)
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        b->current = p = fresh;
        b->last_content = NULL;
    }
    if (p->view.count == SEK_TRANSFORMS_MAX)
        return builder_fail(b, SEK_ELIMIT, "more than %d transforms", SEK_TRANSFORMS_MAX);
    struct sek_transform *t = &p->view.transforms[p->view.count++];
    memset(t, 0, sizeof *t); /* views are compared byte by byte */
    t->kind = kind;
    *out = t;
    return SEK_OK;
}

#define PLAIN_TRANSFORM(fn, kind)                                                                  \
    static enum sek_error fn(struct builder *b, char *arg)                                         \
    {                                                                                              \
        struct sek_transform *t;                                                                   \
        (void)arg;                                                                                 \
        return transform(b, kind, &t);                                                             \
    }

PLAIN_TRANSFORM(kw_dotprefix, SEK_TRANSFORM_DOTPREFIX)
PLAIN_TRANSFORM(kw_strip_whitespace, SEK_TRANSFORM_STRIP_WHITESPACE)
PLAIN_TRANSFORM(kw_compress_whitespace, SEK_TRANSFORM_COMPRESS_WHITESPACE)
PLAIN_TRANSFORM(kw_to_lowercase, SEK_TRANSFORM_LOWER)
PLAIN_TRANSFORM(kw_to_uppercase, SEK_TRANSFORM_UPPER)
PLAIN_TRANSFORM(kw_to_md5, SEK_TRANSFORM_MD5)
PLAIN_TRANSFORM(kw_to_sha1, SEK_TRANSFORM_SHA1)
PLAIN_TRANSFORM(kw_to_sha256, SEK_TRANSFORM_SHA256)
PLAIN_TRANSFORM(kw_url_decode, SEK_TRANSFORM_URL_DECODE)
PLAIN_TRANSFORM(kw_header_lowercase, SEK_TRANSFORM_HEADER_LOWER)
PLAIN_TRANSFORM(kw_strip_pseudo_headers, SEK_TRANSFORM_STRIP_PSEUDO)
PLAIN_TRANSFORM(kw_domain, SEK_TRANSFORM_DOMAIN)
PLAIN_TRANSFORM(kw_tld, SEK_TRANSFORM_TLD)
/* gunzip: max-size 8 */
static enum sek_error inflate_transform(struct builder *b, char *arg, enum sek_transform_kind kind)
{
    struct sek_transform *t;
    enum sek_error rc = transform(b, kind, &t);
    int64_t v = 0;
    if (rc || !arg)
        return rc;
    if (strncmp(arg, "max-size", 8) || !sek_text_int(arg + 8, 1, 1 << 20, &v))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected max-size 1..1048576", arg);
    t->bytes = (uint32_t)v;
    return SEK_OK;
}

static enum sek_error kw_gunzip(struct builder *b, char *arg)
{
    return inflate_transform(b, arg, SEK_TRANSFORM_GUNZIP);
}

static enum sek_error kw_zlib_deflate(struct builder *b, char *arg)
{
    return inflate_transform(b, arg, SEK_TRANSFORM_ZLIB);
}

static enum sek_error kw_xor(struct builder *b, char *arg)
{
    struct sek_transform *t;
    bool negated;
    if (!text_unquote(&arg, &negated) || negated)
        return builder_fail(b, SEK_EINVAL, "expected hex digits in double quotes");
    size_t digits = strlen(arg);
    enum sek_error rc = transform(b, SEK_TRANSFORM_XOR, &t);
    if (rc)
        return rc;
    uint8_t *key = sek_arena_alloc(b->arena, digits / 2 + 1);
    if (!key)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!digits || digits % 2 || strspn(arg, "0123456789abcdefABCDEF") != digits)
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected an even number of hex digits",
                            arg);
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = {arg[2 * i], arg[2 * i + 1], 0};
        key[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    t->key = key;
    t->key_len = (uint32_t)(digits / 2);
    return SEK_OK;
}

static enum sek_error kw_pcrexform(struct builder *b, char *arg)
{
    struct sek_transform *t;
    bool negated;
    if (!text_unquote(&arg, &negated) || negated)
        return builder_fail(b, SEK_EINVAL, "expected an expression in double quotes");
    enum sek_error rc = transform(b, SEK_TRANSFORM_PCRE, &t);
    return rc ? rc : pcre_compile(b, arg, strlen(arg), 0, &t->code);
}

static enum sek_error kw_from_base64(struct builder *b, char *arg)
{
    struct sek_transform *t;
    int64_t v;
    enum sek_error rc = transform(b, SEK_TRANSFORM_FROM_BASE64, &t);
    if (rc)
        return rc;
    t->mode = 1;
    for (char *item = arg ? text_next(&arg) : NULL; item; item = text_next(&arg)) {
        char *value = item + strcspn(item, " \t");
        if (*value)
            *value++ = '\0';
        value = sek_text_trim(value);
        if (!strcmp(item, "bytes") && sek_text_int(value, 1, 65535, &v))
            t->bytes = (uint32_t)v;
        else if (!strcmp(item, "offset") && sek_text_int(value, 0, 65535, &v))
            t->offset = (uint32_t)v;
        else if (!strcmp(item, "mode") && !strcasecmp(value, "strict"))
            t->mode = 0;
        else if (!strcmp(item, "mode") && !strcasecmp(value, "rfc4648"))
            t->mode = 1;
        else if (!strcmp(item, "mode") && !strcasecmp(value, "rfc2045"))
            t->mode = 2;
        else
            return builder_fail(b, SEK_EINVAL,
                                "expected bytes N, offset N, mode strict|rfc4648|rfc2045");
    }
    return SEK_OK;
}

const struct keyword sek_buffer_keywords[] = {
    {"pkt_data", kw_pkt_data, ARG_NONE, "back to the payload"},
    {"tcp.hdr", kw_tcp_hdr, ARG_NONE, "TCP header"},
    {"udp.hdr", kw_udp_hdr, ARG_NONE, "UDP header"},
    {"ipv4.hdr", kw_ipv4_hdr, ARG_NONE, "IPv4 header"},
    {"ipv6.hdr", kw_ipv6_hdr, ARG_NONE, "IPv6 header with extensions"},
    {"icmpv4.hdr", kw_icmpv4_hdr, ARG_NONE, "ICMP header"},
    {"icmpv6.hdr", kw_icmpv6_hdr, ARG_NONE, "ICMPv6 header"},
    {"sctp.hdr", kw_sctp_hdr, ARG_NONE, "SCTP common header and what follows"},
    {"sctp.chunk_data", kw_sctp_chunk_data, ARG_NONE, "value of each SCTP chunk"},
    {"igmp.hdr", kw_igmp_hdr, ARG_NONE, "IGMP message"},
    {"ip.src", kw_ip_src, ARG_NONE, "source address"},
    {"ip.dst", kw_ip_dst, ARG_NONE, "destination address"},
    {"frame", kw_frame, ARG_REQUIRED, "a part of a message as it is on the wire"},
    {"dotprefix", kw_dotprefix, ARG_NONE, "put a dot in front"},
    {"strip_whitespace", kw_strip_whitespace, ARG_NONE, "without blanks"},
    {"compress_whitespace", kw_compress_whitespace, ARG_NONE, "runs of blanks become one"},
    {"to_lowercase", kw_to_lowercase, ARG_NONE, "lower case"},
    {"to_uppercase", kw_to_uppercase, ARG_NONE, "upper case"},
    {"to_md5", kw_to_md5, ARG_NONE, "MD5, 16 bytes"},
    {"to_sha1", kw_to_sha1, ARG_NONE, "SHA-1, 20 bytes"},
    {"to_sha256", kw_to_sha256, ARG_NONE, "SHA-256, 32 bytes"},
    {"url_decode", kw_url_decode, ARG_NONE, "percent-decoding"},
    {"header_lowercase", kw_header_lowercase, ARG_NONE, "header names in lower case"},
    {"strip_pseudo_headers", kw_strip_pseudo_headers, ARG_NONE, "without HTTP/2 pseudo headers"},
    {"domain", kw_domain, ARG_NONE, "registered domain of a name"},
    {"tld", kw_tld, ARG_NONE, "last label of a name"},
    {"gunzip", kw_gunzip, ARG_OPTIONAL, "gzip decoded"},
    {"zlib_deflate", kw_zlib_deflate, ARG_OPTIONAL, "zlib decoded"},
    {"xor", kw_xor, ARG_REQUIRED, "XOR with a key"},
    {"pcrexform", kw_pcrexform, ARG_REQUIRED, "first capture of an expression"},
    {"from_base64", kw_from_base64, ARG_OPTIONAL, "base64 decoded"},
    {0},
};
