/* Keys, defaults and limits of agent.yaml. */
#include "agent/settings.h"

#include <stdio.h>
#include <string.h>

/* Programs that set the clock from a network, a GPS or PTP clock, or a virtual machine's host. */
static const char *const time_keepers[] = {
    "/usr/sbin/chronyd",   "/usr/lib/systemd/systemd-timesyncd", "/lib/systemd/systemd-timesyncd",
    "/usr/sbin/ntpd",      "/usr/sbin/ntpsec",                   "/usr/sbin/openntpd",
    "/usr/sbin/ptp4l",     "/usr/sbin/phc2sys",                  "/usr/sbin/ptpd",
    "/usr/bin/qemu-ga",    "/usr/sbin/qemu-ga",                  "/usr/bin/vmtoolsd",
    "/usr/sbin/VBoxService"};

static void read_list(struct sek_config *c, const char *key, const char **out)
{
    for (int i = 0; i < SEK_SETTINGS_LIST - 1; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%d", key, i);
        out[i] = sek_config_get(c, name, NULL);
        if (!out[i])
            return;
    }
}

/* "open" or "closed". */
static enum sek_error read_closed(struct sek_settings *s, const char *key, bool *closed,
                                  struct sek_fault *fault)
{
    const char *word = sek_config_get(s->config, key, *closed ? "closed" : "open");
    *closed = !strcmp(word, "closed");
    if (!*closed && strcmp(word, "open") != 0)
        return sek_fail(fault, SEK_EINVAL, "%s: %s: found '%.40s', expected open or closed",
                        s->path, key, word);
    return SEK_OK;
}

static enum sek_error read_all(struct sek_settings *s, struct sek_fault *fault)
{
    struct sek_config *c = s->config;
    enum sek_error rc;
    s->state = sek_config_get(c, "state", "/var/lib/sekisho-agent");
    s->runtime = sek_config_get(c, "runtime", "/run/sekisho-agent");
    s->user = sek_config_get(c, "user", "sekisho-agent");
    s->root = sek_config_get(c, "inventory.root", "");
    s->sbom = sek_config_get(c, "inventory.sbom", NULL);
    s->cgroup = sek_config_get(c, "exit.cgroup", NULL);
    s->standalone = sek_config_get(c, "standalone", NULL);
    read_list(c, "spare", s->spare);
    read_list(c, "lockdown.scopes", s->scopes);
    read_list(c, "lockdown.updaters", s->updaters);
    read_list(c, "clock.setters", s->clock_setters);
    if (!s->updaters[0])
        s->updaters[0] = "/usr/bin/dpkg";
    if (!s->clock_setters[0])
        memcpy(s->clock_setters, time_keepers, sizeof time_keepers);
    if ((rc = sek_config_number(c, "inventory.interval_s", 5, 86400, &s->inventory_interval,
                                fault)) ||
        (rc = sek_config_number(c, "entry.queue", 0, 65535, &s->entry_queue, fault)) ||
        (rc = sek_config_number(c, "limits.memory_mib", 0, 65536, &s->memory_mib, fault)) ||
        (rc = sek_config_number(c, "limits.cpu_percent", 0, 6400, &s->cpu_percent, fault)) ||
        (rc = sek_config_number(c, "exit.queue", 0, 65535, &s->exit_queue, fault)) ||
        (rc = read_closed(s, "entry.when_stopped", &s->entry_closed, fault)) ||
        (rc = read_closed(s, "exit.when_stopped", &s->exit_closed, fault)) ||
        (rc = read_closed(s, "lockdown.when_stalled", &s->stall_closed, fault)))
        return rc;
    const char *unused = sek_config_unused(c);
    return unused ? sek_fail(fault, SEK_EINVAL, "%s: unknown key", unused) : SEK_OK;
}

enum sek_error sek_settings_load(const char *path, struct sek_settings *out,
                                 struct sek_fault *fault)
{
    *out = (struct sek_settings){
        .path = path ? path : SEK_SETTINGS_DEFAULT,
        .inventory_interval = 60,
        .entry_queue = 4021,
        .exit_queue = 4022,
    };
    enum sek_error rc = sek_config_load(out->path, &out->config, fault);
    if (rc && (path || rc != SEK_ENOTFOUND))
        return rc;
    rc = read_all(out, fault);
    if (rc)
        sek_settings_free(out);
    return rc;
}

void sek_settings_free(struct sek_settings *settings)
{
    sek_config_free(settings->config);
    settings->config = NULL;
}
