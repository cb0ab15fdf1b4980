/* Descriptors of links and maps, copied out of libbpf's object, and what the kernel can do. */
#include "agent/ebpf.h"
#include "lib/base/file.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

void sek_ebpf_quiet(void)
{
    libbpf_set_print(say_nothing);
}

int sek_ebpf_keep(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

enum sek_error sek_ebpf_attach(struct bpf_object *object, int *links, unsigned max, unsigned *count,
                               struct sek_fault *fault)
{
    struct bpf_program *program;
    bpf_object__for_each_program(program, object)
    {
        if (!bpf_program__autoload(program))
            continue;
        struct bpf_link *link = *count < max ? bpf_program__attach(program) : NULL;
        if (!link)
            return sek_fail(fault, SEK_EUNSUPPORTED, "eBPF %s: cannot attach: %s",
                            bpf_program__name(program), strerror(errno));
        links[(*count)++] = sek_ebpf_keep(bpf_link__fd(link));
        bpf_link__destroy(link);
    }
    return SEK_OK;
}

bool sek_ebpf_runs_lsm(void)
{
    char path[40] = "/sys/kernel/security/lsm", *text = NULL;
    size_t len;
    if (sek_file_read(path, 4096, &text, &len, NULL)) {
        int folder = sek_file_system("securityfs");
        snprintf(path, sizeof path, "/proc/self/fd/%d/lsm", folder);
        if (folder < 0 || sek_file_read(path, 4096, &text, &len, NULL))
            text = NULL;
        if (folder >= 0)
            close(folder);
    }
    const char *at = text ? strstr(text, "bpf") : NULL;
    bool runs = at && (at == text || at[-1] == ',') && (at[3] == ',' || at[3] <= '\n');
    free(text);
    return runs;
}

uint32_t sek_ebpf_device(dev_t device)
{
    return major(device) << 20 | minor(device);
}

const char *sek_ebpf_why(int error)
{
    if (error == EPERM || !access("/sys/kernel/btf/vmlinux", R_OK))
        return strerror(error);
    return "the kernel has no type information (BTF, Linux 5.4)";
}
