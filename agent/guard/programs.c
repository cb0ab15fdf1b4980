/* The list's places are compared with what the files are now, so that an updated program keeps its
 * number. */
#include "agent/guard/programs.h"
#include "agent/ebpf.h"
#include "agent/guard/exits.h"
#include "bpf/program.h"
#include "bpf/program.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sek_programs {
    int link, map;
    struct sek_program_key keys[SEK_PROGRAMS]; /* inode 0: none */
};

enum sek_error sek_programs_open(const char *cgroup, struct sek_programs **out,
                                 struct sek_fault *fault)
{
    struct sek_programs *p = calloc(1, sizeof *p);
    int fd = sek_exits_cgroup(cgroup);
    sek_ebpf_quiet();
    struct program *skel = p ? program__open_and_load() : NULL;
    enum sek_error rc = SEK_OK;
    *out = NULL;
    if (!skel || fd < 0) {
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "programs in rules need eBPF with BTF: %s",
                      strerror(errno));
    } else {
        p->map = fcntl(bpf_map__fd(skel->maps.programs), F_DUPFD_CLOEXEC, 3);
        p->link = bpf_link_create(bpf_program__fd(skel->progs.program_mark), fd,
                                  BPF_CGROUP_INET_SOCK_CREATE, NULL);
        if (p->link < 0)
            rc =
                sek_fail(fault, SEK_EUNSUPPORTED, "programs in rules: cgroup: %s", strerror(errno));
    }
    program__destroy(skel);
    if (fd >= 0)
        close(fd);
    if (!rc)
        *out = p;
    else if (p && p->map > 0)
        close(p->map);
    if (rc)
        free(p);
    return rc;
}

unsigned sek_programs_set(struct sek_programs *p, const struct sek_confirm_status *rules)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < SEK_PROGRAMS; i++) {
        struct stat st;
        struct sek_program_key key = {0};
        uint32_t mark = (i + 1) << SEK_PROGRAM_SHIFT;
        if (i < rules->program_count && !stat(rules->programs[i], &st)) {
            key.inode = st.st_ino;
            key.device = sek_ebpf_device(st.st_dev);
        } else if (i < rules->program_count) {
            missing++;
        }
        if (p->keys[i].inode && memcmp(&p->keys[i], &key, sizeof key) != 0)
            bpf_map_delete_elem(p->map, &p->keys[i]);
        p->keys[i] = key;
        if (key.inode)
            bpf_map_update_elem(p->map, &key, &mark, BPF_ANY);
    }
    return missing;
}

void sek_programs_close(struct sek_programs *p)
{
    if (!p)
        return;
    close(p->link);
    close(p->map);
    free(p);
}
