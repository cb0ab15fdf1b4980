/* Counting: a rule and the value that it counts by are hashed with a secret of this process, so
 * that nobody can choose values that push others out of their bucket. */
#include "agent/logs/engine.h"
#include "agent/event.h"
#include "agent/message.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS   256u
#define WAYS      8u
#define TIMES     32u /* the largest frequency */
#define LINE_SAID 1000u
#define VALUE     256u /* bytes of a field in an event */

struct count {
    uint64_t key; /* 0: free */
    uint64_t last_s, quiet_until_s;
    uint32_t used; /* of times, a ring */
    uint64_t times[TIMES];
};

struct sek_log_engine {
    const struct sek_log_rules *rules;
    uint64_t secret;
    uint8_t *matched; /* one for each rule: did it match this line? */
    struct count *counts[BUCKETS];
};

struct sek_log_engine *sek_log_engine_new(const struct sek_log_rules *rules)
{
    struct sek_log_engine *e = calloc(1, sizeof *e);
    if (!e || !(e->matched = calloc(rules->rule_count + 1u, 1))) {
        free(e);
        return NULL;
    }
    e->rules = rules;
    if (getrandom(&e->secret, sizeof e->secret, 0) != sizeof e->secret)
        e->secret = (uint64_t)(uintptr_t)e;
    return e;
}

void sek_log_engine_free(struct sek_log_engine *e)
{
    if (!e)
        return;
    for (uint32_t i = 0; i < BUCKETS; i++)
        free(e->counts[i]);
    free(e->matched);
    free(e);
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}

static uint64_t hash(const struct sek_log_engine *e, uint32_t rule, struct sek_log_text value)
{
    uint64_t h = mix(e->secret ^ rule);
    for (uint32_t i = 0; i < value.len; i++)
        h = mix(h ^ (uint8_t)value.data[i]);
    return h ? h : 1;
}

/* The count of RULE for VALUE; MAKE: begin one, in place of the oldest when there is no room. */
static struct count *count_of(struct sek_log_engine *e, uint32_t rule, struct sek_log_text value,
                              bool make)
{
    uint64_t key = hash(e, rule, value);
    struct count **bucket = &e->counts[key % BUCKETS], *oldest;
    if (!*bucket && (!make || !(*bucket = calloc(WAYS, sizeof **bucket))))
        return NULL;
    oldest = *bucket;
    for (uint32_t i = 0; i < WAYS; i++) {
        if ((*bucket)[i].key == key)
            return &(*bucket)[i];
        if ((*bucket)[i].last_s < oldest->last_s || !(*bucket)[i].key)
            oldest = oldest->key ? &(*bucket)[i] : oldest;
    }
    if (!make)
        return NULL;
    memset(oldest, 0, sizeof *oldest);
    oldest->key = key;
    return oldest;
}

struct sek_log_text sek_log_field(const struct sek_log_finding *f, const char *name)
{
    for (uint32_t i = 0; f->decoder && i < f->decoder->field_count; i++) {
        if (!strcmp(f->decoder->fields[i].name, name))
            return f->fields[i];
    }
    return (struct sek_log_text){0};
}

static bool source_fits(const struct sek_log_engine *e, const struct sek_log_decoder *d,
                        const struct sek_log_line *line)
{
    if (line->uid >= 0 && ((d->uid >= 0 && d->uid != line->uid) ||
                           (d->unit && !sek_log_match(e->rules, d->unit, line->unit))))
        return false;
    bool program =
        d->program && line->program.len && sek_log_match(e->rules, d->program, line->program);
    bool file = d->file && (!strcmp(line->source, "-") || !fnmatch(d->file, line->source, 0));
    return program || file || (!d->program && !d->file);
}

bool sek_log_engine_reads(const struct sek_log_engine *e, const char *path)
{
    for (uint32_t i = 0; i < e->rules->decoder_count; i++) {
        const char *file = e->rules->decoders[i].file;
        if (file && !fnmatch(file, path, 0))
            return true;
    }
    return false;
}

