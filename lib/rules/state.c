/* Memory between matches: flowbits, flowint, xbits, hostbits. A test is a condition of the rule, a
 * change is an effect that happens when the whole rule matched. */
#include "lib/rules/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int bits_command(const char *s)
{
    static const char *const names[] = {"set", "unset", "toggle", "isset", "isnotset"};
    for (int i = 0; i < 5; i++)
        if (!strcasecmp(names[i], s))
            return i;
    return -1;
}

static enum sek_error bits_names(struct builder *b, struct sek_condition *c, char *names,
                                 const char *scope)
{
    char *save, full[200];
    for (char *n = strtok_r(names, "|", &save); n; n = strtok_r(NULL, "|", &save)) {
        if (c->bits.count == sizeof c->bits.names / sizeof *c->bits.names)
            return builder_fail(b, SEK_ELIMIT, "more than 8 names");
        n = sek_text_trim(n);
        if (!*n || strlen(n) > 180)
            return builder_fail(b, SEK_EINVAL, "a name is empty or too long");
        strcpy(full, scope);
        strcat(full, n);
        c->bits.names[c->bits.count++] = builder_name(b, full);
    }
    if (!c->bits.count)
        return builder_fail(b, SEK_EINVAL, "needs a name");
    return SEK_OK;
}

static enum sek_error kw_flowbits(struct builder *b, char *arg)
{
    char *command = text_next(&arg);
    if (!strcmp(command, "noalert")) {
        b->rule->flags |= SEK_RULE_NOALERT;
        return SEK_OK;
    }
    int n = bits_command(command);
    if (n < 0 || !arg)
        return builder_fail(b, SEK_EINVAL,
                            "expected set|unset|toggle|isset|isnotset,name or noalert");
    struct sek_condition *c =
        n >= SEK_BITS_ISSET ? builder_condition(b, SEK_IF_FLOWBITS) : builder_effect(b, SEK_IF_FLOWBITS);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->bits.command = (uint8_t)n;
    return bits_names(b, c, arg, "flow.");
}

static bool track_of(const char *s, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t track;
    } table[] = {{"ip_src", SEK_TRACK_SRC}, {"ip_dst", SEK_TRACK_DST}, {"ip_pair", SEK_TRACK_PAIR},
                 {"src", SEK_TRACK_SRC},    {"dst", SEK_TRACK_DST},    {"both", SEK_TRACK_PAIR},
                 {"tx", SEK_TRACK_TX}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!strcmp(table[i].name, s)) {
            *out = table[i].track;
            return true;
        }
    }
    return false;
}

static enum sek_error kw_xbits(struct builder *b, char *arg)
{
    char *command = text_next(&arg), *name = text_next(&arg);
    int n = bits_command(command);
    int64_t v;
    if (!strcmp(command, "noalert")) {
        b->rule->flags |= SEK_RULE_NOALERT;
        return SEK_OK;
    }
    if (n < 0 || !name)
        return builder_fail(b, SEK_EINVAL, "expected set|unset|toggle|isset|isnotset,name,track ...");
    struct sek_condition *c = n >= SEK_BITS_ISSET ? builder_condition(b, SEK_IF_XBITS)
                                                  : builder_effect(b, SEK_IF_XBITS);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->bits.command = (uint8_t)n;
    c->bits.track = SEK_TRACK_SRC;
    c->bits.expire_s = 30;
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        if (!strncmp(item, "track", 5) && track_of(sek_text_trim(item + 5), &c->bits.track))
            continue;
        if (!strncmp(item, "expire", 6) && sek_text_int(item + 6, 1, UINT32_MAX, &v)) {
            c->bits.expire_s = (uint32_t)v;
            continue;
        }
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected track ip_src|ip_dst|ip_pair or "
                                           "expire SECONDS", item);
    }
    return bits_names(b, c, name, "x.");
}

static enum sek_error kw_hostbits(struct builder *b, char *arg)
{
    char *command = text_next(&arg), *name = text_next(&arg), *side = text_next(&arg);
    int n = bits_command(command);
    if (!strcmp(command, "noalert")) {
        b->rule->flags |= SEK_RULE_NOALERT;
        return SEK_OK;
    }
    if (n < 0 || !name)
        return builder_fail(b, SEK_EINVAL, "expected set|unset|toggle|isset|isnotset,name[,src|dst]");
    struct sek_condition *c = n >= SEK_BITS_ISSET ? builder_condition(b, SEK_IF_HOSTBITS)
                                                  : builder_effect(b, SEK_IF_HOSTBITS);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->bits.command = (uint8_t)n;
    c->bits.track = SEK_TRACK_SRC;
    c->bits.expire_s = 300;
    if (side && !track_of(side, &c->bits.track))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected src, dst or both", side);
    return bits_names(b, c, name, "host.");
}

