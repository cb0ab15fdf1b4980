/* objects: gateway/capture/file.c */
/* Captures: each packet's bytes lie inside the file, and every file ends. */
#include "gateway/capture/file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[32];
    struct sek_fault fault;
    struct capture_file *file;
    const uint8_t *packet;
    uint32_t len;
    uint64_t ts_us, count = 0;
    if (fd < 0) {
        fd = memfd_create("capture", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size ||
        capture_file_open(path, &file, &fault))
        return 0;
    while (!capture_file_next(file, &packet, &len, &ts_us, &fault)) {
        for (uint32_t i = 0; i < len; i++)
            sink ^= packet[i];
        if (++count > size)
            abort();
    }
    capture_file_close(file);
    return 0;
}
