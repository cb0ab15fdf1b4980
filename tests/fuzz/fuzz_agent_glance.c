/* objects: agent/worker/glance.c agent/worker/glance_quic.c agent/worker/glance_dns.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* TLS, QUIC, HTTP and DNS glances: no input makes them read past its end. */
#include "agent/worker/glance.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_glance_dns dns;
    struct sek_glance_http http;
    static struct sek_quic_stream stream;
    char name[SEK_NAME_SIZE];
    bool ech;
    uint8_t answer[512];
    if (size > 65536)
        return 0;
    sek_glance_tls(data, (uint32_t)size, name, &ech);
    stream = (struct sek_quic_stream){0};
    sek_glance_quic(&stream, data, (uint32_t)size, name, &ech);
    sek_glance_quic_frames(&stream, data, (uint32_t)size);
    sek_glance_hello(stream.data, stream.whole, name, &ech);
    sek_glance_http(data, (uint32_t)size, &http);
    if (sek_glance_dns(data, (uint32_t)size, &dns) == SEK_GLANCE_FOUND)
        sek_glance_refuse(data, &dns, answer, sizeof answer);
    return 0;
}
