/* Buffers and numbers of all protocols, by name. A name such as file.data exists in several
 * protocols; it has one id, and each protocol its own definition. Ids are stable while the program
 * runs. */
#ifndef SEK_APP_BUFFERS_H
#define SEK_APP_BUFFERS_H

#include "lib/app/app.h"

enum sek_buffer_use { SEK_BUFFER_STICKY, SEK_BUFFER_MODIFIER };

/* Id of the buffer called NAME, or -1. */
int sek_buffer_find(const char *name, enum sek_buffer_use use);
const char *sek_buffer_name(int id);
/* The definition of buffer ID in protocol APP, or NULL. */
const struct sek_buffer_def *sek_buffer_in(int id, enum sek_app app);
/* Protocols that have it, as bits (1 << enum sek_app). */
uint64_t sek_buffer_apps(int id);
bool sek_buffer_multi(int id);

/* The number called NAME: its definition in each protocol, by enum sek_app; NULL when unknown. */
typedef const struct sek_number_def *sek_number_row[SEK_APP_COUNT];
const sek_number_row *sek_number_find(const char *name);

/* The keyword called NAME with an argument of its own shape, in each protocol; NULL when unknown. */
typedef const struct sek_test_def *sek_test_row[SEK_APP_COUNT];
const sek_test_row *sek_test_find(const char *name);

/* The bit of event NAME ("http.missing_host_header"): protocol in *APP; -1 when unknown. */
int sek_app_event_find(const char *name, enum sek_app *app);

#endif
