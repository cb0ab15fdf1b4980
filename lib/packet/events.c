/* Event names, looked up when rules are loaded. */
#include "lib/packet/events.h"

#include <string.h>

#define X(id, name) [SEK_DECODE_##id] = name,
static const char *const decode_names[] = {SEK_DECODE_EVENTS(X)};
#undef X
#define X(id, name) [SEK_STREAM_##id] = name,
static const char *const stream_names[] = {SEK_STREAM_EVENTS(X)};
#undef X

static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

int sek_decode_event_find(const char *name)
{
    return find(decode_names, SEK_DECODE_EVENT_COUNT, name);
}

int sek_stream_event_find(const char *name)
{
    return find(stream_names, SEK_STREAM_EVENT_COUNT, name);
}
