/* Application layer: ordered bytes (or datagrams) become transactions with named buffers. A protocol
 * is one struct sek_app_ops and its row in the table of registry.c; nothing else knows it.
 *
 * A stream parser is given all bytes that it has not consumed yet and says how many it takes; what it
 * leaves comes again with more behind it. */
#ifndef SEK_APP_APP_H
#define SEK_APP_APP_H

#include "lib/base/arena.h"
#include "lib/base/buffer.h"
#include "lib/base/config.h"
#include "lib/base/text.h"
#include "lib/flow/flow.h"

enum sek_app {
    SEK_APP_UNKNOWN,
    SEK_APP_FAILED, /* looked at, and none of ours */
    SEK_APP_HTTP,
    SEK_APP_HTTP2,
    SEK_APP_DOH2, /* DNS in HTTP/2 (RFC 8484) */
    SEK_APP_TLS,
    SEK_APP_DNS,
    SEK_APP_MQTT,
    SEK_APP_COAP,
    SEK_APP_MODBUS,
    SEK_APP_DNP3,
    SEK_APP_ENIP,
    SEK_APP_BACNET,
    SEK_APP_S7COMM,
    SEK_APP_IEC104,
    SEK_APP_OPCUA,
    SEK_APP_SSH,
    SEK_APP_SMB,
    SEK_APP_DCERPC,
    SEK_APP_SMTP,
    SEK_APP_FTP,
    SEK_APP_FTP_DATA,
    SEK_APP_NFS,
    SEK_APP_TFTP,
    SEK_APP_DHCP,
    SEK_APP_SNMP,
    SEK_APP_NTP,
    SEK_APP_SIP,
    SEK_APP_IKE,
    SEK_APP_KRB5,
    SEK_APP_RDP,
    SEK_APP_QUIC,
    SEK_APP_WEBSOCKET,
    SEK_APP_TELNET,
    SEK_APP_LDAP,
    SEK_APP_RFB,
    SEK_APP_IMAP,
    SEK_APP_POP3,
    SEK_APP_PGSQL,
    SEK_APP_MDNS,
    SEK_APP_BITTORRENT_DHT,
    SEK_APP_COUNT,
};
_Static_assert(SEK_APP_COUNT <= 64, "rules keep protocols as bits of 64");
#define SEK_APP_BIT(app) (1ull << (app))
#define SEK_APP_DETECT   SEK_APP_COUNT /* a change of protocol: to whatever comes */

/* One set of detection state for a transaction and direction; lib/detect owns what is in it. */
struct sek_tx_detect {
    uint64_t scanned; /* bit per buffer of the protocol whose prefilter ran */
    void *candidates; /* pool block; NULL: none */
    uint32_t count, cap;
    uint32_t body_seen; /* bytes of a growing body inspected so far */
    uint8_t seen_progress; /* what on_progress was told last */
    bool began, done;
};

struct sek_file {
    struct sek_file *next;
    enum sek_dir dir;
    struct sek_bytes name; /* owned by the transaction */
    struct sek_buffer *content; /* what is kept of it, borrowed from the message */
    uint64_t size;
    bool closed, truncated, gaps; /* gaps: bytes in its middle were lost */
    bool storing; /* a filestore rule matched: it is handed out when its transaction ends */
    uint64_t id;
};

/* What every transaction begins with. */
struct sek_tx {
    struct sek_tx *next;
    uint64_t id;
    uint16_t app;
    uint8_t progress[2]; /* by direction; the protocol's own scale */
    bool complete[2];
    bool one_way;        /* all is in one direction (a DNS message over UDP) */
    bool ignore[2];      /* rules do not look at it in this direction */
    bool logged;
    uint64_t events[2];  /* bit per event of the protocol */
    struct sek_file *files;
    struct sek_tx_detect detect[2];
};

#define SEK_TX_LIMIT 1024 /* transactions of one flow that are not finished */

/* A part of a message that rules can look at by itself (`frame:`): where it is in the stream. */
struct sek_frame {
    struct sek_frame *next;
    uint16_t type; /* position in the protocol's list of frames */
    uint8_t dir;
    bool done;       /* looked at for the last time */
    uint64_t offset; /* in the stream, or in the datagram */
    uint64_t len;    /* UINT64_MAX while unknown */
    uint64_t tx_id;  /* UINT64_MAX: of no transaction */
    uint64_t id;     /* counts the frames of the flow, from 0 */
    uint64_t seen;   /* bytes of it that rules have looked at */
};
#define SEK_FRAME_STREAM 63u /* type of the frame that is the whole stream */

