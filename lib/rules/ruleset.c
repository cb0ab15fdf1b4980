/* Loading: lines with continuation, header, options, and what the whole rule then needs. */
#include "lib/rules/builder.h"

#include "lib/base/file.h"
#include "lib/rules/dataset.h"
#include "lib/app/buffers.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define RULES_FILE_LIMIT (256u << 20)

struct sek_set_cache {
    struct sek_set_cache *next;
    const char *text;
    const void *set;
};

struct sek_class {
    struct sek_class *next;
    const char *name, *text;
    uint8_t priority;
};

static const struct keyword *const tables[] = {
    sek_meta_keywords,   sek_content_keywords, sek_byte_keywords,      sek_packet_keywords,
    sek_flow_keywords,   sek_buffer_keywords,  sek_state_keywords,     sek_threshold_keywords,
    sek_data_keywords,
};

enum sek_error builder_fail(struct builder *b, enum sek_error code, const char *fmt, ...)
{
    char text[380];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sek_fail(b->fault, code, "option '%s': %s", b->option ? b->option : "header", text);
}

/* --- rule sets --- */

static void action_order(struct sek_rules *rules, struct sek_config *config)
{
    static const char *const names[] = {"alert", "pass", "drop", "reject"};
    const uint8_t usual[] = {3, 0, 1, 2}; /* pass, drop, reject, alert */
    char key[40];
    const char *v;
    memcpy(rules->action_order, usual, sizeof usual);
    v = sek_config_get(config, "action-order", NULL);
    if (!v)
        return;
    snprintf(key, sizeof key, "%s", v);
    char *list = key;
    uint8_t rank = 0;
    for (char *item = text_next(&list); item; item = text_next(&list))
        for (int i = 0; i < 4; i++)
            if (!strcasecmp(item, names[i]))
                rules->action_order[i] = rank++;
}

static bool class_add(struct sek_rules *rules, const char *name, const char *text, long priority)
{
    struct sek_class *c = sek_arena_alloc(&rules->arena, sizeof *c);
    if (!c)
        return false;
    c->name = sek_arena_strndup(&rules->arena, name, strlen(name));
    c->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    c->priority = (uint8_t)priority;
    c->next = rules->classes;
    rules->classes = c;
    return c->name && c->text;
}

static bool default_classes(struct sek_rules *rules)
{
    static const struct {
        const char *name, *text;
        int priority;
    } table[] = {
#include "lib/rules/classification.inc"
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!class_add(rules, table[i].name, table[i].text, table[i].priority))
            return false;
    return true;
}

static void read_variables(struct sek_rules *rules, struct sek_config *config)
{
    static const char *const names[] = {
        "HOME_NET", "EXTERNAL_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS",
        "TELNET_SERVERS", "AIM_SERVERS", "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT",
        "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER", "FTP_SERVERS",
        "SSH_SERVERS", "SIP_SERVERS", "SNMP_SERVERS"};
    static const char *const ports[] = {"HTTP_PORTS", "SHELLCODE_PORTS", "ORACLE_PORTS",
                                        "SSH_PORTS", "DNP3_PORTS", "MODBUS_PORTS",
                                        "FILE_DATA_PORTS", "FTP_PORTS", "GENEVE_PORTS",
                                        "VXLAN_PORTS", "TEREDO_PORTS", "SIP_PORTS"};
    char key[80], list[2048];
    for (size_t i = 0; i < sizeof names / sizeof *names + sizeof ports / sizeof *ports; i++) {
        bool port = i >= sizeof names / sizeof *names;
        const char *name = port ? ports[i - sizeof names / sizeof *names] : names[i];
        snprintf(key, sizeof key, "vars.%s-groups.%s", port ? "port" : "address", name);
        const char *v = sek_config_get(config, key, NULL);
        if (!v)
            continue;
        snprintf(list, sizeof list, strchr(v, ',') && *v != '[' ? "[%s]" : "%s", v);
        sek_variables_set(rules->variables, name, list, port);
    }
}

