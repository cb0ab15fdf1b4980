/* The device side of Sekisho's wire protocol (docs/protocol.md), for the agent and the gateway.
 * One object holds the identity that enrolment gave, a disk spool of events, the last good bundle,
 * and two mutual-TLS connections to the manager: one for requests, one held open for push.
 *
 * Everything runs in the caller's event_base and thread; callbacks run there too. The manager may
 * be away at any time: events wait in the spool, the bundle on disk stays in force, and the link
 * comes back by itself after 200 ms .. 5 s (doubling, with jitter). */
#ifndef SEK_WIRE_CLIENT_H
#define SEK_WIRE_CLIENT_H

#include "lib/base/error.h"
#include "lib/bundle/bundle.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct sek_client;

struct sek_client_callbacks {
    /* A verified bundle, at start (the last good one from disk) and whenever a newer one arrives.
     * VIEW is valid during the call only. Return SEK_OK when it is in force: the library then
     * keeps it as the last good one and reports "in force" to the manager. Any other return leaves
     * the previous bundle in force; FAULT's message is reported to the manager. */
    enum sek_error (*on_bundle)(void *arg, const struct sek_bundle_view *view,
                                struct sek_fault *fault);
    /* Indicators that must take effect now, before the next bundle holds them: arrays of objects
     * {"type","value","source","confidence","expiry","reason"}; either may be NULL. Borrowed. */
    void (*on_indicators)(void *arg, json_t *add, json_t *remove);
    /* {"type":"command","name":...,...}; borrowed. */
    void (*on_command)(void *arg, json_t *command);
    /* The held connection came up or went down. */
    void (*on_link)(void *arg, bool up);
    void *arg;
};

struct sek_client_options {
    const char *state;         /* folder made by sek_client_enrol; mode 0700 */
    uint64_t spool_limit;      /* bytes on disk for unsent events; 0: 32 MiB */
    uint64_t (*now_us)(void);  /* wall clock for expiry checks; NULL: sek_clock_wall_us */
    bool offline;              /* never connect: spool and last good bundle only */
    bool confirms;             /* a good return of on_bundle means "taken"; the manager is told that
                                  the bundle is in force after sek_client_confirm */
};

/* Enrol once. URL is the manager's REST address ("https://10.0.0.1:8443"), TOKEN the one-time
 * "skt1...." string; KIND "agent" or "gateway"; NAME a human name for the device. Blocks until the
 * answer (at most 15 s). Writes key.pem (0600), cert.pem, ca.pem, root.json and identity.json into
 * STATE. SEK_EAUTH: the token is wrong, used or expired, or the CA is not the token's;
 * SEK_EEXIST: STATE already holds an identity; SEK_EIO: the manager cannot be reached. */
enum sek_error sek_client_enrol(const char *state, const char *url, const char *token,
                                const char *kind, const char *name, struct sek_fault *fault);

/* Open the identity and spool in STATE, give the last good bundle to on_bundle (before this
 * returns), and start connecting. SEK_ENOTFOUND: not enrolled. */
enum sek_error sek_client_open(struct event_base *base, const struct sek_client_options *options,
                               const struct sek_client_callbacks *callbacks,
                               struct sek_client **out, struct sek_fault *fault);
/* Stops and closes; spooled events stay on disk. NULL is allowed. */
void sek_client_close(struct sek_client *client);

/* The identity, valid while CLIENT lives. */
const char *sek_client_device(const struct sek_client *client);
const char *sek_client_tenant(const struct sek_client *client);
bool sek_client_is_up(const struct sek_client *client);
/* Events on disk that the manager has not acknowledged. */
uint64_t sek_client_backlog(const struct sek_client *client);
/* Version of the bundle in force; 0: none. */
uint64_t sek_client_bundle_version(const struct sek_client *client);

/* Record one event: EVENT is one JSON object ("{...}", not empty, no newline needed) WITHOUT the
 * members device, tenant, seq, prev and id, which the library adds to form the device's hash chain.
 * On SEK_OK the record is in the kernel (survives kill -9) and goes out at once when the link is
 * up. SEK_EINVAL: not a JSON object; SEK_ELIMIT: larger than 256 KiB. */
enum sek_error sek_client_event(struct sek_client *client, const char *event, size_t len,
                                struct sek_fault *fault);

/* Tell the manager the device's full inventory (docs/protocol.md, "Inventory"). Borrowed. The
 * library sends it whole the first time, then only what changed, and nothing when nothing did. */
enum sek_error sek_client_inventory(struct sek_client *client, json_t *inventory,
                                    struct sek_fault *fault);

/* Ask WHAT ("reputation") of the manager with the JSON object BODY, on a connection of its own that
 * does not wait behind events; ON_ANSWER gets the parsed answer, or NULL when there was none within
 * 5 s. SEK_ESTATE: a question is under way, or the link is down. */
enum sek_error sek_client_ask(struct sek_client *client, const char *what, const json_t *body,
                              void (*on_answer)(void *arg, const json_t *answer), void *arg,
                              struct sek_fault *fault);

/* Merge the members of STATUS (borrowed object, e.g. {"lockdown":"enforce","uptime_s":12}) into
 * the device's status report and send it; bundle version and faults are added by the library. */
enum sek_error sek_client_status(struct sek_client *client, json_t *status,
                                 struct sek_fault *fault);

/* The last bundle that on_bundle took is in force. Nothing happens when that was said already. */
void sek_client_confirm(struct sek_client *client);

/* End the held connection and open it again: on_link says whether the manager is reached now. Not from
 * within a callback of the client. */
void sek_client_reconnect(struct sek_client *client);

#endif