/* A connection that another one announced (an FTP data channel), until it comes. */
#define SEK_EXPECT_MAX  64
#define SEK_EXPECT_NAME 256
struct sek_expected {
    uint64_t until_us; /* 0: the place is free */
    struct sek_addr client, server;
    uint8_t ip_version, app;
    uint16_t server_port;
    bool from_server;  /* the one that was the server opens it (active FTP) */
    uint8_t kind;      /* the protocol's own: what travels */
    uint16_t name_len;
    uint8_t name[SEK_EXPECT_NAME];
};
struct sek_expectations {
    struct sek_expected slots[SEK_EXPECT_MAX];
    unsigned next;
};

/* What every protocol's per-flow state begins with. */
struct sek_app_state {
    struct sek_pool *pool;
    const struct sek_app_settings *settings;
    struct sek_flow *flow;
    struct sek_tx *first, *last;
    uint64_t next_tx;
    uint32_t live;  /* transactions in the list, at most SEK_TX_LIMIT */
    bool failed[2]; /* the parser gave up on this direction */
    uint64_t data_offset[2]; /* of the first byte given to the parser, in the stream */
    uint64_t file_bytes;     /* kept of files; lib/app/file.c bounds it */
    struct sek_frame *frames; /* newest first */
    uint16_t frame_count;
    bool stream_frame[2];     /* the frame that is the whole stream was made */
    uint64_t next_frame;
    struct sek_app_state *before; /* of the protocol before a change, until it is inspected */
    const struct sek_expected *expected; /* while the first bytes are parsed: what announced it */
};

enum sek_url_scheme { SEK_URL_HTTP = 1, SEK_URL_HTTPS = 2, SEK_URL_FTP = 4, SEK_URL_MAILTO = 8 };

/* Settings that parsers read; filled once from configuration. Sizes in bytes. */
struct sek_app_settings {
    bool enabled[SEK_APP_COUNT];
    bool detect_only[SEK_APP_COUNT];    /* recognised, not parsed */
    uint8_t transports[SEK_APP_COUNT];  /* on which it is looked for; as in sek_app_ops */
    uint32_t max_tx[SEK_APP_COUNT];     /* transactions of a flow that are unfinished at once */
    uint32_t http_request_body_limit, http_response_body_limit;
    uint32_t http_body_inspect_min; /* a growing body is inspected from this size on */
    uint32_t http_field_limit;
    uint32_t http_layers; /* content encodings on top of each other */
    uint32_t http_bomb_limit; /* decompressed bytes, when they are over 2048 times what came */
    uint32_t smb_transfer[2];    /* bytes of one write, one read; 0: no limit */
    uint32_t smb_queue_size[2];  /* bytes and pieces of a file that wait for what is before them */
    uint32_t smb_queue_count[2];
    uint32_t http2_streams;      /* at once */
    uint32_t websocket_payload_limit; /* kept of a message */
    uint8_t mail_url_schemes; /* enum sek_url_scheme: addresses that are taken out of mails */
    bool mail_url_with_scheme;
    uint32_t mqtt_message_limit;    /* bytes of a message that is parsed */
    uint32_t mqtt_subscribe_topics, mqtt_unsubscribe_topics; /* that rules look at; 0: all */
    uint32_t dnp3_points, dnp3_objects; /* of a message, at most */
    bool body_inline; /* inspect every piece of a body as it arrives */
    bool tls_inspect_encrypted; /* search what is encrypted, too */
    bool tls_bypass_encrypted;
    uint64_t frames;  /* protocols whose frames some rule looks at, as bits */
    struct sek_expectations *expectations; /* of the worker; NULL: none are kept */
};

enum sek_app_flag {
    SEK_APP_START = 1, /* first bytes of this direction */
    SEK_APP_END   = 2, /* no more will come */
    SEK_APP_GAP   = 4, /* bytes are missing before these */
};

struct sek_app_result {
    uint32_t consumed;
    bool error;    /* stop parsing this direction */
    uint16_t change; /* from what is not consumed on, both directions are this protocol (TLS, when
                        the bytes say so), or SEK_APP_DETECT; 0: no change */
};

