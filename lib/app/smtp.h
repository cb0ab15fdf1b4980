/* SMTP: what the parser and the tables of rules share. */
#ifndef SEK_APP_SMTP_H
#define SEK_APP_SMTP_H

#include "lib/app/mime.h"

/* Steps a mail goes through, so that each buffer is looked at when it is complete. */
enum { SMTP_STARTED, SMTP_COMMANDS, SMTP_SENDER, SMTP_RECIPIENTS, SMTP_HEADERS, SMTP_BODY,
       SMTP_COMPLETE };

enum smtp_event {
    SMTP_EVENT_INVALID_REPLY, SMTP_EVENT_UNMATCHED_REPLY, SMTP_EVENT_COMMAND_LENGTH,
    SMTP_EVENT_REPLY_LENGTH, SMTP_EVENT_PIPELINED, SMTP_EVENT_BDAT_LENGTH, SMTP_EVENT_NO_WELCOME,
    SMTP_EVENT_TLS_REJECTED, SMTP_EVENT_DATA_REJECTED, SMTP_EVENT_FAILED_CHANGE,
    SMTP_EVENT_MIME_FIRST, /* then those of MIME, in the order of their bits */
    SMTP_EVENT_DUPLICATE = SMTP_EVENT_MIME_FIRST + 10,
    SMTP_EVENT_UNPARSABLE, SMTP_EVENT_INVALID_BDAT,
};

struct smtp_tx {
    struct sek_tx base;
    struct sek_buffer helo, from;
    struct sek_fields to;
    struct mime mime;
    bool over; /* the next command begins another */
};

/* --- smtp_rule.c --- */
extern const struct sek_buffer_def smtp_buffers[];
extern const struct sek_number_def smtp_numbers[];
extern const struct sek_app_event_name smtp_events[];
void smtp_eve(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);
void smtp_eve_email(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);

#endif
