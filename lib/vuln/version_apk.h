/* Alpine's version order: digits(.digits)* letter? (_suffix digits?)* (~hash)? (-r digits)?. */
#ifndef SEK_VULN_VERSION_APK_H
#define SEK_VULN_VERSION_APK_H

#include <stdbool.h>

/* As sek_version_compare. Where a string stops to be a version, what is left compares as text. */
int sek_version_apk(const char *a, const char *b);
bool sek_version_apk_valid(const char *text);

#endif
