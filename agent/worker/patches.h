/* The virtual patches as a person sees them: whether each works (its self-tests, played against the
 * rules in force), and whether TLS hides its port from them. */
#ifndef SEK_AGENT_PATCHES_H
#define SEK_AGENT_PATCHES_H

#include "agent/message.h"

#include <jansson.h>

#define SEK_PATCH_PORTS SEK_FILTER_PORTS

/* What was seen on a patched port. */
struct sek_patch_ports {
    unsigned count;
    bool changed; /* since the reader of this last cleared it */
    struct {
        uint16_t port;
        bool tls;         /* a TLS ClientHello from anywhere */
        bool plain_local; /* a first message that is not TLS, from this device */
    } seen[SEK_PATCH_PORTS];
};

/* One packet towards a patched port, IP header first. */
void sek_patch_ports_see(struct sek_patch_ports *p, const uint8_t *packet, uint32_t len);

/* patches.json's LIST with what is known of TLS: each patch gets "tls":
 * [{"port":443,"covered":8080}], "covered" when the plaintext side of a local proxy was seen on
 * another port of the patch. */
void sek_patches_describe(json_t *list, const struct sek_patch_ports *ports);

struct sek_worker;
/* patches.json in force, described; a new reference. */
json_t *sek_worker_patches(const struct sek_worker *w);
/* [{"patch":ID,"port":443}] of what TLS hides and nothing covers; borrowed. */
json_t *sek_worker_hidden(struct sek_worker *w);
/* Play the self-tests of patch ID (NULL: of all in force).
 * {"tests":[{"patch","name","passed","sid", "mode"}],"untested":[ID]} or {"error"}. */
json_t *sek_worker_patch_test(struct sek_worker *w, const char *id);

#endif