struct sek_rules *sek_rules_new(struct sek_config *config, struct sek_fault *fault)
{
    struct sek_rules *rules = calloc(1, sizeof *rules);
    if (!rules || !(rules->variables = sek_variables_new()) ||
        !sek_variables_defaults(rules->variables) || !default_classes(rules)) {
        sek_rules_free(rules);
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        return NULL;
    }
    rules->errors_tail = &rules->errors;
    action_order(rules, config);
    read_variables(rules, config);
    return rules;
}

void sek_pcre_free_all(void *list); /* pcre.c */

void sek_rules_free(struct sek_rules *rules)
{
    if (!rules)
        return;
    sek_pcre_free_all(rules->pcre_codes);
    sek_datasets_free(rules->datasets);
    sek_variables_free(rules->variables);
    free(rules->items);
    free(rules->views);
    free(rules->names);
    sek_arena_free(&rules->arena);
    free(rules);
}

/* --- parts of a rule --- */

struct part *builder_part(struct builder *b, int target)
{
    struct part *p = sek_arena_alloc(b->arena, sizeof *p);
    if (!p)
        return NULL;
    p->view.target = target;
    p->tail = &p->first;
    *b->parts_tail = p;
    b->parts_tail = &p->next;
    return p;
}

struct sek_detector *builder_detector(struct builder *b, struct part *part,
                                      enum sek_detector_kind kind)
{
    struct sek_detector *d = sek_arena_alloc(b->arena, sizeof *d);
    if (!d)
        return NULL;
    d->kind = kind;
    *part->tail = d;
    part->tail = &d->next;
    return d;
}

struct sek_condition *builder_condition(struct builder *b, enum sek_condition_kind kind)
{
    struct sek_condition *c = sek_arena_alloc(b->arena, sizeof *c);
    if (!c)
        return NULL;
    c->kind = kind;
    *b->conditions_tail = c;
    b->conditions_tail = &c->next;
    return c;
}

struct sek_condition *builder_effect(struct builder *b, enum sek_condition_kind kind)
{
    struct sek_condition *c = sek_arena_alloc(b->arena, sizeof *c);
    if (!c)
        return NULL;
    c->kind = kind;
    *b->effects_tail = c;
    b->effects_tail = &c->next;
    return c;
}

uint32_t builder_name(struct builder *b, const char *name)
{
    struct sek_rules *r = b->rules;
    for (uint32_t i = 0; i < r->name_count; i++)
        if (!strcmp(r->names[i], name))
            return i;
    if (r->name_count == r->name_cap) {
        uint32_t cap = r->name_cap ? r->name_cap * 2 : 64;
        const char **more = realloc(r->names, cap * sizeof *more);
        if (!more)
            return 0;
        r->names = more;
        r->name_cap = cap;
    }
    r->names[r->name_count] = sek_arena_strndup(b->arena, name, strlen(name));
    return r->name_count++;
}

/* --- header --- */

static bool rule_protocol(struct sek_rule *r, const char *name)
{
    static const struct {
        const char *name;
        uint8_t proto;
        uint8_t version;
        uint32_t flags;
    } table[] = {
        {"tcp", IPPROTO_TCP, 0, 0},       {"tcp-pkt", IPPROTO_TCP, 0, SEK_RULE_NO_STREAM},
        {"tcp-stream", IPPROTO_TCP, 0, SEK_RULE_ONLY_STREAM},
        {"udp", IPPROTO_UDP, 0, 0},       {"icmp", IPPROTO_ICMP, 0, 0},
        {"icmpv4", IPPROTO_ICMP, 4, 0},   {"icmpv6", IPPROTO_ICMPV6, 6, 0},
        {"sctp", IPPROTO_SCTP, 0, 0},     {"ip", 0, 0, 0},
        {"ip4", 0, 4, 0},                 {"ipv4", 0, 4, 0},
        {"ip6", 0, 6, 0},                 {"ipv6", 0, 6, 0},
        {"pkthdr", 0, 0, SEK_RULE_DECODER}, {"ipsec", IPPROTO_ESP, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcasecmp(table[i].name, name))
            continue;
        r->ip_version = table[i].version;
        r->flags |= table[i].flags;
        r->any_protocol = !table[i].proto;
        if (table[i].proto)
            r->protocols[table[i].proto / 8] |= (uint8_t)(1u << (table[i].proto % 8));
        if (!strcasecmp(name, "icmp"))
            r->protocols[IPPROTO_ICMPV6 / 8] |= 1u << (IPPROTO_ICMPV6 % 8);
        return true;
    }
    const struct sek_app_ops *ops = sek_app_find(name);
    if (!ops)
        return false;
    r->apps = 1u << ops->id;
    if (ops->transports & 1)
        r->protocols[IPPROTO_TCP / 8] |= 1u << (IPPROTO_TCP % 8);
    if (ops->transports & 2)
        r->protocols[IPPROTO_UDP / 8] |= 1u << (IPPROTO_UDP % 8);
    return true;
}

