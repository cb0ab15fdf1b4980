/* Listening services: those that everybody on any network may reach, and those whose protocol sends
 * passwords in the clear. */
#include "agent/event.h"
#include "agent/posture/posture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Services that nobody should reach from outside, whatever listens there. */
static const struct {
    uint16_t port;
    bool udp;
    const char *name, *id, *severity, *fix;
} risky[] = {
    {23, false, "telnet", "service-cleartext", "high",
     "Stop the telnet service and use SSH; where that cannot be, bind it to the loopback address."},
    {2323, false, "telnet", "service-cleartext", "high",
     "Stop the telnet service and use SSH; where that cannot be, bind it to the loopback address."},
    {21, false, "FTP", "service-cleartext", "high",
     "Stop the FTP service and use SFTP, or require TLS."},
    {69, true, "TFTP", "service-cleartext", "high", "Stop the TFTP service when it is not needed."},
    {512, false, "rexec", "service-cleartext", "high", "Stop the service and use SSH."},
    {513, false, "rlogin", "service-cleartext", "high", "Stop the service and use SSH."},
    {514, false, "rsh", "service-cleartext", "high", "Stop the service and use SSH."},
    {5555, false, "Android debug bridge", "service-debug", "critical",
     "Switch network debugging off (setprop service.adb.tcp.port -1)."},
};

static bool on_all_interfaces(const uint8_t address[16])
{
    static const uint8_t any[16], any_v4[16] = {[10] = 0xff, [11] = 0xff};
    return !memcmp(address, any, 16) || !memcmp(address, any_v4, 16);
}

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t one[16] = {[15] = 1};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return !memcmp(address, one, 16) || (!memcmp(address, mapped, 12) && address[12] == 127);
}

/* The same service by IPv4 and IPv6 is told once. */
static bool told(const struct sek_collection *c, size_t index)
{
    const struct sek_listener *now = c->services[index].listener;
    for (size_t i = 0; i < index; i++) {
        const struct sek_listener *l = c->services[i].listener;
        if (on_all_interfaces(l->address) == on_all_interfaces(now->address) &&
            l->port == now->port && l->udp == now->udp && !strcmp(l->path, now->path))
            return true;
    }
    return false;
}

static bool judge_risky(struct sek_posture *p, const struct sek_service *s, const char *subject,
                        const char *where)
{
    const struct sek_listener *l = s->listener;
    for (size_t i = 0; i < sizeof risky / sizeof risky[0]; i++) {
        if (risky[i].port != l->port || risky[i].udp != l->udp)
            continue;
        sek_posture_add(p, risky[i].id, risky[i].severity, subject, risky[i].fix,
                        "%s listens on %s (%s)", risky[i].name, where,
                        *s->component ? s->component : l->path);
        return true;
    }
    return false;
}

void sek_posture_services(struct sek_posture *p)
{
    for (size_t i = 0; i < p->device->service_count; i++) {
        const struct sek_service *s = &p->device->services[i];
        const struct sek_listener *l = s->listener;
        char address[INET6_ADDRSTRLEN], subject[300], where[100];
        if (is_loopback(l->address) || told(p->device, i))
            continue;
        sek_address_text(l->address, address);
        snprintf(subject, sizeof subject, "%s/%u", l->udp ? "udp" : "tcp", l->port);
        snprintf(where, sizeof where, "%s %s port %u", l->udp ? "udp" : "tcp", address, l->port);
        if (judge_risky(p, s, subject, where) || !on_all_interfaces(l->address))
            continue;
        sek_posture_add(p, "service-exposed", "low", subject,
                        "Let it listen on the address of the network that needs it only, or stop "
                        "it when nobody needs it.",
                        "%s listens on all interfaces: %s",
                        *s->component ? s->component
                        : *l->path    ? l->path
                                      : "a program that is not known",
                        where);
    }
}
