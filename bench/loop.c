/* Captures, looped with other addresses, as one capture: `loop OUT BYTES CAPTURE...` writes at least
 * BYTES bytes of frames to OUT. Each round changes two octets of every IPv4 address and two bytes of
 * every IPv6 address in the same way, so that flows stay whole and are new; time goes on. Captures
 * whose link type is not Ethernet or raw IP are left out; raw IP gets an Ethernet header. Checksums are
 * not mended: measure with --no-checksum. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    uint8_t *data;
    uint32_t len;
    uint64_t ts_us; /* from the beginning of its capture */
};

static struct frame *frames;
static size_t count, cap;

static void keep(const uint8_t *data, uint32_t len, uint32_t before, uint64_t ts_us)
{
    if (count == cap) {
        cap = cap ? cap * 2 : 65536;
        frames = realloc(frames, cap * sizeof *frames);
    }
    uint8_t *copy = calloc(1, len + before);
    if (!frames || !copy)
        exit(1);
    if (before) {
        memcpy(copy, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
        copy[12] = data[0] >> 4 == 6 ? 0x86 : 0x08;
        copy[13] = data[0] >> 4 == 6 ? 0xdd : 0x00;
    }
    memcpy(copy + before, data, len);
    frames[count++] = (struct frame){copy, len + before, ts_us};
}

static void load(const char *path)
{
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const unsigned char *data;
    pcap_t *p = pcap_open_offline(path, why);
    uint64_t first = 0;
    if (!p)
        return;
    int link = pcap_datalink(p);
    uint32_t before = link == DLT_RAW || link == 101 ? 14 : 0;
    while ((link == DLT_EN10MB || before) && pcap_next_ex(p, &h, &data) == 1) {
        uint64_t now = (uint64_t)h->ts.tv_sec * 1000000u + (uint64_t)h->ts.tv_usec;
        if (!first)
            first = now;
        if (h->caplen >= 14)
            keep(data, h->caplen, before, now > first ? now - first : 0);
    }
    pcap_close(p);
}

static void readdress(uint8_t *f, uint32_t len, unsigned round)
{
    uint32_t at = 12;
    while (at + 2 <= len && (f[at] == 0x81 || f[at] == 0x88) && f[at + 1] <= 0xa8)
        at += 4;
    if (at + 22 <= len && f[at] == 0x08 && f[at + 1] == 0x00) {
        for (unsigned side = 0; side < 2; side++) {
            f[at + 2 + 12 + 4 * side + 2] ^= (uint8_t)round;
            f[at + 2 + 12 + 4 * side + 1] ^= (uint8_t)(round >> 8);
        }
    } else if (at + 42 <= len && f[at] == 0x86 && f[at + 1] == 0xdd) {
        for (unsigned side = 0; side < 2; side++) {
            f[at + 2 + 8 + 16 * side + 14] ^= (uint8_t)round;
            f[at + 2 + 8 + 16 * side + 13] ^= (uint8_t)(round >> 8);
        }
    }
}

int main(int argc, char **argv)
{
    FILE *out = argc > 3 ? fopen(argv[1], "wb") : NULL;
    if (!out) {
        fputs("usage: loop OUT BYTES CAPTURE...\n", stderr);
        return 2;
    }
    for (int i = 3; i < argc; i++)
        load(argv[i]);
    uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, DLT_EN10MB};
    fwrite(header, sizeof header, 1, out);
    uint64_t total = 0, packets = 0, least = strtoull(argv[2], NULL, 10), clock = 1700000000000000ull;
    static uint8_t frame[262144];
    for (unsigned round = 0; count && total < least; round++) {
        uint64_t last = 0;
        for (size_t i = 0; i < count; i++) {
            const struct frame *f = &frames[i];
            /* captures follow each other; pauses in them are cut to a tenth of a second */
            uint64_t gap = f->ts_us > last ? f->ts_us - last : 0;
            last = f->ts_us;
            clock += gap > 100000 ? 100000 : gap + 1;
            memcpy(frame, f->data, f->len);
            readdress(frame, f->len, round);
            uint32_t record[4] = {(uint32_t)(clock / 1000000), (uint32_t)(clock % 1000000), f->len,
                                  f->len};
            fwrite(record, sizeof record, 1, out);
            fwrite(frame, f->len, 1, out);
            total += f->len;
            packets++;
        }
    }
    printf("%llu packets, %llu bytes\n", (unsigned long long)packets, (unsigned long long)total);
    return fclose(out) != 0;
}
