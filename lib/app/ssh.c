/* SSH (RFC 4253) as far as it can be read: banners and the key exchange's algorithm lists, from
 * which HASSH fingerprints come. A connection is one transaction; what is encrypted is let pass. */
#include "lib/app/app.h"
#include "lib/app/fields.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/error.h"

#define BANNER_LIMIT 255u
#define RECORD_LIMIT 65536u
#define RECORD_HEAD  6u /* length, padding length, message number */
#define KEXINIT      20
#define NEWKEYS      21

enum { SSH_STARTED, SSH_BANNER, SSH_KEX, SSH_COMPLETE };
enum { SSH_EVENT_INVALID_BANNER, SSH_EVENT_LONG_BANNER, SSH_EVENT_INVALID_RECORD,
       SSH_EVENT_LONG_KEX };
enum { FRAME_HDR, FRAME_DATA, FRAME_PDU };

struct ssh_tx {
    struct sek_tx base;
    struct sek_buffer proto[2], software[2], hassh_text[2];
    char hassh[2][33];
};

struct ssh_state {
    struct sek_app_state base;
    struct ssh_tx *tx;
    bool banner[2], encrypted[2];
    uint32_t skip[2]; /* of a record */
};

static enum sek_probe ssh_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    (void)flow, (void)dir;
    if (memcmp(data, "SSH-", len < 4 ? len : 4))
        return SEK_PROBE_NO;
    return len < 4 ? SEK_PROBE_MORE : SEK_PROBE_YES;
}

static void reach(struct ssh_state *s, enum sek_dir dir, uint8_t progress)
{
    if (s->tx->base.progress[dir] < progress)
        s->tx->base.progress[dir] = progress;
}

/* "SSH-protoversion-softwareversion SP comments" (RFC 4253 section 4.2). */
static void read_banner(struct ssh_state *s, enum sek_dir dir, struct sek_bytes line)
{
    struct ssh_tx *tx = s->tx;
    s->banner[dir] = true;
    if (line.len > BANNER_LIMIT) {
        sek_tx_event_any(&tx->base, SSH_EVENT_LONG_BANNER);
        line.len = BANNER_LIMIT;
    }
    const uint8_t *version = line.data + 4, *end = line.data + line.len;
    const uint8_t *dash = line.len > 4 ? memchr(version, '-', (size_t)(end - version)) : NULL;
    if (!dash || dash == version) {
        sek_tx_event_any(&tx->base, SSH_EVENT_INVALID_BANNER);
        return;
    }
    const uint8_t *stop = dash + 1;
    while (stop < end && *stop != ' ')
        stop++;
    sek_buffer_add(s->base.pool, &tx->proto[dir], version, (uint32_t)(dash - version), 0);
    sek_buffer_add(s->base.pool, &tx->software[dir], dash + 1, (uint32_t)(stop - dash - 1), 0);
    reach(s, dir, SSH_BANNER);
}

static uint32_t banner_bytes(struct ssh_state *s, enum sek_dir dir, const uint8_t *data,
                             uint32_t len)
{
    struct sek_bytes line;
    uint32_t n = sek_line_next(data, len, &line);
    if (!n && len <= BANNER_LIMIT)
        return 0;
    if (!n) { /* no line end where one has to be */
        line = (struct sek_bytes){data, len};
        n = len;
    }
    if (sek_bytes_begin(line, "SSH-"))
        read_banner(s, dir, line);
    else if (line.len && dir == SEK_TOSERVER) /* only servers may say something before */
        sek_tx_event_any(&s->tx->base, SSH_EVENT_INVALID_BANNER);
    return n;
}

/* HASSH: the lists of key exchange, cipher, MAC and compression of this side, joined by ';'. */
static void read_kexinit(struct ssh_state *s, enum sek_dir dir, struct sek_reader r)
{
    /* of: key exchange, host key, ciphers, MACs and compressions each to server and to client */
    static const uint8_t own[2][4] = {{0, 2, 4, 6}, {0, 3, 5, 7}};
    struct sek_bytes lists[8];
    struct sek_buffer *text = &s->tx->hassh_text[dir];
    sek_reader_skip(&r, 16); /* cookie */
    for (int i = 0; i < 8; i++)
        lists[i] = sek_reader_bytes(&r, sek_reader_u32(&r));
    if (r.failed || text->len) {
        if (r.failed)
            sek_tx_event_any(&s->tx->base, SSH_EVENT_INVALID_RECORD);
        return;
    }
    for (int i = 0; i < 4; i++) {
        struct sek_bytes list = lists[own[dir][i]];
        if (i)
            sek_buffer_add(s->base.pool, text, ";", 1, 0);
        sek_buffer_add(s->base.pool, text, list.data, list.len, 0);
    }
    reach(s, dir, SSH_KEX);
}

