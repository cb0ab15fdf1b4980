/* `replay`: the pipeline over a capture file, with time taken from it. */
#include "gateway/command.h"

#include "gateway/capture/file.h"
#include "gateway/load.h"
#include "gateway/metrics.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/eve/eve.h"
#include "lib/eve/stats.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define RULE_FILES_MAX 256

struct replay {
    char *rule_files[RULE_FILES_MAX];
    unsigned rule_file_count;
    const char *eve_path, *stats_path, *metrics_path, *capture, *filestore;
    bool skip_bad_rules, eve_stats;
    uint64_t last_us; /* time of the last packet */
    struct sek_config *config;
    struct sek_engine_options options;
    struct sek_eve_options eve;
    bool drop_all;
    FILE *out;
    struct sek_text line;
};

static const char help[] =
    "usage: sekisho-gateway replay --rules FILE --eve FILE [OPTION ...] CAPTURE\n"
    "\n"
    "  --rules FILE       rules to run; may be given several times\n"
    "  --eve FILE         write EVE records here, one JSON object a line; - is standard output\n"
    "  --ips              inline semantics: drop and reject take effect\n"
    "  --midstream        pick up flows whose handshake was not seen\n"
    "  --inline-stream    inspect streams before acknowledgement\n"
    "  --no-checksum      do not verify checksums\n"
    "  --set KEY=VALUE    one setting by its dotted name\n"
    "  --skip-bad-rules   go on without rules that do not load\n"
    "  --stats FILE       write packets, bytes and seconds as JSON\n"
    "  --cache FILE       keep compiled rules here, so that they load faster the next time\n"
    "  --profile          measure each rule, and print the costliest\n"
    "  --filestore DIR    keep files that `filestore` rules ask for, by the SHA-256 of what was kept\n"
    "  --metrics FILE     write statistics in OpenMetrics form\n"
    "  --eve-stats        end the EVE records with one of the statistics\n";

static void write_line(struct replay *r)
{
    if (r->out)
        fwrite(r->line.data, 1, r->line.len, r->out);
}

static void on_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct replay *r = ctx;
    sek_text_clear(&r->line);
    sek_eve_alert(&r->line, &r->eve, engine, event);
    write_line(r);
}

