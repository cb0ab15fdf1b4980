/* How the host that receives bytes puts overlapping ones together. Systems differ here, so an attacker
 * who knows the target can show an inspecting device other bytes than the target takes (Ptacek and
 * Newsham 1998; Shankar and Paxson, "Active Mapping", 2003; Novak and Sturges, "Target-Based TCP
 * Stream Reassembly", 2007). Settings `host-os-policy.NAME: ADDRESS[/BITS],...` say what each host is;
 * of several networks that hold an address the narrowest decides. */
#ifndef SEK_FLOW_HOST_POLICY_H
#define SEK_FLOW_HOST_POLICY_H

#include "lib/base/config.h"
#include "lib/packet/address.h"

enum sek_host_policy {
    SEK_HOST_BSD, /* of hosts that no setting names */
    SEK_HOST_BSD_RIGHT,
    SEK_HOST_FIRST,
    SEK_HOST_LAST,
    SEK_HOST_OLD_LINUX,
    SEK_HOST_LINUX,
    SEK_HOST_OLD_SOLARIS,
    SEK_HOST_SOLARIS,
    SEK_HOST_HPUX10,
    SEK_HOST_HPUX11,
    SEK_HOST_IRIX,
    SEK_HOST_MACOS,
    SEK_HOST_WINDOWS,
    SEK_HOST_VISTA,
    SEK_HOST_WINDOWS2K3,
    SEK_HOST_POLICIES
};

struct sek_host_range {
    struct sek_addr addr;
    uint8_t version, bits, policy;
};

struct sek_host_policies {
    struct sek_host_range *ranges; /* narrowest first */
    uint32_t count, cap;
};

/* Read the settings; a value that is not an address or network is SEK_EINVAL. CONFIG may be NULL. */
enum sek_error sek_host_policies_read(struct sek_host_policies *hosts, struct sek_config *config,
                                      struct sek_fault *fault);
void sek_host_policies_free(struct sek_host_policies *hosts);

/* The policy of ADDR; HOSTS may be NULL. */
enum sek_host_policy sek_host_policy_of(const struct sek_host_policies *hosts, int version,
                                        const struct sek_addr *addr);
/* Its name in the settings. */
const char *sek_host_policy_name(enum sek_host_policy policy);

/* Whether the later of two overlapping segments replaces what both have. BEGINS and ENDS compare the
 * later with the earlier: negative when the later one begins (ends) before it, 0 at the same byte. */
typedef bool sek_overlap_rule(enum sek_host_policy policy, int32_t begins, int32_t ends);
sek_overlap_rule sek_host_takes_segment;  /* of TCP */
sek_overlap_rule sek_host_takes_fragment; /* of IP */

#endif
