/* objects: agent/logs/line.c agent/logs/rules.c agent/logs/engine.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c agent/logs/follow.c */
/* Lines against the shipped rules: what is found is always one JSON object that fits a datagram,
 * and a blocked address is one. The same bytes as positions of followed files. */
#include "agent/event.h"
#include "agent/logs/engine.h"
#include "agent/logs/follow.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void visit(void *arg, uint64_t inode, uint64_t offset, uint64_t head, const char *path)
{
    *(size_t *)arg += strlen(path) + inode + offset + head;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_log_rules rules;
    static struct sek_log_engine *engine;
    static struct sek_text out;
    static uint64_t now;
    static const char *const sources[] = {"-", "journal", "/var/log/nginx/access.log"};
    struct sek_fault fault;
    size_t sum = 0;
    if (!engine && (sek_log_rules_load(&rules, "content/logs", &fault) ||
                    !(engine = sek_log_engine_new(&rules)))) {
        fprintf(stderr, "%s\n", fault.message);
        abort();
    }
    sek_follow_positions((const char *)data, size, visit, &sum);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - (data + at)) : size - at;
        struct sek_log_line line;
        struct sek_log_finding f;
        uint8_t address[16];
        sek_log_line_parse(&line, sources[n % 3], (const char *)data + at, n);
        sek_log_engine_line(engine, &line, now++ / 100, &f);
        if (f.worst) {
            sek_text_clear(&out);
            sek_log_write(&out, &f, true);
            json_t *event = json_loadb(out.data, out.len, 0, NULL);
            if (!event || out.len > 12288 || (f.response && !sek_address_parse(f.address, address)))
                abort();
            json_decref(event);
        }
        at += n + 1;
    }
    return 0;
}
