/* Text that expressions capture into variables of the packet or of the flow. What a rule captures counts
 * only when the whole rule matches. */
#include "lib/detect/internal.h"

#define TEXTS_MAX 32 /* of one flow */

void captures_note(struct look *l, const struct sek_pcre *pcre, const size_t *groups, int count,
                   const uint8_t *subject)
{
    struct sek_engine *e = l->in->e;
    for (unsigned i = 0; i < pcre->capture_count && e->capture_count < SEK_CAPTURES_MAX; i++) {
        const struct sek_capture *c = &pcre->captures[i];
        if (c->group >= count || groups[2 * c->group] == SIZE_MAX)
            continue;
        struct captured *out = &e->captures[e->capture_count++];
        size_t len = groups[2 * c->group + 1] - groups[2 * c->group];
        out->name = c->name;
        out->flow = c->flow;
        out->len = (uint16_t)(len > CAPTURE_MAX ? CAPTURE_MAX : len);
        memcpy(out->text, subject + groups[2 * c->group], out->len);
    }
}

static void flow_keep(struct inspect *in, const struct captured *c)
{
    struct flow_text **link;
    unsigned n = 0;
    if (!in->fd)
        return;
    for (link = &in->fd->texts; *link && (*link)->value.name != c->name; link = &(*link)->next)
        n++;
    if (!*link && (n >= TEXTS_MAX || !(*link = sek_pool_get_zero(&in->e->pool, sizeof **link))))
        return;
    (*link)->value = *c;
}

void captures_keep(struct inspect *in)
{
    struct sek_engine *e = in->e;
    for (uint32_t i = 0; i < e->capture_count; i++) {
        if (e->captures[i].flow)
            flow_keep(in, &e->captures[i]);
        else if (e->packet_var_count < SEK_CAPTURES_MAX)
            e->packet_vars[e->packet_var_count++] = e->captures[i];
    }
}

/* flowvar, pktvar: the variable holds the content. */
bool variable_test(struct inspect *in, const struct sek_condition *c)
{
    const struct captured *v = NULL;
    if (c->side) {
        for (const struct flow_text *t = in->fd ? in->fd->texts : NULL; t; t = t->next)
            if (t->value.name == c->bits.names[0])
                v = &t->value;
    } else {
        for (uint32_t i = 0; i < in->e->packet_var_count; i++)
            if (in->e->packet_vars[i].name == c->bits.names[0])
                v = &in->e->packet_vars[i];
    }
    return v && (memmem(v->text, v->len, c->bytes, c->bytes_len) != NULL) != c->negated;
}

const char *sek_engine_text(const struct sek_engine *e, const struct sek_flow *flow, bool of_flow,
                            unsigned index, struct sek_bytes *value)
{
    const struct captured *v = NULL;
    const struct flow_detect *fd = flow ? flow->detect : NULL;
    if (of_flow) {
        const struct flow_text *t = fd ? fd->texts : NULL;
        while (t && index--)
            t = t->next;
        v = t ? &t->value : NULL;
    } else if (index < e->packet_var_count) {
        v = &e->packet_vars[index];
    }
    if (!v)
        return NULL;
    *value = (struct sek_bytes){v->text, v->len};
    return e->rules->rules->names[v->name] + strlen("text.");
}
