/* Members are found by name, also in structures without a name (the kernel wraps its randomised
 * parts in those). The change time has had three forms: a timespec under two names, and since 6.11
 * two numbers. */
#include "agent/guard/offsets.h"

#include <bpf/btf.h>
#include <stdint.h>
#include <string.h>

#define DEPTH 4 /* of structures without a name */

/* Bytes from the structure's begin to MEMBER; -1: there is no such member. */
static long member_at(const struct btf *btf, uint32_t id, const char *member, int depth)
{
    const struct btf_type *t = btf__type_by_id(btf, id);
    if (!t || (!btf_is_struct(t) && !btf_is_union(t)) || depth > DEPTH)
        return -1;
    const struct btf_member *m = btf_members(t);
    for (uint16_t i = 0; i < btf_vlen(t); i++, m++) {
        const char *name = btf__name_by_offset(btf, m->name_off);
        long at = btf_member_bit_offset(t, i) / 8;
        if (name && *name) {
            if (!strcmp(name, member))
                return at;
            continue;
        }
        long inner = member_at(btf, m->type, member, depth + 1);
        if (inner >= 0)
            return at + inner;
    }
    return -1;
}

static bool find(const struct btf *btf, const char *structure, const char *member, uint32_t *out)
{
    int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
    long at = id > 0 ? member_at(btf, (uint32_t)id, member, 0) : -1;
    *out = at >= 0 ? (uint32_t)at : 0;
    return at >= 0;
}

static bool find_change_time(const struct btf *btf, struct sek_exit_offsets *o)
{
    uint32_t nanoseconds;
    if (find(btf, "inode", "i_ctime_sec", &o->ctime_s))
        return find(btf, "inode", "i_ctime_nsec", &o->ctime_ns);
    if ((!find(btf, "inode", "__i_ctime", &o->ctime_s) &&
         !find(btf, "inode", "i_ctime", &o->ctime_s)) ||
        !find(btf, "timespec64", "tv_nsec", &nanoseconds))
        return false;
    o->ctime_ns = o->ctime_s + nanoseconds;
    return true;
}

bool sek_offsets_read(struct sek_exit_offsets *out)
{
    struct sek_exit_offsets o = {0};
    struct btf *btf = btf__load_vmlinux_btf();
    bool good = btf && find(btf, "task_struct", "mm", &o.task_mm) &&
                find(btf, "mm_struct", "exe_file", &o.mm_exe_file) &&
                find(btf, "file", "f_inode", &o.file_inode) &&
                find(btf, "inode", "i_ino", &o.inode_ino) &&
                find(btf, "inode", "i_sb", &o.inode_sb) &&
                find(btf, "super_block", "s_dev", &o.sb_dev) && find_change_time(btf, &o);
    if (good)
        o.word = (uint32_t)btf__pointer_size(btf);
    btf__free(btf);
    good = good && (o.word == 4 || o.word == 8);
    *out = good ? o : (struct sek_exit_offsets){0};
    return good;
}
