/* The central directory is read first; of the entries only those with metadata are unpacked, and
 * never more than their limits. */
#include "agent/inventory/jar.h"
#include "lib/base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define TAIL          (65535u + 22) /* where the end record may be */
#define DIRECTORY_MAX (16u << 20)
#define METADATA_MAX  (256u << 10)
#define END_RECORD    0x06054b50u
#define CENTRAL_ENTRY 0x02014b50u
#define LOCAL_ENTRY   0x04034b50u
#define TEXT          160

struct entry {
    struct sek_bytes name;
    uint16_t method;
    uint32_t packed, size, local;
};

struct jar {
    const struct sek_view *view;
    const char *file, *inner; /* names; INNER is NULL at the top */
    unsigned depth;           /* archives around this one */
    uint64_t start;           /* of the archive: a script that starts it may lie before it */
    void (*found)(void *arg, const struct sek_jar_item *item);
    void *arg;
    uint64_t *budget; /* bytes that may still be unpacked, of the whole file */
    unsigned poms;
    char title[TEXT], group[TEXT], version[TEXT];
};

static uint8_t *load(const struct sek_view *view, uint64_t offset, size_t len)
{
    uint8_t *data = malloc(len + 1);
    if (data && !sek_view_read(view, offset, data, len)) {
        free(data);
        return NULL;
    }
    return data;
}

/* The central directory; *LEN gets its size. It lies just before the end record: when that is
 * further on than the record says, all offsets count from the archive's start. */
static uint8_t *load_directory(struct jar *jar, uint32_t *len)
{
    const struct sek_view *view = jar->view;
    size_t tail = view->size < TAIL ? (size_t)view->size : TAIL;
    uint8_t *data = tail >= 22 ? load(view, view->size - tail, tail) : NULL, *directory = NULL;
    for (size_t at = data ? tail - 22 + 1 : 0; at-- > 0;) {
        struct sek_reader r = sek_reader_make(data + at, (uint32_t)(tail - at));
        if (sek_reader_u32le(&r) != END_RECORD)
            continue;
        sek_reader_skip(&r, 8);
        *len = sek_reader_u32le(&r);
        uint32_t offset = sek_reader_u32le(&r);
        uint64_t record = view->size - tail + at;
        if (!r.failed && *len && *len <= DIRECTORY_MAX && (uint64_t)offset + *len <= record) {
            jar->start = record - *len - offset;
            directory = load(view, record - *len, *len);
            break;
        }
    }
    free(data);
    return directory;
}

static bool next_entry(struct sek_reader *r, struct entry *e)
{
    if (sek_reader_left(r) < 46 || sek_reader_u32le(r) != CENTRAL_ENTRY)
        return false;
    sek_reader_skip(r, 6);
    e->method = sek_reader_u16le(r);
    sek_reader_skip(r, 8);
    e->packed = sek_reader_u32le(r);
    e->size = sek_reader_u32le(r);
    uint16_t name = sek_reader_u16le(r), extra = sek_reader_u16le(r), comment = sek_reader_u16le(r);
    sek_reader_skip(r, 8);
    e->local = sek_reader_u32le(r);
    e->name = sek_reader_bytes(r, name);
    sek_reader_skip(r, (uint32_t)extra + comment);
    return !r->failed;
}

/* IN inflated to exactly SIZE bytes. */
static uint8_t *inflate_bytes(uint8_t *in, uint32_t len, uint32_t size)
{
    z_stream z = {.next_in = in, .avail_in = len};
    uint8_t *out = malloc((size_t)size + 1);
    if (!out || inflateInit2(&z, -MAX_WBITS)) {
        free(out);
        return NULL;
    }
    z.next_out = out;
    z.avail_out = size;
    int rc = inflate(&z, Z_FINISH);
    bool good = rc == Z_STREAM_END && !z.avail_out;
    inflateEnd(&z);
    if (!good) {
        free(out);
        return NULL;
    }
    return out;
}

/* The entry's bytes, E->SIZE of them with a NUL behind; NULL when it is larger than LIMIT, damaged
 * or of another method than "stored" and "deflated". */
static uint8_t *unpack(const struct jar *jar, const struct entry *e, uint32_t limit)
{
    uint8_t head[30], *packed, *out = NULL;
    if (!e->size || e->size > limit || e->packed > limit || e->size > *jar->budget ||
        !sek_view_read(jar->view, jar->start + e->local, head, sizeof head))
        return NULL;
    struct sek_reader r = sek_reader_make(head, sizeof head);
    if (sek_reader_u32le(&r) != LOCAL_ENTRY)
        return NULL;
    sek_reader_skip(&r, 22);
    uint64_t at = jar->start + e->local + sizeof head + sek_reader_u16le(&r);
    at += sek_reader_u16le(&r);
    *jar->budget -= e->size;
    packed = load(jar->view, at, e->packed);
    if (packed && e->method == 8) {
        out = inflate_bytes(packed, e->packed, e->size);
    } else if (packed && e->method == 0 && e->packed == e->size) {
        out = packed;
        packed = NULL;
    }
    free(packed);
    if (out)
        out[e->size] = '\0';
    return out;
}

