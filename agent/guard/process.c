/* /proc/PID/exe is opened before anything else is read: from then on the hash no longer depends on
 * the process being there. */
#include "agent/guard/process.h"
#include "agent/guard/executed.h"
#include "agent/filehash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE 64

static struct {
    uint64_t device, inode, size;
    int64_t changed_ns;
    uint8_t digest[32];
} cache[CACHE];
static unsigned cache_next;

void sek_process_digest(int fd, uint8_t digest[32])
{
    struct stat st;
    if (fstat(fd, &st))
        return;
    int64_t changed = st.st_ctim.tv_sec * 1000000000ll + st.st_ctim.tv_nsec;
    for (unsigned i = 0; i < CACHE; i++) {
        if (cache[i].inode == st.st_ino && cache[i].device == st.st_dev &&
            cache[i].size == (uint64_t)st.st_size && cache[i].changed_ns == changed) {
            memcpy(digest, cache[i].digest, 32);
            return;
        }
    }
    if (sek_filehash(fd, digest, NULL))
        return;
    unsigned slot = cache_next++ % CACHE;
    cache[slot].device = st.st_dev;
    cache[slot].inode = st.st_ino;
    cache[slot].size = (uint64_t)st.st_size;
    cache[slot].changed_ns = changed;
    memcpy(cache[slot].digest, digest, 32);
}

static ssize_t read_small(int32_t pid, const char *name, char *out, size_t size)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? n : 0;
}

void sek_process_look(int32_t pid, struct sek_process *out)
{
    char link[48];
    struct stat st;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    ssize_t n = readlink(link, out->path, sizeof out->path - 1);
    out->path[n > 0 ? n : 0] = '\0';
    out->pid = pid;
    n = read_small(pid, "cmdline", out->command, sizeof out->command);
    for (ssize_t i = 0; i + 1 < n; i++) {
        if (!out->command[i])
            out->command[i] = ' ';
    }
    if (!out->comm[0]) {
        n = read_small(pid, "comm", out->comm, sizeof out->comm);
        if (n && out->comm[n - 1] == '\n')
            out->comm[n - 1] = '\0';
    }
    snprintf(link, sizeof link, "/proc/%d", (int)pid);
    if (!out->uid && !stat(link, &st))
        out->uid = st.st_uid;
    if (fd >= 0) {
        sek_process_digest(fd, out->digest);
        close(fd);
    }
    if (!out->path[0])
        sek_executed_drain(out);
}
