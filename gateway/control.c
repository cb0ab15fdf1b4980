/* A local socket that answers each connection with the gateway's state as one JSON object. */
#include "gateway/gateway.h"

#include "lib/eve/stats.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void gateway_status_json(struct gateway *g, struct sek_text *out)
{
    const struct sek_engine_stats *s = sek_engine_stats(g->engine);
    static const char *const modes[] = {"off", "detect", "prevent"};
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "version", SEK_VERSION);
    sek_json_uint(out, "uptime_s", (g->now_us - g->started_us) / 1000000u);
    sek_json_bool(out, "enrolled", g->client != NULL);
    sek_json_bool(out, "link", g->link_up);
    if (g->client) {
        sek_json_str(out, "device", sek_client_device(g->client));
        sek_json_uint(out, "bundle_version", sek_client_bundle_version(g->client));
        sek_json_uint(out, "backlog", sek_client_backlog(g->client));
    }
    sek_json_uint(out, "rules", g->rules->rules->count);
    sek_json_str(out, "entry", modes[g->policy.entry]);
    sek_json_str(out, "exit", modes[g->policy.exit]);
    sek_json_str(out, "behaviour", modes[g->policy.behaviour]);
    sek_json_uint(out, "frames", g->frames);
    sek_json_uint(out, "dropped", g->dropped);
    sek_json_uint(out, "alerts", s->alerts);
    sek_json_uint(out, "flows", s->flows);
    sek_stats_object(out, "stats", g->engine);
    sek_json_open(out, "blocked", '[');
    for (uint32_t i = 0; i < BLOCKLIST_SIZE; i++) {
        const struct block *b = &g->blocked.blocks[i];
        char text[SEK_ADDR_TEXT];
        if (!b->used || b->until_us <= g->now_us)
            continue;
        sek_addr_format(&b->addr, b->ip_version, text);
        sek_json_open(out, NULL, '{');
        sek_json_str(out, "ip", text);
        sek_json_str(out, "kind", b->kind == BLOCK_QUARANTINE ? "quarantine" : "attacker");
        sek_json_str(out, "reason", b->reason);
        sek_json_uint(out, "frames", b->frames);
        sek_json_uint(out, "seconds_left", (b->until_us - g->now_us) / 1000000u);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

static void on_connect(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                       int from_len, void *arg)
{
    struct gateway *g = arg;
    struct sek_text t = {0};
    (void)listener, (void)from, (void)from_len;
    gateway_status_json(g, &t);
    sek_text_putc(&t, '\n');
    if (send(fd, t.data, t.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        sek_debug("control: %s", strerror(errno));
    sek_text_free(&t);
    close(fd);
}

enum sek_error gateway_control_open(struct gateway *g, struct sek_fault *fault)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(g->control_path) >= sizeof addr.sun_path)
        return sek_fail(fault, SEK_EINVAL, "%s: path too long for a socket", g->control_path);
    strcpy(addr.sun_path, g->control_path);
    char *slash = strrchr(addr.sun_path, '/');
    if (slash && slash > addr.sun_path) {
        *slash = '\0';
        enum sek_error rc = sek_make_folder(addr.sun_path, 0755, fault);
        if (rc)
            return rc;
        *slash = '/';
    }
    unlink(g->control_path);
    mode_t before = umask(0117);
    g->control = evconnlistener_new_bind(g->base, on_connect, g,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
                                         (struct sockaddr *)&addr, sizeof addr);
    umask(before);
    if (!g->control)
        return sek_fail(fault, SEK_EIO, "%s: cannot listen: %s", g->control_path, strerror(errno));
    return SEK_OK;
}
