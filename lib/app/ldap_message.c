/* The operations of LDAP messages: names, results, attributes and their values. */
#include "lib/app/ldap.h"

#define TEXT_MAX (256u * 1024u) /* kept of one message */

struct ldap_attribute ldap_attribute_at(const struct ldap_message *m, uint32_t i)
{
    struct ldap_attribute a;
    memcpy(&a, m->attributes.data + i * sizeof a, sizeof a);
    return a;
}

struct ldap_value ldap_value_at(const struct ldap_message *m, uint32_t i)
{
    struct ldap_value v;
    memcpy(&v, m->values.data + i * sizeof v, sizeof v);
    return v;
}

static struct sek_slice keep(struct sek_pool *pool, struct ldap_message *m, struct sek_bytes b)
{
    if (m->text.len + b.len > TEXT_MAX)
        return (struct sek_slice){0};
    return sek_slice_keep(pool, &m->text, b);
}

/* The next element, whatever its tag, as text. */
static bool text(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r,
                 struct sek_slice *out)
{
    struct sek_ber e;
    if (!sek_ber_next(r, &e))
        return false;
    *out = keep(pool, m, sek_ber_bytes(&e.body));
    return true;
}

static bool number(struct sek_reader *r, int64_t *out)
{
    struct sek_ber e;
    return sek_ber_next(r, &e) && sek_ber_number(e.body, out);
}

static bool boolean(struct sek_reader *r, bool *out)
{
    struct sek_ber e;
    if (!sek_ber_next(r, &e) || e.body.len != 1)
        return false;
    *out = e.body.data[0];
    return true;
}

static void value_add(struct sek_pool *pool, struct ldap_message *m, struct ldap_attribute *a,
                      struct sek_bytes name, struct sek_bytes value)
{
    struct ldap_value v = {.at = m->text.len + name.len + 1};
    if (ldap_values(m) >= m->room || v.at + value.len > TEXT_MAX)
        return;
    v.pair = sek_slice_keep(pool, &m->text, name);
    sek_buffer_add(pool, &m->text, "=", 1, 0);
    sek_buffer_add(pool, &m->text, value.data, value.len, 0);
    v.pair.len = name.len + 1 + value.len;
    if (v.pair.set && m->text.len == v.pair.at + v.pair.len) {
        sek_buffer_add(pool, &m->values, &v, sizeof v, 0);
        a->count++;
    }
}

/* A name, and the values of LIST (which may have none). */
static bool attribute_add(struct sek_pool *pool, struct ldap_message *m, struct sek_bytes name,
                          struct sek_reader list, uint8_t change)
{
    struct ldap_attribute a = {.name = keep(pool, m, name), .first = ldap_values(m),
                               .change = change};
    struct sek_ber e;
    while (sek_reader_left(&list)) {
        if (!sek_ber_next(&list, &e))
            return false;
        value_add(pool, m, &a, name, sek_ber_bytes(&e.body));
    }
    if (ldap_attributes(m) < m->room && a.name.set)
        sek_buffer_add(pool, &m->attributes, &a, sizeof a, 0);
    return true;
}

/* A sequence of a name and a set of values. */
static bool attribute(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r,
                      uint8_t change)
{
    struct sek_ber one, name, values;
    return sek_ber_next(r, &one) && sek_ber_next(&one.body, &name) &&
           sek_ber_next(&one.body, &values) &&
           attribute_add(pool, m, sek_ber_bytes(&name.body), values.body, change);
}

static bool attribute_list(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    struct sek_ber list;
    if (!sek_ber_next(r, &list))
        return false;
    while (sek_reader_left(&list.body))
        if (!attribute(pool, m, &list.body, 0))
            return false;
    return true;
}

static bool read_bind(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    struct sek_ber e;
    if (!number(r, &m->number[0]) || !text(pool, m, r, &m->dn))
        return false;
    if (!sek_ber_next(r, &e))
        return false;
    if (e.tag != SEK_BER_CONTEXT(3)) /* simple: a password, which is not kept */
        return true;
    return text(pool, m, &e.body, &m->name) &&
           (!sek_reader_left(&e.body) || text(pool, m, &e.body, &m->value));
}

