/* Which system this is: os-release(5), OSV's name of its packages, the product it runs on (device
 * tree, DMI), the names of both as CPE. */
#ifndef SEK_AGENT_OS_H
#define SEK_AGENT_OS_H

#include "lib/base/text.h"

#include <stddef.h>

struct sek_os {
    char id[64], version_id[64], codename[64], cpe[300];
    char kernel[80];    /* running release; "" for an image */
    char ecosystem[96]; /* "Debian:12", "Alpine:v3.19", "generic" */
};

struct sek_product {
    char vendor[128], model[128], compatible[128], firmware[64];
    char cpe[300]; /* of its firmware; "" when vendor or model are not known */
};

void sek_os_read(const char *root, struct sek_os *out);
void sek_os_write(const struct sek_os *os, struct sek_text *out);

/* Serial numbers are not read. */
void sek_product_read(const char *root, struct sek_product *out);
void sek_product_write(const struct sek_product *product, struct sek_text *out);

/* The value of KEY in an os-release TEXT, without quotes; OUT is "" when it is absent. */
void sek_os_release(const char *text, const char *key, char *out, size_t size);
/* OSV's name of the ecosystem of a distribution with this ID and VERSION_ID. */
void sek_os_ecosystem(const char *id, const char *version, char *out, size_t size);

#endif
