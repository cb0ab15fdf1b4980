/* One line of a log, and what of it is known before any rule is asked: the program that wrote it,
 * and the message. Knows the syslog forms of RFC 3164 and RFC 3339 times; any other line is all
 * message. */
#ifndef SEK_AGENT_LOG_LINE_H
#define SEK_AGENT_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#define SEK_LOG_LINE 8192 /* bytes of a line that are looked at */

struct sek_log_text {
    const char *data;
    uint32_t len;
};

struct sek_log_line {
    struct sek_log_text whole, message;
    struct sek_log_text program; /* len 0: not known */
    const char *source;          /* path, "journal", or "-" for standard input */
    int64_t uid;                 /* of the writer, as the journal vouches for it; -1: not known */
    struct sek_log_text unit;    /* of systemd that the writer belongs to; as vouched for as the uid */
};

/* Take LINE (without its newline) from a file apart. */
void sek_log_line_parse(struct sek_log_line *out, const char *source, const char *line, size_t len);

#endif
