/* Run a program as if the kernel were Linux 4.19: `old-kernel PROGRAM [ARGUMENT...]`. A seccomp filter
 * answers system calls that came later with ENOSYS, and later flags of fanotify and commands of bpf(2)
 * with EINVAL. What lies behind pointers (map types, eBPF helpers) stays as new as it is. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_LATER 424    /* pidfd_send_signal (5.1); every architecture counts alike from here on */
#define INIT_LATER  0xff80 /* FAN_REPORT_... (4.20 and later) */
#define MARK_LATER  0x0700 /* FAN_MARK_FILESYSTEM (4.20), EVICTABLE, IGNORE */
#define EVENTS_LATER                                                                               \
    0x10049fc4 /* FAN_OPEN_EXEC and its permission event (5.0); with names, attributes (5.1); RENAME */
#define BPF_LATER 21 /* BPF_MAP_LOOKUP_AND_DELETE_ELEM (4.20), links, batches */

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define UNLESS(call, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, skip)
#define ANSWER(number)     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define ALLOW              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_LATER, 0, 1),
        ANSWER(ENOSYS),
        UNLESS(fanotify_init, 4),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, INIT_LATER, 0, 1),
        ANSWER(EINVAL),
        ALLOW,
        UNLESS(fanotify_mark, 6),
        LOAD(args[1]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MARK_LATER, 2, 0),
        LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, EVENTS_LATER, 0, 1),
        ANSWER(EINVAL),
        ALLOW,
        UNLESS(bpf, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, BPF_LATER, 0, 1),
        ANSWER(EINVAL),
        ALLOW,
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (argc < 2)
        return 2;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        perror("seccomp");
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
