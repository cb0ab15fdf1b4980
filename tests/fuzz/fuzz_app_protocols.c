/* Application protocols, each by itself. Under the name fuzz_app_PROTOCOL only that one is tried, otherwise
 * the first byte chooses. The second byte is the transport; then come messages: a byte of direction and end, two of length, and the bytes. Parsers get them as
 * reassembly gives them: what is not consumed comes again. After each message every buffer, number and
 * record of every transaction is read. */
#include "lib/app/buffers.h"
#include "lib/base/text.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sek_pool pool;
static struct sek_app_settings settings;
static struct sek_expectations expectations;
static struct sek_text out;
static volatile uint8_t sink;
static const struct sek_app_ops *only; /* the protocol of this program's name; NULL: any */

static void read_bytes(struct sek_bytes b)
{
    for (uint32_t i = 0; i < b.len; i++)
        sink ^= b.data[i];
}

static void read_all(struct sek_app_state *state)
{
    for (struct sek_tx *tx = state ? state->first : NULL; tx; tx = tx->next) {
        const struct sek_app_ops *ops = sek_app_ops(tx->app);
        for (int dir = 0; dir < 2; dir++) {
            struct sek_bytes b = {0};
            uint64_t v;
            for (const struct sek_buffer_def *d = ops->buffers; d && d->name; d++)
                for (uint32_t i = 0; i < 64 && d->get(state, tx, dir, i, &b); i++)
                    read_bytes(b);
            for (const struct sek_number_def *d = ops->numbers; d && d->name; d++)
                for (uint32_t i = 0; i < 64 && d->get(state, tx, dir, i, &v); i++)
                    sink ^= (uint8_t)v;
        }
        sek_text_clear(&out);
        sek_json_open(&out, NULL, '{');
        sek_json_open(&out, ops->eve_key, '{');
        ops->eve(state, tx, &out);
        sek_json_close(&out, '}');
        if (ops->eve_more)
            ops->eve_more(state, tx, &out);
        sek_json_close(&out, '}');
    }
}

static void open_protocol(struct sek_flow *f, const uint8_t *data)
{
    int app = only ? (int)only->id : data[0] % SEK_APP_COUNT;
    const struct sek_app_ops *ops = sek_app_ops(app);
    f->ip_version = 4;
    f->proto = data[1] & 1 ? IPPROTO_UDP : IPPROTO_TCP;
    if (ops && !(ops->transports & (f->proto == IPPROTO_TCP ? 1 : 2)))
        f->proto = f->proto == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP;
    f->last_us = 1000000;
    f->port[0] = 40000;
    f->port[1] = (uint16_t)(data[1] & 0x80 ? 53 + data[1] : 4000);
    if (ops && !(data[1] & 2)) { /* announced, so that its own parser gets the first bytes */
        expectations.slots[0] = (struct sek_expected){.until_us = UINT64_MAX, .ip_version = 4,
                                                      .app = (uint8_t)app, .server_port = f->port[1]};
    }
}

/* `--protocols` prints what names there are. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = strstr((*argv)[0], "fuzz_app_");
    only = name ? sek_app_find(name + strlen("fuzz_app_")) : NULL;
    if (*argc < 2 || strcmp((*argv)[1], "--protocols"))
        return 0;
    for (int i = 0; i < SEK_APP_COUNT; i++)
        if (sek_app_ops(i))
            puts(sek_app_ops(i)->name);
    exit(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t stream[2][65536];
    uint32_t have[2] = {0};
    struct sek_flow f = {0};
    struct sek_session session = {0};
    if (!settings.http_field_limit) {
        sek_app_settings_default(&settings);
        settings.expectations = &expectations;
        settings.frames = UINT64_MAX;
        sek_buffer_find("http.uri", SEK_BUFFER_STICKY);
    }
    memset(&expectations, 0, sizeof expectations);
    if (size < 2)
        return 0;
    open_protocol(&f, data);
    if (f.proto == IPPROTO_TCP)
        f.tcp = &session;
    for (size_t at = 2; size - at > 3;) {
        int dir = data[at] & 1;
        unsigned flags = (data[at] & 2 ? SEK_APP_END : 0) | (data[at] & 4 ? SEK_APP_GAP : 0);
        uint32_t len = (uint32_t)(data[at + 1] << 8 | data[at + 2]) % 4096;
        at += 3;
        if (len > size - at)
            len = (uint32_t)(size - at);
        if (have[dir] + len > sizeof stream[dir] || f.proto == IPPROTO_UDP)
            have[dir] = 0;
        memcpy(stream[dir] + have[dir], data + at, len);
        have[dir] += len;
        at += len;
        struct sek_app_result r =
            sek_app_data(&pool, &settings, &f, dir, stream[dir], have[dir],
                         flags | (session.stream[dir].app_offset ? 0 : SEK_APP_START));
        if (r.consumed > have[dir])
            abort();
        session.stream[dir].app_offset += r.consumed;
        have[dir] -= r.consumed;
        memmove(stream[dir], stream[dir] + r.consumed, have[dir]);
        read_all(f.app_state);
        sek_app_reap(&pool, &f, NULL, NULL);
    }
    sek_app_close(&pool, &f, NULL, NULL);
    if (pool.used)
        abort(); /* something was forgotten */
    return 0;
}
