/* Connections are looked for when a list or the mode changes; each that is listed is ended and told.
 * Packets are asked about one by one, and told once a second for an address. */
#include "agent/guard/passed.h"
#include "agent/guard/diag.h"
#include "agent/guard/process.h"
#include "agent/guard/queue.h"
#include "agent/inventory/sockets.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_US 1000000u

static bool prevents(const struct sek_guard *g)
{
    return sek_exits_mode(g->exits) == SEK_EXIT_PREVENT;
}

/* Is the process below the cgroup that exit control covers? Its line is "0::/PATH". */
static bool is_covered(const struct sek_guard *g, int32_t pid)
{
    const char *cgroup = sek_exits_below_mount(sek_guard_cgroup(g->settings));
    char path[48], *text = NULL;
    size_t len;
    if (!cgroup)
        cgroup = sek_guard_cgroup(g->settings);
    size_t n = strlen(cgroup);
    while (n && cgroup[n - 1] == '/')
        n--;
    if (!n)
        return true;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    if (!pid || sek_file_read(path, 65536, &text, &len, NULL))
        return false;
    const char *line = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
    line = line ? strstr(line, "::") + 2 : "";
    bool covered = !strncmp(line, cgroup, n) && strchr("/\n", line[n]);
    free(text);
    return covered;
}

/* In detect mode a connection goes on, and is told once. */
static bool is_told(struct sek_guard *g, uint64_t cookie)
{
    const unsigned count = sizeof g->passed.cookies / sizeof g->passed.cookies[0];
    for (unsigned i = 0; i < count; i++) {
        if (g->passed.cookies[i] == cookie)
            return true;
    }
    g->passed.cookies[g->passed.next++ % count] = cookie;
    return false;
}

static void judge_socket(void *arg, const struct sek_endpoints *e,
                         const struct sek_diag_socket *socket)
{
    struct sek_guard *g = arg;
    struct sek_exit_record r = {
        .connect = {.endpoints = *e, .process = {.uid = socket->uid}, .hook = SEK_EXIT_ON_PACKET}};
    if (!sek_exits_listed(g->exits, e->target))
        return;
    int32_t pid = sek_exits_owner(g->exits, socket->cookie);
    if (!pid)
        pid = sek_socket_owner(socket->inode);
    if (!is_covered(g, pid) || (!prevents(g) && is_told(g, socket->cookie)))
        return;
    if (pid)
        sek_process_look(pid, &r.connect.process);
    r.connect.blocked = prevents(g) && sek_diag_destroy(e);
    sek_guard_exit(g, &r);
}

void sek_passed_connections(struct sek_guard *g)
{
    if (g->exits && sek_exits_mode(g->exits))
        sek_diag_each(judge_socket, g);
}

void sek_passed_packet(struct sek_guard *g, const struct sek_judge *judge)
{
    uint64_t now = sek_clock_mono_us();
    const uint8_t *target = judge->endpoints.target;
    bool listed = g->exits && sek_exits_mode(g->exits) && sek_exits_listed(g->exits, target);
    struct sek_verdict v = {.id = judge->id, .queue = SEK_QUEUE_EXIT, .drop = listed && prevents(g)};
    if (g->queue_fd[SEK_QUEUE_EXIT] >= 0)
        sek_queue_verdict(g->queue_fd[SEK_QUEUE_EXIT], g->firewall.queue[SEK_QUEUE_EXIT], &v);
    if (!listed ||
        (!memcmp(g->passed.target, target, 16) && now - g->passed.told_us < TOLD_US))
        return;
    memcpy(g->passed.target, target, 16);
    g->passed.told_us = now;
    struct sek_exit_record r = {.connect = {.endpoints = judge->endpoints,
                                            .hook = SEK_EXIT_ON_PACKET,
                                            .blocked = v.drop}};
    sek_guard_exit(g, &r);
}

/* Header lines aside, does one of these files name a socket? */
static bool has_sockets(void)
{
    static const char *const files[] = {"raw", "raw6", "icmp", "icmp6", "udplite", "udplite6"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[48], *text = NULL;
        size_t len;
        snprintf(path, sizeof path, "/proc/net/%s", files[i]);
        if (sek_file_read(path, 1u << 20, &text, &len, NULL))
            continue;
        const char *end = strchr(text, '\n');
        bool any = end && end[1];
        free(text);
        if (any)
            return true;
    }
    return false;
}

void sek_passed_open(struct sek_guard *g)
{
    struct sek_fault fault;
    if (!g->exits || (g->firewall.backend != SEK_BACKEND_NONE && !has_sockets()))
        return;
    if (sek_exits_each_packet(g->exits, &fault))
        sek_guard_part(g, SEK_STATE_ADDRESS, SEK_PROTECTION_PARTIAL, "%.150s", fault.message);
    else
        sek_info("each packet that leaves is looked at: %s",
                 g->firewall.backend == SEK_BACKEND_NONE
                     ? "packets cannot be queued"
                     : "raw sockets are older than the agent");
}