static const void *cached(struct sek_set_cache *cache, const char *text, bool *found)
{
    for (; cache; cache = cache->next) {
        if (!strcmp(cache->text, text)) {
            *found = true;
            return cache->set;
        }
    }
    *found = false;
    return NULL;
}

static void cache_add(struct sek_rules *rules, struct sek_set_cache **cache, const char *text,
                      const void *set)
{
    struct sek_set_cache *c = sek_arena_alloc(&rules->arena, sizeof *c);
    if (!c)
        return;
    c->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    c->set = set;
    c->next = *cache;
    *cache = c;
}

static enum sek_error rule_addresses(struct builder *b, const char *text,
                                     const struct sek_address_set **out)
{
    bool found;
    *out = cached(b->rules->address_cache, text, &found);
    if (found)
        return SEK_OK;
    enum sek_error rc = sek_address_set_parse(b->arena, b->rules->variables, text, out, b->fault);
    if (!rc)
        cache_add(b->rules, &b->rules->address_cache, text, *out);
    return rc;
}

static enum sek_error rule_ports(struct builder *b, const char *text,
                                 const struct sek_port_set **out)
{
    bool found;
    *out = cached(b->rules->port_cache, text, &found);
    if (found)
        return SEK_OK;
    enum sek_error rc = sek_port_set_parse(b->arena, b->rules->variables, text, out, b->fault);
    if (!rc)
        cache_add(b->rules, &b->rules->port_cache, text, *out);
    return rc;
}

/* One word of the header; blanks inside brackets belong to it. */
static char *header_word(char **p)
{
    char *s = *p;
    int open = 0;
    while (isspace((unsigned char)*s))
        s++;
    char *begin = s;
    for (; *s && (open || !isspace((unsigned char)*s)); s++)
        open += *s == '[' ? 1 : *s == ']' ? -1 : 0;
    if (*s)
        *s++ = '\0';
    *p = s;
    return begin;
}

static enum sek_error rule_header(struct builder *b, char *text)
{
    static const char *const actions[] = {"alert", "pass", "drop", "reject", "rejectdst",
                                          "rejectboth"};
    struct sek_rule *r = b->rule;
    char *p = text, *word = header_word(&p);
    int action = -1;
    enum sek_error rc;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (!strcmp(word, actions[i]))
            action = (int)i;
    if (!strcmp(word, "rejectsrc"))
        action = SEK_ACTION_REJECT;
    if (action < 0)
        return sek_fail(b->fault, SEK_EINVAL,
                        "found action '%.40s', expected alert, pass, drop, reject, rejectsrc, "
                        "rejectdst or rejectboth",
                        word);
    r->action = (enum sek_action)action;
    word = header_word(&p);
    if (!rule_protocol(r, word))
        return sek_fail(b->fault, SEK_EUNSUPPORTED, "protocol '%.40s' is not known", word);
    char *src = header_word(&p), *src_port = header_word(&p), *arrow = header_word(&p);
    char *dst = header_word(&p), *dst_port = header_word(&p), *rest = text_trim(p);
    if (!*dst_port || *rest)
        return sek_fail(b->fault, SEK_EINVAL,
                        "header must be: action protocol source port -> destination port");
    if (!strcmp(arrow, "<>"))
        r->flags |= SEK_RULE_BOTH_WAYS;
    else if (!strcmp(arrow, "=>"))
        return sek_fail(b->fault, SEK_EUNSUPPORTED, "transactional direction '=>' is not supported");
    else if (strcmp(arrow, "->"))
        return sek_fail(b->fault, SEK_EINVAL, "found direction '%.20s', expected -> or <>", arrow);
    if ((rc = rule_addresses(b, src, &r->src)) || (rc = rule_addresses(b, dst, &r->dst)))
        return sek_fail_context(b->fault, rc, "address");
    if ((rc = rule_ports(b, src_port, &r->src_port)) || (rc = rule_ports(b, dst_port, &r->dst_port)))
        return sek_fail_context(b->fault, rc, "port");
    return SEK_OK;
}

