/* Differences between two inventories, by component key. */
#include "lib/wire/inventory.h"

#include "lib/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void sek_inventory_load(struct sek_inventory *inv, const char *state)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/inventory.json", state);
    if (sek_file_read(path, 64u << 20, &text, &len, NULL))
        return;
    json_t *doc = json_loadb(text, len, 0, NULL);
    free(text);
    const char *digest = member(doc, "digest");
    if (json_is_object(json_object_get(doc, "known")) && strlen(digest) < sizeof inv->digest) {
        inv->known = json_incref(json_object_get(doc, "known"));
        snprintf(inv->digest, sizeof inv->digest, "%s", digest);
    }
    json_decref(doc);
}

void sek_inventory_clear(struct sek_inventory *inv)
{
    json_decref(inv->wanted);
    json_decref(inv->sending);
    json_decref(inv->known);
    *inv = (struct sek_inventory){0};
}

enum sek_error sek_inventory_set(struct sek_inventory *inv, json_t *inventory,
                                 struct sek_fault *fault)
{
    if (!json_is_array(json_object_get(inventory, "components")))
        return sek_fail(fault, SEK_EINVAL, "inventory: an object with \"components\" is expected");
    /* The same as before is kept once. */
    json_t *same = json_equal(inventory, inv->known) ? inv->known : inventory;
    json_incref(same);
    json_decref(inv->wanted);
    inv->wanted = same;
    return SEK_OK;
}

bool sek_inventory_pending(const struct sek_inventory *inv)
{
    return inv->wanted && !json_equal(inv->wanted, inv->known);
}

json_t *sek_inventory_message(struct sek_inventory *inv)
{
    json_t *add = json_array(), *remove = json_array(), *old, *now, *item;
    const char *key;
    json_decref(inv->sending);
    inv->sending = json_incref(inv->wanted);
    if (!inv->known || !inv->digest[0]) {
        json_decref(add);
        json_decref(remove);
        return json_pack("{s:s, s:O}", "type", "full", "inventory", inv->wanted);
    }
    old = by_key(inv->known);
    now = by_key(inv->wanted);
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
    json_t *message = json_pack("{s:s, s:s, s:o, s:o}", "type", "difference", "base", inv->digest,
                                "add", add, "remove", remove);
    static const char *const whole[] = {"os", "product", "services", "posture", "notes"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        json_t *value = json_object_get(inv->wanted, whole[i]);
        json_t *before = json_object_get(inv->known, whole[i]);
        if (before && !value)
            json_object_set_new(message, whole[i], json_null());
        else if (value && !json_equal(value, before))
            json_object_set(message, whole[i], value);
    }
    return message;
}

void sek_inventory_sent(struct sek_inventory *inv, const char *state, const char *body, size_t len)
{
    char path[PATH_MAX];
    json_t *answer = json_loadb(body, len, 0, NULL);
    const char *digest = member(answer, "digest");
    json_decref(inv->known);
    inv->known = inv->sending;
    inv->sending = NULL;
    inv->digest[0] = '\0';
    if (strlen(digest) < sizeof inv->digest)
        snprintf(inv->digest, sizeof inv->digest, "%s", digest);
    json_t *doc = json_pack("{s:s, s:O}", "digest", inv->digest, "known", inv->known);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    snprintf(path, sizeof path, "%s/inventory.json", state);
    if (text)
        sek_file_replace(path, text, strlen(text), 0600, NULL);
    free(text);
    json_decref(doc);
    json_decref(answer);
}

void sek_inventory_forget(struct sek_inventory *inv)
{
    inv->digest[0] = '\0';
    json_decref(inv->known);
    inv->known = NULL;
}

void sek_inventory_give_up(struct sek_inventory *inv)
{
    json_decref(inv->known);
    inv->known = json_incref(inv->wanted);
    inv->digest[0] = '\0';
}
