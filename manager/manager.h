/* What every part of the manager is given: one object, made in main.c, living as long as the
 * process. One thread, one event loop. */
#ifndef SEK_MANAGER_MANAGER_H
#define SEK_MANAGER_MANAGER_H

#include "manager/keys.h"
#include "manager/limit.h"
#include "manager/pki.h"
#include "manager/store/store.h"

#include <event2/event.h>

struct sek_intel;
struct sek_push_hub;
struct sek_streams;
struct sek_bundles;
struct sek_worker;
struct sek_content;

struct sek_manager {
    struct event_base *base;
    struct sek_store *store;
    struct sek_pki *pki;
    struct sek_keys *keys;
    struct sek_intel *intel;
    struct sek_push_hub *hub;
    struct sek_streams *streams;
    struct sek_bundles *bundles;
    struct sek_worker *worker;
    struct sek_limit logins;     /* failed logins by address */
    struct sek_limit enrolments; /* by address */
    const char *state;           /* folder */
    const char *console;         /* folder of static files, or NULL */
    struct sek_content *content;
    const char *content_folder;
    const char *api_folder; /* of openapi.yaml */
    int device_port;
    uint8_t uninstall_secret[32];
    uint64_t indicator_changes; /* since the start */
    long inline_indicators; /* of one kind, in a bundle; of more than that, prefixes or a plain list
                             */
    uint64_t started_us;
    struct {
        uint64_t requests, events, duplicates, refused_lines, device_requests;
    } counters;
};

#define SEK_DEFAULT_TENANT "default"

/* Seconds since 1970. */
int64_t sek_now(void);

#endif