/* --- options --- */

static const struct keyword *keyword_find(const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct keyword *k = tables[t]; k->name; k++)
            if (!strcmp(k->name, name))
                return k;
    return NULL;
}

/* Cut the next option off: text up to a ';' that is neither escaped nor inside quotes. */
static char *option_next(char **p, bool *bad)
{
    char *begin = *p, *s = begin;
    bool quoted = false;
    while (isspace((unsigned char)*begin))
        begin++;
    if (!*begin)
        return NULL;
    for (s = begin; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            continue;
        }
        if (*s == '"')
            quoted = !quoted;
        if (*s == ';' && !quoted)
            break;
    }
    if (!*s)
        *bad = true;
    else
        *s++ = '\0';
    *p = s;
    return begin;
}

static enum sek_error sticky_option(struct builder *b, const char *name, const char *arg)
{
    int id = sek_buffer_find(name, SEK_BUFFER_MODIFIER);
    if (id >= 0 && b->last_content && b->last_part == b->payload && !b->sticky && !arg) {
        /* old style: the content before belongs to that buffer */
        struct part *to = NULL;
        for (struct part *p = b->parts; p; p = p->next)
            if (p->view.target == SEK_TARGET_APP + id && !p->view.count)
                to = p;
        if (!to && !(to = builder_part(b, SEK_TARGET_APP + id)))
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        struct sek_detector **link = &b->payload->first;
        while (*link != b->last_content)
            link = &(*link)->next;
        *link = b->last_content->next;
        if (!*link)
            b->payload->tail = link;
        b->last_content->next = NULL;
        *to->tail = b->last_content;
        to->tail = &b->last_content->next;
        b->last_part = to;
        return SEK_OK;
    }
    id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    if (id < 0)
        return SEK_ENOTFOUND;
    if (arg && strcmp(name, "filename"))
        return builder_fail(b, SEK_EINVAL, "takes no value, found '%.60s'", arg);
    return builder_sticky(b, SEK_TARGET_APP + id, sek_buffer_multi(id));
}