static bool decode(const struct sek_log_engine *e, const struct sek_log_decoder *d,
                   struct sek_log_finding *f)
{
    const struct sek_log_line *line = f->line;
    if (!source_fits(e, d, line) || !sek_log_match(e->rules, d->pattern, line->message))
        return false;
    const size_t *at = pcre2_get_ovector_pointer(e->rules->match);
    uint32_t groups = pcre2_get_ovector_count(e->rules->match);
    f->decoder = d;
    for (uint32_t i = 0; i < d->field_count; i++) {
        uint32_t g = d->fields[i].group;
        f->fields[i] = (struct sek_log_text){0};
        if (g < groups && at[2 * g] != PCRE2_UNSET && at[2 * g + 1] > at[2 * g])
            f->fields[i] = (struct sek_log_text){line->message.data + at[2 * g],
                                                 (uint32_t)(at[2 * g + 1] - at[2 * g])};
    }
    return true;
}

static bool conditions_hold(const struct sek_log_engine *e, const struct sek_log_rule *r,
                            const struct sek_log_finding *f)
{
    for (uint32_t i = 0; i < r->where_count; i++) {
        struct sek_log_text value = sek_log_field(f, r->where[i].field);
        if (!value.len || !sek_log_match(e->rules, r->where[i].pattern, value))
            return false;
    }
    return true;
}

/* What the rule counts by; false: this line has no such field. */
static bool counted_value(const struct sek_log_rule *r, const struct sek_log_finding *f,
                          struct sek_log_text *value)
{
    *value = r->same ? sek_log_field(f, r->same) : (struct sek_log_text){0};
    return !r->same || value->len;
}

static bool often_enough(struct sek_log_engine *e, uint32_t index, const struct sek_log_finding *f,
                         uint64_t now)
{
    const struct sek_log_rule *r = &e->rules->rules[index];
    struct sek_log_text value;
    struct count *c = counted_value(r, f, &value) ? count_of(e, index, value, true) : NULL;
    if (!c || now < c->quiet_until_s)
        return false;
    c->last_s = now;
    c->times[c->used++ % TIMES] = now;
    if (c->used < r->frequency || now - c->times[(c->used - r->frequency) % TIMES] > r->within_s)
        return false;
    c->used = 0;
    c->quiet_until_s = now + r->ignore_s;
    return true;
}

static bool fired_before(struct sek_log_engine *e, uint32_t index, const struct sek_log_finding *f,
                         uint64_t now)
{
    const struct sek_log_rule *r = &e->rules->rules[index];
    struct sek_log_text value;
    const struct count *c =
        counted_value(r, f, &value) ? count_of(e, index | 1u << 31, value, false) : NULL;
    return c && now - c->last_s <= r->within_s;
}

/* Rules that come after this one remember that it fired, by the value that they count by. */
static void remember(struct sek_log_engine *e, uint32_t index, const struct sek_log_finding *f,
                     uint64_t now)
{
    for (uint32_t i = index + 1; i < e->rules->rule_count; i++) {
        struct sek_log_text value;
        struct count *c;
        if (e->rules->rules[i].after == (int32_t)index &&
            counted_value(&e->rules->rules[i], f, &value) &&
            (c = count_of(e, i | 1u << 31, value, true)))
            c->last_s = now;
    }
}

static void fire(const struct sek_log_rule *r, struct sek_log_finding *f)
{
    uint8_t bytes[16];
    struct sek_log_text ip = sek_log_field(f, "src_ip");
    if (f->fired_count < SEK_LOG_FIRED)
        f->fired[f->fired_count++] = r;
    if (!f->worst || r->level >= f->worst->level)
        f->worst = r;
    if (!r->block || !ip.len || ip.len >= sizeof f->address)
        return;
    char text[sizeof f->address];
    memcpy(text, ip.data, ip.len);
    text[ip.len] = '\0';
    if (sek_address_parse(text, bytes)) {
        f->response = r;
        sek_address_text(bytes, f->address);
    }
}

