/* A checked rule: what the text of the rule language means, ready to be grouped and evaluated.
 * Source: the Suricata rule language (user guide, "Rules"). Everything of a rule set lives in its
 * arena and is read-only after loading, so that workers share it. */
#ifndef SEK_RULES_RULE_H
#define SEK_RULES_RULE_H

#include "lib/app/app.h"
#include "lib/base/arena.h"
#include "lib/base/compare.h"
#include "lib/base/error.h"
#include "lib/rules/sets.h"

enum sek_action {
    SEK_ACTION_ALERT,
    SEK_ACTION_PASS,
    SEK_ACTION_DROP,
    SEK_ACTION_REJECT,      /* drop, and reset the sender */
    SEK_ACTION_REJECT_DST,
    SEK_ACTION_REJECT_BOTH,
};

/* Where a group of detectors looks. From SEK_TARGET_APP on: SEK_TARGET_APP + buffer id. */
enum sek_target {
    SEK_TARGET_PAYLOAD, /* stream or packet payload */
    SEK_TARGET_TCP_HEADER,
    SEK_TARGET_UDP_HEADER,
    SEK_TARGET_IPV4_HEADER,
    SEK_TARGET_IPV6_HEADER,
    SEK_TARGET_ICMPV4_HEADER,
    SEK_TARGET_ICMPV6_HEADER,
    SEK_TARGET_SCTP_HEADER,
    SEK_TARGET_SCTP_CHUNK_DATA, /* one instance for each chunk */
    SEK_TARGET_IGMP_HEADER,
    SEK_TARGET_IP_SRC, /* the address, 4 or 16 bytes */
    SEK_TARGET_IP_DST,
    SEK_TARGET_BASE64, /* what base64_decode of the step before produced */
    SEK_TARGET_APP,
    /* SEK_TARGET_FRAME + app * SEK_FRAME_TYPES + type: a frame of a protocol */
    SEK_TARGET_FRAME = 1 << 20,
};
#define SEK_FRAME_TYPES 64
static inline bool sek_target_is_buffer(int target)
{
    return target >= SEK_TARGET_APP && target < SEK_TARGET_FRAME;
}

/* --- detectors: look at one buffer, in the order of the rule --- */

enum sek_detector_kind {
    SEK_DETECT_CONTENT,
    SEK_DETECT_PCRE,
    SEK_DETECT_BYTE_TEST,
    SEK_DETECT_BYTE_JUMP,
    SEK_DETECT_BYTE_EXTRACT,
    SEK_DETECT_BYTE_MATH,
    SEK_DETECT_ISDATAAT,
    SEK_DETECT_SIZE,    /* bsize */
    SEK_DETECT_ABSENT,  /* the buffer is not there */
    SEK_DETECT_BASE64,  /* decode for SEK_TARGET_BASE64 */
    SEK_DETECT_DATASET,
    SEK_DETECT_DATAREP,
    SEK_DETECT_PRESENT, /* the buffer is there */
    SEK_DETECT_ENTROPY,
};

#define SEK_VARS_MAX 12 /* byte_extract and byte_math results of a rule */

/* A number in the rule, or a variable that byte_extract filled. */
struct sek_value {
    int64_t number;
    int8_t var; /* index, or -1 */
};

struct sek_content {
    uint8_t *bytes; /* lower case when nocase */
    uint16_t len;
    bool nocase, negated, startswith, endswith;
    bool fast_pattern, fast_pattern_only;
    uint16_t chop_offset, chop_len; /* of fast_pattern:offset,length; len 0: whole */
    bool has_depth, has_offset, has_distance, has_within;
    struct sek_value depth, offset, distance, within;
    uint8_t *replace; /* LEN bytes, or NULL */
};

/* Text that a match leaves for records and for `flowvar`, `pktvar`: group GROUP of an expression. */
#define SEK_CAPTURES_MAX 8
struct sek_capture {
    uint32_t name;     /* of the variable */
    uint32_t name_group; /* group that holds the name itself; 0: NAME is it */
    uint8_t group;
    bool flow; /* of the flow, or of the packet only */
};

struct sek_pcre {
    void *code; /* pcre2_code, JIT-compiled */
    bool negated, relative;
    uint8_t capture_count;
    struct sek_capture *captures;
};

struct sek_entropy {
    uint32_t offset, bytes; /* bytes 0: to the end */
    enum sek_compare_op op;
    double value; /* bits per byte */
};

enum sek_byte_flag {
    SEK_BYTE_RELATIVE = 1 << 0,
    SEK_BYTE_LITTLE   = 1 << 1,
    SEK_BYTE_STRING   = 1 << 2,
    SEK_BYTE_ALIGN    = 1 << 3,
    SEK_BYTE_BEGIN    = 1 << 4, /* jump from the beginning of the buffer */
    SEK_BYTE_END      = 1 << 5, /* ... or from its end */
    SEK_BYTE_NEGATED  = 1 << 6,
    SEK_BYTE_DCE      = 1 << 7, /* byte order of the DCERPC header */
};

