/* From parts to a rule: buffers become steps, and what the whole rule needs is worked out. */
#include "lib/rules/builder.h"

#include "lib/app/buffers.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sek_error builder_fail(struct builder *b, enum sek_error code, const char *fmt, ...)
{
    char text[380];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sek_fail(b->fault, code, "option '%s': %s", b->option ? b->option : "header", text);
}

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

void builder_move(struct part *from, struct sek_detector *d, struct part *to)
{
    struct sek_detector **link = &from->first;
    while (*link != d)
        link = &(*link)->next;
    *link = d->next;
    if (!*link)
        from->tail = link;
    d->next = NULL;
    *to->tail = d;
    to->tail = &d->next;
}

void builder_follow(struct builder *b, struct sek_detector *d)
{
    if (!b->sticky && b->last_content && b->last_part != b->current)
        builder_move(b->current, d, b->last_part);
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

/* --- the whole rule --- */

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

/* Does the buffer exist in answers only, in the protocols of the rule? */
static bool only_in_answers(int id, uint64_t apps)
{
    bool requests = false;
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        const struct sek_buffer_def *d = apps >> app & 1 ? sek_buffer_in(id, app) : NULL;
        requests |= d && d->dirs & 1;
    }
    return !requests;
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
        if (s->view->target >= SEK_TARGET_FRAME)
            r->flags |= SEK_RULE_FRAME;
        if (sek_target_is_buffer(s->view->target)) {
            uint64_t apps = sek_buffer_apps(s->view->target - SEK_TARGET_APP);
            r->apps = r->apps ? r->apps & apps : apps;
            r->flags |= SEK_RULE_TX;
            s->dir = p->dir_forced ? p->dir : only_in_answers(s->view->target - SEK_TARGET_APP, r->apps);
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

/* Does the condition tell of one packet, so that its payload is meant, and not the stream? */
static bool of_one_packet(enum sek_condition_kind kind)
{
    switch (kind) {
    case SEK_IF_TTL: case SEK_IF_TOS: case SEK_IF_IP_ID: case SEK_IF_FRAGBITS:
    case SEK_IF_FRAGOFFSET: case SEK_IF_SAMEIP: case SEK_IF_TCP_FLAGS: case SEK_IF_SEQ:
    case SEK_IF_ACK: case SEK_IF_WINDOW: case SEK_IF_MSS: case SEK_IF_WSCALE: case SEK_IF_DSIZE:
    case SEK_IF_IPOPT: case SEK_IF_CHECKSUM:
        return true;
    default:
        return false;
    }
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
    for (struct sek_step *s = r->steps; s; s = s->next)
        for (struct sek_detector *d = s->first; d; d = d->next)
            if (d->kind == SEK_DETECT_CONTENT && d->content.replace) { /* only a packet can be changed */
                r->flags &= ~(uint32_t)SEK_RULE_NEEDS_STREAM;
                r->flags |= SEK_RULE_NEEDS_PACKET | SEK_RULE_NO_STREAM;
            }
    for (struct sek_condition *c = r->conditions; c; c = c->next)
        if (of_one_packet(c->kind) && r->flags & SEK_RULE_NEEDS_STREAM &&
            !(r->flags & SEK_RULE_ONLY_STREAM)) {
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

enum sek_error rule_finish(struct builder *b)
{
    struct sek_rule *r = b->rule;
    enum sek_error rc = make_steps(b);
    if (rc)
        return rc;
    b->option = "sid";
    if (!b->has_sid)
        return builder_fail(b, SEK_EINVAL, "is missing");
    for (struct sek_condition *c = r->conditions; c; c = c->next) {
        if (c->kind == SEK_IF_NUMBER || c->kind == SEK_IF_TEST || c->kind == SEK_IF_APP_EVENT ||
            c->kind == SEK_IF_APP_STATE || c->kind == SEK_IF_FILE_HASH ||
            c->kind == SEK_IF_FILE_EXT || c->kind == SEK_IF_FILE_MAGIC || c->kind == SEK_IF_FILE)
            r->flags |= SEK_RULE_TX;
        if (c->kind == SEK_IF_DECODE_EVENT)
            r->flags |= SEK_RULE_DECODER;
        /* of both directions, a rule speaks once: where the event was */
        if (c->kind == SEK_IF_APP_EVENT && !(r->flags & SEK_RULE_TOSERVER) != !(r->flags & SEK_RULE_TOCLIENT))
            c->side = 1;
    }
    if (r->flags & SEK_RULE_FILESTORE)
        r->flags |= SEK_RULE_TX;
    for (struct sek_condition *c = r->conditions; c; c = c->next)
        if (c->kind == SEK_IF_TCP_FLAGS && c->mode != '!' && c->mode != '*')
            r->tcp_flags |= c->flags & (uint8_t)~c->mask;
    payload_needs(r);
    if (!r->gid)
        r->gid = 1;
    if (!r->priority)
        r->priority = 3;
    if (only_header(r)) {
        r->flags |= SEK_RULE_HEADER_ONLY;
        if (!r->apps && !r->src_port && !r->dst_port)
            r->flags |= SEK_RULE_IP_ONLY;
    }
    if (r->flags & SEK_RULE_TWO_WAY && !(r->flags & SEK_RULE_TX))
        return sek_fail(b->fault, SEK_EINVAL,
                        "'=>' needs buffers of a request and of its answer");
    if (r->flags & SEK_RULE_FRAME && r->flags & SEK_RULE_TX)
        return sek_fail(b->fault, SEK_EINVAL,
                        "frames and buffers of transactions cannot be in one rule");
    bool only_app_protocol = r->conditions && !r->steps && !(r->flags & SEK_RULE_TX);
    for (struct sek_condition *c = r->conditions; c; c = c->next)
        only_app_protocol &= c->kind == SEK_IF_APP_PROTOCOL;
    if (only_app_protocol)
        r->flags |= SEK_RULE_PROTO_ONLY;
    return SEK_OK;
}
