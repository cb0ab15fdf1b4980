/* Does a device behave as if it were infected? Per device, features of the last minute are kept in a
 * fixed amount of memory; each that is out of the ordinary adds to a score, and says why.
 *
 * Scans are judged by threshold random walk (Jung, Paxson, Berger, Balakrishnan 2004): a device that
 * connects for the first time to many addresses, and mostly gets no answer, scans; a busy device
 * that mostly gets answers does not, however busy it is. */
#ifndef SEK_BEHAVIOUR_BEHAVIOUR_H
#define SEK_BEHAVIOUR_BEHAVIOUR_H

#include "lib/packet/packet.h"

enum sek_behaviour_reason {
    SEK_BEHAVIOUR_SCAN,        /* first contacts that nobody answers */
    SEK_BEHAVIOUR_WORM_PORTS,  /* ... on ports that IoT worms spread over */
    SEK_BEHAVIOUR_MIRAI,       /* SYN sequence number equals the destination, as Mirai's scanner sends */
    SEK_BEHAVIOUR_FLOOD,       /* many connection attempts a second to one address */
    SEK_BEHAVIOUR_BRUTE_FORCE, /* many short sessions to a login port */
    SEK_BEHAVIOUR_DGA,         /* many names that do not exist */
    SEK_BEHAVIOUR_REASONS
};

/* Words of REASON for records ("telnet and other worm ports probed"). */
const char *sek_behaviour_reason_text(enum sek_behaviour_reason reason);
/* Short id ("worm-ports"). */
const char *sek_behaviour_reason_id(enum sek_behaviour_reason reason);

struct sek_behaviour_settings {
    uint32_t devices;        /* at most; the one not heard for longest gives way */
    uint32_t judge_score;    /* infected from here on (default 70) */
    uint32_t scan_targets;   /* unanswered first contacts that count as a scan (default 10) */
    uint32_t worm_targets;   /* ... on worm ports (default 6) */
    uint32_t flood_rate;     /* attempts in a second to one address (default 200) */
    uint32_t login_sessions; /* in a minute, to one address (default 20) */
    uint32_t missing_names;  /* NXDOMAIN answers in a minute (default 30) */
};

struct sek_behaviour_judgement {
    struct sek_addr device;
    uint8_t ip_version;
    uint32_t score;
    uint32_t counts[SEK_BEHAVIOUR_REASONS]; /* what was seen; 0: this reason does not hold */
    uint64_t since_us; /* first packet that counted */
};

struct sek_behaviour;

void sek_behaviour_settings_default(struct sek_behaviour_settings *s);
struct sek_behaviour *sek_behaviour_new(const struct sek_behaviour_settings *settings);
void sek_behaviour_free(struct sek_behaviour *b);

/* P opens a flow from a device. True when that made the device infected: *OUT says why, once; it is
 * said again only after sek_behaviour_forget. */
bool sek_behaviour_attempt(struct sek_behaviour *b, const struct sek_packet *p,
                           struct sek_behaviour_judgement *out);
/* The first answer to a flow: ADDRESS is the device that opened it. A reset is no answer. */
void sek_behaviour_answer(struct sek_behaviour *b, const struct sek_packet *p);
/* A name that DEVICE asked for does not exist. */
bool sek_behaviour_missing_name(struct sek_behaviour *b, int ip_version,
                                const struct sek_addr *device, uint64_t now_us,
                                struct sek_behaviour_judgement *out);
/* Start over with a device (released from quarantine). */
void sek_behaviour_forget(struct sek_behaviour *b, int ip_version, const struct sek_addr *device);

#endif
