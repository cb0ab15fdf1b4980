/* Version order, per packaging system. Each scheme is a total order on all strings: what its own
 * tool would refuse is still compared, never an error. */
#ifndef SEK_VULN_VERSION_H
#define SEK_VULN_VERSION_H

enum sek_version_scheme {
    SEK_VERSION_GENERIC, /* upstream versions: dpkg's order, without epoch and revision */
    SEK_VERSION_DPKG,    /* deb-version(7); opkg compares alike */
    SEK_VERSION_RPM,     /* epoch:version-release */
    SEK_VERSION_APK,
    SEK_VERSION_SEMVER,
    SEK_VERSION_PEP440, /* Python */
    SEK_VERSION_MAVEN,
};

/* Negative, zero or positive: A is older than, equal to, newer than B. */
int sek_version_compare(enum sek_version_scheme scheme, const char *a, const char *b);

/* The scheme of an OSV ecosystem name ("Debian:12", "Alpine:v3.19", "npm"). */
enum sek_version_scheme sek_version_scheme_of(const char *ecosystem);

/* The upstream part of a packaged version: without epoch and distribution revision. OUT holds SIZE
 * bytes. */
void sek_version_upstream(enum sek_version_scheme scheme, const char *version, char *out,
                          unsigned size);

/* rpm's comparison of one part (a version or a release), without epoch. */
int sek_version_rpm_part(const char *a, const char *b);

#endif