enum sek_byte_op { SEK_BYTE_EQ, SEK_BYTE_LT, SEK_BYTE_GT, SEK_BYTE_LE, SEK_BYTE_GE, SEK_BYTE_AND,
                   SEK_BYTE_OR };

struct sek_bytes_op {
    uint16_t flags;
    uint8_t base; /* of a string: 8, 10, 16 */
    uint8_t op;   /* enum sek_byte_op; byte_math: '+', '-', '*', '/', '<', '>' */
    int8_t result; /* variable that is filled */
    uint32_t multiplier, alignment;
    uint64_t bitmask; /* 0: none */
    int32_t post_offset;
    struct sek_value count, offset, value;
};

struct sek_isdataat {
    struct sek_value at;
    bool negated, relative;
};

struct sek_base64 {
    uint32_t bytes, offset; /* bytes 0: all */
    bool relative;
};

struct sek_dataset; /* lib/rules/dataset.h */

struct sek_detector {
    enum sek_detector_kind kind;
    struct sek_detector *next;
    union {
        struct sek_content content;
        struct sek_pcre pcre;
        struct sek_bytes_op bytes;
        struct sek_isdataat isdataat;
        struct sek_compare size;
        struct sek_base64 base64;
        struct sek_entropy entropy;
        struct {
            struct sek_dataset *set;
            enum { SEK_SET_ISSET, SEK_SET_ISNOTSET, SEK_SET_SET, SEK_SET_UNSET } command;
            struct sek_compare reputation;
            bool subdomain; /* a name below one of the set is in it, too */
        } dataset;
        bool or_else; /* ABSENT: also matches when the buffer is there */
    };
};

/* --- transforms --- */

enum sek_transform_kind {
    SEK_TRANSFORM_DOTPREFIX, SEK_TRANSFORM_STRIP_WHITESPACE, SEK_TRANSFORM_COMPRESS_WHITESPACE,
    SEK_TRANSFORM_LOWER, SEK_TRANSFORM_UPPER, SEK_TRANSFORM_MD5, SEK_TRANSFORM_SHA1,
    SEK_TRANSFORM_SHA256, SEK_TRANSFORM_URL_DECODE, SEK_TRANSFORM_XOR, SEK_TRANSFORM_PCRE,
    SEK_TRANSFORM_FROM_BASE64, SEK_TRANSFORM_HEADER_LOWER, SEK_TRANSFORM_STRIP_PSEUDO,
    SEK_TRANSFORM_DOMAIN, SEK_TRANSFORM_TLD, SEK_TRANSFORM_GUNZIP, SEK_TRANSFORM_ZLIB,
};

#define SEK_TRANSFORMS_MAX 8

struct sek_transform {
    enum sek_transform_kind kind;
    const uint8_t *key; /* XOR */
    uint32_t key_len;
    void *code;            /* PCRE: pcre2_code */
    uint32_t offset, bytes; /* base64; BYTES also: most that inflating may give, 0: the default */
    uint8_t mode;           /* base64: 0 strict, 1 RFC 4648, 2 RFC 2045 */
};

/* A buffer as the rule sees it: target, then transforms in order. Equal views are one object. */
struct sek_view {
    int target; /* enum sek_target */
    unsigned count;
    struct sek_transform transforms[SEK_TRANSFORMS_MAX];
    unsigned id; /* position in the rule set's list */
};

struct sek_step {
    uint8_t dir; /* of rules with `=>`: whose buffer it is */
    struct sek_view *view;
    struct sek_detector *first;
    struct sek_step *next;
    bool has_content;
};

/* --- conditions on packet, flow and transaction --- */

