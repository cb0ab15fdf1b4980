/* libpcap behind the gateway's own interface. */
#include "gateway/capture/file.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct capture_file {
    pcap_t *pcap;
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
                 {12, SEK_LINK_RAW_IP},           {14, SEK_LINK_RAW_IP},
                 {228, SEK_LINK_RAW_IP},          {229, SEK_LINK_RAW_IP},
                 {DLT_LINUX_SLL, SEK_LINK_LINUX_SLL}, {276, SEK_LINK_SLL2},
                 {DLT_NULL, SEK_LINK_NULL},       {DLT_LOOP, SEK_LINK_NULL},
                 {DLT_PPP, SEK_LINK_PPP},         {DLT_PPP_SERIAL, SEK_LINK_PPP}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].dlt == dlt) {
            *out = table[i].link;
            return true;
        }
    }
    return false;
}

enum sek_error capture_file_open(const char *path, struct capture_file **out,
                                 struct sek_fault *fault)
{
    char why[PCAP_ERRBUF_SIZE];
    struct capture_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path);
    }
    f->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_MICRO, why);
    if (!f->pcap) {
        sek_fail(fault, SEK_EINVAL, "%s: expected a pcap or pcapng capture: %s", path, why);
        capture_file_close(f);
        return SEK_EINVAL;
    }
    int dlt = pcap_datalink(f->pcap);
    if (!link_known(dlt, &f->link)) {
        sek_fail(fault, SEK_EUNSUPPORTED, "%s: link type %d (%s) is not supported", path, dlt,
                 pcap_datalink_val_to_name(dlt) ? pcap_datalink_val_to_name(dlt) : "unknown");
        capture_file_close(f);
        return SEK_EUNSUPPORTED;
    }
    *out = f;
    return SEK_OK;
}

enum sek_error capture_file_next(struct capture_file *f, const uint8_t **data, uint32_t *len,
                                 uint64_t *ts_us, struct sek_fault *fault)
{
    struct pcap_pkthdr *h;
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
    if (f->pcap)
        pcap_close(f->pcap);
    free(f->path);
    free(f);
}
