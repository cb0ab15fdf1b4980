#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/purl.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static void write_serial(struct sek_text *out)
{
    uint8_t b[16];
    char text[64];
    if (getrandom(b, sizeof b, 0) != sizeof b)
        memset(b, 0, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(text, sizeof text,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    sek_json_str(out, "serialNumber", text);
}

static void write_metadata(const struct sek_os *os, const struct sek_product *product,
                           struct sek_text *out)
{
    char when[40];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    sek_json_open(out, "metadata", '{');
    sek_json_str(out, "timestamp", when);
    sek_json_open(out, "tools", '{');
    sek_json_open(out, "components", '[');
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "type", "application");
    sek_json_str(out, "name", "sekisho-agent");
    sek_json_str(out, "version", SEK_VERSION);
    sek_json_close(out, '}');
    sek_json_close(out, ']');
    sek_json_close(out, '}');
    bool device = *product->model;
    const char *cpe = device ? product->cpe : os->cpe;
    sek_json_open(out, "component", '{');
    sek_json_str(out, "type", device ? "device" : "operating-system");
    sek_json_str(out, "bom-ref", "device");
    if (device && *product->vendor) {
        sek_json_open(out, "supplier", '{');
        sek_json_str(out, "name", product->vendor);
        sek_json_close(out, '}');
    }
    sek_json_str(out, "name", device ? product->model : *os->id ? os->id : "unknown");
    const char *version = device ? product->firmware : os->version_id;
    if (*version)
        sek_json_str(out, "version", version);
    if (*cpe)
        sek_json_str(out, "cpe", cpe);
    sek_json_close(out, '}');
    sek_json_close(out, '}');
}

/* Maven's group and npm's scope have a member of their own. */
static void write_name(const struct sek_item *item, struct sek_text *out)
{
    bool maven = !strcmp(item->ecosystem, "Maven");
    bool scoped = !strcmp(item->ecosystem, "npm") && item->name[0] == '@';
    const char *split = maven ? strchr(item->name, ':') : scoped ? strchr(item->name, '/') : NULL;
    if (split)
        sek_json_bytes(out, "group", item->name, (size_t)(split - item->name));
    sek_json_str(out, "name", split ? split + 1 : item->name);
    sek_json_str(out, "version", item->version);
}

static void write_property(const char *name, const char *value, struct sek_text *out)
{
    char key[64];
    if (!value || !*value)
        return;
    snprintf(key, sizeof key, "sekisho:%s", name);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "name", key);
    sek_json_str(out, "value", value);
    sek_json_close(out, '}');
}

static void write_component(const struct sek_item *item, const struct sek_os *os, size_t index,
                            struct sek_text *out)
{
    char purl[SEK_PURL_MAX], ref[32];
    bool kernel = item->cpe && !strncmp(item->cpe, "cpe:2.3:o:", 10);
    sek_purl_make(item, os, purl);
    snprintf(ref, sizeof ref, "c%zu", index + 1);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "type", kernel ? "operating-system" : "library");
    sek_json_str(out, "bom-ref", ref);
    write_name(item, out);
    if (item->cpe)
        sek_json_str(out, "cpe", item->cpe);
    sek_json_str(out, "purl", purl);
    sek_json_open(out, "properties", '[');
    write_property("ecosystem", item->ecosystem, out);
    write_property("arch", item->arch, out);
    write_property("source", item->source, out);
    write_property("source_version", item->source_version, out);
    write_property("build_id", item->build_id, out);
    write_property("path", item->path, out);
    write_property("from", item->from, out);
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

void sek_cyclonedx_write(const struct sek_list *list, const struct sek_os *os,
                         const struct sek_product *product, struct sek_text *out)
{
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "bomFormat", "CycloneDX");
    sek_json_str(out, "specVersion", "1.5");
    write_serial(out);
    sek_json_uint(out, "version", 1);
    write_metadata(os, product, out);
    sek_json_open(out, "components", '[');
    for (size_t i = 0; i < list->count; i++)
        write_component(&list->items[i], os, i, out);
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}