/* DIR/ab/abcd...: a file that was seen before is there already. */
static bool store(const char *folder, const char *name, const struct sek_buffer *content)
{
    char path[PATH_MAX];
    struct sek_fault fault;
    snprintf(path, sizeof path, "%s/%.2s", folder, name);
    if (mkdir(path, 0700) && errno != EEXIST) {
        fprintf(stderr, "sekisho-gateway: %s: %s\n", path, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/%.2s/%s", folder, name, name);
    if (!access(path, F_OK) || !sek_file_replace(path, content->data, content->len, 0600, &fault))
        return true;
    fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
    return false;
}

static void on_file(void *ctx, struct sek_engine *engine, struct sek_flow *flow, const struct sek_tx *tx,
                    const struct sek_file *file)
{
    struct replay *r = ctx;
    uint8_t digest[SEK_DIGEST_MAX];
    char name[2 * SEK_DIGEST_MAX + 1];
    (void)engine;
    if (!sek_digest(SEK_SHA256, file->content->data, file->content->len, digest))
        return;
    sek_hex_encode(digest, sek_digest_size(SEK_SHA256), name);
    bool stored = store(r->filestore, name, file->content);
    sek_text_clear(&r->line);
    sek_eve_file(&r->line, &r->eve, flow, tx, file, name, stored);
    write_line(r);
}

static void on_drop(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct replay *r = ctx;
    if (!r->drop_all && event->flow) {
        struct sek_flow *flow = (struct sek_flow *)event->flow;
        uint64_t bit = 1ull << event->dir;
        if (flow->tag & bit)
            return;
        flow->tag |= bit;
    }
    sek_text_clear(&r->line);
    sek_eve_drop(&r->line, &r->eve, engine, event);
    write_line(r);
}

/* KEY=VALUE into the settings; a key that means nothing here is worth a warning. */
static bool set_option(struct replay *r, const char *text)
{
    static const char *const known[] = {
        "app-layer.", "stream.", "vars.", "eve.", "action-order", "exception-policy", "vlan.",
        "packet-alert-max", "flow.", "detect.", "defrag.", "ippair.", "stats.", "mpm-algo",
        "spm-algo", "outputs.", "host.", "decoder.", "datasets.", "rules.",
        "threshold-file", "classification-file", "reputation-", "default-reputation-path",
        "host-os-policy.", "memory.limit"};
    char key[200];
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || (size_t)(eq - text) >= sizeof key) {
        fprintf(stderr, "sekisho-gateway: --set: found '%s', expected KEY=VALUE\n", text);
        return false;
    }
    memcpy(key, text, (size_t)(eq - text));
    key[eq - text] = '\0';
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found |= !strncmp(key, known[i], strlen(known[i]));
    if (!found)
        fprintf(stderr, "sekisho-gateway: --set: '%s' is not a setting; ignored\n", key);
    return !sek_config_set(r->config, key, eq + 1);
}

static int parse_options(struct replay *r, int argc, char **argv)
{
    enum { RULES = 1, EVE, IPS, MIDSTREAM, INLINE, NO_CHECKSUM, SET, SKIP, STATS, CACHE, PROFILE, METRICS, FILESTORE, EVE_STATS, HELP };
    static const struct option options[] = {
        {"rules", required_argument, NULL, RULES},
        {"eve", required_argument, NULL, EVE},
        {"ips", no_argument, NULL, IPS},
        {"midstream", no_argument, NULL, MIDSTREAM},
        {"inline-stream", no_argument, NULL, INLINE},
        {"no-checksum", no_argument, NULL, NO_CHECKSUM},
        {"set", required_argument, NULL, SET},
        {"skip-bad-rules", no_argument, NULL, SKIP},
        {"stats", required_argument, NULL, STATS},
        {"cache", required_argument, NULL, CACHE},
        {"profile", no_argument, NULL, PROFILE},
        {"filestore", required_argument, NULL, FILESTORE},
        {"metrics", required_argument, NULL, METRICS},
        {"eve-stats", no_argument, NULL, EVE_STATS},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case RULES:
            if (r->rule_file_count == RULE_FILES_MAX) {
                fprintf(stderr, "sekisho-gateway: more than %d rule files\n", RULE_FILES_MAX);
                return 2;
            }
            r->rule_files[r->rule_file_count++] = optarg;
            break;
        case EVE:
            r->eve_path = optarg;
            break;
        case IPS:
            r->options.ips = true;
            break;
        case MIDSTREAM:
            r->options.midstream = true;
            break;
        case INLINE:
            r->options.inline_stream = true;
            break;
        case NO_CHECKSUM:
            r->options.verify_checksum = false;
            break;
        case SET:
            if (!set_option(r, optarg))
                return 2;
            break;
        case SKIP:
            r->skip_bad_rules = true;
            break;
        case STATS:
            r->stats_path = optarg;
            break;
        case FILESTORE:
            r->options.on_file = on_file;
            r->filestore = optarg;
            break;
        case METRICS:
            r->metrics_path = optarg;
            break;
        case EVE_STATS:
            r->eve_stats = true;
            break;
        case PROFILE:
            r->options.profile = true;
            break;
        case CACHE:
            if (sek_config_set(r->config, "rules.cache", optarg))
                return 2;
            break;
        case HELP:
            fputs(help, stdout);
            return -1;
        default:
            fputs(help, stderr);
            return 2;
        }
    }
    if (optind + 1 != argc || !r->rule_file_count) {
        fputs(help, stderr);
        return 2;
    }
    r->capture = argv[optind];
    return 0;
}

static enum sek_error run_capture(struct replay *r, struct sek_engine *engine,
                                  struct sek_fault *fault)
{
    struct capture_file *file = NULL;
    const uint8_t *data;
    uint32_t len;
    uint64_t ts_us, number = 0;
    enum sek_error rc = capture_file_open(r->capture, &file, fault);
    if (rc)
        return rc;
    while (!(rc = capture_file_next(file, &data, &len, &ts_us, fault))) {
        sek_engine_packet(engine, capture_file_link(file), data, len, ts_us, ++number);
        r->last_us = ts_us;
    }
    capture_file_close(file);
    return rc == SEK_EAGAIN ? SEK_OK : rc;
}

