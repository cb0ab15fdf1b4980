/* /proc/net tables print addresses as 32-bit words in host order; /proc/PID/fd links name socket
 * inodes. */
#include "agent/inventory/sockets.h"
#include "agent/event.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENERS   4096
#define TABLE_LIMIT (16u << 20)

static bool parse_address(const char *hex, bool v6, uint8_t out[16])
{
    uint32_t words[4];
    int count = v6 ? 4 : 1;
    if (strlen(hex) != (size_t)count * 8)
        return false;
    for (int i = 0; i < count; i++) {
        char part[9];
        memcpy(part, hex + i * 8, 8);
        part[8] = '\0';
        words[i] = (uint32_t)strtoul(part, NULL, 16);
    }
    sek_address_map(words, !v6, out);
    return true;
}

size_t sek_listeners_parse(const char *text, bool v6, bool udp, struct sek_listener *out,
                           size_t cap)
{
    size_t count = 0;
    for (const char *line = strchr(text, '\n'); line && count < cap; line = strchr(line, '\n')) {
        char local[40], remote[40];
        unsigned port, remote_port, state;
        unsigned long long inode;
        line++;
        int n = sscanf(line,
                       " %*u: %39[0-9A-Fa-f]:%4x %39[0-9A-Fa-f]:%4x %2x %*s %*s %*s %*u %*u "
                       "%llu",
                       local, &port, remote, &remote_port, &state, &inode);
        if (n != 6 || state != (udp ? 7u : 10u) || remote_port)
            continue;
        struct sek_listener l = {.port = (uint16_t)port, .udp = udp, .inode = inode};
        if (port && parse_address(local, v6, l.address))
            out[count++] = l;
    }
    return count;
}

void sek_process_path(pid_t pid, char *out, size_t size)
{
    static const char deleted[] = " (deleted)";
    char link[40];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(link, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    /* An upgraded package leaves the old program running: its path still names the component. */
    size_t tail = sizeof deleted - 1;
    if (n > (ssize_t)tail && !strcmp(out + n - tail, deleted))
        out[n - (ssize_t)tail] = '\0';
}

/* Call EACH with the inode of every socket that process PID has open, until it returns true. */
static bool each_socket(pid_t pid, bool (*each)(void *arg, pid_t pid, uint64_t inode), void *arg)
{
    char path[48], target[64];
    bool stop = false;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && !stop && (e = readdir(dir));) {
        ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof target - 1);
        unsigned long long inode;
        target[n > 0 ? n : 0] = '\0';
        if (sscanf(target, "socket:[%llu]", &inode) == 1)
            stop = each(arg, pid, inode);
    }
    if (dir)
        closedir(dir);
    return stop;
}

static void each_process(bool (*each)(void *arg, pid_t pid, uint64_t inode), void *arg)
{
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        char *end;
        long pid = strtol(e->d_name, &end, 10);
        if (pid > 0 && !*end && each_socket((pid_t)pid, each, arg))
            break;
    }
    if (proc)
        closedir(proc);
}

struct listener_set {
    struct sek_listener *list;
    size_t count;
};

static bool match_listeners(void *arg, pid_t pid, uint64_t inode)
{
    struct listener_set *set = arg;
    for (size_t i = 0; i < set->count; i++) {
        /* A socket that systemd opened for a service is open in both: the later process wins. */
        if (set->list[i].inode == inode && set->list[i].pid <= 1)
            set->list[i].pid = pid;
    }
    return false;
}

enum sek_error sek_listeners_collect(struct sek_listener **out, size_t *count,
                                     struct sek_fault *fault)
{
    static const struct {
        const char *path;
        bool v6, udp;
    } tables[] = {
        {"/proc/net/tcp", false, false},
        {"/proc/net/tcp6", true, false},
        {"/proc/net/udp", false, true},
        {"/proc/net/udp6", true, true},
    };
    struct listener_set set = {calloc(LISTENERS, sizeof *set.list), 0};
    if (!set.list)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char *text;
        size_t len;
        if (sek_file_read(tables[i].path, TABLE_LIMIT, &text, &len, NULL))
            continue;
        set.count += sek_listeners_parse(text, tables[i].v6, tables[i].udp, set.list + set.count,
                                         LISTENERS - set.count);
        free(text);
    }
    each_process(match_listeners, &set);
    for (size_t i = 0; i < set.count; i++) {
        if (set.list[i].pid)
            sek_process_path(set.list[i].pid, set.list[i].path, sizeof set.list[i].path);
    }
    *out = set.list;
    *count = set.count;
    return SEK_OK;
}

struct owner_search {
    uint64_t inode;
    pid_t pid;
};

static bool match_owner(void *arg, pid_t pid, uint64_t inode)
{
    struct owner_search *search = arg;
    if (inode != search->inode)
        return false;
    search->pid = pid;
    return true;
}

pid_t sek_socket_owner(uint64_t inode)
{
    struct owner_search search = {inode, 0};
    if (inode)
        each_process(match_owner, &search);
    return search.pid;
}
