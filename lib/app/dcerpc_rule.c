/* The arguments of dce_iface ("UUID[,<op>VERSION][,any_frag]") and dce_opnum ("5", "1,4-9"). */
#include "lib/app/dcerpc.h"

#include "lib/base/encode.h"
#include "lib/base/error.h"
#include "lib/base/compare.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

struct iface_test {
    uint8_t uuid[16];
    bool any; /* version */
    struct sek_compare version;
};

struct opnum_test {
    unsigned count;
    struct {
        uint16_t low, high;
    } ranges[];
};

/* The next item of a list with commas, without blanks around it; NULL at the end. */
static char *item_next(char **list)
{
    char *begin = *list, *end;
    if (!begin)
        return NULL;
    *list = strchr(begin, ',');
    if (*list)
        *(*list)++ = '\0';
    while (isspace((unsigned char)*begin))
        begin++;
    end = begin + strlen(begin);
    while (end > begin && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return begin;
}

static bool uuid_parse(const char *text, uint8_t out[16])
{
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    for (unsigned g = 0; g < 5; g++) {
        size_t digits = groups[g] * 2u;
        char part[13];
        if (strnlen(text, digits) < digits || (g < 4 && text[digits] != '-'))
            return false;
        memcpy(part, text, digits);
        part[digits] = '\0';
        if (!sek_hex_decode(part, out, groups[g]))
            return false;
        out += groups[g];
        text += digits + (g < 4);
    }
    return !*text;
}

static bool number_parse(const char *text, uint16_t *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    *out = (uint16_t)v;
    return isdigit((unsigned char)*text) && !*end && v <= UINT16_MAX;
}

const void *dce_iface_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct iface_test *t = sek_arena_alloc(arena, sizeof *t);
    char *item = item_next(&arg);
    if (!t || !item || !uuid_parse(item, t->uuid)) {
        sek_fail(fault, SEK_EINVAL, "found '%.60s', expected a UUID", item ? item : "");
        return NULL;
    }
    t->any = true;
    while ((item = item_next(&arg))) {
        if (!strcasecmp(item, "any_frag")) /* every fragment belongs to the call here */
            continue;
        t->any = false;
        if (!*item || !strchr("<>=!", *item) || !sek_compare_parse(item, NULL, &t->version)) {
            sek_fail(fault, SEK_EINVAL,
                     "found '%.60s', expected <, >, = or ! with a version, or any_frag", item);
            return NULL;
        }
    }
    return t;
}

const void *dce_opnum_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    unsigned items = 1;
    for (const char *p = arg ? arg : ""; *p; p++)
        items += *p == ',';
    struct opnum_test *t = sek_arena_alloc(arena, sizeof *t + items * sizeof t->ranges[0]);
    for (char *item; t && (item = item_next(&arg));) {
        char *dash = strchr(item, '-');
        if (dash)
            *dash++ = '\0';
        uint16_t *low = &t->ranges[t->count].low, *high = &t->ranges[t->count].high;
        if (!number_parse(item, low) || !number_parse(dash ? dash : item, high) || *low > *high) {
            sek_fail(fault, SEK_EINVAL, "found '%.40s', expected a number or a range", item);
            return NULL;
        }
        t->count++;
    }
    if (!t || !t->count) {
        sek_fail(fault, SEK_EINVAL, "needs a number, a range or a list of them");
        return NULL;
    }
    return t;
}

static bool version_match(const struct iface_test *t, uint16_t version)
{
    return t->any || sek_compare(&t->version, version);
}

bool dce_iface_match(const struct dce_ifaces *ifaces, const struct dce_call *call, bool by_context,
                     const void *test)
{
    const struct iface_test *t = test;
    if (call->type[0] != DCE_REQUEST)
        return false;
    if (call->datagram)
        return !memcmp(call->uuid, t->uuid, 16) && version_match(t, call->version);
    for (unsigned i = 0; i < ifaces->count; i++) {
        const struct dce_iface *f = &ifaces->list[i];
        if (f->answered && !f->result && (!by_context || f->context == call->context) &&
            !memcmp(f->uuid, t->uuid, 16) && version_match(t, f->version))
            return true;
    }
    return false;
}

bool dce_opnum_match(const struct dce_call *call, const void *test)
{
    const struct opnum_test *t = test;
    for (unsigned i = 0; call->type[0] == DCE_REQUEST && i < t->count; i++)
        if (call->opnum >= t->ranges[i].low && call->opnum <= t->ranges[i].high)
            return true;
    return false;
}
