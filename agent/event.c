/* Event records, and the one form in which the agent keeps addresses. */
#include "agent/event.h"
#include "lib/packet/packet.h"
#include "agent/lockdown/judge.h"
#include "bpf/lockdown.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool sek_address_is4(const uint8_t address[16])
{
    return !memcmp(address, mapped_prefix, 12);
}

void sek_address_map(const void *address, bool v4, uint8_t out[16])
{
    if (v4) {
        memcpy(out, mapped_prefix, 12);
        memcpy(out + 12, address, 4);
    } else {
        memcpy(out, address, 16);
    }
}

void sek_address_text(const uint8_t address[16], char *out)
{
    bool v4 = sek_address_is4(address);
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, out, INET6_ADDRSTRLEN))
        *out = '\0';
}

void sek_endpoints_of_packet(const struct sek_packet *p, struct sek_endpoints *e)
{
    sek_address_map(p->src.bytes, p->ip_version == 4, e->source);
    sek_address_map(p->dst.bytes, p->ip_version == 4, e->target);
    e->source_port = p->src_port;
    e->target_port = p->dst_port;
    e->protocol = p->proto;
}

bool sek_address_parse(const char *text, uint8_t address[16])
{
    uint8_t v4[4];
    if (inet_pton(AF_INET, text, v4) == 1) {
        sek_address_map(v4, true, address);
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

void sek_event_begin(struct sek_text *t, const char *type, const char *action)
{
    char timestamp[SEK_CLOCK_TEXT];
    sek_clock_format(sek_clock_wall_us(), timestamp);
    sek_json_open(t, NULL, '{');
    sek_json_str(t, "timestamp", timestamp);
    sek_json_str(t, "event_type", type);
    sek_json_str(t, "layer", "device");
    sek_json_str(t, "action", action);
}

void sek_event_end(struct sek_text *t)
{
    sek_json_close(t, '}');
}

void sek_event_endpoints(struct sek_text *t, const struct sek_endpoints *e)
{
    char address[INET6_ADDRSTRLEN];
    static const uint8_t none[16];
    if (memcmp(e->source, none, 16) != 0) {
        sek_address_text(e->source, address);
        sek_json_str(t, "src_ip", address);
        sek_json_uint(t, "src_port", e->source_port);
    }
    if (memcmp(e->target, none, 16) != 0) {
        sek_address_text(e->target, address);
        sek_json_str(t, "dest_ip", address);
        sek_json_uint(t, "dest_port", e->target_port);
    }
    const char *name = e->protocol == IPPROTO_TCP      ? "TCP"
                       : e->protocol == IPPROTO_UDP    ? "UDP"
                       : e->protocol == IPPROTO_ICMP   ? "ICMP"
                       : e->protocol == IPPROTO_ICMPV6 ? "IPv6-ICMP"
                                                       : NULL;
    if (name)
        sek_json_str(t, "proto", name);
}

void sek_event_process(struct sek_text *t, const struct sek_process *p)
{
    static const uint8_t none[32];
    if (!p->pid)
        return;
    sek_json_open(t, "process", '{');
    sek_json_int(t, "pid", p->pid);
    sek_json_uint(t, "uid", p->uid);
    if (p->comm[0])
        sek_json_bytes(t, "name", p->comm, strnlen(p->comm, sizeof p->comm));
    if (p->path[0])
        sek_json_str(t, "path", p->path);
    if (memcmp(p->digest, none, 32) != 0)
        sek_json_hex(t, "sha256", p->digest, 32);
    if (p->command[0])
        sek_json_str(t, "cmdline", p->command);
    sek_json_close(t, '}');
}

void sek_event_lockdown(struct sek_text *t, const struct sek_lockdown_record *record,
                        const char *mode)
{
    static const char *const actions[] = {"blocked", "detected", "allowed", "allowed"};
    static const char *const reasons[] = {
        "not registered",
        "not registered; detect mode lets it run",
        "registered in learn mode",
        "registered because a trusted updater installed it",
    };
    /* enum sek_guard_reason */
    static const struct {
        const char *operation, *reason;
    } kernel[] = {
        [SEK_GUARD_MEMORY] = {"execute", "a program that lies in memory only"},
        [SEK_GUARD_UNCOVERED] = {"execute", "a program of the scope over a mount without a mark"},
        [SEK_GUARD_OUTSIDE] = {"execute", "a program on a file system that is not covered"},
        [SEK_GUARD_INLINE] = {"execute", "code on the command line or standard input"},
        [SEK_GUARD_MAPPED] = {"map", "a file that is not registered, mapped as code"},
        [SEK_GUARD_TRACED] = {"trace", "another process was to be traced or written"},
        [SEK_GUARD_MODULE] = {"load", "kernel code that is not registered"},
        [SEK_GUARD_BPF] = {"load", "a BPF program"},
        [SEK_GUARD_WRITTEN] = {"write", "a registered program was to be changed"},
        [SEK_GUARD_SET_ID] = {"execute", "a set-ID bit that the program was not registered with"},
    };
    unsigned by_kernel = record->reason < SEK_GUARD_REASONS ? record->reason : 0;
    unsigned what = record->what <= SEK_LOCKDOWN_UPDATED ? record->what : SEK_LOCKDOWN_DENIED;
    sek_event_begin(t, "lockdown", actions[what]);
    sek_json_str(t, "reason", by_kernel ? kernel[by_kernel].reason : reasons[what]);
    sek_json_open(t, "lockdown", '{');
    sek_json_str(t, "mode", mode);
    sek_json_str(t, "operation",
                 by_kernel ? kernel[by_kernel].operation : record->exec ? "execute" : "open");
    sek_json_str(t, "mechanism", by_kernel ? "ebpf" : "fanotify");
    sek_json_str(t, "kind", sek_file_kind_name(record->kind <= SEK_FILE_SCRIPT ? record->kind : 0));
    sek_json_str(t, "path", record->path);
    if (!by_kernel)
        sek_json_hex(t, "sha256", record->digest, 32);
    sek_json_close(t, '}');
    sek_json_open(t, "process", '{');
    sek_json_int(t, "pid", record->pid);
    sek_json_str(t, "path", record->program);
    sek_json_close(t, '}');
    sek_event_end(t);
}