/* The digest is made when somebody asks for it; "" when there is none. */
static const char *hassh(struct ssh_tx *tx, int dir)
{
    const struct sek_buffer *text = &tx->hassh_text[dir];
    uint8_t digest[SEK_DIGEST_MAX];
    if (!tx->hassh[dir][0] && text->len && sek_digest(SEK_MD5, text->data, text->len, digest))
        sek_hex_encode(digest, 16, tx->hassh[dir]);
    return tx->hassh[dir];
}

static void side_done(struct ssh_state *s, enum sek_dir dir)
{
    s->encrypted[dir] = true;
    reach(s, dir, SSH_COMPLETE);
    s->tx->base.complete[dir] = true;
}

/* One record; 0: wait for more. */
static uint32_t record(struct ssh_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                       uint32_t at, bool *bad)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint32_t size = sek_reader_u32(&r);
    sek_reader_skip(&r, 1);
    uint8_t type = sek_reader_u8(&r);
    if (r.failed)
        return 0;
    if (size < 2 || size > RECORD_LIMIT) {
        sek_tx_event_any(&s->tx->base, SSH_EVENT_INVALID_RECORD);
        *bad = true;
        return 0;
    }
    if (type == KEXINIT && len < 4 + size && len < RECORD_LIMIT / 2)
        return 0;
    if (type == KEXINIT && len < 4 + size)
        sek_tx_event_any(&s->tx->base, SSH_EVENT_LONG_KEX);
    sek_frame_add(&s->base, dir, FRAME_HDR, at, RECORD_HEAD, &s->tx->base);
    sek_frame_add(&s->base, dir, FRAME_DATA, at + RECORD_HEAD, size - 2, &s->tx->base);
    sek_frame_add(&s->base, dir, FRAME_PDU, at, 4ull + size, &s->tx->base);
    if (type == KEXINIT && len >= 4 + size)
        read_kexinit(s, dir, sek_reader_sub(&r, size - 2));
    if (type == NEWKEYS)
        side_done(s, dir);
    uint32_t n = len < 4 + size ? len : 4 + size;
    s->skip[dir] = 4 + size - n;
    return n;
}

static struct sek_app_result ssh_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct ssh_state *s = (struct ssh_state *)state;
    uint32_t pos = 0;
    bool bad = false;
    if (!s->tx && !(s->tx = (struct ssh_tx *)sek_tx_new(state, sizeof *s->tx, SEK_APP_SSH)))
        return (struct sek_app_result){.consumed = len, .error = true};
    while (pos < len && !bad) {
        uint32_t left = len - pos, n;
        if (s->encrypted[dir])
            n = left;
        else if (s->skip[dir]) {
            n = left < s->skip[dir] ? left : s->skip[dir];
            s->skip[dir] -= n;
        } else if (!s->banner[dir])
            n = banner_bytes(s, dir, data + pos, left);
        else
            n = record(s, dir, data + pos, left, pos, &bad);
        if (!n)
            break;
        pos += n;
    }
    if (bad || flags & SEK_APP_END)
        side_done(s, dir);
    return (struct sek_app_result){.consumed = bad ? len : pos, .error = bad};
}

static void ssh_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct ssh_tx *tx = (struct ssh_tx *)base;
    for (int d = 0; d < 2; d++) {
        sek_buffer_free(state->pool, &tx->proto[d]);
        sek_buffer_free(state->pool, &tx->software[d]);
        sek_buffer_free(state->pool, &tx->hassh_text[d]);
    }
    ((struct ssh_state *)state)->tx = NULL;
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void ssh_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    struct ssh_tx *tx = (struct ssh_tx *)base;
    (void)state;
    for (int d = 0; d < 2; d++) {
        if (!tx->proto[d].len)
            continue;
        sek_json_open(out, d ? "server" : "client", '{');
        sek_json_bytes(out, "proto_version", tx->proto[d].data, tx->proto[d].len);
        sek_json_bytes(out, "software_version", tx->software[d].data, tx->software[d].len);
        if (hassh(tx, d)[0]) {
            sek_json_open(out, "hassh", '{');
            sek_json_str(out, "hash", tx->hassh[d]);
            sek_json_bytes(out, "string", tx->hassh_text[d].data, tx->hassh_text[d].len);
            sek_json_close(out, '}');
        }
        sek_json_close(out, '}');
    }
}