static bool read_search(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    struct sek_ber filter, list, name;
    if (!text(pool, m, r, &m->dn))
        return false;
    for (int i = 0; i < 4; i++)
        if (!number(r, &m->number[i]))
            return false;
    if (!boolean(r, &m->flag) || !sek_ber_next(r, &filter) || !sek_ber_next(r, &list))
        return false;
    while (sek_reader_left(&list.body)) {
        if (!sek_ber_next(&list.body, &name) ||
            !attribute_add(pool, m, sek_ber_bytes(&name.body), (struct sek_reader){0}, 0))
            return false;
    }
    return true;
}

static bool read_modify(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    struct sek_ber list, change;
    int64_t kind;
    if (!text(pool, m, r, &m->dn) || !sek_ber_next(r, &list))
        return false;
    while (sek_reader_left(&list.body)) {
        if (!sek_ber_next(&list.body, &change) || !number(&change.body, &kind) ||
            !attribute(pool, m, &change.body, (uint8_t)kind))
            return false;
    }
    return true;
}

static bool read_compare(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    struct sek_ber assertion, name;
    return text(pool, m, r, &m->dn) && sek_ber_next(r, &assertion) &&
           sek_ber_next(&assertion.body, &name) &&
           attribute_add(pool, m, sek_ber_bytes(&name.body), assertion.body, 0);
}

static bool read_rename(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    return text(pool, m, r, &m->dn) && text(pool, m, r, &m->name) && boolean(r, &m->flag) &&
           (!sek_reader_left(r) || text(pool, m, r, &m->value));
}

/* Optional fields of extended operations by their tags. */
static bool read_extended(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r,
                          uint8_t name, uint8_t value)
{
    struct sek_ber e;
    while (sek_reader_left(r)) {
        if (!sek_ber_next(r, &e))
            return false;
        if (e.tag == name)
            m->name = keep(pool, m, sek_ber_bytes(&e.body));
        else if (e.tag == value)
            m->value = keep(pool, m, sek_ber_bytes(&e.body));
    }
    return true;
}

static bool read_result(struct sek_pool *pool, struct ldap_message *m, struct sek_reader *r)
{
    m->has_result = number(r, &m->result);
    return m->has_result && text(pool, m, r, &m->dn) && text(pool, m, r, &m->message);
}

bool ldap_message_read(struct sek_pool *pool, struct ldap_message *m, struct sek_reader body,
                       uint32_t room)
{
    struct sek_reader *r = &body;
    m->room = room;
    switch (m->operation) {
    case LDAP_BIND_REQUEST:
        return read_bind(pool, m, r);
    case LDAP_SEARCH_REQUEST:
        return read_search(pool, m, r);
    case LDAP_SEARCH_ENTRY:
    case LDAP_ADD_REQUEST:
        return text(pool, m, r, &m->dn) && attribute_list(pool, m, r);
    case LDAP_MODIFY_REQUEST:
        return read_modify(pool, m, r);
    case LDAP_DEL_REQUEST: /* the name is all of it */
        m->dn = keep(pool, m, sek_ber_bytes(r));
        return true;
    case LDAP_MOD_DN_REQUEST:
        return read_rename(pool, m, r);
    case LDAP_COMPARE_REQUEST:
        return read_compare(pool, m, r);
    case LDAP_EXTENDED_REQUEST:
    case LDAP_INTERMEDIATE:
        return read_extended(pool, m, r, 0x80, 0x81);
    case LDAP_BIND_RESPONSE:
    case LDAP_SEARCH_DONE:
    case LDAP_MODIFY_RESPONSE:
    case LDAP_ADD_RESPONSE:
    case LDAP_DEL_RESPONSE:
    case LDAP_MOD_DN_RESPONSE:
    case LDAP_COMPARE_RESPONSE:
        return read_result(pool, m, r);
    case LDAP_EXTENDED_RESPONSE:
        return read_result(pool, m, r) && read_extended(pool, m, r, 0x8a, 0x8b);
    default:
        return true;
    }
}

void ldap_message_free(struct sek_pool *pool, struct ldap_message *m)
{
    if (!m)
        return;
    sek_buffer_free(pool, &m->text);
    sek_buffer_free(pool, &m->attributes);
    sek_buffer_free(pool, &m->values);
    sek_pool_put(pool, m, sizeof *m);
}
