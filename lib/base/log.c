/* One write(2) per line, so that lines of several processes never mix. */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *log_name = "sekisho";
static enum sek_log_level log_level = SEK_LOG_INFO;
static int log_journal = -1;

void sek_log_open(const char *name, enum sek_log_level level)
{
    log_name = name;
    log_level = level;
    log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void sek_log(enum sek_log_level level, const char *fmt, ...)
{
    char line[1024];
    int used = 0;
    va_list ap;
    if (level > log_level)
        return;
    if (log_journal > 0)
        used = snprintf(line, sizeof line, "<%d>", (int)level);
    used += snprintf(line + used, sizeof line - (size_t)used, "%s: ", log_name);
    va_start(ap, fmt);
    used += vsnprintf(line + used, sizeof line - (size_t)used - 1, fmt, ap);
    va_end(ap);
    if (used > (int)sizeof line - 2)
        used = (int)sizeof line - 2;
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)used);
    (void)ignored;
}
