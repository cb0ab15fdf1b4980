/* An index over the protocols' tables, built on first use (programs do that before they start
 * workers, by loading rules). */
#include "lib/app/buffers.h"

#include <strings.h>

#define BUFFERS_MAX 1024
#define NUMBERS_MAX 512
#define TESTS_MAX   128

static struct {
    const char *name;
    const struct sek_buffer_def *in[SEK_APP_COUNT];
} index_table[BUFFERS_MAX];
static int index_count;

static struct {
    const char *name;
    sek_number_row in;
} numbers[NUMBERS_MAX];
static int number_count;

static struct {
    const char *name;
    sek_test_row in;
} tests[TESTS_MAX];
static int test_count;

/* Every name of every buffer, by use: an open hash, filled once. */
#define NAMES_SIZE 8192u
static struct {
    const char *name;
    int16_t id;
    uint8_t use;
} names[NAMES_SIZE];

static uint32_t name_hash(const char *name, enum sek_buffer_use use)
{
    uint32_t h = 2166136261u + (uint32_t)use;
    for (; *name; name++)
        h = (h ^ (uint8_t)(*name | 0x20)) * 16777619u;
    return h;
}

/* The place of NAME; where it is not there, the empty place that it would have. */
static uint32_t name_place(const char *name, enum sek_buffer_use use)
{
    uint32_t at = name_hash(name, use) % NAMES_SIZE;
    while (names[at].name && (names[at].use != use || strcasecmp(names[at].name, name)))
        at = (at + 1) % NAMES_SIZE;
    return at;
}

static void name_add(const char *name, enum sek_buffer_use use, int id)
{
    if (!name)
        return;
    uint32_t at = name_place(name, use);
    if (names[at].name)
        return; /* the first protocol that has it */
    names[at].name = name;
    names[at].id = (int16_t)id;
    names[at].use = (uint8_t)use;
}

static int index_of(const char *name)
{
    for (int i = 0; i < index_count; i++)
        if (!strcmp(index_table[i].name, name))
            return i;
    return -1;
}

static void number_add(enum sek_app app, const struct sek_number_def *d)
{
    int at = 0;
    while (at < number_count && strcasecmp(numbers[at].name, d->name))
        at++;
    if (at == number_count && at < NUMBERS_MAX)
        numbers[number_count++].name = d->name;
    if (at < NUMBERS_MAX)
        numbers[at].in[app] = d;
}

static void test_add(enum sek_app app, const struct sek_test_def *d)
{
    int at = 0;
    while (at < test_count && strcasecmp(tests[at].name, d->name))
        at++;
    if (at == test_count && at < TESTS_MAX)
        tests[test_count++].name = d->name;
    if (at < TESTS_MAX)
        tests[at].in[app] = d;
}

static void index_build(void)
{
    if (index_count)
        return;
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        const struct sek_app_ops *ops = sek_app_ops(app);
        for (const struct sek_buffer_def *d = ops ? ops->buffers : NULL; d && d->name; d++) {
            int at = index_of(d->name);
            if (at < 0 && index_count < BUFFERS_MAX) {
                at = index_count++;
                index_table[at].name = d->name;
            }
            if (at < 0)
                continue;
            index_table[at].in[app] = d;
            name_add(d->name, SEK_BUFFER_STICKY, at);
            name_add(d->alias, SEK_BUFFER_STICKY, at);
            name_add(d->modifier, SEK_BUFFER_MODIFIER, at);
        }
        for (const struct sek_number_def *d = ops ? ops->numbers : NULL; d && d->name; d++)
            number_add(app, d);
        for (const struct sek_test_def *d = ops ? ops->tests : NULL; d && d->name; d++)
            test_add(app, d);
    }
}

int sek_buffer_find(const char *name, enum sek_buffer_use use)
{
    index_build();
    uint32_t at = name_place(name, use);
    return names[at].name ? names[at].id : -1;
}

const char *sek_buffer_name(int id)
{
    return index_table[id].name;
}

const struct sek_buffer_def *sek_buffer_in(int id, enum sek_app app)
{
    return index_table[id].in[app];
}

uint64_t sek_buffer_apps(int id)
{
    uint64_t apps = 0;
    for (int app = 0; app < SEK_APP_COUNT; app++)
        if (index_table[id].in[app])
            apps |= SEK_APP_BIT(app);
    return apps;
}

bool sek_buffer_multi(int id)
{
    for (int app = 0; app < SEK_APP_COUNT; app++)
        if (index_table[id].in[app] && index_table[id].in[app]->multi)
            return true;
    return false;
}

const sek_number_row *sek_number_find(const char *name)
{
    index_build();
    for (int i = 0; i < number_count; i++)
        if (!strcasecmp(numbers[i].name, name))
            return &numbers[i].in;
    return NULL;
}

const sek_test_row *sek_test_find(const char *name)
{
    index_build();
    for (int i = 0; i < test_count; i++)
        if (!strcasecmp(tests[i].name, name))
            return &tests[i].in;
    return NULL;
}

int sek_app_event_find(const char *name, enum sek_app *app)
{
    char protocol[32];
    const char *dot = strchr(name, '.');
    if (!dot || (size_t)(dot - name) >= sizeof protocol)
        return -1;
    memcpy(protocol, name, (size_t)(dot - name));
    protocol[dot - name] = '\0';
    const struct sek_app_ops *ops = sek_app_find(protocol);
    for (const struct sek_app_event_name *e = ops ? ops->events : NULL; e && e->name; e++) {
        if (!strcmp(e->name, dot + 1)) {
            *app = ops->id;
            return e->bit;
        }
    }
    return -1;
}
