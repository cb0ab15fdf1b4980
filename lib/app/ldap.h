/* LDAP v3 (RFC 4511) over TCP and UDP: what the parser's files share. A request and its responses
 * are one transaction, found by message identifier. */
#ifndef SEK_APP_LDAP_H
#define SEK_APP_LDAP_H

#include "lib/app/ber.h"
#include "lib/app/kit.h"

#include <string.h>

#define LDAP_ATTRIBUTES_MAX 4096u /* of all responses to a request */

enum ldap_operation { LDAP_BIND_REQUEST, LDAP_BIND_RESPONSE, LDAP_UNBIND, LDAP_SEARCH_REQUEST,
                      LDAP_SEARCH_ENTRY, LDAP_SEARCH_DONE, LDAP_MODIFY_REQUEST,
                      LDAP_MODIFY_RESPONSE, LDAP_ADD_REQUEST, LDAP_ADD_RESPONSE, LDAP_DEL_REQUEST,
                      LDAP_DEL_RESPONSE, LDAP_MOD_DN_REQUEST, LDAP_MOD_DN_RESPONSE,
                      LDAP_COMPARE_REQUEST, LDAP_COMPARE_RESPONSE, LDAP_ABANDON,
                      LDAP_SEARCH_REFERENCE = 19, LDAP_EXTENDED_REQUEST = 23,
                      LDAP_EXTENDED_RESPONSE, LDAP_INTERMEDIATE };

/* Of a transaction; requests are complete at once. */
enum ldap_progress { LDAP_ANSWERING = 1, LDAP_ANSWERED };

enum ldap_event { LDAP_EVENT_TOO_MANY_TX, LDAP_EVENT_INVALID, LDAP_EVENT_NO_REQUEST,
                  LDAP_EVENT_TOO_MANY_RESPONSES };

/* An attribute of an entry: its name, and its values in the list of the message. */
struct ldap_attribute {
    struct sek_slice name;
    uint32_t first, count;
    uint8_t change; /* of a modification: add, delete, replace, increment */
};
/* One value, as "name=value"; its own bytes begin AT. */
struct ldap_value {
    struct sek_slice pair;
    uint32_t at;
};

struct ldap_message {
    uint8_t operation;
    int64_t id;
    struct sek_buffer text; /* holds the slices */
    bool has_result;
    int64_t result;
    struct sek_slice dn, message;
    struct sek_slice name, value; /* of extended operations; a new name; a bind's mechanism */
    int64_t number[4];            /* bind: version; search: scope, aliases, size, time */
    bool flag;                    /* search: types only; rename: delete the old one */
    struct sek_buffer attributes, values;
    uint32_t room; /* how many of them are kept */
};

struct ldap_tx {
    struct sek_tx base;
    struct ldap_message *request;
    struct sek_buffer list; /* struct ldap_message *: responses */
    uint32_t listed;        /* attributes and values of them */
    int64_t id;
};

static inline uint32_t ldap_responses(const struct ldap_tx *tx)
{
    return (uint32_t)(tx->list.len / sizeof(struct ldap_message *));
}
static inline struct ldap_message *ldap_response_at(const struct ldap_tx *tx, uint32_t i)
{
    struct ldap_message *m = NULL;
    if (i < ldap_responses(tx))
        memcpy(&m, tx->list.data + i * sizeof m, sizeof m);
    return m;
}

/* ldap_message.c: an operation's content, of which at most ROOM attributes and as many values are kept;
 * false when it is malformed. */
bool ldap_message_read(struct sek_pool *pool, struct ldap_message *m, struct sek_reader body,
                       uint32_t room);
void ldap_message_free(struct sek_pool *pool, struct ldap_message *m);
struct ldap_attribute ldap_attribute_at(const struct ldap_message *m, uint32_t i);
struct ldap_value ldap_value_at(const struct ldap_message *m, uint32_t i);
static inline uint32_t ldap_attributes(const struct ldap_message *m)
{
    return (uint32_t)(m->attributes.len / sizeof(struct ldap_attribute));
}
static inline uint32_t ldap_values(const struct ldap_message *m)
{
    return (uint32_t)(m->values.len / sizeof(struct ldap_value));
}

/* ldap_rules.c */
extern const struct sek_buffer_def ldap_buffers[];
extern const struct sek_number_def ldap_numbers[];
void ldap_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
