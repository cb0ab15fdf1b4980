/* Framing, sizes and descriptors. */
#include "agent/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct wire_header {
    uint32_t type, id;
};

/* Payload size: a multiple of UNIT, from one to COUNT of them; UNIT 0: none. */
static const struct {
    uint32_t unit, count;
    bool from_worker, file;
} shapes[SEK_MESSAGE_TYPES] = {
    [SEK_MESSAGE_ALIVE] = {0, 0, true, false},
    [SEK_MESSAGE_VERDICTS] = {sizeof(struct sek_verdict), SEK_VERDICTS, true, false},
    [SEK_MESSAGE_FILTER] = {sizeof(struct sek_filter), 1, true, false},
    [SEK_MESSAGE_PREFIXES] = {0, 0, true, true},
    [SEK_MESSAGE_BLOCK] = {sizeof(struct sek_block), 1, true, false},
    [SEK_MESSAGE_WHO] = {sizeof(struct sek_endpoints), 1, true, false},
    [SEK_MESSAGE_BREAK] = {sizeof(struct sek_endpoints), 1, true, false},
    [SEK_MESSAGE_ANSWER] = {sizeof(struct sek_answer), 1, true, false},
    [SEK_MESSAGE_ALLOWLIST] = {0, 0, true, true},
    [SEK_MESSAGE_WINDOW] = {sizeof(struct sek_window), 1, true, false},
    [SEK_MESSAGE_DUTY] = {sizeof(struct sek_duty_wish), 1, true, true},
    [SEK_MESSAGE_FIREWALL] = {sizeof(struct sek_firewall_order), 1, true, true},
    [SEK_MESSAGE_UNLOCK] = {sizeof(struct sek_unlock), 1, true, false},
    [SEK_MESSAGE_UNINSTALL] = {sizeof(struct sek_unlock), 1, true, false},
    [SEK_MESSAGE_UNLOCKED] = {sizeof(struct sek_unlocked), 1, false, false},
    [SEK_MESSAGE_NAMED] = {sizeof(struct sek_named), 1, true, false},
    [SEK_MESSAGE_LISTED] = {0, 0, true, true},
    [SEK_MESSAGE_JUDGE] = {sizeof(struct sek_judge), 1, true, false},
    [SEK_MESSAGE_SYNC] = {0, 0, true, false},
    [SEK_MESSAGE_SYNCED] = {0, 0, false, false},
    [SEK_MESSAGE_PING] = {0, 0, false, false},
    [SEK_MESSAGE_CONNECT] = {sizeof(struct sek_connect), 1, false, false},
    [SEK_MESSAGE_OWNER] = {sizeof(struct sek_process), 1, false, false},
    [SEK_MESSAGE_LOCKDOWN] = {sizeof(struct sek_lockdown_record), 1, false, false},
    [SEK_MESSAGE_INVENTORY] = {0, 0, false, true},
    [SEK_MESSAGE_TAMPER] = {sizeof(struct sek_tamper), 1, false, false},
    [SEK_MESSAGE_STATE] = {sizeof(struct sek_guard_state), 1, false, false},
    [SEK_MESSAGE_FINDING] = {1, SEK_MESSAGE_MAX, false, false},
    [SEK_MESSAGE_FIREWALL_DONE] = {sizeof(struct sek_firewall_answer), 1, false, false},
};

static bool shape_fits(const struct sek_message *m, bool from_worker)
{
    if (m->type == SEK_MESSAGE_NONE || m->type >= SEK_MESSAGE_TYPES ||
        shapes[m->type].from_worker != from_worker || shapes[m->type].file != (m->fd >= 0))
        return false;
    uint32_t unit = shapes[m->type].unit;
    if (!unit)
        return m->len == 0;
    return m->len && m->len % unit == 0 && m->len / unit <= shapes[m->type].count;
}

enum sek_error sek_message_send(int socket, uint32_t type, uint32_t id, const void *data,
                                uint32_t len, int fd)
{
    struct wire_header header = {type, id};
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)(uintptr_t)data, len}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};
    if (fd >= 0) {
        m.msg_control = space;
        m.msg_controllen = sizeof space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    while (sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return errno == EAGAIN || errno == ENOBUFS ? SEK_EAGAIN : SEK_EIO;
    }
    return SEK_OK;
}

enum sek_error sek_message_receive(int socket, bool from_worker, struct sek_message *m)
{
    struct wire_header header;
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec parts[2] = {{&header, sizeof header}, {m->data, sizeof m->data}};
    struct msghdr h = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t n;
    m->fd = -1;
    m->type = SEK_MESSAGE_NONE;
    while ((n = recvmsg(socket, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0) {
        if (errno != EINTR)
            return errno == EAGAIN ? SEK_EAGAIN : SEK_ENOTFOUND;
    }
    if (n == 0)
        return SEK_ENOTFOUND;
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&m->fd, CMSG_DATA(c), sizeof m->fd);
    if (n >= (ssize_t)sizeof header) {
        m->type = header.type;
        m->id = header.id;
        m->len = (uint32_t)n - (uint32_t)sizeof header;
        if (!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && shape_fits(m, from_worker))
            return SEK_OK;
    }
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
    m->type = SEK_MESSAGE_NONE;
    return SEK_EINVAL;
}

int sek_memory_file(const char *name, const void *data, size_t len)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const char *p = data;
    if (fd < 0)
        return -1;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        p += n;
        len -= (size_t)n;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return fd;
}

void *sek_memory_map(int fd, size_t limit, size_t *len)
{
    const int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & want) != want || fstat(fd, &st) || st.st_size <= 0 ||
        (uint64_t)st.st_size > limit)
        return NULL;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    *len = (size_t)st.st_size;
    return p == MAP_FAILED ? NULL : p;
}
