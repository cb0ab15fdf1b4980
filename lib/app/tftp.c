/* TFTP (RFC 1350) over UDP: requests and errors; each is a transaction of its own. */
#include "lib/app/kit.h"

#include <string.h>
#include <strings.h>

enum { TFTP_READ = 1, TFTP_WRITE, TFTP_DATA, TFTP_ACK, TFTP_ERROR };

#define NAME_MAX_LEN 1024u

struct tftp_tx {
    struct sek_tx base;
    uint16_t op, error;
    struct sek_buffer text;
    struct sek_slice file, mode, message;
};

/* Text up to a zero byte; false when there is none. */
static bool text_read(struct sek_reader *r, struct sek_bytes *out)
{
    const uint8_t *p = r->data + r->pos;
    const uint8_t *end = sek_reader_left(r) ? memchr(p, 0, sek_reader_left(r)) : NULL;
    if (!end)
        return false;
    *out = sek_reader_bytes(r, (uint32_t)(end - p));
    sek_reader_skip(r, 1);
    return true;
}

static bool mode_known(struct sek_bytes m)
{
    static const char *const modes[] = {"octet", "netascii", "mail"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (m.len == strlen(modes[i]) && !strncasecmp((const char *)m.data, modes[i], m.len))
            return true;
    return false;
}

static enum sek_probe tftp_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    struct sek_bytes file, mode;
    (void)dir;
    if (!sek_port_either(flow, 69) || data[0])
        return SEK_PROBE_NO;
    uint16_t op = sek_reader_u16(&r);
    if (op == TFTP_READ || op == TFTP_WRITE)
        return text_read(&r, &file) && text_read(&r, &mode) && mode_known(mode) ? SEK_PROBE_YES
                                                                               : SEK_PROBE_NO;
    return (op == TFTP_ACK && len == 4) || (op == TFTP_ERROR && len > 4 && !data[len - 1]) ||
                   (op == TFTP_DATA && len >= 4 && len <= 516)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

static struct sek_app_result tftp_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct sek_reader r = sek_reader_make(data, len);
    uint16_t op = sek_reader_u16(&r);
    struct sek_bytes a = {0}, b = {0};
    (void)flags;
    if (op != TFTP_READ && op != TFTP_WRITE && op != TFTP_ERROR)
        return all;
    struct tftp_tx *tx = (struct tftp_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_TFTP);
    if (!tx)
        return all;
    tx->op = op;
    if (op == TFTP_ERROR) {
        tx->error = sek_reader_u16(&r);
        if (text_read(&r, &a))
            tx->message = sek_slice_keep(state->pool, &tx->text, a);
    } else if (text_read(&r, &a) && text_read(&r, &b) && a.len <= NAME_MAX_LEN) {
        tx->file = sek_slice_keep(state->pool, &tx->text, a);
        tx->mode = sek_slice_keep(state->pool, &tx->text, b);
    }
    sek_tx_end(&tx->base, dir);
    return all;
}

static void tftp_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct tftp_tx *)tx)->text);
    sek_pool_put(state->pool, tx, sizeof(struct tftp_tx));
}

static const char *const op_words[] = {"read", "1", "write", "2", "data", "3", "ack", "4", "error",
                                       "5", NULL};

static void tftp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct tftp_tx *tx = (const struct tftp_tx *)base;
    (void)state;
    sek_json_str(out, "packet", sek_word(op_words, tx->op));
    sek_slice_json(out, "file", &tx->text, tx->file);
    sek_slice_json(out, "mode", &tx->text, tx->mode);
}

SEK_SLICE_GETTER(get_file, tftp_tx, file)
SEK_SLICE_GETTER(get_mode, tftp_tx, mode)
SEK_SLICE_GETTER(get_message, tftp_tx, message)
SEK_NUMBER_GETTER(get_op, tftp_tx, true, tx->op)
SEK_NUMBER_GETTER(get_error, tftp_tx, tx->op == TFTP_ERROR, tx->error)

static const struct sek_buffer_def tftp_buffers[] = {
    {"tftp.file", NULL, NULL, 3, {1, 1}, false, false, get_file},
    {"tftp.mode", NULL, NULL, 3, {1, 1}, false, false, get_mode},
    {"tftp.error_message", NULL, NULL, 3, {1, 1}, false, false, get_message},
    {0},
};

static const struct sek_number_def tftp_numbers[] = {
    {"tftp.opcode", 3, {1, 1}, get_op, op_words},
    {"tftp.error_code", 3, {1, 1}, get_error, NULL},
    {0},
};

const struct sek_app_ops sek_tftp_ops = {
    .id = SEK_APP_TFTP,
    .name = "tftp",
    .eve_key = "tftp",
    .transports = 2,
    .probe = tftp_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = tftp_parse,
    .tx_free = tftp_tx_free,
    .eve = tftp_eve,
    .buffers = tftp_buffers,
    .numbers = tftp_numbers,
    .complete = {1, 1},
};
