/* Text form of addresses, by inet_ntop and inet_pton. IPv6 is written in full groups without zero
 * compression, as EVE writes it. */
#include "lib/packet/address.h"

#include <arpa/inet.h>
#include <stdio.h>

void sek_addr_format(const struct sek_addr *addr, int version, char *out)
{
    if (version == 4) {
        inet_ntop(AF_INET, addr->bytes, out, SEK_ADDR_TEXT);
        return;
    }
    int used = 0;
    for (int i = 0; i < 16; i += 2)
        used += snprintf(out + used, (size_t)(SEK_ADDR_TEXT - used), "%s%04x", i ? ":" : "",
                         (unsigned)(addr->bytes[i] << 8 | addr->bytes[i + 1]));
}

int sek_addr_parse(const char *text, struct sek_addr *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, out->bytes) == 1)
        return 6;
    return 0;
}
