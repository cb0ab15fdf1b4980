/* Public resolvers by the names and addresses that their operators publish. A list of this kind is
 * never whole; what it lacks can be listed as indicators. */
#include "agent/worker/resolvers.h"
#include "agent/event.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {
    "dns.google",
    "dns64.dns.google",
    "cloudflare-dns.com",
    "one.one.one.one",
    "1dot1dot1dot1.cloudflare-dns.com",
    "dns.quad9.net",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.opendns.com",
    "dns.opendns.com",
    "dns.umbrella.com",
    "doh.umbrella.com",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "dns.nextdns.io",
    "doh.cleanbrowsing.org",
    "dns.mullvad.net",
    "doh.mullvad.net",
    "doh.dns.sb",
    "dns.sb",
    "doh.applied-privacy.net",
    "dns.switch.ch",
    "doh.li",
    "doh.libredns.gr",
    "dns.alidns.com",
    "doh.pub",
    "dns.twnic.tw",
    "public.dns.iij.jp",
    "doh.xfinity.com",
    "freedns.controld.com",
    "dns.controld.com",
    "unfiltered.adguard-dns.com",
};

static const char *const addresses[] = {
    "1.1.1.1",
    "1.0.0.1",
    "1.1.1.2",
    "1.0.0.2",
    "1.1.1.3",
    "1.0.0.3",
    "8.8.8.8",
    "8.8.4.4",
    "9.9.9.9",
    "149.112.112.112",
    "9.9.9.10",
    "149.112.112.10",
    "9.9.9.11",
    "149.112.112.11",
    "208.67.222.222",
    "208.67.220.220",
    "94.140.14.14",
    "94.140.15.15",
    "194.242.2.2",
    "76.76.2.0",
    "76.76.10.0",
    "45.90.28.0",
    "45.90.30.0",
    "185.228.168.168",
    "185.228.169.168",
    "223.5.5.5",
    "223.6.6.6",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2620:fe::fe",
    "2620:fe::9",
    "2620:119:35::35",
    "2620:119:53::53",
    "2a10:50c0::ad1:ff",
    "2a10:50c0::ad2:ff",
};

static const struct {
    uint16_t port;
    bool tcp;
    const char *what;
} ports[] = {
    {853, true, "DNS over TLS"},
    {853, false, "DNS over QUIC"},
    {784, false, "DNS over QUIC"},
    {8853, false, "DNS over QUIC"},
};

const char *sek_resolver_port(uint16_t port, bool udp)
{
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (ports[i].port == port && ports[i].tcp != udp)
            return ports[i].what;
    }
    return NULL;
}

bool sek_resolver_name(const char *name, size_t len)
{
    while (len && name[len - 1] == '.')
        len--;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t want = strlen(names[i]);
        if (len >= want && !strncasecmp(name + len - want, names[i], want) &&
            (len == want || name[len - want - 1] == '.'))
            return true;
    }
    return false;
}

bool sek_resolver_address(const uint8_t address[16])
{
    uint8_t known[16];
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        if (sek_address_parse(addresses[i], known) && !memcmp(known, address, 16))
            return true;
    }
    return false;
}

bool sek_resolver_canary(const char *name)
{
    return !strcmp(name, "use-application-dns.net");
}
