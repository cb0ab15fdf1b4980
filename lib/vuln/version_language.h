/* Version order of Python (PEP 440) and Maven (its "Version Order Specification"). */
#ifndef SEK_VULN_VERSION_LANGUAGE_H
#define SEK_VULN_VERSION_LANGUAGE_H

int sek_version_pep440(const char *a, const char *b);
int sek_version_maven(const char *a, const char *b);

#endif