enum sek_error builder_sticky(struct builder *b, int target, bool own_part)
{
    struct part *p = NULL;
    for (struct part *x = b->parts; x && !own_part; x = x->next)
        if (x->view.target == target && !x->view.count)
            p = x;
    if (!p && !(p = builder_part(b, target)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    b->current = p;
    b->sticky = target != SEK_TARGET_PAYLOAD;
    b->last_content = NULL;
    return SEK_OK;
}

static enum sek_error number_option(struct builder *b, const char *name, const char *arg)
{
    enum sek_app app;
    const struct sek_number_def *d = sek_number_find(name, &app);
    struct sek_condition *c;
    if (!d)
        return SEK_ENOTFOUND;
    char copy[128];
    if (!arg || snprintf(copy, sizeof copy, "%s", arg) >= (int)sizeof copy)
        return builder_fail(b, SEK_EINVAL, "needs a number or a comparison");
    char *comma = strchr(copy, ',');
    if (comma && !strcmp(name, "urilen")) {
        *comma = '\0';
        if (!strcmp(text_trim(comma + 1), "raw"))
            d = sek_number_find("urilen.raw", &app);
    }
    if (!(c = builder_condition(b, SEK_IF_NUMBER)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->number = d;
    c->app = (uint16_t)app;
    if (!compare_parse(copy, d->words, &c->compare))
        return builder_fail(b, SEK_EINVAL,
                            "found '%s', expected a number, <N, >N, N<>M, !N or a known word", arg);
    b->rule->apps = b->rule->apps ? b->rule->apps & (1u << app) : 1u << app;
    return b->rule->apps ? SEK_OK
                         : builder_fail(b, SEK_EINVAL, "does not fit the rule's protocol");
}

static enum sek_error rule_option(struct builder *b, char *option)
{
    char *colon = option, *arg = NULL;
    while (*colon && *colon != ':')
        colon++;
    if (*colon) {
        *colon = '\0';
        arg = text_trim(colon + 1);
    }
    char *name = text_trim(option);
    b->option = name;
    const struct keyword *k = keyword_find(name);
    if (k) {
        if (k->arg == ARG_REQUIRED && (!arg || !*arg))
            return builder_fail(b, SEK_EINVAL, "needs a value");
        if (k->arg == ARG_NONE && arg)
            return builder_fail(b, SEK_EINVAL, "takes no value, found '%.60s'", arg);
        return k->parse(b, arg);
    }
    enum sek_error rc = sticky_option(b, name, arg);
    if (rc == SEK_ENOTFOUND)
        rc = number_option(b, name, arg);
    if (rc == SEK_ENOTFOUND)
        return sek_fail(b->fault, SEK_EUNSUPPORTED, "keyword '%.60s' is not known", name);
    return rc;
}

/* --- putting it together --- */

static bool view_equal(const struct sek_view *a, const struct sek_view *b)
{
    return a->target == b->target && a->count == b->count &&
           !memcmp(a->transforms, b->transforms, a->count * sizeof a->transforms[0]);
}

static struct sek_view *view_intern(struct sek_rules *rules, const struct sek_view *v)
{
    for (uint32_t i = 0; i < rules->view_count; i++)
        if (view_equal(rules->views[i], v))
            return rules->views[i];
    if (rules->view_count == rules->view_cap) {
        uint32_t cap = rules->view_cap ? rules->view_cap * 2 : 32;
        struct sek_view **more = realloc(rules->views, cap * sizeof *more);
        if (!more)
            return NULL;
        rules->views = more;
        rules->view_cap = cap;
    }
    struct sek_view *copy = sek_arena_copy(&rules->arena, v, sizeof *v);
    if (!copy)
        return NULL;
    copy->id = rules->view_count;
    rules->views[rules->view_count++] = copy;
    return copy;
}

static enum sek_error make_steps(struct builder *b)
{
    struct sek_rule *r = b->rule;
    struct sek_step **tail = &r->steps;
    for (struct part *p = b->parts; p; p = p->next) {
        if (!p->first) {
            if (p->view.target == SEK_TARGET_PAYLOAD)
                continue;
            if (!builder_detector(b, p, SEK_DETECT_PRESENT))
                return builder_fail(b, SEK_ENOMEM, "out of memory");
        }
        struct sek_step *s = sek_arena_alloc(b->arena, sizeof *s);
        if (!s || !(s->view = view_intern(b->rules, &p->view)))
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        s->first = p->first;
        for (struct sek_detector *d = s->first; d; d = d->next)
            s->has_content |= d->kind == SEK_DETECT_CONTENT && !d->content.negated;
        *tail = s;
        tail = &s->next;
        r->step_count++;
        if (s->view->target >= SEK_TARGET_APP) {
            uint32_t apps = sek_buffer_apps(s->view->target - SEK_TARGET_APP);
            r->apps = r->apps ? r->apps & apps : apps;
            r->flags |= SEK_RULE_TX;
            if (!r->apps)
                return sek_fail(b->fault, SEK_EINVAL,
                                "buffer '%s' does not exist in the rule's protocol",
                                sek_buffer_name(s->view->target - SEK_TARGET_APP));
        }
    }
    return SEK_OK;
}

static bool is_protocol(const struct sek_rule *r, uint8_t proto)
{
    return r->any_protocol || r->protocols[proto / 8] >> (proto % 8) & 1;
}

/* Payload of TCP: stream, packets, or both (a place counted from the beginning means packets too). */
static void payload_needs(struct sek_rule *r)
{
    for (struct sek_step *s = r->steps; s; s = s->next) {
        if (s->view->target != SEK_TARGET_PAYLOAD)
            continue;
        r->flags |= SEK_RULE_HAS_CONTENT;
        if (r->flags & SEK_RULE_NO_STREAM) {
            r->flags |= SEK_RULE_NEEDS_PACKET;
            continue;
        }
        if (r->flags & SEK_RULE_ONLY_STREAM) {
            r->flags |= SEK_RULE_NEEDS_STREAM;
            continue;
        }
        if (is_protocol(r, IPPROTO_TCP))
            r->flags |= SEK_RULE_NEEDS_STREAM;
        for (struct sek_detector *d = s->first; d; d = d->next)
            if (d->kind == SEK_DETECT_CONTENT && (d->content.has_depth || d->content.has_offset))
                r->flags |= SEK_RULE_NEEDS_PACKET;
    }
    for (struct sek_condition *c = r->conditions; c; c = c->next)
        if (c->kind == SEK_IF_DSIZE && r->flags & SEK_RULE_NEEDS_STREAM) {
            r->flags &= ~(uint32_t)SEK_RULE_NEEDS_STREAM;
            r->flags |= SEK_RULE_NEEDS_PACKET | SEK_RULE_NO_STREAM;
        }
}

static bool only_header(const struct sek_rule *r)
{
    const uint32_t detail = SEK_RULE_TOSERVER | SEK_RULE_TOCLIENT | SEK_RULE_ESTABLISHED |
                            SEK_RULE_NOT_ESTABLISHED | SEK_RULE_STATELESS | SEK_RULE_ONLY_STREAM |
                            SEK_RULE_NO_STREAM | SEK_RULE_DECODER;
    return !r->steps && !r->conditions && !(r->flags & detail);
}

static enum sek_error rule_finish(struct builder *b)
{
    struct sek_rule *r = b->rule;
    enum sek_error rc = make_steps(b);
    if (rc)
        return rc;
    b->option = "sid";
    if (!b->has_sid)
        return builder_fail(b, SEK_EINVAL, "is missing");
    for (struct sek_condition *c = r->conditions; c; c = c->next) {
        if (c->kind == SEK_IF_NUMBER || c->kind == SEK_IF_APP_EVENT ||
            c->kind == SEK_IF_FILE_HASH || c->kind == SEK_IF_FILE_EXT)
            r->flags |= SEK_RULE_TX;
        if (c->kind == SEK_IF_DECODE_EVENT)
            r->flags |= SEK_RULE_DECODER;
    }
    if (r->flags & SEK_RULE_FILESTORE)
        r->flags |= SEK_RULE_TX;
    payload_needs(r);
    if (!r->gid)
        r->gid = 1;
    if (!r->priority)
        r->priority = 3;
    if (only_header(r)) {
        bool lists = (r->src && r->src->v4_count + r->src->v6_count) || r->dst || r->src_port ||
                     r->dst_port;
        (void)lists;
        if (r->apps)
            r->flags |= SEK_RULE_PROTO_ONLY;
        else if (!r->src_port && !r->dst_port)
            r->flags |= SEK_RULE_IP_ONLY;
    }
    bool only_app_protocol = r->conditions && !r->steps && !(r->flags & SEK_RULE_TX);
    for (struct sek_condition *c = r->conditions; c; c = c->next)
        only_app_protocol &= c->kind == SEK_IF_APP_PROTOCOL;
    if (only_app_protocol)
        r->flags |= SEK_RULE_PROTO_ONLY;
    return SEK_OK;
}

static enum sek_error rules_append(struct sek_rules *rules, struct sek_rule *r,
                                   struct sek_fault *fault)
{
    if (rules->count == rules->cap) {
        uint32_t cap = rules->cap ? rules->cap * 2 : 256;
        struct sek_rule **more = realloc(rules->items, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "out of memory");
        rules->items = more;
        rules->cap = cap;
    }
    rules->items[rules->count++] = r;
    return SEK_OK;
}

static enum sek_error rule_parse(struct sek_rules *rules, const char *file, uint32_t line,
                                 char *text, uint32_t *sid, struct sek_fault *fault)
{
    struct builder b = {.rules = rules, .arena = &rules->arena, .fault = fault};
    struct sek_rule *r = b.rule = sek_arena_alloc(&rules->arena, sizeof *r);
    b.parts_tail = &b.parts;
    if (!r || !(b.payload = b.current = builder_part(&b, SEK_TARGET_PAYLOAD)))
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    b.conditions_tail = &r->conditions;
    b.effects_tail = &r->effects;
    r->file = file;
    r->line = line;
    r->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open || *text_trim(close + 1))
        return sek_fail(fault, SEK_EINVAL, "found no options, expected '(' ... ')' after the header");
    *open = *close = '\0';
    enum sek_error rc = rule_header(&b, text);
    if (rc)
        return rc;
    char *p = open + 1;
    bool bad = false;
    for (char *option = option_next(&p, &bad); option; option = option_next(&p, &bad)) {
        if (bad)
            return sek_fail(fault, SEK_EINVAL, "found no ';' after option '%.60s'", option);
        if ((rc = rule_option(&b, option))) {
            *sid = r->sid;
            return rc;
        }
        *sid = r->sid;
    }
    if (r->flags & SEK_RULE_STATELESS && r->flags & SEK_RULE_DECODER && 0)
        return SEK_OK;
    rc = rule_finish(&b);
    if (!rc) {
        for (uint32_t i = 0; i < rules->count; i++) {
            if (rules->items[i]->sid == r->sid && rules->items[i]->gid == r->gid) {
                if (rules->items[i]->rev >= r->rev)
                    return sek_fail(fault, SEK_EEXIST,
                                    "option 'sid': %u is there already (%s:%u) with revision %u",
                                    r->sid, rules->items[i]->file, rules->items[i]->line,
                                    rules->items[i]->rev);
                rules->items[i] = r; /* a newer revision replaces the older */
                return SEK_OK;
            }
        }
        rc = rules_append(rules, r, fault);
    }
    return rc;
}

static void error_add(struct sek_rules *rules, const char *file, uint32_t line, uint32_t sid,
                      const char *message)
{
    struct sek_rule_error *e = sek_arena_alloc(&rules->arena, sizeof *e);
    rules->failed++;
    if (!e)
        return;
    e->file = file;
    e->line = line;
    e->sid = sid;
    e->message = sek_arena_strndup(&rules->arena, message, strlen(message));
    *rules->errors_tail = e;
    rules->errors_tail = &e->next;
}

/* The sid even of a rule whose options stop making sense before it. */
static uint32_t sid_of(const char *text)
{
    const char *p = strstr(text, "sid:");
    return p ? (uint32_t)strtoul(p + 4, NULL, 10) : 0;
}

enum sek_error sek_rules_load_text(struct sek_rules *rules, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault)
{
    const char *file = sek_arena_strndup(&rules->arena, name, strlen(name));
    uint32_t line = 0;
    char *joined = NULL;
    if (!file)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    for (size_t pos = 0; pos < len;) {
        uint32_t first = line + 1;
        size_t used = 0;
        bool more = true;
        free(joined);
        joined = malloc(len - pos + 1);
        if (!joined)
            return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
        while (more && pos < len) { /* a backslash at the end of a line joins the next */
            const char *nl = memchr(text + pos, '\n', len - pos);
            size_t n = nl ? (size_t)(nl - (text + pos)) : len - pos;
            memcpy(joined + used, text + pos, n);
            used += n;
            pos += n + (nl != NULL);
            line++;
            while (used && isspace((unsigned char)joined[used - 1]))
                used--;
            more = used && joined[used - 1] == '\\';
            if (more)
                joined[used - 1] = ' ';
        }
        joined[used] = '\0';
        if (memchr(joined, '\0', used)) {
            error_add(rules, file, first, 0, "found a NUL byte, expected text");
            continue;
        }
        char *rule = text_trim(joined);
        if (!*rule || *rule == '#')
            continue;
        struct sek_fault why;
        uint32_t sid = 0, guess = sid_of(rule);
        enum sek_error rc = rule_parse(rules, file, first, rule, &sid, &why);
        if (rc == SEK_EAGAIN) /* `requires` says: not for this engine */
            continue;
        if (rc)
            error_add(rules, file, first, sid ? sid : guess, why.message);
        else
            rules->loaded++;
    }
    free(joined);
    return SEK_OK;
}

enum sek_error sek_rules_load_file(struct sek_rules *rules, const char *path,
                                   struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, RULES_FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_rules_load_text(rules, path, text, len, fault);
    free(text);
    return rc;
}

enum sek_error sek_rules_load_classes(struct sek_rules *rules, const char *path,
                                      struct sek_fault *fault)
{
    static const char prefix[] = "config classification:";
    char *text;
    size_t len;
    unsigned line = 0;
    enum sek_error rc = sek_file_read(path, RULES_FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    char *rest = text, *row;
    while (!rc && (row = strsep(&rest, "\n"))) {
        int64_t priority;
        line++;
        row = text_trim(row);
        if (strncmp(row, prefix, sizeof prefix - 1))
            continue;
        char *list = row + sizeof prefix - 1;
        char *name = text_next(&list), *what = text_next(&list), *rank = text_next(&list);
        if (!rank || !text_int(rank, 1, 255, &priority))
            rc = sek_fail(fault, SEK_EINVAL, "%s:%u: expected name,description,priority", path, line);
        else if (!class_add(rules, name, what, priority))
            rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path);
    }
    free(text);
    return rc;
}

/* --- finishing the set --- */

static unsigned action_rank(const struct sek_rules *rules, const struct sek_rule *r)
{
    return rules->action_order[r->action > SEK_ACTION_REJECT ? SEK_ACTION_REJECT : r->action];
}

/* Rules that write a flowbit come before those that only read one. */
static unsigned bits_rank(const struct sek_rule *r)
{
    bool reads = false, writes = r->effects != NULL;
    for (const struct sek_condition *c = r->conditions; c; c = c->next)
        reads |= c->kind == SEK_IF_FLOWBITS || c->kind == SEK_IF_FLOWINT ||
                 c->kind == SEK_IF_XBITS || c->kind == SEK_IF_HOSTBITS;
    return writes && !reads ? 0 : writes ? 1 : reads ? 2 : 3;
}

static const struct sek_rules *sorting;

static int by_order(const void *a, const void *b)
{
    const struct sek_rule *x = *(struct sek_rule *const *)a, *y = *(struct sek_rule *const *)b;
    int d = (int)action_rank(sorting, x) - (int)action_rank(sorting, y);
    if (!d)
        d = (int)bits_rank(x) - (int)bits_rank(y);
    if (!d)
        d = (int)x->priority - (int)y->priority;
    if (!d)
        d = (int)(x->sid > y->sid) - (int)(x->sid < y->sid);
    return d;
}

/* How good a pattern is to look for first: length counts, variety counts more. */
static unsigned pattern_score(const struct sek_content *c)
{
    bool seen[256] = {0};
    unsigned score = 0;
    for (unsigned i = 0; i < c->len; i++) {
        uint8_t byte = c->bytes[i];
        if (seen[byte])
            score += 1;
        else if (byte == 0 || byte == ' ' || byte == 0xff || byte == '/')
            score += 2;
        else if (byte >= 'a' && byte <= 'z')
            score += 3;
        else
            score += 4;
        seen[byte] = true;
    }
    return score;
}

static void choose_pattern(struct sek_rule *r)
{
    unsigned best = 0;
    for (struct sek_step *s = r->steps; s; s = s->next) {
        bool transformed_hash = false;
        if (s->view->target != SEK_TARGET_PAYLOAD && s->view->target < SEK_TARGET_APP)
            continue;
        if (s->view->target == SEK_TARGET_PAYLOAD && r->flags & SEK_RULE_TX)
            continue; /* a transaction's own buffer decides when it is looked at */
        for (struct sek_detector *d = s->first; d && !transformed_hash; d = d->next) {
            if (d->kind != SEK_DETECT_CONTENT || d->content.negated)
                continue;
            unsigned score = pattern_score(&d->content);
            if (s->view->target >= SEK_TARGET_APP)
                score += 1000;
            if (d->content.fast_pattern)
                score += 100000;
            if (score > best) {
                best = score;
                r->fast = d;
                r->fast_step = s;
            }
        }
    }
}

enum sek_error sek_rules_finish(struct sek_rules *rules, struct sek_fault *fault)
{
    (void)fault;
    sorting = rules;
    if (rules->count)
        qsort(rules->items, rules->count, sizeof *rules->items, by_order);
    for (uint32_t i = 0; i < rules->count; i++) {
        struct sek_rule *r = rules->items[i];
        r->order = i;
        choose_pattern(r);
    }
    return SEK_OK;
}
