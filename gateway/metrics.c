/* Statistics in OpenMetrics text form (version 1.0.0), made from the object that the gateway reports. */
#include "gateway/metrics.h"

#include <stdio.h>
#include <string.h>

/* What goes up and down; all else only grows. */
static bool is_gauge(const char *name)
{
    static const char *const gauges[] = {"flow_active", "memory_used_bytes", "memory_taken_bytes",
                                         "detect_rules"};
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        if (!strcmp(gauges[i], name))
            return true;
    return false;
}

static void family(struct sek_text *out, const char *name, bool gauge)
{
    sek_text_printf(out, "# TYPE sekisho_%s %s\n", name, gauge ? "gauge" : "counter");
}

static void walk(struct sek_text *out, const char *prefix, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "_" : "", key);
        if (json_is_object(value) && !strcmp(name, "app_layer_flow")) {
            const char *app;
            json_t *count;
            family(out, "app_layer_flows", false); /* one family; the protocol is a label */
            json_object_foreach(value, app, count)
                sek_text_printf(out, "sekisho_app_layer_flows_total{protocol=\"%s\"} %lld\n", app,
                                (long long)json_integer_value(count));
        } else if (json_is_object(value)) {
            walk(out, name, value);
        } else if (json_is_integer(value)) {
            bool gauge = is_gauge(name);
            family(out, name, gauge);
            sek_text_printf(out, "sekisho_%s%s %lld\n", name, gauge ? "" : "_total",
                            (long long)json_integer_value(value));
        }
    }
}

void metrics_text(struct sek_text *out, json_t *stats)
{
    walk(out, "", stats);
    sek_text_puts(out, "# EOF\n");
}
