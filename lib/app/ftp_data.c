/* A data connection of FTP, known because the control connection announced it: one transaction, one
 * file, going the way the bytes go. */
#include "lib/app/ftp.h"

#include "lib/app/file.h"

enum { DATA_STARTED, DATA_RUNNING, DATA_COMPLETE };

struct data_tx {
    struct sek_tx base;
    uint8_t kind;
    uint16_t name_len;
    uint8_t name[SEK_EXPECT_NAME];
    struct sek_app_file *file;
};

struct data_state {
    struct sek_app_state base;
    struct data_tx *tx;
};

static enum sek_probe data_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    (void)flow, (void)dir, (void)data, (void)len;
    return SEK_PROBE_NO; /* has no form of its own */
}

static bool open_tx(struct data_state *s)
{
    const struct sek_expected *e = s->base.expected;
    if (s->tx)
        return true;
    s->tx = (struct data_tx *)sek_tx_new(&s->base, sizeof *s->tx, SEK_APP_FTP_DATA);
    if (!s->tx)
        return false;
    if (e) {
        s->tx->kind = e->kind;
        s->tx->name_len = e->name_len;
        memcpy(s->tx->name, e->name, e->name_len);
    }
    return true;
}

static void end(struct data_state *s)
{
    struct data_tx *tx = s->tx;
    if (tx->file)
        tx->file->base.closed = true;
    for (int d = 0; d < 2; d++) {
        tx->base.progress[d] = DATA_COMPLETE;
        tx->base.complete[d] = true;
    }
}

static struct sek_app_result data_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct data_state *s = (struct data_state *)state;
    if (!open_tx(s))
        return (struct sek_app_result){.consumed = len, .error = true};
    struct data_tx *tx = s->tx;
    if (len && !tx->file)
        tx->file = sek_app_file_new(state, &tx->base, dir, tx->name, tx->name_len);
    if (tx->file && tx->file->base.dir == dir) {
        if (flags & SEK_APP_GAP)
            tx->file->base.truncated = true;
        sek_app_file_add(state, tx->file, data, len);
        if (tx->base.progress[dir] < DATA_RUNNING)
            tx->base.progress[dir] = DATA_RUNNING;
        if (flags & SEK_APP_END)
            end(s);
    }
    return (struct sek_app_result){.consumed = len};
}

static void data_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    ((struct data_state *)state)->tx = NULL;
    sek_app_files_free(state, base);
    sek_pool_put(state->pool, base, sizeof(struct data_tx));
}

static void data_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct data_tx *tx = (const struct data_tx *)base;
    (void)state;
    if (tx->name_len)
        sek_json_bytes(out, "filename", tx->name, tx->name_len);
    if (tx->kind)
        sek_json_str(out, "command", tx->kind == FTP_DATA_RETR ? "RETR" : "STOR");
}

static bool get_kind(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    *out = ((struct data_tx *)tx)->kind;
    return !i && *out;
}

#define RUNNING {DATA_RUNNING, DATA_RUNNING}
#define DONE    {DATA_COMPLETE, DATA_COMPLETE}

static const struct sek_buffer_def data_buffers[] = {
    {"file.data", "file_data", NULL, 3, RUNNING, true, true, sek_app_file_data},
    {"file.magic", NULL, NULL, 3, RUNNING, true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 3, RUNNING, true, false, sek_app_file_name},
    {0},
};

static const char *const kind_words[] = {"retr", "1", "stor", "2", NULL};

static const struct sek_number_def data_numbers[] = {
    {"ftpdata_command", 3, RUNNING, get_kind, kind_words},
    {"ftpdata.command", 3, RUNNING, get_kind, kind_words},
    {"filesize", 3, DONE, sek_app_file_size, NULL},
    {0},
};

const struct sek_app_ops sek_ftp_data_ops = {
    .id = SEK_APP_FTP_DATA,
    .name = "ftp-data",
    .eve_key = "ftp_data",
    .transports = 1,
    .probe = data_probe,
    .state_size = sizeof(struct data_state),
    .parse = data_parse,
    .tx_free = data_tx_free,
    .eve = data_eve,
    .buffers = data_buffers,
    .numbers = data_numbers,
    .complete = {DATA_COMPLETE, DATA_COMPLETE},
    .gaps = true,
};
