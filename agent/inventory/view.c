#include "agent/inventory/view.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

size_t sek_view_some(const struct sek_view *v, uint64_t offset, void *out, size_t len)
{
    size_t done = 0;
    if (offset >= v->size)
        return 0;
    if (len > v->size - offset)
        len = (size_t)(v->size - offset);
    if (v->data) {
        memcpy(out, v->data + offset, len);
        return len;
    }
    while (done < len) {
        ssize_t n = pread(v->fd, (char *)out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

bool sek_view_read(const struct sek_view *v, uint64_t offset, void *out, size_t len)
{
    return sek_view_some(v, offset, out, len) == len;
}