static enum sek_error kw_flowint(struct builder *b, char *arg)
{
    static const struct {
        const char *op;
        uint8_t command;
        enum sek_compare_op compare;
    } table[] = {{"+", SEK_INT_ADD, 0},           {"-", SEK_INT_SUBTRACT, 0},
                 {"=", SEK_INT_ASSIGN, 0},        {"==", SEK_INT_COMPARE, SEK_EQ},
                 {"!=", SEK_INT_COMPARE, SEK_NE}, {"<", SEK_INT_COMPARE, SEK_LT},
                 {">", SEK_INT_COMPARE, SEK_GT},  {"<=", SEK_INT_COMPARE, SEK_LE},
                 {">=", SEK_INT_COMPARE, SEK_GE}, {"isset", SEK_INT_ISSET, 0},
                 {"isnotset", SEK_INT_NOTSET, 0}, {"notset", SEK_INT_NOTSET, 0}};
    char *name = text_next(&arg), *op = text_next(&arg), *value = arg ? text_next(&arg) : NULL;
    char full[200];
    if (!op || strlen(name) > 180)
        return builder_fail(b, SEK_EINVAL, "expected name,operator[,value]");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].op, op))
            continue;
        bool test = table[i].command >= SEK_INT_COMPARE;
        struct sek_condition *c = test ? builder_condition(b, SEK_IF_FLOWINT)
                                       : builder_effect(b, SEK_IF_FLOWINT);
        if (!c)
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        c->bits.command = table[i].command;
        c->compare.op = table[i].compare;
        strcpy(full, "int.");
        strcat(full, name);
        c->bits.names[0] = builder_name(b, full);
        c->bits.count = 1;
        if (table[i].command >= SEK_INT_ISSET)
            return SEK_OK;
        if (!value)
            return builder_fail(b, SEK_EINVAL, "needs a value");
        if (!sek_text_int(value, 0, UINT32_MAX, &c->bits.number)) {
            strcpy(full, "int.");
            strncat(full, value, 180);
            c->bits.other = builder_name(b, full) + 1;
        }
        return SEK_OK;
    }
    return builder_fail(b, SEK_EINVAL, "'%.20s' is not an operator", op);
}

/* flowvar:NAME,"content" and pktvar:NAME,"content" */
static enum sek_error variable(struct builder *b, char *arg, bool flow)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_VARIABLE);
    char *comma = strchr(arg, ','), full[200];
    uint8_t *bytes;
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!comma)
        return builder_fail(b, SEK_EINVAL, "expected name,\"content\"");
    *comma++ = '\0';
    if (!text_unquote(&comma, &c->negated))
        return builder_fail(b, SEK_EINVAL, "quotes do not match");
    snprintf(full, sizeof full, "text.%.180s", sek_text_trim(arg));
    c->side = flow;
    c->bits.names[0] = builder_name(b, full);
    enum sek_error rc = content_bytes(b, comma, strlen(comma), &bytes, &c->bytes_len);
    c->bytes = rc ? NULL : bytes;
    return rc;
}

static enum sek_error kw_flowvar(struct builder *b, char *arg)
{
    return variable(b, arg, true);
}

static enum sek_error kw_pktvar(struct builder *b, char *arg)
{
    return variable(b, arg, false);
}

const struct keyword sek_state_keywords[] = {
    {"flowbits", kw_flowbits, ARG_REQUIRED, "bits of the flow"},
    {"flowint", kw_flowint, ARG_REQUIRED, "numbers of the flow"},
    {"xbits", kw_xbits, ARG_REQUIRED, "bits of an address or a pair"},
    {"flowvar", kw_flowvar, ARG_REQUIRED, "text that an expression captured, of the flow"},
    {"pktvar", kw_pktvar, ARG_REQUIRED, "text that an expression captured, of the packet"},
    {"hostbits", kw_hostbits, ARG_REQUIRED, "bits of an address"},
    {0},
};