/* What is wrong with a flow's protocol as a whole; bits of sek_flow.app_events, for one packet. */
enum sek_app_flow_event {
    SEK_APP_FLOW_MISMATCH,        /* the two directions speak different protocols */
    SEK_APP_FLOW_WRONG_DIRECTION, /* the server spoke first where the client must */
    SEK_APP_FLOW_ONE_DIRECTION,   /* one direction was recognised, the other is nothing known */
    SEK_APP_FLOW_SKIPPED,         /* nothing was recognised */
    SEK_APP_FLOW_NO_TLS,          /* no TLS where it was announced */
    SEK_APP_FLOW_UNEXPECTED,      /* after a change, not the protocol that was announced */
};

/* A state of transactions that `app-layer-state` names. */
struct sek_state_name {
    const char *name;
    uint8_t dir, progress;
};

enum sek_probe { SEK_PROBE_NO, SEK_PROBE_YES, SEK_PROBE_MORE };

struct sek_app_event_name {
    const char *name; /* as rules write it after "PROTOCOL." */
    uint8_t bit;
};

/* A named buffer of a transaction. INDEX counts the instances of a buffer that can be several. */
struct sek_buffer_def {
    const char *name;      /* "http.uri" */
    const char *alias;     /* older sticky name, or NULL */
    const char *modifier;  /* older content modifier ("http_uri"), or NULL */
    uint8_t dirs;          /* 1: to server, 2: to client, 3: both */
    uint8_t progress[2];   /* the transaction has reached this */
    bool multi;
    bool growing;          /* a body: inspected while it grows */
    bool (*get)(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir, uint32_t index,
                struct sek_bytes *out);
};

/* Counts as an instance that never compares (a message without that field). */
#define SEK_NUMBER_NONE UINT64_MAX

/* A number of a transaction, for keywords that compare. */
struct sek_number_def {
    const char *name;
    uint8_t dirs;
    uint8_t progress[2];
    bool (*get)(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir, uint32_t index,
                uint64_t *out);
    const char *const *words; /* "name", "value" pairs as text, NULL-terminated; or NULL */
    bool bits; /* the words are bits, and rules write `name,!name`; or compare the whole number */
};

/* A keyword with an argument of its own shape (`modbus:function 3`, `dce_iface:UUID,>1`). */
struct sek_test_def {
    const char *name;
    uint8_t dirs;
    uint8_t progress[2];
    /* ARG (NULL without ':'; may be changed) to what MATCH wants, in ARENA. NULL with a fault that
     * says what was found and what was expected. */
    const void *(*parse)(struct sek_arena *arena, char *arg, struct sek_fault *fault);
    bool (*match)(struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir,
                  const void *test);
};

struct sek_app_ops {
    enum sek_app id;
    const char *name;    /* in rules and EVE's app_proto */
    const char *eve_key; /* object in an EVE record */
    uint8_t transports;  /* 1: TCP, 2: UDP */
    /* Does DATA, the first bytes in DIR, look like this protocol? */
    enum sek_probe (*probe)(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                            uint32_t len);
    size_t state_size; /* bytes, zeroed, beginning with struct sek_app_state */
    void (*open)(struct sek_app_state *state); /* a new state; ->before is known; may be NULL */
    struct sek_app_result (*parse)(struct sek_app_state *state, enum sek_dir dir,
                                   const uint8_t *data, uint32_t len, unsigned flags);
    void (*tx_free)(struct sek_app_state *state, struct sek_tx *tx);
    void (*close)(struct sek_app_state *state); /* what is not in a transaction; may be NULL */
    void (*eve)(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);
    /* Objects beside the one called eve_key; may be NULL. */
    void (*eve_more)(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);
    const struct sek_buffer_def *buffers; /* ends with a NULL name */
    const struct sek_number_def *numbers; /* ends with a NULL name; may be NULL */
    const struct sek_test_def *tests;        /* ends with a NULL name; may be NULL */
    const struct sek_app_event_name *events; /* ends with a NULL name; may be NULL */
    const char *const *frames; /* names after "PROTOCOL.", NULL-terminated; may be NULL */
    const struct sek_state_name *states; /* ends with a NULL name; may be NULL */
    const char *const *aliases; /* other names in rules, NULL-terminated; may be NULL */
    uint64_t also; /* protocols that rules for this one by its first name are about too, as bits */
    uint8_t complete[2]; /* progress of a finished transaction */
    bool gaps;           /* can go on after missing bytes */
    bool lets_go;        /* tx_free leaves no pointer behind: even the last transaction may end early */
};

