/* Fields, defaults and limits of the section "logs". */
#include "agent/logs/options.h"
#include "agent/message.h"

static const struct sek_field fields[] = {
    {"mode", SEK_FIELD_MODE, offsetof(struct sek_logs_options, mode), 0, SEK_MODE_PREVENT},
    {"journal", SEK_FIELD_FLAG, offsetof(struct sek_logs_options, journal), 0, 0},
    {"files", SEK_FIELD_PATHS, offsetof(struct sek_logs_options, files), 0, 0},
    {"level", SEK_FIELD_NUMBER, offsetof(struct sek_logs_options, level), 1, 15},
    {0},
};

void sek_logs_options_default(struct sek_logs_options *o)
{
    static const char *const files[] = {
        "/var/log/audit/audit.log", "/var/log/nginx/*.log",     "/var/log/apache2/*.log",
        "/var/log/httpd/*_log",     "/var/log/mosquitto/*.log", "/var/log/postgresql/*.log",
    };
    *o = (struct sek_logs_options){.journal = true, .level = 5};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        sek_paths_add(&o->files, files[i]);
}

enum sek_error sek_logs_options_read(struct sek_logs_options *o, const json_t *section,
                                     struct sek_fault *fault)
{
    return sek_section_read("logs", section, fields, o, fault);
}
