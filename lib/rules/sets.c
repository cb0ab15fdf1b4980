/* Set arithmetic. A list means: the union of its plain items (everything when there is none) less
 * the union of its negated items; items may be lists again. */
#include "lib/rules/sets.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NESTING_MAX 16

struct variable {
    struct variable *next;
    bool port;
    char *name, *value;
};
struct sek_variables {
    struct variable *first;
};

struct sek_variables *sek_variables_new(void)
{
    return calloc(1, sizeof(struct sek_variables));
}

void sek_variables_free(struct sek_variables *v)
{
    while (v && v->first) {
        struct variable *x = v->first;
        v->first = x->next;
        free(x->name);
        free(x->value);
        free(x);
    }
    free(v);
}

bool sek_variables_set(struct sek_variables *v, const char *name, const char *value, bool port)
{
    struct variable *x;
    for (x = v->first; x; x = x->next)
        if (!strcmp(x->name, name))
            break;
    char *copy = strdup(value);
    if (!copy)
        return false;
    if (x) {
        free(x->value);
        x->value = copy;
        return true;
    }
    x = calloc(1, sizeof *x);
    if (!x || !(x->name = strdup(name))) {
        free(x);
        free(copy);
        return false;
    }
    x->value = copy;
    x->port = port;
    x->next = v->first;
    v->first = x;
    return true;
}

bool sek_variables_defaults(struct sek_variables *v)
{
    static const char *const addresses[][2] = {
        {"HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"},
        {"EXTERNAL_NET", "!$HOME_NET"},
        {"HTTP_SERVERS", "$HOME_NET"}, {"SMTP_SERVERS", "$HOME_NET"}, {"SQL_SERVERS", "$HOME_NET"},
        {"DNS_SERVERS", "$HOME_NET"}, {"TELNET_SERVERS", "$HOME_NET"},
        {"AIM_SERVERS", "$EXTERNAL_NET"}, {"DC_SERVERS", "$HOME_NET"}, {"DNP3_SERVER", "$HOME_NET"},
        {"DNP3_CLIENT", "$HOME_NET"}, {"MODBUS_CLIENT", "$HOME_NET"},
        {"MODBUS_SERVER", "$HOME_NET"}, {"ENIP_CLIENT", "$HOME_NET"}, {"ENIP_SERVER", "$HOME_NET"},
        {"SNMP_SERVERS", "$HOME_NET"}, {"FTP_SERVERS", "$HOME_NET"}, {"SSH_SERVERS", "$HOME_NET"},
        {"SIP_SERVERS", "$HOME_NET"},
    };
    static const char *const ports[][2] = {
        {"HTTP_PORTS", "80"}, {"SHELLCODE_PORTS", "!80"}, {"ORACLE_PORTS", "1521"},
        {"SSH_PORTS", "22"}, {"DNP3_PORTS", "20000"}, {"MODBUS_PORTS", "502"},
        {"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"}, {"FTP_PORTS", "21"},
        {"GENEVE_PORTS", "6081"}, {"VXLAN_PORTS", "4789"}, {"TEREDO_PORTS", "3544"},
        {"SIP_PORTS", "[5060,5061]"},
    };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!sek_variables_set(v, addresses[i][0], addresses[i][1], false))
            return false;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (!sek_variables_set(v, ports[i][0], ports[i][1], true))
            return false;
    return true;
}

static const char *variable_value(const struct sek_variables *v, const char *name, size_t len)
{
    for (const struct variable *x = v ? v->first : NULL; x; x = x->next)
        if (strlen(x->name) == len && !memcmp(x->name, name, len))
            return x->value;
    return NULL;
}

/* --- sorted, disjoint ranges over 128 bits; IPv4 and ports use the low ones --- */

struct ranges {
    struct sek_range6 *items;
    uint32_t count, cap;
    struct sek_wide top; /* highest value of this kind */
};

static bool ranges_add(struct ranges *r, struct sek_wide low, struct sek_wide high)
{
    if (r->count == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 8;
        struct sek_range6 *more = realloc(r->items, cap * sizeof *more);
        if (!more)
            return false;
        r->items = more;
        r->cap = cap;
    }
    r->items[r->count++] = (struct sek_range6){low, high};
    return true;
}

