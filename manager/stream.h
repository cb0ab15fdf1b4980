/* Live events to people: server-sent events with the same filters as the event query. */
#ifndef SEK_MANAGER_STREAM_H
#define SEK_MANAGER_STREAM_H

#include "manager/http.h"

/* Filters of the query parameters layer, action, event_type, device and text; "" is any. */
struct sek_event_filter {
    char layer[24], action[24], event_type[32], device[64], text[128];
};

void sek_event_filter_read(const struct sek_request *r, struct sek_event_filter *out);

enum sek_error sek_streams_open(struct sek_manager *m, struct sek_streams **out,
                                struct sek_fault *fault);
void sek_streams_close(struct sek_streams *streams);
/* GET /api/v1/events/stream: keeps the request open. */
enum sek_error sek_streams_attach(struct sek_request *r, struct sek_fault *fault);
/* One stored event: EVENT is its tree, RECORD its exact bytes, N its number. */
void sek_streams_event(struct sek_streams *streams, const char *tenant, int64_t n,
                       const json_t *event, const char *record, size_t len);

#endif