enum sek_condition_kind {
    SEK_IF_TTL, SEK_IF_TOS, SEK_IF_IP_ID, SEK_IF_IP_PROTO, SEK_IF_FRAGBITS, SEK_IF_FRAGOFFSET,
    SEK_IF_SAMEIP, SEK_IF_TCP_FLAGS, SEK_IF_SEQ, SEK_IF_ACK, SEK_IF_WINDOW, SEK_IF_MSS,
    SEK_IF_DSIZE, SEK_IF_ICMP_TYPE, SEK_IF_ICMP_CODE, SEK_IF_ICMP_ID, SEK_IF_ICMP_SEQ,
    SEK_IF_DECODE_EVENT, SEK_IF_STREAM_EVENT, SEK_IF_IPOPT, SEK_IF_WSCALE,
    SEK_IF_STREAM_SIZE, SEK_IF_FLOW_AGE, SEK_IF_FLOW_PACKETS, SEK_IF_FLOW_BYTES,
    SEK_IF_APP_PROTOCOL, SEK_IF_FLOWBITS, SEK_IF_FLOWINT, SEK_IF_XBITS, SEK_IF_HOSTBITS,
    SEK_IF_NUMBER, SEK_IF_TEST, SEK_IF_APP_EVENT, SEK_IF_SCTP_VTAG, SEK_IF_FILE_HASH,
    SEK_IF_FILE_EXT, SEK_IF_FILE_MAGIC, SEK_IF_FILE, SEK_IF_CHECKSUM, SEK_IF_L3_PROTO, SEK_IF_ICMP_MTU, SEK_IF_IGMP_TYPE,
    SEK_IF_VLAN_ID, SEK_IF_VLAN_LAYERS, SEK_IF_SCTP_CHUNK_TYPE, SEK_IF_SCTP_CHUNK_COUNT, SEK_IF_RPC,
    SEK_IF_VARIABLE, SEK_IF_FLOW_APP_EVENT, SEK_IF_APP_STATE, SEK_IF_FRAGMENT, SEK_IF_ELEPHANT,
    SEK_IF_ASN1, SEK_IF_IPREP,
};

/* Which checksum, and whether it is right or wrong: SEK_IF_CHECKSUM. */
enum sek_checksum_kind { SEK_CHECKSUM_IPV4, SEK_CHECKSUM_TRANSPORT };

struct sek_asn1 {
    bool bitstring_overflow, double_overflow;
    uint32_t oversize; /* 0: not asked */
    int32_t offset;
};

enum sek_bits_command { SEK_BITS_SET, SEK_BITS_UNSET, SEK_BITS_TOGGLE, SEK_BITS_ISSET,
                        SEK_BITS_ISNOTSET };
enum sek_int_command { SEK_INT_ASSIGN, SEK_INT_ADD, SEK_INT_SUBTRACT, SEK_INT_COMPARE,
                       SEK_INT_ISSET, SEK_INT_NOTSET };
enum sek_track { SEK_TRACK_SRC, SEK_TRACK_DST, SEK_TRACK_PAIR, SEK_TRACK_RULE, SEK_TRACK_BOTH,
                 SEK_TRACK_FLOW, SEK_TRACK_TX };

/* Of a number that has several values in a transaction: which of them must compare. */
enum sek_pick { SEK_PICK_ANY, SEK_PICK_ALL, SEK_PICK_ALL_OR_ABSENT, SEK_PICK_ANY_OR_ABSENT,
                SEK_PICK_INDEX, SEK_PICK_INDEX_OR_BEYOND, SEK_PICK_TIMES, SEK_PICK_COUNT };
struct sek_picking {
    enum sek_pick pick;
    int32_t index;            /* negative: from the end */
    struct sek_compare times; /* TIMES: how many compare; COUNT: how many there are */
    bool sliced;
    int32_t from, to;         /* only these, TO excluded; negative: from the end */
};

struct sek_condition {
    enum sek_condition_kind kind;
    struct sek_condition *next;
    bool negated;
    struct sek_compare compare;
    uint8_t flags, mask, mode; /* TCP flags, fragment bits: flags, ignored bits, '+', '*', '!' */
    uint8_t side;              /* 0 server, 1 client, 2 both, 3 either; APP_EVENT: 1 where the other direction counts, too */
    struct {
        uint8_t command; /* enum sek_bits_command or sek_int_command */
        uint8_t track;
        uint8_t count;
        uint32_t names[8]; /* any of them */
        uint32_t other;    /* flowint: name of the variable on the right + 1; 0: number */
        uint32_t expire_s;
        int64_t number;
    } bits;
    const struct sek_number_def *const *number; /* by protocol */
    struct sek_picking picking;
    const struct sek_test_def *const *test; /* by protocol */
    const void *test_arg;
    uint16_t app;
    uint64_t apps; /* SEK_IF_APP_PROTOCOL, SEK_IF_APP_EVENT: any of these, as bits */
    uint8_t event; /* bit */
    struct sek_dataset *set;
    const char *text;
    const uint8_t *bytes; /* VARIABLE: content, BYTES_LEN long */
    uint16_t bytes_len;
    uint8_t names_dir;    /* APP_STATE: direction */
    struct sek_compare more[2]; /* RPC: version, procedure */
    struct sek_asn1 asn1;
};

enum sek_threshold_type { SEK_THRESHOLD_NONE, SEK_THRESHOLD_LIMIT, SEK_THRESHOLD_THRESHOLD,
                          SEK_THRESHOLD_BOTH, SEK_THRESHOLD_FILTER, SEK_THRESHOLD_BACKOFF };