static int by_low(const void *a, const void *b)
{
    const struct sek_range6 *x = a, *y = b;
    return sek_wide_compare(x->low, y->low);
}

static void ranges_merge(struct ranges *r)
{
    uint32_t out = 0;
    if (!r->count)
        return;
    qsort(r->items, r->count, sizeof *r->items, by_low);
    for (uint32_t i = 1; i < r->count; i++) {
        struct sek_range6 *last = &r->items[out];
        bool last_of_all = !sek_wide_compare(last->high, SEK_WIDE_MAX);
        if (last_of_all || sek_wide_compare(r->items[i].low, sek_wide_next(last->high)) <= 0) {
            if (sek_wide_compare(r->items[i].high, last->high) > 0)
                last->high = r->items[i].high;
        } else {
            r->items[++out] = r->items[i];
        }
    }
    r->count = out + 1;
}

/* A := A less B; both merged. */
static bool ranges_subtract(struct ranges *a, const struct ranges *b)
{
    struct ranges out = {.top = a->top};
    for (uint32_t i = 0; i < a->count; i++) {
        struct sek_wide low = a->items[i].low, high = a->items[i].high;
        bool rest = true;
        for (uint32_t k = 0; k < b->count && rest; k++) {
            const struct sek_range6 *less = &b->items[k];
            if (sek_wide_compare(less->high, low) < 0 || sek_wide_compare(less->low, high) > 0)
                continue;
            if (sek_wide_compare(less->low, low) > 0 &&
                !ranges_add(&out, low, sek_wide_previous(less->low)))
                return false;
            if (sek_wide_compare(less->high, high) >= 0)
                rest = false;
            else
                low = sek_wide_next(less->high);
        }
        if (rest && !ranges_add(&out, low, high))
            return false;
    }
    free(a->items);
    *a = out;
    return true;
}

/* --- text to ranges --- */

enum kind { KIND_V4, KIND_V6, KIND_PORT };

struct parse {
    const struct sek_variables *vars;
    struct sek_fault *fault;
    enum kind kind;
};

static struct sek_wide number_of(const struct sek_addr *a, int version)
{
    return sek_wide_read(a->bytes, version == 4 ? 4 : 16);
}

static enum sek_error parse_address(struct parse *p, const char *text, struct ranges *out)
{
    char first[64], *slash, *dash;
    struct sek_addr a, b;
    if (snprintf(first, sizeof first, "%s", text) >= (int)sizeof first)
        return sek_fail(p->fault, SEK_EINVAL, "'%.40s...' is not an address", text);
    slash = strchr(first, '/');
    dash = strchr(first, '-');
    if (slash)
        *slash++ = '\0';
    if (dash)
        *dash++ = '\0';
    int version = sek_addr_parse(first, &a);
    if (!version)
        return sek_fail(p->fault, SEK_EINVAL,
                        "found '%s', expected an address, a network or a variable", text);
    unsigned bits = version == 4 ? 32 : 128;
    struct sek_wide low = number_of(&a, version), high = low;
    if (dash) {
        if (sek_addr_parse(dash, &b) != version || sek_wide_compare(number_of(&b, version), low) < 0)
            return sek_fail(p->fault, SEK_EINVAL, "'%s' is not a range of addresses", text);
        high = number_of(&b, version);
    } else if (slash && strchr(slash, '.')) {
        if (sek_addr_parse(slash, &b) != 4 || version != 4)
            return sek_fail(p->fault, SEK_EINVAL, "'%s': bad netmask", text);
        uint32_t mask = (uint32_t)number_of(&b, 4).low;
        low.low &= mask;
        high.low = low.low | (uint32_t)~mask;
    } else if (slash) {
        char *end;
        unsigned long length = strtoul(slash, &end, 10);
        if (!*slash || *end || length > bits)
            return sek_fail(p->fault, SEK_EINVAL, "'%s': prefix length must be 0..%u", text, bits);
        struct sek_wide host = sek_wide_mask(bits - (unsigned)length);
        low = (struct sek_wide){low.high & ~host.high, low.low & ~host.low};
        high = (struct sek_wide){low.high | host.high, low.low | host.low};
    }
    if ((version == 4) != (p->kind == KIND_V4))
        return SEK_OK; /* the other family's pass takes it */
    return ranges_add(out, low, high) ? SEK_OK : SEK_ENOMEM;
}

