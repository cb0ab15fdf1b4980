/* Operational log of a program: one line to standard error, where systemd's journal takes it. The
 * level prefix "<N>" (sd-daemon(3)) is written when standard error is the journal's. */
#ifndef SEK_BASE_LOG_H
#define SEK_BASE_LOG_H

enum sek_log_level { SEK_LOG_ERROR = 3, SEK_LOG_WARNING = 4, SEK_LOG_INFO = 6, SEK_LOG_DEBUG = 7 };

/* Messages above LEVEL are dropped. NAME (borrowed, static) starts each line. */
void sek_log_open(const char *name, enum sek_log_level level);

void sek_log(enum sek_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define sek_error_log(...) sek_log(SEK_LOG_ERROR, __VA_ARGS__)
#define sek_warning(...)   sek_log(SEK_LOG_WARNING, __VA_ARGS__)
#define sek_info(...)      sek_log(SEK_LOG_INFO, __VA_ARGS__)
#define sek_debug(...)     sek_log(SEK_LOG_DEBUG, __VA_ARGS__)

#endif
