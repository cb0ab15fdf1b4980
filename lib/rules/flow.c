/* Keywords about the flow: direction and state, sizes, application protocol and its events. */
#include "lib/rules/builder.h"
#include "lib/app/buffers.h"

#include <strings.h>

static enum sek_error kw_flow(struct builder *b, char *arg)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } table[] = {
        {"to_server", SEK_RULE_TOSERVER},     {"from_client", SEK_RULE_TOSERVER},
        {"to_client", SEK_RULE_TOCLIENT},     {"from_server", SEK_RULE_TOCLIENT},
        {"established", SEK_RULE_ESTABLISHED}, {"not_established", SEK_RULE_NOT_ESTABLISHED},
        {"stateless", SEK_RULE_STATELESS},    {"only_stream", SEK_RULE_ONLY_STREAM},
        {"no_stream", SEK_RULE_NO_STREAM},
    };
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        bool known = !strcasecmp(item, "only_frag") || !strcasecmp(item, "no_frag");
        if (known) {
            struct sek_condition *c = builder_condition(b, SEK_IF_FRAGMENT);
            if (!c)
                return builder_fail(b, SEK_ENOMEM, "out of memory");
            c->negated = *item == 'n' || *item == 'N';
        }
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            if (!strcasecmp(table[i].name, item)) {
                b->rule->flags |= table[i].flag;
                known = true;
            }
        }
        if (!known)
            return builder_fail(b, SEK_EINVAL, "'%.40s' is not a state or direction of a flow", item);
    }
    const uint32_t both = SEK_RULE_TOSERVER | SEK_RULE_TOCLIENT;
    if ((b->rule->flags & both) == both)
        return builder_fail(b, SEK_EINVAL, "cannot be to_server and to_client at once");
    return SEK_OK;
}

/* "server,<,100", "both,=,5". */
static enum sek_error kw_stream_size(struct builder *b, char *arg)
{
    static const char *const sides[] = {"server", "client", "both", "either"};
    struct sek_condition *c = builder_condition(b, SEK_IF_STREAM_SIZE);
    char *side = text_next(&arg), *op = text_next(&arg), *n = text_next(&arg);
    char text[64];
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!n || strlen(op) + strlen(n) >= sizeof text)
        return builder_fail(b, SEK_EINVAL, "expected side,operator,number");
    c->side = 255;
    for (uint8_t i = 0; i < 4; i++)
        if (!strcmp(sides[i], side))
            c->side = i;
    strcpy(text, op);
    strcat(text, n);
    if (c->side == 255 || !sek_compare_parse(text, NULL, &c->compare))
        return builder_fail(b, SEK_EINVAL, "expected server|client|both|either,operator,number");
    return SEK_OK;
}

static enum sek_error kw_flow_age(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_FLOW_AGE);
    if (!c || !sek_compare_parse(arg, NULL, &c->compare))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected seconds: N, <N, >N", arg);
    return SEK_OK;
}

static enum sek_error counter(struct builder *b, char *arg, enum sek_condition_kind kind, int side)
{
    struct sek_condition *c = builder_condition(b, kind);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (side < 0) { /* "toserver,>5" */
        char *name = text_next(&arg);
        side = !strcmp(name, "toserver") ? 0 : !strcmp(name, "toclient") ? 1
               : !strcmp(name, "both")   ? 2 : !strcmp(name, "either") ? 3 : -1;
        if (side < 0 || !arg)
            return builder_fail(b, SEK_EINVAL, "expected toserver|toclient|both|either,number");
    }
    c->side = (uint8_t)side;
    if (!sek_compare_parse(arg, NULL, &c->compare))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected N, <N, >N, N<>M", arg);
    return SEK_OK;
}

static enum sek_error kw_flow_pkts(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_PACKETS, -1);
}

static enum sek_error kw_flow_bytes(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_BYTES, -1);
}

static enum sek_error kw_pkts_toserver(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_PACKETS, 0);
}

static enum sek_error kw_pkts_toclient(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_PACKETS, 1);
}

static enum sek_error kw_bytes_toserver(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_BYTES, 0);
}

static enum sek_error kw_bytes_toclient(struct builder *b, char *arg)
{
    return counter(b, arg, SEK_IF_FLOW_BYTES, 1);
}

static enum sek_error kw_app_layer_protocol(struct builder *b, char *arg)
{
    static const char *const modes[] = {"final", "original", "either", "to_server", "to_client",
                                        "exact", "toserver", "toclient"};
    static const uint8_t sides[] = {0, 1, 2, 3, 4, 5, 3, 4};
    struct sek_condition *c = builder_condition(b, SEK_IF_APP_PROTOCOL);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (*arg == '!') {
        c->negated = true;
        arg = sek_text_trim(arg + 1);
    }
    char *name = text_next(&arg), *mode = arg ? text_next(&arg) : NULL;
    const struct sek_app_ops *ops = sek_app_find(name);
    if (!strcmp(name, "failed"))
        c->app = SEK_APP_FAILED;
    else if (!strcmp(name, "unknown"))
        c->app = SEK_APP_UNKNOWN;
    else if (ops)
        c->app = (uint16_t)ops->id;
    else
        return builder_fail(b, SEK_EUNSUPPORTED, "protocol '%.40s' is not known", name);
    if (mode) {
        bool known = false;
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            if (!strcmp(modes[i], mode)) {
                c->side = sides[i];
                known = true;
            }
        }
        if (!known)
            return builder_fail(b, SEK_EINVAL, "'%.40s' is not a mode", mode);
    }
    c->apps = ops && c->side != 5 ? sek_app_bits(name) : SEK_APP_BIT(c->app);
    return SEK_OK;
}

