/* CycloneDX JSON, out and in (the specification's JSON schema, versions 1.2 to 1.7). */
#ifndef SEK_AGENT_CYCLONEDX_H
#define SEK_AGENT_CYCLONEDX_H

#include "agent/inventory/list.h"
#include "agent/inventory/os.h"
#include "lib/base/error.h"

#define SEK_SBOM_BYTES (64u << 20)
#define SEK_SBOM_DEPTH 16 /* of components in components */

/* Write LIST as a bill of materials of version 1.5; OS and PRODUCT describe the device. */
void sek_cyclonedx_write(const struct sek_list *list, const struct sek_os *os,
                         const struct sek_product *product, struct sek_text *out);

/* Add the components of the bill in TEXT to LIST. Those without a version, and files, are left out.
 * NAME is used in messages: "NAME: components[3].purl: ...". SEK_EINVAL: not JSON, not CycloneDX,
 * of another version, or a member that is not what the schema says. */
enum sek_error sek_cyclonedx_read(const char *name, const char *text, size_t len,
                                  const struct sek_os *os, struct sek_list *list,
                                  struct sek_fault *fault);

#endif
