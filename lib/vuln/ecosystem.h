/* Names of ecosystems and of the packages in them, as OSV has them. */
#ifndef SEK_VULN_ECOSYSTEM_H
#define SEK_VULN_ECOSYSTEM_H

#include <stdbool.h>

/* Whether what is said about ecosystem SAID concerns a component of ecosystem OURS: the same, or a
 * part of it ("Ubuntu:22.04:LTS" of "Ubuntu:22.04", a repository of "Red Hat:enterprise_linux:9").
 */
bool sek_ecosystem_covers(const char *said, const char *ours);

/* Packages of a programming language: their names say nothing about system packages. */
bool sek_ecosystem_is_language(const char *ecosystem);

/* The Python package index' own form of a NAME, in place: lower case, runs of "-_." as one "-"
 * (PEP 503). */
void sek_python_name(char *name);

#endif