struct cost {
    const struct sek_rule *rule;
    const struct sek_rule_cost *cost;
};

static int by_cost(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;
    return x->cost->nanoseconds < y->cost->nanoseconds ? 1 : x->cost->nanoseconds > y->cost->nanoseconds ? -1 : 0;
}

/* The rules that took most time, with what each evaluation cost. */
static void print_profile(const struct sek_engine *engine, const struct sek_compiled *rules)
{
    const struct sek_rule_cost *costs = sek_engine_costs(engine);
    uint32_t n = 0;
    uint64_t total = 0;
    struct cost *list = calloc(rules->rules->count + 1, sizeof *list);
    for (uint32_t i = 0; list && costs && i < rules->rules->count; i++) {
        if (costs[i].checks)
            list[n++] = (struct cost){rules->rules->items[i], &costs[i]};
        total += costs[i].nanoseconds;
    }
    if (n)
        qsort(list, n, sizeof *list, by_cost);
    printf("%12s %8s %12s %10s %10s  %s\n", "total us", "share %", "checks", "matches", "ns/check",
           "rule");
    for (uint32_t i = 0; i < n && i < 25; i++) {
        const struct sek_rule_cost *c = list[i].cost;
        printf("%12.1f %8.2f %12llu %10llu %10.0f  %u %s\n", (double)c->nanoseconds / 1e3,
               100.0 * (double)c->nanoseconds / (double)total, (unsigned long long)c->checks,
               (unsigned long long)c->matches, (double)c->nanoseconds / (double)c->checks,
               list[i].rule->sid, list[i].rule->msg ? list[i].rule->msg : "");
    }
    free(list);
}

/* --- the share of each stage: where a timer finds the engine, a thousand times a second of its own time --- */

static const struct sek_engine *sampled;
static volatile uint32_t samples[SEK_STAGES];

static void on_sample(int signal)
{
    (void)signal;
    if (sampled)
        samples[sek_engine_stage(sampled)]++;
}

static void sample(const struct sek_engine *engine)
{
    const struct itimerval each = {{0, engine ? 1000 : 0}, {0, engine ? 1000 : 0}};
    struct sigaction action = {.sa_handler = on_sample, .sa_flags = SA_RESTART};
    sampled = engine;
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &each, NULL);
}

static void stages(struct sek_text *out)
{
    double all = 0;
    for (int i = 0; i < SEK_STAGES; i++)
        all += samples[i];
    sek_json_open(out, "stages", '{');
    for (int i = 0; i < SEK_STAGES; i++)
        sek_json_real(out, sek_stage_name((enum sek_stage)i), all ? samples[i] / all : 0);
    sek_json_close(out, '}');
}

static void write_stats(const struct replay *r, const struct sek_engine *engine,
                        const struct sek_compiled *rules, double load, double run)
{
    const struct sek_engine_stats *s = sek_engine_stats(engine);
    FILE *f = fopen(r->stats_path, "w");
    struct sek_text t = {0};
    if (!f) {
        fprintf(stderr, "sekisho-gateway: %s: %s\n", r->stats_path, strerror(errno));
        return;
    }
    sek_json_open(&t, NULL, '{');
    sek_json_uint(&t, "packets", s->packets);
    sek_json_uint(&t, "bytes", s->bytes);
    sek_json_real(&t, "load_seconds", load);
    sek_json_real(&t, "run_seconds", run);
    sek_json_uint(&t, "alerts", s->alerts);
    sek_json_uint(&t, "drops", s->drops);
    sek_json_uint(&t, "flows", s->flows);
    sek_json_uint(&t, "invalid_checksums", s->invalid_checksums);
    sek_json_uint(&t, "stream_gaps", s->stream_gaps);
    sek_json_uint(&t, "rules", rules->rules->loaded);
    sek_json_uint(&t, "matcher_bytes", rules->database_bytes);
    stages(&t);
    sek_json_close(&t, '}');
    fprintf(f, "%s\n", t.data);
    fclose(f);
    sek_text_free(&t);
}

