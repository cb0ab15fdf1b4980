/* Alpine's database of installed packages (apk-tools' lib/apk/db/installed): paragraphs of
 * "X:value" lines; P name, V version, A architecture, o origin, F a folder, R a file in it. Views
 * into the text; nothing is allocated. */
#ifndef SEK_AGENT_APK_H
#define SEK_AGENT_APK_H

#include "agent/inventory/dpkg.h"

/* Visit each package at its end, and each file ("FOLDER/NAME", absolute) when FILE is not NULL,
 * with the package that has it. A line that is no field is SEK_EINVAL naming NAME:LINE. */
enum sek_error sek_apk_parse(const char *name, const char *text, size_t len,
                             bool (*visit)(void *arg, const struct sek_package *package),
                             void (*file)(void *arg, struct sek_field package, const char *path,
                                          size_t len),
                             void *arg, struct sek_fault *fault);

#endif
