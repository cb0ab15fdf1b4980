/* /proc for a process that is there; what fanotify told of its start (guard/executed.c) for one
 * that is gone. */
#include "agent/who.h"
#include "agent/guard/process.h"
#include "lib/base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CACHE_US 20000u

static uint32_t login_uid(int32_t pid)
{
    char path[48], text[16] = "";
    unsigned long uid = UINT32_MAX;
    snprintf(path, sizeof path, "/proc/%d/loginuid", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        uid = strtoul(text, NULL, 10);
    if (fd >= 0)
        close(fd);
    return (uint32_t)uid;
}

const struct sek_who *sek_who_find(struct sek_who_cache *cache, int32_t pid)
{
    uint64_t now = sek_clock_mono_us();
    char path[32];
    if (!cache->list)
        cache->list = calloc(SEK_WHO_CACHE, sizeof *cache->list);
    if (!cache->list || pid <= 0)
        return NULL;
    if (now - cache->since_us > CACHE_US) {
        cache->since_us = now;
        cache->count = cache->next = 0;
    }
    for (unsigned i = 0; i < cache->count; i++) {
        if (cache->list[i].process.pid == pid)
            return &cache->list[i];
    }
    struct sek_who *w = &cache->list[cache->next++ % SEK_WHO_CACHE];
    if (cache->count < SEK_WHO_CACHE)
        cache->count++;
    *w = (struct sek_who){.login_uid = login_uid(pid)};
    sek_process_look(pid, &w->process);
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    w->gone = access(path, F_OK) != 0;
    return w;
}

void sek_who_clear(struct sek_who_cache *cache)
{
    free(cache->list);
    *cache = (struct sek_who_cache){0};
}

void sek_who_write(struct sek_text *t, const struct sek_who *who)
{
    if (!who)
        return;
    const struct sek_process *p = &who->process;
    bool seen = !who->gone || p->command[0]; /* else its user is not known: 0 would be a lie */
    sek_json_open(t, "process", '{');
    sek_json_int(t, "pid", p->pid);
    if (seen)
        sek_json_uint(t, "uid", p->uid);
    if (who->login_uid != UINT32_MAX)
        sek_json_uint(t, "login_uid", who->login_uid);
    if (p->comm[0])
        sek_json_bytes(t, "name", p->comm, strnlen(p->comm, sizeof p->comm));
    if (p->path[0])
        sek_json_bytes(t, "path", p->path, strlen(p->path));
    if (p->command[0])
        sek_json_bytes(t, "cmdline", p->command, strlen(p->command));
    if (who->gone)
        sek_json_str(t, "state", "gone");
    sek_json_close(t, '}');
}
