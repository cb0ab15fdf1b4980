/* Java archives: zip files (PKWARE APPNOTE 6.3) with Maven's pom.properties or a manifest. Archives
 * in the archive are looked at too (an application's web archives, their libraries). A script may
 * lie before the archive, as executable ones have it. */
#ifndef SEK_AGENT_JAR_H
#define SEK_AGENT_JAR_H

#include "agent/inventory/view.h"

#define SEK_JAR_ENTRIES 20000
#define SEK_JAR_DEPTH   2            /* of archives in archives */
#define SEK_JAR_INNER   (16u << 20)  /* bytes of one archive in the archive */
#define SEK_JAR_TOTAL   (256u << 20) /* bytes that are unpacked of one file */

struct sek_jar_item {
    const char *ecosystem; /* "Maven" when group and artifact are known, else "generic" */
    const char *name;      /* "group:artifact", or the artifact alone */
    const char *version;
    const char *inner; /* the archive in the archive, or NULL */
};

/* Whether a file of this NAME (LEN bytes) is a Java archive. */
bool sek_jar_name(const void *name, size_t len);
/* Call FOUND for each library in the archive VIEW whose file name is NAME. False: it is no zip
 * file, or its directory is damaged. */
bool sek_jar_read(const struct sek_view *view, const char *name,
                  void (*found)(void *arg, const struct sek_jar_item *item), void *arg);

#endif
