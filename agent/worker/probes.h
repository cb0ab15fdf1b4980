/* Attackers are found by what they repeat: refused connection attempts to different ports, and
 * blocked exploits. Each address has a score within a sliding window. */
#ifndef SEK_AGENT_PROBES_H
#define SEK_AGENT_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#define SEK_PROBERS     256
#define SEK_PROBE_PORTS 16 /* different ports that are told apart */

struct sek_prober {
    uint8_t address[16];
    uint64_t begun_us; /* of the window; 0: free */
    uint32_t attempts, exploits;
    uint16_t ports[SEK_PROBE_PORTS];
    uint8_t port_count;
    bool judged;
};

struct sek_probes {
    struct sek_prober table[SEK_PROBERS];
    uint32_t threshold; /* score that makes an attacker; 0: never */
    uint64_t window_us;
};

/* Note one refused attempt at PORT, or (PORT 0) one blocked exploit. Returns the prober when it has
 * just become an attacker, else NULL. A port counts once, an exploit counts one each. */
const struct sek_prober *sek_probes_note(struct sek_probes *p, const uint8_t address[16],
                                         uint16_t port, uint64_t now_us);

#endif
