/* The duty's side of its socket to the guard. */
#include "agent/duty.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SECTION_LIMIT (192u << 20)
#define GOOD_LIMIT    (64u << 20)

static bool say(int socket, uint8_t kind, uint8_t level, const char *text, size_t len)
{
    uint8_t header[offsetof(struct sek_duty_datagram, text)] = {kind, level};
    struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)text, len}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    if (len > SEK_MESSAGE_MAX)
        return false;
    while (sendmsg(socket, &m, MSG_NOSIGNAL) < 0) {
        struct pollfd p = {.fd = socket, .events = POLLOUT};
        if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
            return false;
        poll(&p, 1, 100);
    }
    return true;
}

bool sek_duty_event(int socket, const struct sek_text *event)
{
    return !event->failed && event->len &&
           say(socket, SEK_DUTY_SAYS_EVENT, 0, event->data, event->len);
}

void sek_duty_state(int socket, enum sek_protection level, const char *fmt, ...)
{
    char why[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    say(socket, SEK_DUTY_SAYS_STATE, (uint8_t)level, why, strlen(why));
}

json_t *sek_duty_section(int fd, struct sek_fault *fault)
{
    json_error_t error;
    size_t len;
    char *text = sek_memory_map(fd, SECTION_LIMIT, &len);
    if (!text) {
        sek_fail(fault, SEK_EINVAL, "section: not a sealed memory file");
        return NULL;
    }
    json_t *root = json_loadb(text, len, 0, &error);
    munmap(text, len);
    if (!json_is_object(root)) {
        sek_fail(fault, SEK_EINVAL, "section:%d: %.100s", error.line,
                 root ? "expected an object" : error.text);
        json_decref(root);
        return NULL;
    }
    return root;
}

json_t *sek_duty_last_good(const char *path)
{
    char *text;
    size_t len;
    if (sek_file_read(path, GOOD_LIMIT, &text, &len, NULL))
        return NULL;
    json_t *files = json_loadb(text, len, 0, NULL);
    free(text);
    return files;
}

void sek_duty_keep_good(const char *path, const json_t *files)
{
    json_t *before = sek_duty_last_good(path);
    struct sek_fault fault;
    char *text = json_equal(before, files) ? NULL : json_dumps(files, JSON_COMPACT);
    if (text && sek_file_replace(path, text, strlen(text), 0600, &fault))
        sek_warning("%s", fault.message);
    free(text);
    json_decref(before);
}
