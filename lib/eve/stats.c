/* Counters of the engine as an object, by part, with the names of EVE's `stats` records. */
#include "lib/eve/stats.h"

#include "lib/base/clock.h"

void sek_stats_object(struct sek_text *out, const char *key, const struct sek_engine *engine)
{
    const struct sek_engine_stats *s = sek_engine_stats(engine);
    struct sek_engine_gauges g;
    sek_engine_gauges(engine, &g);
    sek_json_open(out, key, '{');
    sek_json_open(out, "decoder", '{');
    sek_json_uint(out, "pkts", s->packets);
    sek_json_uint(out, "bytes", s->bytes);
    sek_json_uint(out, "invalid_checksums", s->invalid_checksums);
    sek_json_close(out, '}');
    sek_json_open(out, "flow", '{');
    sek_json_uint(out, "total", s->flows);
    sek_json_uint(out, "active", g.flows);
    sek_json_uint(out, "evicted", g.evicted);
    sek_json_close(out, '}');
    sek_json_open(out, "tcp", '{');
    sek_json_uint(out, "reassembly_gap", s->stream_gaps);
    sek_json_close(out, '}');
    sek_json_open(out, "memory", '{');
    sek_json_uint(out, "used_bytes", g.memory_used);
    sek_json_uint(out, "taken_bytes", g.memory_taken);
    sek_json_uint(out, "refused", g.memory_refused);
    sek_json_close(out, '}');
    sek_json_open(out, "app_layer", '{');
    sek_json_uint(out, "errors", s->app_errors);
    sek_json_open(out, "flow", '{');
    for (int app = SEK_APP_FAILED; app < SEK_APP_COUNT; app++)
        if (app == SEK_APP_FAILED || sek_app_ops(app))
            sek_json_uint(out, sek_app_name(app), s->app_flows[app]);
    sek_json_close(out, '}');
    sek_json_close(out, '}');
    sek_json_open(out, "detect", '{');
    sek_json_uint(out, "rules", g.rules);
    sek_json_uint(out, "alert", s->alerts);
    sek_json_uint(out, "recursion_limit", s->recursion_limit);
    sek_json_close(out, '}');
    sek_json_open(out, "ips", '{');
    sek_json_uint(out, "blocked", s->drops);
    sek_json_close(out, '}');
    sek_json_close(out, '}');
}

void sek_eve_stats(struct sek_text *out, const struct sek_engine *engine, uint64_t now_us,
                   uint64_t uptime_s)
{
    char when[SEK_CLOCK_TEXT];
    sek_clock_format(now_us, when);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "timestamp", when);
    sek_json_str(out, "event_type", "stats");
    sek_json_uint(out, "uptime", uptime_s);
    sek_stats_object(out, "stats", engine);
    sek_json_close(out, '}');
    sek_text_putc(out, '\n');
}
