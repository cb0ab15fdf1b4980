/* libmagic allocates and takes its time, so descriptions are kept: a small table by hash of the content's
 * beginning, which is all that is shown to libmagic. */
#include "lib/app/file_magic.h"
#include "lib/base/library.h"

#include <dlfcn.h>
#include <magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LOOK_AT   (64u * 1024u) /* bytes shown to libmagic */
#define ENOUGH    512u          /* bytes of a growing file that tell what it is */
#define REMEMBER  64u
#define TEXT_SIZE 256u

/* Unpacking is not libmagic's business here, and details of ELF files are not worth parsing them. */
#define FLAGS (MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF | MAGIC_RAW)

static struct {
    pthread_once_t once;
    magic_t cookie;
    const char *(*buffer)(magic_t cookie, const void *data, size_t len);
    char why[128];
    atomic_bool needed;
} lib = {.once = PTHREAD_ONCE_INIT};

static struct {
    uint64_t hash;
    uint32_t len;
    char text[TEXT_SIZE];
} known[REMEMBER];

static void open_once(void)
{
    struct sek_fault fault;
    void *so = sek_library_open("libmagic.so.1", "libmagic1", &fault);
    magic_t (*make)(int flags) = so ? (magic_t(*)(int))dlsym(so, "magic_open") : NULL;
    int (*load)(magic_t cookie, const char *file) =
        so ? (int (*)(magic_t, const char *))dlsym(so, "magic_load") : NULL;
    lib.buffer = so ? (const char *(*)(magic_t, const void *, size_t))dlsym(so, "magic_buffer") : NULL;
    lib.cookie = make && load && lib.buffer ? make(FLAGS) : NULL;
    if (lib.cookie && !load(lib.cookie, NULL))
        return;
    lib.cookie = NULL;
    snprintf(lib.why, sizeof lib.why, "%.120s", so ? "libmagic cannot load its database (libmagic-mgc)"
                                               : fault.message);
}

enum sek_error sek_file_magic_open(struct sek_fault *fault)
{
    pthread_once(&lib.once, open_once);
    return lib.cookie ? SEK_OK : sek_fail(fault, SEK_EUNSUPPORTED, "%s", lib.why);
}

enum sek_error sek_file_magic_need(struct sek_fault *fault)
{
    enum sek_error rc = sek_file_magic_open(fault);
    lib.needed = lib.needed || !rc;
    return rc;
}

/* FNV-1a */
static uint64_t hash_of(const uint8_t *p, uint32_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

const char *sek_file_magic(const struct sek_file *f)
{
    const struct sek_buffer *c = f->content;
    if (!lib.needed || !c || !c->len || (!f->closed && c->len < ENOUGH))
        return NULL;
    uint32_t len = c->len < LOOK_AT ? c->len : LOOK_AT;
    uint64_t hash = hash_of(c->data, len);
    unsigned slot = (unsigned)(hash % REMEMBER);
    if (known[slot].hash != hash || known[slot].len != len) {
        const char *text = lib.buffer(lib.cookie, c->data, len);
        if (!text)
            return NULL;
        known[slot].hash = hash;
        known[slot].len = len;
        snprintf(known[slot].text, sizeof known[slot].text, "%s", text);
    }
    return known[slot].text;
}
