/* Fields, defaults and limits of the section "integrity". */
#include "agent/integrity/options.h"
#include "agent/message.h"

static const struct sek_field fields[] = {
    {"mode", SEK_FIELD_MODE, offsetof(struct sek_integrity_options, mode), 0, SEK_MODE_DETECT},
    {"paths", SEK_FIELD_PATHS, offsetof(struct sek_integrity_options, paths), 0, 0},
    {"exclude", SEK_FIELD_PATHS, offsetof(struct sek_integrity_options, exclude), 0, 0},
    {"secret", SEK_FIELD_NAMES, offsetof(struct sek_integrity_options, secret), 0, 0},
    {"schedule_s", SEK_FIELD_NUMBER, offsetof(struct sek_integrity_options, schedule_s), 0,
     2592000},
    {"text_limit", SEK_FIELD_NUMBER, offsetof(struct sek_integrity_options, text_limit), 0, 262144},
    {"rate", SEK_FIELD_NUMBER, offsetof(struct sek_integrity_options, rate), 1, 100000},
    {0},
};

void sek_integrity_options_default(struct sek_integrity_options *o)
{
    static const char *const paths[] = {
        "/etc",       "/boot",          "/usr/bin",       "/usr/sbin", "/usr/lib/systemd",
        "/root/.ssh", "/usr/local/bin", "/usr/local/sbin"};
    static const char *const secret[] = {
        "*shadow*", "*.key",        "*_key",      "*.pem",       "*.p12",   "*.pfx",  "id_*",
        "*.jks",    "*secret*",     "*password*", "*passwd-*",   "*.kdbx",  ".netrc", ".pgpass",
        "*.keytab", "*credential*", "*token*",    "*/private/*", "sudoers*"};
    *o = (struct sek_integrity_options){.schedule_s = 86400, .text_limit = 65536, .rate = 100};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        sek_paths_add(&o->paths, paths[i]);
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        sek_paths_add(&o->secret, secret[i]);
}

enum sek_error sek_integrity_options_read(struct sek_integrity_options *o, const json_t *section,
                                          struct sek_fault *fault)
{
    return sek_section_read("integrity", section, fields, o, fault);
}