const struct sek_app_ops *sek_app_ops(enum sek_app id);
/* By name in a rule ("http", "http1", "tls", "ssl", "dns"); NULL when unknown. */
const struct sek_app_ops *sek_app_find(const char *name);
const char *sek_app_name(enum sek_app id);
/* Number of the frame called NAME ("stream" is the whole of a direction), or -1; and back. */
int sek_app_frame(enum sek_app id, const char *name);
const char *sek_app_frame_name(enum sek_app id, uint16_t type);
/* The protocols that NAME in a rule stands for, as bits: "http" is HTTP/1 and HTTP/2. 0: unknown. */
uint64_t sek_app_bits(const char *name);

void sek_app_settings_default(struct sek_app_settings *s);
/* Overlay values from dotted keys (app-layer.protocols.http.enabled ...). CONFIG may be NULL. */
void sek_app_settings_read(struct sek_app_settings *s, struct sek_config *config);

/* Bytes of one direction of FLOW: detects the protocol, parses. Returns what was consumed. */
struct sek_app_result sek_app_data(struct sek_pool *pool, const struct sek_app_settings *settings,
                                   struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                   uint32_t len, unsigned flags);
/* The state that TX belongs to: FLOW's, or the one of the protocol before a change. */
struct sek_app_state *sek_app_state_of(const struct sek_flow *flow, const struct sek_tx *tx);
/* Told of a transaction before it is freed. */
typedef void sek_tx_forget(void *ctx, struct sek_flow *flow, struct sek_tx *tx);
/* Free what hangs on FLOW. FORGET may be NULL. */
void sek_app_close(struct sek_pool *pool, struct sek_flow *flow, sek_tx_forget *forget, void *ctx);
/* DIR has ended: nothing more comes for any transaction. */
static inline void sek_tx_complete_all(struct sek_app_state *state, enum sek_dir dir)
{
    for (struct sek_tx *t = state->first; t; t = t->next)
        t->complete[dir] = true;
}

/* Free transactions that are complete and inspected in both directions. */
void sek_app_reap(struct sek_pool *pool, struct sek_flow *flow, sek_tx_forget *forget, void *ctx);

/* For parsers: a new transaction of SIZE bytes at the end of the list; NULL when memory is out or the
 * flow has too many that wait. */
struct sek_tx *sek_tx_new(struct sek_app_state *state, size_t size, enum sek_app app);
static inline void sek_tx_event(struct sek_tx *tx, enum sek_dir dir, unsigned bit)
{
    tx->events[dir] |= 1ull << bit;
}
/* An event of the exchange as a whole: a rule for either direction sees it. */
static inline void sek_tx_event_any(struct sek_tx *tx, unsigned bit)
{
    sek_tx_event(tx, SEK_TOSERVER, bit);
    sek_tx_event(tx, SEK_TOCLIENT, bit);
}

/* For parsers: a frame of LEN bytes (UINT64_MAX: not known yet, set ->len later) that begins AT
 * bytes after the first one given to parse(). NULL when no rule looks at frames of this protocol,
 * so that it costs nothing then. TX may be NULL. */
struct sek_frame *sek_frame_add(struct sek_app_state *state, enum sek_dir dir, uint16_t type,
                                uint32_t at, uint64_t len, const struct sek_tx *tx);

/* For parsers: a connection that is to come within SECONDS. The addresses, version and time are
 * filled from STATE's flow; SERVER_PORT, APP, FROM_SERVER, KIND and NAME are the caller's. */
void sek_app_expect(struct sek_app_state *state, const struct sek_expected *what,
                    unsigned seconds);

extern const struct sek_app_ops sek_http_ops, sek_http2_ops, sek_doh2_ops, sek_tls_ops, sek_dns_ops,
    sek_mqtt_ops, sek_coap_ops, sek_modbus_ops, sek_dnp3_ops, sek_enip_ops, sek_bacnet_ops,
    sek_s7comm_ops, sek_iec104_ops, sek_opcua_ops, sek_ssh_ops, sek_smb_ops, sek_dcerpc_ops,
    sek_smtp_ops, sek_ftp_ops, sek_ftp_data_ops, sek_nfs_ops, sek_tftp_ops, sek_dhcp_ops,
    sek_snmp_ops, sek_ntp_ops, sek_sip_ops, sek_ike_ops, sek_krb5_ops, sek_rdp_ops, sek_quic_ops,
    sek_websocket_ops, sek_telnet_ops, sek_ldap_ops, sek_rfb_ops, sek_imap_ops, sek_pop3_ops,
    sek_pgsql_ops, sek_mdns_ops, sek_bittorrent_dht_ops;

#endif
