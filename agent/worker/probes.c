/* A fixed table: when it is full, the oldest window is given up. */
#include "agent/worker/probes.h"

#include <string.h>

static struct sek_prober *prober_of(struct sek_probes *p, const uint8_t address[16],
                                    uint64_t now_us)
{
    struct sek_prober *oldest = &p->table[0];
    for (int i = 0; i < SEK_PROBERS; i++) {
        struct sek_prober *one = &p->table[i];
        if (one->begun_us && !memcmp(one->address, address, 16)) {
            if (now_us - one->begun_us <= p->window_us)
                return one;
            oldest = one;
            break;
        }
        if (one->begun_us < oldest->begun_us)
            oldest = one;
    }
    *oldest = (struct sek_prober){.begun_us = now_us ? now_us : 1};
    memcpy(oldest->address, address, 16);
    return oldest;
}

static void note_port(struct sek_prober *one, uint16_t port)
{
    for (int i = 0; i < one->port_count; i++) {
        if (one->ports[i] == port)
            return;
    }
    if (one->port_count < SEK_PROBE_PORTS)
        one->ports[one->port_count++] = port;
}

const struct sek_prober *sek_probes_note(struct sek_probes *p, const uint8_t address[16],
                                         uint16_t port, uint64_t now_us)
{
    struct sek_prober *one = prober_of(p, address, now_us);
    if (port) {
        one->attempts++;
        note_port(one, port);
    } else {
        one->exploits++;
    }
    /* Many attempts at one closed port are a misguided client; many ports are a scan. */
    uint32_t score = one->port_count + one->exploits;
    if (!p->threshold || one->judged || score < p->threshold)
        return NULL;
    one->judged = true;
    return one;
}
