/* Differences between two inventories, by component key. */
#include "lib/wire/inventory.h"

#include "lib/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void sek_component_key(const json_t *component, char out[1024])
{
    snprintf(out, 1024, "%s\n%s\n%s\n%s", member(component, "ecosystem"), member(component, "name"),
             member(component, "arch"), member(component, "version"));
}

/* key -> component (borrowed), a new reference. */
static json_t *by_key(const json_t *inventory)
{
    json_t *map = json_object(), *item;
    size_t i;
    char key[1024];
    json_array_foreach(json_object_get(inventory, "components"), i, item)
    {
        sek_component_key(item, key);
        json_object_set(map, key, item);
    }
    return map;
}

enum sek_error sek_inventory_open(struct sek_inventory *inv, const char *state,
                                  struct sek_fault *fault)
{
    *inv = (struct sek_inventory){0};
    return asprintf(&inv->path, "%s/inventory.json", state) < 0
               ? sek_fail(fault, SEK_ENOMEM, "inventory: out of memory")
               : SEK_OK;
}

void sek_inventory_clear(struct sek_inventory *inv)
{
    json_decref(inv->wanted);
    json_decref(inv->sending);
    free(inv->path);
    *inv = (struct sek_inventory){0};
}

/* {"digest": the manager's name for it, "known": what the manager acknowledged}, a new reference;
 * NULL when it knows nothing that differences could be told from. */
static json_t *acknowledged(const struct sek_inventory *inv)
{
    char *text = NULL;
    size_t len = 0;
    if (sek_file_read(inv->path, 64u << 20, &text, &len, NULL))
        return NULL;
    json_t *doc = json_loadb(text, len, 0, NULL);
    free(text);
    if (member(doc, "digest")[0] && json_is_object(json_object_get(doc, "known")))
        return doc;
    json_decref(doc);
    return NULL;
}

enum sek_error sek_inventory_set(struct sek_inventory *inv, json_t *inventory,
                                 struct sek_fault *fault)
{
    if (!json_is_array(json_object_get(inventory, "components")))
        return sek_fail(fault, SEK_EINVAL, "inventory: an object with \"components\" is expected");
    json_t *last = acknowledged(inv);
    json_decref(inv->wanted);
    /* While a message is under way, what the manager will know is not yet known. */
    inv->wanted = inv->sending || !json_equal(inventory, json_object_get(last, "known"))
                      ? json_incref(inventory)
                      : NULL;
    json_decref(last);
    return SEK_OK;
}

bool sek_inventory_pending(const struct sek_inventory *inv)
{
    return inv->wanted != NULL;
}

static json_t *difference(const json_t *known, const json_t *wanted, const char *base)
{
    json_t *add = json_array(), *remove = json_array(), *item;
    json_t *old = by_key(known), *now = by_key(wanted);
    const char *key;
    json_object_foreach(now, key, item)
    {
        if (!json_equal(item, json_object_get(old, key)))
            json_array_append(add, item);
    }
    json_object_foreach(old, key, item)
    {
        if (!json_object_get(now, key))
            json_array_append_new(
                remove, json_pack("{s:s, s:s, s:s, s:s}", "ecosystem", member(item, "ecosystem"),
                                  "name", member(item, "name"), "arch", member(item, "arch"),
                                  "version", member(item, "version")));
    }
    json_decref(old);
    json_decref(now);
    json_t *message = json_pack("{s:s, s:s, s:o, s:o}", "type", "difference", "base", base, "add",
                                add, "remove", remove);
    static const char *const whole[] = {"os", "product", "services", "posture", "notes"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        json_t *value = json_object_get(wanted, whole[i]);
        json_t *before = json_object_get(known, whole[i]);
        if (before && !value)
            json_object_set_new(message, whole[i], json_null());
        else if (value && !json_equal(value, before))
            json_object_set(message, whole[i], value);
    }
    return message;
}

json_t *sek_inventory_message(struct sek_inventory *inv)
{
    json_t *last = acknowledged(inv);
    json_decref(inv->sending);
    inv->sending = json_incref(inv->wanted);
    json_t *message = last ? difference(json_object_get(last, "known"), inv->wanted,
                                        member(last, "digest"))
                           : json_pack("{s:s, s:O}", "type", "full", "inventory", inv->wanted);
    json_decref(last);
    return message;
}

/* What was under way is settled; what the caller gave meanwhile is still wanted. */
static void settled(struct sek_inventory *inv)
{
    if (json_equal(inv->wanted, inv->sending)) {
        json_decref(inv->wanted);
        inv->wanted = NULL;
    }
    json_decref(inv->sending);
    inv->sending = NULL;
}

void sek_inventory_sent(struct sek_inventory *inv, const char *body, size_t len)
{
    json_t *answer = json_loadb(body, len, 0, NULL);
    json_t *doc = json_pack("{s:s, s:O}", "digest", member(answer, "digest"), "known", inv->sending);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    /* Without the file all is told again next time; with an old one the next differences are wrong. */
    if (!text || sek_file_replace(inv->path, text, strlen(text), 0600, NULL))
        sek_inventory_forget(inv);
    free(text);
    json_decref(doc);
    json_decref(answer);
    settled(inv);
}

void sek_inventory_forget(struct sek_inventory *inv)
{
    unlink(inv->path);
}

void sek_inventory_give_up(struct sek_inventory *inv)
{
    sek_inventory_forget(inv);
    settled(inv);
}
