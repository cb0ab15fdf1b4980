/* Descriptors of links and maps, copied out of libbpf's object. */
#include "agent/ebpf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
