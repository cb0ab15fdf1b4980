/* objects: agent/worker/packets.c agent/worker/outgoing.c agent/worker/resolvers.c agent/worker/unsure.c agent/worker/indicators.c agent/worker/names.c agent/worker/glance.c agent/worker/glance_quic.c agent/worker/glance_dns.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Netlink messages from the queues, and the packets in them. */
#include "agent/worker/outgoing.h"
#include "agent/worker/packets.h"

#include <stdlib.h>
#include <string.h>

static struct sek_outgoing *outgoing;
static struct sek_indicators indicators;
static struct sek_names names;

static void one(void *arg, const struct sek_queued *q)
{
    static struct sek_outgoing_result result;
    (void)arg;
    if (q->data)
        sek_outgoing_packet(outgoing, &indicators, &names, q->data, q->len, true, 1, &result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char list[] = "[{\"type\":\"domain\",\"value\":\"evil.example\"},"
                               "{\"type\":\"url\",\"value\":\"http://a.example/x\"}]";
    static struct sek_outgoing_result result;
    if (!outgoing) {
        outgoing = sek_outgoing_new();
        sek_indicators_load(&indicators, list, sizeof list - 1, NULL);
    }
    if (!outgoing || size > 65536)
        return 0;
    sek_packets_parse(data, (uint32_t)size, one, NULL);
    sek_outgoing_packet(outgoing, &indicators, &names, data, (uint32_t)size, true, 1, &result);
    return 0;
}