/* --- what rules can name --- */

#define TX(tx) ((struct ssh_tx *)(tx))

#define BUFFER_GETTER(fn, field, side)                                                             \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = sek_buffer_view(&TX(tx)->field[side]);                                              \
        return !i && out->len;                                                                     \
    }

BUFFER_GETTER(get_proto, proto, dir)
BUFFER_GETTER(get_software, software, dir)
BUFFER_GETTER(get_text_client, hassh_text, 0)
BUFFER_GETTER(get_text_server, hassh_text, 1)

#define HASH_GETTER(fn, side)                                                                      \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = (struct sek_bytes){(const uint8_t *)hassh(TX(tx), side), 32};                       \
        return !i && out->data[0];                                                                 \
    }

HASH_GETTER(get_hash_client, 0)
HASH_GETTER(get_hash_server, 1)

static const void *text_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    size_t n = arg ? strlen(arg) : 0;
    if (n >= 2 && arg[0] == '"' && arg[n - 1] == '"') {
        arg++;
        n -= 2;
    }
    if (n)
        return sek_arena_strndup(arena, arg, n);
    sek_fail(fault, SEK_EINVAL, "needs a value");
    return NULL;
}

static bool match_proto(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                        const void *test)
{
    struct sek_bytes v = sek_buffer_view(&TX(tx)->proto[dir]);
    (void)s;
    if (!v.len)
        return false;
    if (!strcasecmp(test, "2_compat"))
        return v.data[0] == '2' || sek_bytes_is(v, "1.99");
    return sek_bytes_begin(v, test);
}

static bool match_software(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                           const void *test)
{
    struct sek_bytes v = sek_buffer_view(&TX(tx)->software[dir]);
    (void)s;
    return v.len && memmem(v.data, v.len, test, strlen(test));
}

#define BANNER {SSH_BANNER, SSH_BANNER}
#define KEX    {SSH_KEX, SSH_KEX}

static const struct sek_buffer_def ssh_buffers[] = {
    {"ssh.proto", "ssh_proto", NULL, 3, BANNER, false, false, get_proto},
    {"ssh.software", "ssh_software", NULL, 3, BANNER, false, false, get_software},
    {"ssh.hassh", "ssh_hassh", NULL, 1, KEX, false, false, get_hash_client},
    {"ssh.hassh.server", "ssh_hassh_server", NULL, 2, KEX, false, false, get_hash_server},
    {"ssh.hassh.string", "ssh_hassh_string", NULL, 1, KEX, false, false, get_text_client},
    {"ssh.hassh.server.string", "ssh_hassh_server_string", NULL, 2, KEX, false, false,
     get_text_server},
    {0},
};

static const struct sek_test_def ssh_tests[] = {
    {"ssh.protoversion", 3, BANNER, text_parse, match_proto},
    {"ssh.softwareversion", 3, BANNER, text_parse, match_software},
    {0},
};

static const struct sek_app_event_name ssh_events[] = {
    {"invalid_banner", SSH_EVENT_INVALID_BANNER},
    {"long_banner", SSH_EVENT_LONG_BANNER},
    {"invalid_record", SSH_EVENT_INVALID_RECORD},
    {"long_kex_record", SSH_EVENT_LONG_KEX},
    {0},
};

static const char *const ssh_frames[] = {"record.hdr", "record.data", "record.pdu", NULL};

const struct sek_app_ops sek_ssh_ops = {
    .id = SEK_APP_SSH,
    .name = "ssh",
    .eve_key = "ssh",
    .transports = 1,
    .probe = ssh_probe,
    .state_size = sizeof(struct ssh_state),
    .parse = ssh_parse,
    .tx_free = ssh_tx_free,
    .eve = ssh_eve,
    .buffers = ssh_buffers,
    .tests = ssh_tests,
    .events = ssh_events,
    .frames = ssh_frames,
    .complete = {SSH_COMPLETE, SSH_COMPLETE},
};