void sek_log_engine_line(struct sek_log_engine *e, const struct sek_log_line *line, uint64_t now_s,
                         struct sek_log_finding *f)
{
    const struct sek_log_rules *set = e->rules;
    f->line = line;
    f->decoder = NULL;
    f->fired_count = 0;
    f->worst = f->response = NULL;
    for (uint32_t i = 0; i < set->decoder_count && !f->decoder; i++)
        decode(e, &set->decoders[i], f);
    if (!f->decoder)
        return;
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct sek_log_rule *r = &set->rules[i];
        bool source = r->of >= 0 ? e->matched[r->of] : &set->decoders[r->decoder] == f->decoder;
        e->matched[i] = source && conditions_hold(e, r, f) &&
                        (!r->frequency || often_enough(e, i, f, now_s)) &&
                        (r->after < 0 || fired_before(e, i, f, now_s));
        if (!e->matched[i])
            continue;
        remember(e, i, f, now_s);
        fire(r, f);
    }
}

/* --- events ---------------------------------------------------------------------------------- */

/* Zero bytes are shown as blanks: many readers of JSON take no \u0000, and a line that holds one
 * shall not be lost with them. */
static void write_bytes(struct sek_text *t, const char *key, struct sek_log_text value,
                        uint32_t limit)
{
    char shown[LINE_SAID];
    uint32_t len = value.len < limit ? value.len : limit;
    for (uint32_t i = 0; i < len; i++)
        shown[i] = value.data[i] ? value.data[i] : ' ';
    sek_json_bytes(t, key, shown, len);
}

static void write_event(struct sek_text *t, const struct sek_log_finding *f, bool respond,
                        uint32_t value, uint32_t said)
{
    const struct sek_log_line *line = f->line;
    char ip[46];
    uint8_t bytes[16];
    struct sek_log_text source = sek_log_field(f, "src_ip");
    sek_event_begin(t, "log", "detected");
    sek_json_str(t, "reason", f->worst->description);
    if (source.len && source.len < sizeof ip) {
        memcpy(ip, source.data, source.len);
        ip[source.len] = '\0';
        if (sek_address_parse(ip, bytes))
            sek_json_str(t, "src_ip", ip);
    }
    sek_json_open(t, "log", '{');
    sek_json_uint(t, "rule", f->worst->id);
    sek_json_uint(t, "level", f->worst->level);
    if (f->worst->mitre)
        sek_json_str(t, "mitre", f->worst->mitre);
    if (f->worst->frequency)
        sek_json_uint(t, "count", f->worst->frequency);
    sek_json_str(t, "decoder", f->decoder->name);
    sek_json_bytes(t, "source", line->source, strnlen(line->source, VALUE));
    if (line->program.len)
        write_bytes(t, "program", line->program, value);
    sek_json_open(t, "fields", '{');
    for (uint32_t i = 0; i < f->decoder->field_count; i++) {
        if (f->fields[i].len)
            write_bytes(t, f->decoder->fields[i].name, f->fields[i], value);
    }
    sek_json_close(t, '}');
    write_bytes(t, "line", line->whole, said);
    if (f->response && respond) {
        sek_json_open(t, "block", '{');
        sek_json_str(t, "ip", f->address);
        sek_json_uint(t, "ttl_s", f->response->ttl_s);
        sek_json_close(t, '}');
    }
    sek_json_close(t, '}');
    sek_event_end(t);
}

void sek_log_write(struct sek_text *t, const struct sek_log_finding *f, bool respond)
{
    size_t start = t->len;
    write_event(t, f, respond, VALUE, LINE_SAID);
    if (t->len - start <= SEK_MESSAGE_MAX)
        return;
    /* Bytes that are no text take six characters each. */
    t->len = start;
    write_event(t, f, respond, VALUE / 4, LINE_SAID / 4);
}
