/* What rules can name of SMTP: the envelope, fields of the mail, its attachments; the EVE objects. */
#include "lib/app/smtp.h"
#include "lib/app/file.h"

/* --- EVE --- */

void smtp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct smtp_tx *tx = (const struct smtp_tx *)base;
    (void)state;
    if (tx->helo.len)
        sek_json_bytes(out, "helo", tx->helo.data, tx->helo.len);
    if (tx->from.len)
        sek_json_bytes(out, "mail_from", tx->from.data, tx->from.len);
    if (!tx->to.count)
        return;
    sek_json_open(out, "rcpt_to", '[');
    for (unsigned i = 0; i < tx->to.count; i++) {
        struct sek_bytes v = sek_field_value(&tx->to, &tx->to.list[i]);
        sek_json_bytes(out, NULL, v.data, v.len);
    }
    sek_json_close(out, ']');
}

/* The addresses of a field, which commas part. */
static void eve_addresses(struct sek_text *out, const struct mime *m, const char *name,
                          const char *key)
{
    struct sek_bytes v;
    bool quoted = false;
    if (!sek_fields_get(&m->headers, name, 0, &v))
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0, begin = 0; i <= v.len; i++) {
        if (i < v.len && v.data[i] == '"')
            quoted = !quoted;
        if (i < v.len && (v.data[i] != ',' || quoted))
            continue;
        struct sek_bytes one = sek_bytes_trim((struct sek_bytes){v.data + begin, i - begin});
        if (one.len)
            sek_json_bytes(out, NULL, one.data, one.len);
        begin = i + 1;
    }
    sek_json_close(out, ']');
}

static void eve_values(struct sek_text *out, const struct sek_fields *f, const char *key,
                       bool newest_first)
{
    if (!f->count)
        return;
    sek_json_open(out, key, '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes v =
            sek_field_value(f, &f->list[newest_first ? f->count - 1u - i : i]);
        sek_json_bytes(out, NULL, v.data, v.len);
    }
    sek_json_close(out, ']');
}

void smtp_eve_email(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct smtp_tx *tx = (const struct smtp_tx *)base;
    const struct mime *m = &tx->mime;
    struct sek_bytes v;
    (void)state;
    if (!m->state)
        return;
    sek_json_open(out, "email", '{');
    sek_json_str(out, "status", tx->over ? "PARSE_DONE" : m->main_done ? "BODY_STARTED"
                                                                      : "HEADER_STARTED");
    if (sek_fields_get(&m->headers, "from", 0, &v))
        sek_json_bytes(out, "from", v.data, v.len);
    eve_addresses(out, m, "to", "to");
    eve_addresses(out, m, "cc", "cc");
    if (sek_fields_get(&m->headers, "subject", 0, &v))
        sek_json_bytes(out, "subject", v.data, v.len);
    eve_values(out, &m->attachments, "attachment", false);
    eve_values(out, &m->urls, "url", true);
    sek_json_close(out, '}');
}

/* --- what rules can name --- */

#define TX(tx) ((struct smtp_tx *)(tx))

static bool get_helo(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->helo);
    return !i && out->len;
}

static bool get_from(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->from);
    return !i && out->len;
}

#define LIST_GETTER(fn, list_of)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct sek_fields *f = &TX(tx)->list_of;                                             \
        (void)s, (void)dir;                                                                        \
        if (i >= f->count)                                                                         \
            return false;                                                                          \
        *out = sek_field_value(f, &f->list[i]);                                                    \
        return true;                                                                               \
    }

LIST_GETTER(get_to, to)
LIST_GETTER(get_url, mime.urls)

#define HEADER_GETTER(fn, name)                                                                    \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return sek_fields_get(&TX(tx)->mime.headers, name, i, out);                                \
    }

HEADER_GETTER(get_mail_from, "from")
HEADER_GETTER(get_mail_to, "to")
HEADER_GETTER(get_mail_cc, "cc")
HEADER_GETTER(get_subject, "subject")
HEADER_GETTER(get_date, "date")
HEADER_GETTER(get_message_id, "message-id")
HEADER_GETTER(get_mailer, "x-mailer")
HEADER_GETTER(get_received, "received")

