/* The package database as a source of trust: what a package installed is registered when its
 * content is still the one that the database records (dpkg's /var/lib/dpkg/info/NAME.md5sums). MD5
 * is what dpkg has; it finds change by mistake or by malware that does not know of it, not a second
 * file made with the same MD5. A file that differs is named and not registered. */
#ifndef SEK_AGENT_PACKAGES_H
#define SEK_AGENT_PACKAGES_H

#include "agent/lockdown/learn.h"

/* Register the programs of every package of the system under ROOT ("" for this one). ALTERED is
 * told of each program that differs; ARG is its first argument. */
enum sek_error sek_learn_packages(struct sek_learning *l, const char *root,
                                  void (*altered)(void *arg, const char *path, const char *package),
                                  void *arg, struct sek_fault *fault);

#endif
