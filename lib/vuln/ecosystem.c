#include "lib/vuln/ecosystem.h"

#include <ctype.h>
#include <string.h>

bool sek_ecosystem_covers(const char *said, const char *ours)
{
    size_t len = strlen(ours);
    return !strncmp(said, ours, len) && (!said[len] || (said[len] == ':' && strchr(ours, ':')));
}

bool sek_ecosystem_is_language(const char *ecosystem)
{
    static const char *const names[] = {"npm",   "PyPI",     "Maven",     "Go",  "crates.io",
                                        "NuGet", "RubyGems", "Packagist", "Hex", "Pub"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(ecosystem, names[i]))
            return true;
    return false;
}

void sek_python_name(char *name)
{
    char *out = name;
    for (const char *c = name; *c; c++) {
        if (!strchr("-_.", *c))
            *out++ = (char)tolower((unsigned char)*c);
        else if (out > name && out[-1] != '-')
            *out++ = '-';
    }
    *out = '\0';
}