/* What is known of a flow's application protocol as a whole. */
static int flow_event(const char *name)
{
    static const char *const names[] = {
        [SEK_APP_FLOW_MISMATCH] = "applayer_mismatch_protocol_both_directions",
        [SEK_APP_FLOW_WRONG_DIRECTION] = "applayer_wrong_direction_first_data",
        [SEK_APP_FLOW_ONE_DIRECTION] = "applayer_detect_protocol_only_one_direction",
        [SEK_APP_FLOW_SKIPPED] = "applayer_proto_detection_skipped",
        [SEK_APP_FLOW_NO_TLS] = "applayer_no_tls_after_starttls",
        [SEK_APP_FLOW_UNEXPECTED] = "applayer_unexpected_protocol",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return -1;
}

/* app-layer-state:<client_hello_done */
static enum sek_error kw_app_layer_state(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_APP_STATE);
    const struct sek_app_ops *ops = NULL;
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!b->rule->apps || b->rule->apps & (b->rule->apps - 1))
        return builder_fail(b, SEK_EINVAL, "needs a rule about one application protocol");
    ops = sek_app_ops(__builtin_ctzll(b->rule->apps));
    c->compare.op = *arg == '<' ? SEK_LT : *arg == '>' ? SEK_GT : SEK_EQ;
    if (c->compare.op != SEK_EQ)
        arg = sek_text_trim(arg + 1);
    for (const struct sek_state_name *s = ops->states; s && s->name; s++) {
        if (!strcmp(s->name, arg)) {
            c->names_dir = s->dir;
            c->compare.low = s->progress;
            return SEK_OK;
        }
    }
    static const struct sek_state_name common[] = {
        {"request_started", 0, 0}, {"request_complete", 0, UINT8_MAX},
        {"response_started", 1, 0}, {"response_complete", 1, UINT8_MAX},
    };
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        if (!strcmp(common[i].name, arg)) {
            c->names_dir = common[i].dir;
            c->compare.low = common[i].progress;
            return SEK_OK;
        }
    }
    return builder_fail(b, SEK_EINVAL, "'%.40s' is not a state of %s", arg, ops->name);
}

static enum sek_error kw_flow_elephant(struct builder *b, char *arg)
{
    static const char *const sides[] = {"toserver", "toclient", "both", "either"};
    struct sek_condition *c = builder_condition(b, SEK_IF_ELEPHANT);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->compare = (struct sek_compare){.op = SEK_GT, .low = 100u << 20};
    for (uint8_t i = 0; i < 4; i++) {
        if (!strcmp(sides[i], arg)) {
            c->side = i;
            return SEK_OK;
        }
    }
    return builder_fail(b, SEK_EINVAL, "found '%.20s', expected toserver, toclient, both or either", arg);
}

static enum sek_error kw_app_layer_event(struct builder *b, char *arg)
{
    enum sek_app app;
    int of_flow = flow_event(arg);
    if (of_flow >= 0) {
        struct sek_condition *f = builder_condition(b, SEK_IF_FLOW_APP_EVENT);
        if (!f)
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        f->event = (uint8_t)of_flow;
        return SEK_OK;
    }
    struct sek_condition *c = builder_condition(b, SEK_IF_APP_EVENT);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    int bit = sek_app_event_find(arg, &app);
    if (bit < 0)
        return builder_fail(b, SEK_EUNSUPPORTED, "event '%.60s' is not known", arg);
    c->event = (uint8_t)bit;
    c->app = (uint16_t)app;
    uint64_t apps = 0;
    for (int i = 0; i < SEK_APP_COUNT; i++)
        if (sek_app_ops(i) && sek_app_ops(i)->events == sek_app_ops(app)->events)
            apps |= SEK_APP_BIT(i);
    c->apps = apps;
    b->rule->apps = b->rule->apps ? b->rule->apps & apps : apps;
    if (!b->rule->apps)
        return builder_fail(b, SEK_EINVAL, "does not fit the rule's protocol");
    return SEK_OK;
}

static enum sek_error kw_bypass(struct builder *b, char *arg)
{
    (void)arg;
    b->rule->flags |= SEK_RULE_BYPASS;
    return SEK_OK;
}

const struct keyword sek_flow_keywords[] = {
    {"flow", kw_flow, ARG_REQUIRED, "direction and state of the flow"},
    {"stream_size", kw_stream_size, ARG_REQUIRED, "bytes that were sent"},
    {"flow.age", kw_flow_age, ARG_REQUIRED, "seconds since the first packet"},
    {"flow.pkts", kw_flow_pkts, ARG_REQUIRED, "packets of the flow"},
    {"flow.bytes", kw_flow_bytes, ARG_REQUIRED, "bytes of the flow"},
    {"flow.pkts_toserver", kw_pkts_toserver, ARG_REQUIRED, "packets to the server"},
    {"flow.pkts_toclient", kw_pkts_toclient, ARG_REQUIRED, "packets to the client"},
    {"flow.bytes_toserver", kw_bytes_toserver, ARG_REQUIRED, "bytes to the server"},
    {"flow.bytes_toclient", kw_bytes_toclient, ARG_REQUIRED, "bytes to the client"},
    {"app-layer-protocol", kw_app_layer_protocol, ARG_REQUIRED, "protocol that was detected"},
    {"app-layer-event", kw_app_layer_event, ARG_REQUIRED, "anomaly found by a parser"},
    {"app-layer-state", kw_app_layer_state, ARG_REQUIRED, "how far a transaction has got"},
    {"flow.elephant", kw_flow_elephant, ARG_REQUIRED, "more than 100 MiB in a direction"},
    {"bypass", kw_bypass, ARG_NONE, "stop looking at the flow"},
    {0},
};