/* "KEY=value" (properties) or "KEY: value" (manifest) at the start of a line. */
static bool property(const char *text, const char *key, char mark, char *out)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += line != text;
        if (strncmp(line, key, len) || line[len] != mark)
            continue;
        const char *value = line + len + 1;
        value += strspn(value, " \t");
        size_t n = strcspn(value, "\r\n; ");
        return n && (size_t)snprintf(out, TEXT, "%.*s", (int)(n < TEXT ? n : TEXT), value) < TEXT;
    }
    return false;
}

static void tell(struct jar *jar, const char *group, const char *artifact, const char *version)
{
    char name[2 * TEXT + 2];
    struct sek_jar_item item = {*group ? "Maven" : "generic", name, version, jar->inner};
    snprintf(name, sizeof name, "%s%s%s", group, *group ? ":" : "", artifact);
    jar->found(jar->arg, &item);
}

static void read_pom(struct jar *jar, const char *text)
{
    char group[TEXT], artifact[TEXT], version[TEXT];
    if (property(text, "groupId", '=', group) && property(text, "artifactId", '=', artifact) &&
        property(text, "version", '=', version)) {
        tell(jar, group, artifact, version);
        jar->poms++;
    }
}

static void read_manifest(struct jar *jar, const char *text)
{
    static const char *const versions[] = {"Implementation-Version", "Bundle-Version",
                                           "Specification-Version"};
    for (size_t i = 0; i < 3 && !property(text, versions[i], ':', jar->version); i++)
        jar->version[0] = '\0';
    if (!property(text, "Implementation-Vendor-Id", ':', jar->group))
        jar->group[0] = '\0';
    if (!property(text, "Implementation-Title", ':', jar->title))
        jar->title[0] = '\0';
}

/* Without a pom: the name before the version in "artifact-1.2.3.jar". */
static void read_file_name(struct jar *jar)
{
    char artifact[TEXT], version[TEXT] = "";
    const char *name = strrchr(jar->file, '/');
    snprintf(artifact, sizeof artifact, "%s", name ? name + 1 : jar->file);
    char *dot = strrchr(artifact, '.');
    if (dot)
        *dot = '\0';
    for (char *dash = strchr(artifact, '-'); dash; dash = strchr(dash + 1, '-')) {
        if (dash[1] >= '0' && dash[1] <= '9') {
            snprintf(version, sizeof version, "%s", dash + 1);
            *dash = '\0';
            break;
        }
    }
    if (!*version)
        snprintf(version, sizeof version, "%s", jar->version);
    if (*version && *artifact)
        tell(jar, jar->group, artifact, version);
}

static bool ends(struct sek_bytes name, const char *tail)
{
    size_t len = strlen(tail);
    return name.len >= len && !memcmp(name.data + name.len - len, tail, len);
}

static bool starts(struct sek_bytes name, const char *head)
{
    size_t len = strlen(head);
    return name.len >= len && !memcmp(name.data, head, len);
}

bool sek_jar_name(const void *name, size_t len)
{
    static const char *const tails[] = {".jar", ".war", ".ear", ".rar", ".sar", ".par", ".hpi"};
    for (size_t i = 0; len > 4 && i < sizeof tails / sizeof tails[0]; i++)
        if (!strncasecmp((const char *)name + len - 4, tails[i], 4))
            return true;
    return false;
}

static bool read_archive(struct jar *jar);

static void read_inner(struct jar *jar, const struct entry *e)
{
    char name[256];
    uint8_t *data = unpack(jar, e, SEK_JAR_INNER);
    if (!data)
        return;
    struct sek_view view = {.data = data, .size = e->size};
    struct jar inner = {.view = &view,
                        .file = name,
                        .inner = name,
                        .depth = jar->depth + 1,
                        .budget = jar->budget,
                        .found = jar->found,
                        .arg = jar->arg};
    snprintf(name, sizeof name, "%.*s", (int)(e->name.len < 250 ? e->name.len : 250), e->name.data);
    read_archive(&inner);
    free(data);
}

static void read_entry(struct jar *jar, const struct entry *e)
{
    bool pom = starts(e->name, "META-INF/maven/") && ends(e->name, "/pom.properties");
    bool manifest = e->name.len == 20 && starts(e->name, "META-INF/MANIFEST.MF");
    if (pom || manifest) {
        char *text = (char *)unpack(jar, e, METADATA_MAX);
        if (text && pom)
            read_pom(jar, text);
        else if (text)
            read_manifest(jar, text);
        free(text);
    } else if (jar->depth < SEK_JAR_DEPTH && sek_jar_name(e->name.data, e->name.len)) {
        read_inner(jar, e);
    }
}

static bool read_archive(struct jar *jar)
{
    uint32_t len;
    struct entry e;
    uint8_t *directory = load_directory(jar, &len);
    if (!directory)
        return false;
    struct sek_reader r = sek_reader_make(directory, len);
    bool any = false;
    for (unsigned i = 0; i < SEK_JAR_ENTRIES && next_entry(&r, &e); i++) {
        any = true;
        read_entry(jar, &e);
    }
    if (any && !jar->poms)
        read_file_name(jar);
    free(directory);
    return any;
}

bool sek_jar_read(const struct sek_view *view, const char *name,
                  void (*found)(void *arg, const struct sek_jar_item *item), void *arg)
{
    uint64_t budget = SEK_JAR_TOTAL;
    struct jar jar = {.view = view, .file = name, .budget = &budget, .found = found, .arg = arg};
    return read_archive(&jar);
}