static enum sek_error parse_port(struct parse *p, const char *text, struct ranges *out)
{
    char *end = NULL;
    unsigned long low = 0, high = 65535;
    bool good = true;
    if (*text != ':') {
        low = strtoul(text, &end, 10);
        good = end != text && isdigit((unsigned char)*text);
    } else {
        end = (char *)text;
    }
    if (good && *end == ':') {
        const char *rest = end + 1;
        if (*rest) {
            high = strtoul(rest, &end, 10);
            good = end != rest && !*end;
        } else {
            end = (char *)rest;
        }
    } else {
        high = low;
        good = good && !*end;
    }
    if (!good || low > high || high > 65535)
        return sek_fail(p->fault, SEK_EINVAL,
                        "found '%s', expected a port 0..65535, a range low:high or a variable", text);
    return ranges_add(out, sek_wide_of(low), sek_wide_of(high)) ? SEK_OK : SEK_ENOMEM;
}

static enum sek_error parse_set(struct parse *p, const char *text, size_t len, int depth,
                                struct ranges *out);

/* One item, with its negation already taken off. */
static enum sek_error parse_item(struct parse *p, const char *text, size_t len, int depth,
                                 struct ranges *out)
{
    char item[128];
    if (text[0] == '[')
        return parse_set(p, text + 1, len - 2, depth + 1, out);
    if (text[0] == '$') {
        const char *value = variable_value(p->vars, text + 1, len - 1);
        if (!value)
            return sek_fail(p->fault, SEK_ENOTFOUND, "variable '%.*s' is not defined", (int)len, text);
        return parse_set(p, value, strlen(value), depth + 1, out);
    }
    if (len >= sizeof item)
        return sek_fail(p->fault, SEK_EINVAL, "'%.*s...' is too long", 40, text);
    memcpy(item, text, len);
    item[len] = '\0';
    if (!strcasecmp(item, "any"))
        return ranges_add(out, sek_wide_of(0), out->top) ? SEK_OK : SEK_ENOMEM;
    return p->kind == KIND_PORT ? parse_port(p, item, out) : parse_address(p, item, out);
}

static size_t item_length(const char *text, size_t len)
{
    int open = 0;
    size_t i;
    for (i = 0; i < len; i++) {
        if (text[i] == '[')
            open++;
        else if (text[i] == ']')
            open--;
        else if (text[i] == ',' && !open)
            break;
        if (open < 0)
            break;
    }
    return open > 0 ? len + 1 : i;
}

static enum sek_error parse_set(struct parse *p, const char *text, size_t len, int depth,
                                struct ranges *out)
{
    struct ranges plus = {.top = out->top}, minus = {.top = out->top};
    enum sek_error rc = SEK_OK;
    bool any_plus = false;
    if (depth > NESTING_MAX)
        return sek_fail(p->fault, SEK_ELIMIT, "lists or variables nested deeper than %d",
                        NESTING_MAX);
    while (len && !rc) {
        size_t n = item_length(text, len);
        if (n > len || (n < len && text[n] != ',')) {
            rc = sek_fail(p->fault, SEK_EINVAL, "brackets do not match in '%.*s'",
                          (int)(len > 60 ? 60 : len), text);
            break;
        }
        const char *item = text;
        size_t size = n;
        bool negated = false;
        while (size && isspace((unsigned char)*item))
            item++, size--;
        while (size && isspace((unsigned char)item[size - 1]))
            size--;
        while (size && *item == '!') {
            negated = !negated;
            item++, size--;
            while (size && isspace((unsigned char)*item))
                item++, size--;
        }
        if (!size || (*item == '[' && item[size - 1] != ']'))
            rc = sek_fail(p->fault, SEK_EINVAL, "empty item or missing bracket in a list");
        else
            rc = parse_item(p, item, size, depth, negated ? &minus : &plus);
        any_plus |= !negated;
        text += n < len ? n + 1 : n;
        len -= n < len ? n + 1 : n;
    }
    if (!rc && !any_plus && !ranges_add(&plus, sek_wide_of(0), plus.top))
        rc = SEK_ENOMEM;
    ranges_merge(&plus);
    ranges_merge(&minus);
    if (!rc && minus.count && !ranges_subtract(&plus, &minus))
        rc = SEK_ENOMEM;
    for (uint32_t i = 0; i < plus.count && !rc; i++)
        if (!ranges_add(out, plus.items[i].low, plus.items[i].high))
            rc = SEK_ENOMEM;
    ranges_merge(out);
    free(plus.items);
    free(minus.items);
    return rc;
}