static void write_metrics(const struct replay *r, const struct sek_engine *engine)
{
    struct sek_text object = {0}, text = {0};
    sek_stats_object(&object, NULL, engine);
    json_t *stats = json_loadb(object.data, object.len, 0, NULL);
    metrics_text(&text, stats);
    FILE *f = fopen(r->metrics_path, "w");
    if (!f || fputs(text.data, f) < 0)
        fprintf(stderr, "sekisho-gateway: %s: %s\n", r->metrics_path, strerror(errno));
    if (f)
        fclose(f);
    json_decref(stats);
    sek_text_free(&object);
    sek_text_free(&text);
}

static int replay(struct replay *r)
{
    struct sek_fault fault;
    struct gateway_rules_summary summary = {0};
    int status = 1;
    uint64_t begin = sek_clock_mono_us();
    struct sek_compiled *rules =
        gateway_load_rules(r->rule_files, r->rule_file_count, r->config, &summary, &fault);
    struct sek_engine *engine = NULL;
    if (!rules)
        goto failed;
    if (summary.failed && !r->skip_bad_rules) {
        fprintf(stderr, "sekisho-gateway: %u of %u rules did not load; --skip-bad-rules goes on "
                        "without them\n",
                summary.failed, summary.failed + summary.loaded);
        goto done;
    }
    if (r->eve_path) {
        r->out = strcmp(r->eve_path, "-") ? fopen(r->eve_path, "w") : stdout;
        if (!r->out) {
            sek_fail(&fault, SEK_EIO, "%s: %s", r->eve_path, strerror(errno));
            goto failed;
        }
    }
    engine = sek_engine_new(&r->options, rules, &fault);
    if (!engine)
        goto failed;
    uint64_t loaded = sek_clock_mono_us();
    if (r->stats_path)
        sample(engine);
    enum sek_error rc = run_capture(r, engine, &fault);
    if (!rc)
        sek_engine_end_flows(engine);
    if (r->stats_path)
        sample(NULL);
    uint64_t ran = sek_clock_mono_us();
    if (!rc && r->stats_path)
        write_stats(r, engine, rules, (double)(loaded - begin) / 1e6, (double)(ran - loaded) / 1e6);
    if (!rc && r->metrics_path)
        write_metrics(r, engine);
    if (!rc && r->eve_stats) {
        sek_text_clear(&r->line);
        sek_eve_stats(&r->line, engine, r->last_us, 0);
        write_line(r);
    }
    if (!rc && r->options.profile)
        print_profile(engine, rules);
    sek_engine_free(engine);
    engine = NULL;
    if (rc)
        goto failed;
    if (r->out && (fflush(r->out) || ferror(r->out))) {
        sek_fail(&fault, SEK_EIO, "%s: cannot write: %s", r->eve_path, strerror(errno));
        goto failed;
    }
    status = 0;
    goto done;
failed:
    fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
done:
    sek_engine_free(engine);
    sek_compiled_free(rules);
    if (r->out && r->out != stdout)
        fclose(r->out);
    return status;
}

int gateway_replay(int argc, char **argv)
{
    struct replay r = {.config = sek_config_new("--set")};
    if (!r.config)
        return 1;
    sek_engine_options_default(&r.options);
    int status = parse_options(&r, argc, argv);
    if (!status) {
        r.options.config = r.config;
        r.options.on_alert = on_alert;
        r.options.on_drop = on_drop;
        r.options.ctx = &r;
        r.eve.detail = SEK_EVE_PAYLOAD | SEK_EVE_PACKET;
        r.eve.capture = r.capture;
        r.eve.drop_alerts = !strcmp(sek_config_get(r.config, "eve.drop.alerts", "no"), "yes");
        r.drop_all = !strcmp(sek_config_get(r.config, "eve.drop.flows", "start"), "all");
        status = replay(&r);
    }
    sek_config_free(r.config);
    sek_text_free(&r.line);
    return status < 0 ? 0 : status;
}