static bool get_md5(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                    struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){(const uint8_t *)TX(tx)->mime.body_md5, 32};
    return !i && TX(tx)->mime.body_md5[0];
}

#define STEP(n) {n, SMTP_COMPLETE}

const struct sek_buffer_def smtp_buffers[] = {
    {"smtp.helo", "smtp_helo", NULL, 1, STEP(SMTP_SENDER), false, false, get_helo},
    {"smtp.mail_from", "smtp_mail_from", NULL, 1, STEP(SMTP_SENDER), false, false, get_from},
    {"smtp.rcpt_to", "smtp_rcpt_to", NULL, 1, STEP(SMTP_RECIPIENTS), true, false, get_to},
    {"email.from", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_from},
    {"email.to", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_to},
    {"email.cc", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mail_cc},
    {"email.subject", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_subject},
    {"email.date", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_date},
    {"email.message_id", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_message_id},
    {"email.x_mailer", NULL, NULL, 1, STEP(SMTP_BODY), false, false, get_mailer},
    {"email.received", NULL, NULL, 1, STEP(SMTP_BODY), true, false, get_received},
    {"email.url", NULL, NULL, 1, STEP(SMTP_COMPLETE), true, false, get_url},
    {"email.body_md5", NULL, NULL, 1, STEP(SMTP_COMPLETE), false, false, get_md5},
    {"file.data", "file_data", NULL, 1, STEP(SMTP_BODY), true, true, sek_app_file_data},
    {"file.magic", NULL, NULL, 1, STEP(SMTP_BODY), true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 1, STEP(SMTP_COMPLETE), true, false, sek_app_file_name},
    {0},
};

const struct sek_number_def smtp_numbers[] = {
    {"filesize", 1, STEP(SMTP_COMPLETE), sek_app_file_size, NULL},
    {0},
};

const struct sek_app_event_name smtp_events[] = {
    {"invalid_reply", SMTP_EVENT_INVALID_REPLY},
    {"unable_to_match_reply_with_request", SMTP_EVENT_UNMATCHED_REPLY},
    {"max_command_line_len_exceeded", SMTP_EVENT_COMMAND_LENGTH},
    {"max_reply_line_len_exceeded", SMTP_EVENT_REPLY_LENGTH},
    {"invalid_pipelined_sequence", SMTP_EVENT_PIPELINED},
    {"bdat_chunk_len_exceeded", SMTP_EVENT_BDAT_LENGTH},
    {"no_server_welcome_message", SMTP_EVENT_NO_WELCOME},
    {"tls_rejected", SMTP_EVENT_TLS_REJECTED},
    {"data_command_rejected", SMTP_EVENT_DATA_REJECTED},
    {"failed_protocol_change", SMTP_EVENT_FAILED_CHANGE},
    {"mime_parse_failed", SMTP_EVENT_MIME_FIRST},
    {"mime_malformed_msg", SMTP_EVENT_MIME_FIRST + 1},
    {"mime_invalid_base64", SMTP_EVENT_MIME_FIRST + 2},
    {"mime_invalid_qp", SMTP_EVENT_MIME_FIRST + 3},
    {"mime_long_line", SMTP_EVENT_MIME_FIRST + 4},
    {"mime_long_enc_line", SMTP_EVENT_MIME_FIRST + 5},
    {"mime_long_header_name", SMTP_EVENT_MIME_FIRST + 6},
    {"mime_long_header_value", SMTP_EVENT_MIME_FIRST + 7},
    {"mime_long_boundary", SMTP_EVENT_MIME_FIRST + 8},
    {"mime_long_filename", SMTP_EVENT_MIME_FIRST + 9},
    {"duplicate_fields", SMTP_EVENT_DUPLICATE},
    {"unparsable_content", SMTP_EVENT_UNPARSABLE},
    {"invalid_bdat", SMTP_EVENT_INVALID_BDAT},
    {0},
};
