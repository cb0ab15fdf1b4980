/* Captures from files. A classic pcap file is mapped into memory and read in place, as packets come from
 * a ring on the wire; everything else (pcapng, pipes) is read by libpcap. */
#include "gateway/capture/file.h"

#include "lib/base/log.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_HEADER   24u
#define PACKET_HEADER 16u
#define PACKET_LIMIT  262144u

struct capture_file {
    pcap_t *pcap; /* NULL: mapped */
    uint8_t *map;
    size_t size, at;
    bool swapped, nanoseconds;
    char *path;
    uint64_t number;
    enum sek_link link;
};

static bool link_known(int dlt, enum sek_link *out)
{
    static const struct {
        int dlt;
        enum sek_link link;
    } table[] = {{DLT_EN10MB, SEK_LINK_ETHERNET}, {DLT_RAW, SEK_LINK_RAW_IP},
                 {12, SEK_LINK_RAW_IP}, {101, SEK_LINK_RAW_IP},          {14, SEK_LINK_RAW_IP},
                 {228, SEK_LINK_IPV4},          {229, SEK_LINK_IPV6},
                 {DLT_LINUX_SLL, SEK_LINK_LINUX_SLL}, {276, SEK_LINK_SLL2},
                 {DLT_NULL, SEK_LINK_NULL},       {DLT_LOOP, SEK_LINK_NULL},
                 {DLT_PPP, SEK_LINK_PPP},         {DLT_PPP_SERIAL, SEK_LINK_PPP},
                 {DLT_C_HDLC, SEK_LINK_CHDLC}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].dlt == dlt) {
            *out = table[i].link;
            return true;
        }
    }
    return false;
}

static uint32_t word(const struct capture_file *f, size_t at)
{
    uint32_t v;
    memcpy(&v, f->map + at, sizeof v);
    return f->swapped ? __builtin_bswap32(v) : v;
}

/* Map a classic pcap file; false when it is not one. */
static bool map_file(struct capture_file *f, int *dlt)
{
    static const uint32_t micro = 0xa1b2c3d4, nano = 0xa1b23c4d;
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size >= (off_t)FILE_HEADER;
    void *map = ok ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0)
                   : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED)
        return false;
    f->map = map;
    f->size = (size_t)st.st_size;
    f->at = FILE_HEADER;
    uint32_t magic = word(f, 0), turned = __builtin_bswap32(magic);
    f->swapped = turned == micro || turned == nano;
    f->nanoseconds = magic == nano || turned == nano;
    *dlt = (int)(word(f, 20) & 0xffff);
    return f->swapped || f->nanoseconds || magic == micro;
}

static void unmap(struct capture_file *f)
{
    if (f->map)
        munmap(f->map, f->size);
    f->map = NULL;
}

enum sek_error capture_file_open(const char *path, struct capture_file **out,
                                 struct sek_fault *fault)
{
    char why[PCAP_ERRBUF_SIZE];
    struct capture_file *f = calloc(1, sizeof *f);
    int dlt = 0;
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path);
    }
    if (!map_file(f, &dlt)) {
        unmap(f);
        f->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_MICRO, why);
        if (!f->pcap) {
            sek_fail(fault, SEK_EINVAL, "%s: expected a pcap or pcapng capture: %s", path, why);
            capture_file_close(f);
            return SEK_EINVAL;
        }
        dlt = pcap_datalink(f->pcap);
    }
    if (!link_known(dlt, &f->link)) {
        sek_fail(fault, SEK_EUNSUPPORTED, "%s: link type %d (%s) is not supported", path, dlt,
                 pcap_datalink_val_to_name(dlt) ? pcap_datalink_val_to_name(dlt) : "unknown");
        capture_file_close(f);
        return SEK_EUNSUPPORTED;
    }
    *out = f;
    return SEK_OK;
}

static enum sek_error map_next(struct capture_file *f, const uint8_t **data, uint32_t *len,
                               uint64_t *ts_us, struct sek_fault *fault)
{
    size_t left = f->size - f->at;
    if (!left)
        return SEK_EAGAIN;
    uint32_t size = left < PACKET_HEADER ? 0 : word(f, f->at + 8);
    if (size > PACKET_LIMIT) { /* a wrong length before it, or lost bytes: no packet can be found from here on */
        sek_fail(fault, SEK_EINVAL, "%s: packet %llu: found %u bytes, expected at most %u", f->path,
                 (unsigned long long)f->number + 1, size, PACKET_LIMIT);
        if (!f->number)
            return SEK_EINVAL;
        sek_warning("%s: the capture is damaged and ends here", fault->message);
        return SEK_EAGAIN;
    }
    if (left < PACKET_HEADER || left - PACKET_HEADER < size)
        return sek_fail(fault, SEK_EINVAL, "%s: packet %llu: truncated: found %zu bytes, expected %zu",
                        f->path, (unsigned long long)f->number + 1, left, PACKET_HEADER + (size_t)size);
    uint32_t seconds = word(f, f->at), part = word(f, f->at + 4);
    *data = f->map + f->at + PACKET_HEADER;
    *len = size;
    *ts_us = seconds * 1000000ull + (f->nanoseconds ? part / 1000 : part);
    f->at += PACKET_HEADER + size;
    f->number++;
    return SEK_OK;
}

enum sek_error capture_file_next(struct capture_file *f, const uint8_t **data, uint32_t *len,
                                 uint64_t *ts_us, struct sek_fault *fault)
{
    struct pcap_pkthdr *h;
    if (!f->pcap)
        return map_next(f, data, len, ts_us, fault);
    int rc = pcap_next_ex(f->pcap, &h, data);
    if (rc == PCAP_ERROR_BREAK)
        return SEK_EAGAIN;
    if (rc != 1)
        return sek_fail(fault, SEK_EINVAL, "%s: packet %llu: %s", f->path,
                        (unsigned long long)f->number + 1, pcap_geterr(f->pcap));
    f->number++;
    *len = h->caplen;
    *ts_us = (uint64_t)h->ts.tv_sec * 1000000u + (uint64_t)h->ts.tv_usec;
    return SEK_OK;
}

enum sek_link capture_file_link(const struct capture_file *f)
{
    return f->link;
}

void capture_file_close(struct capture_file *f)
{
    if (!f)
        return;
    unmap(f);
    if (f->pcap)
        pcap_close(f->pcap);
    free(f->path);
    free(f);
}