enum sek_error sek_address_set_parse(struct sek_arena *arena, const struct sek_variables *v,
                                     const char *text, const struct sek_address_set **out,
                                     struct sek_fault *fault)
{
    struct parse p = {.vars = v, .fault = fault, .kind = KIND_V4};
    struct ranges v4 = {.top = sek_wide_of(0xffffffffu)}, v6 = {.top = SEK_WIDE_MAX};
    struct sek_address_set *set = NULL;
    enum sek_error rc;
    *out = NULL;
    if (!strcasecmp(text, "any"))
        return SEK_OK;
    rc = parse_set(&p, text, strlen(text), 0, &v4);
    p.kind = KIND_V6;
    if (!rc)
        rc = parse_set(&p, text, strlen(text), 0, &v6);
    if (!rc && !v4.count && !v6.count)
        rc = sek_fail(fault, SEK_EINVAL, "'%s' matches no address at all", text);
    if (rc)
        goto done;
    set = sek_arena_alloc(arena, sizeof *set);
    if (!set || !(set->v4 = sek_arena_alloc(arena, (v4.count + 1) * sizeof *set->v4)) ||
        !(set->v6 = sek_arena_copy(arena, v6.items, v6.count * sizeof *set->v6))) {
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory");
        goto done;
    }
    for (uint32_t i = 0; i < v4.count; i++)
        set->v4[i] = (struct sek_range4){(uint32_t)v4.items[i].low.low, (uint32_t)v4.items[i].high.low};
    set->v4_count = v4.count;
    set->v6_count = v6.count;
    *out = set;
done:
    free(v4.items);
    free(v6.items);
    return rc;
}

enum sek_error sek_port_set_parse(struct sek_arena *arena, const struct sek_variables *v,
                                  const char *text, const struct sek_port_set **out,
                                  struct sek_fault *fault)
{
    struct parse p = {.vars = v, .fault = fault, .kind = KIND_PORT};
    struct ranges r = {.top = sek_wide_of(65535)};
    struct sek_port_set *set;
    *out = NULL;
    if (!strcasecmp(text, "any"))
        return SEK_OK;
    enum sek_error rc = parse_set(&p, text, strlen(text), 0, &r);
    if (!rc && !r.count)
        rc = sek_fail(fault, SEK_EINVAL, "'%s' matches no port at all", text);
    if (!rc && !(set = sek_arena_alloc(arena, sizeof *set)))
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory");
    if (!rc) {
        for (uint32_t i = 0; i < r.count; i++)
            for (uint64_t port = r.items[i].low.low; port <= r.items[i].high.low; port++)
                set->bits[port / 64] |= 1ull << (port % 64);
        *out = set;
    }
    free(r.items);
    return rc;
}

bool sek_address_set_has(const struct sek_address_set *set, const struct sek_addr *addr, int version)
{
    if (!set)
        return true;
    if (version == 4) {
        uint32_t v = (uint32_t)number_of(addr, 4).low, low = 0, high = set->v4_count;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (v < set->v4[mid].low)
                high = mid;
            else if (v > set->v4[mid].high)
                low = mid + 1;
            else
                return true;
        }
        return false;
    }
    struct sek_wide v = number_of(addr, 6);
    uint32_t low = 0, high = set->v6_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (sek_wide_compare(v, set->v6[mid].low) < 0)
            high = mid;
        else if (sek_wide_compare(v, set->v6[mid].high) > 0)
            low = mid + 1;
        else
            return true;
    }
    return false;
}