struct sek_threshold {
    enum sek_threshold_type type;
    enum sek_track track;
    uint32_t count, seconds, multiplier;
    uint8_t unique; /* 1: source port, 2: destination port */
};

/* From COUNT matches in SECONDS on, another action for TIMEOUT_S. */
struct sek_rate_filter {
    enum sek_track track;
    uint32_t count, seconds, timeout_s;
    enum sek_action action;
};

enum sek_rule_flag {
    SEK_RULE_TOSERVER        = 1u << 0,
    SEK_RULE_TOCLIENT        = 1u << 1,
    SEK_RULE_ESTABLISHED     = 1u << 2,
    SEK_RULE_NOT_ESTABLISHED = 1u << 3,
    SEK_RULE_STATELESS       = 1u << 4,
    SEK_RULE_ONLY_STREAM     = 1u << 5,
    SEK_RULE_NO_STREAM       = 1u << 6, /* packets only: flow:no_stream, tcp-pkt */
    SEK_RULE_BOTH_WAYS       = 1u << 7, /* header says <> */
    SEK_RULE_NOALERT         = 1u << 8,
    SEK_RULE_FORCE_ALERT     = 1u << 9, /* `alert` keyword on a pass rule */
    SEK_RULE_TX              = 1u << 10, /* evaluated over transactions */
    SEK_RULE_NEEDS_PACKET    = 1u << 11, /* payload is looked at packet by packet */
    SEK_RULE_NEEDS_STREAM    = 1u << 12, /* ... as a stream */
    SEK_RULE_DECODER         = 1u << 13, /* pkthdr, decode-event */
    SEK_RULE_IP_ONLY         = 1u << 14, /* nothing but addresses */
    SEK_RULE_FILESTORE       = 1u << 15,
    SEK_RULE_BYPASS          = 1u << 16,
    SEK_RULE_PROTO_ONLY      = 1u << 17, /* nothing but the application protocol */
    SEK_RULE_TAG             = 1u << 18,
    SEK_RULE_TARGET_SRC      = 1u << 19,
    SEK_RULE_TARGET_DST      = 1u << 20,
    SEK_RULE_HAS_CONTENT     = 1u << 21,
    SEK_RULE_TWO_WAY         = 1u << 22, /* `=>`: request and answer of one transaction */
    SEK_RULE_HEADER_ONLY     = 1u << 25, /* addresses, ports, protocol and no more */
    SEK_RULE_FRAME           = 1u << 24, /* looks at frames */
    SEK_RULE_CONFIG          = 1u << 23, /* action `config`: changes what is recorded */
};

/* A rule is silent about some addresses: threshold.config. */
struct sek_suppression {
    struct sek_suppression *next;
    const struct sek_address_set *addresses; /* NULL: any */
    uint8_t side; /* 0 source, 1 destination, 2 whatever, 3 either of them */
};

struct sek_reference {
    const char *text; /* full URL where the kind is known */
    struct sek_reference *next;
};

struct sek_metadata {
    const char *key, *value;
    struct sek_metadata *next;
};

struct sek_rule {
    uint32_t sid, gid, rev;
    uint32_t order; /* position after sorting: lower is evaluated and reported first */
    uint32_t flags;
    enum sek_action action;
    uint8_t priority;
    uint8_t ip_version; /* 4, 6, or 0: both */
    uint8_t protocols[32]; /* bitmap of IPPROTO_; bit 0 of byte 0 unused */
    bool any_protocol;
    uint8_t tcp_flags; /* all of these must be set, or the rule cannot match: asked before all else */
    uint64_t apps; /* bits of enum sek_app that the header or a keyword demands; 0: none */
    const struct sek_address_set *src, *dst; /* NULL: any */
    const struct sek_port_set *src_port, *dst_port;
    struct sek_step *steps;
    unsigned step_count;
    struct sek_condition *conditions; /* tests, in order of cost */
    struct sek_condition *effects;    /* flowbits:set and the like, done when the rule matches */
    struct sek_threshold threshold, filter;
    struct sek_suppression *suppressions;
    const struct sek_rate_filter *rate; /* NULL: none */
    uint8_t store_dirs; /* filestore: bit per direction; 0: the one that matched */
    bool store_flow;    /* ... of all the flow's transactions */
    struct sek_threshold tag; /* track, count, seconds of `tag` */
    const char *msg, *classtype, *class_text;
    struct sek_reference *references;
    struct sek_metadata *metadata;
    const char *file;
    uint32_t line;
    const char *text; /* the rule itself, for `rules explain`; NULL unless kept */
    /* prefilter choice */
    struct sek_step *fast_step;
    struct sek_detector *fast; /* a content, or NULL: looked at always */
};

#endif
