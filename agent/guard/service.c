/* systemd is told by its protocol, a datagram to $NOTIFY_SOCKET (sd_notify(3)), when protection is in
 * force: what is ordered after the agent, and with it the network, begins protected. Then it is told with
 * each beat that the guard lives (WatchdogSec=). Another service manager sees none of this. */
#include "agent/guard/guard.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READY_US 30000000u /* a device is not kept from starting for longer */

static void say(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (!len || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (*path == '@') /* abstract */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (void *)&to, size) < 0)
        sek_warning("the service manager was not told '%.20s': %s", text, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void sek_guard_service_open(struct sek_guard *g)
{
    g->service.late_at = sek_clock_mono_us() + READY_US;
}

void sek_guard_service_look(struct sek_guard *g, bool beat)
{
    bool in_force = g->service.synced && (g->keeper <= 0 || g->service.keeper_said);
    if (!g->service.ready && (in_force || sek_clock_mono_us() >= g->service.late_at)) {
        g->service.ready = true;
        say("READY=1");
    } else if (g->service.ready && beat) {
        say("WATCHDOG=1");
    }
}

void sek_guard_service_close(const struct sek_guard *g)
{
    if (g->service.ready)
        say("STOPPING=1");
}
