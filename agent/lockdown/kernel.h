/* The programs of bpf/lockdown.bpf.c: they refuse what fanotify does not see (see there). Loading
 * them needs raw tracepoints and type information; BPF LSM is used when the kernel runs it. */
#ifndef SEK_AGENT_LOCKDOWN_KERNEL_H
#define SEK_AGENT_LOCKDOWN_KERNEL_H

#include "agent/lockdown/responder.h"
#include "bpf/lockdown.h"
#include "lib/base/error.h"

#include <sys/stat.h>

struct sek_kernel_guard;

/* SEK_EUNSUPPORTED: this kernel has no such programs; lockdown goes on without. */
enum sek_error sek_kernel_guard_open(struct sek_kernel_guard **out, struct sek_fault *fault);
void sek_kernel_guard_close(struct sek_kernel_guard *guard);
bool sek_kernel_guard_has_lsm(const struct sek_kernel_guard *guard);

/* Mode, scopes and policy; in force at once. */
void sek_kernel_guard_set(struct sek_kernel_guard *guard,
                          const struct sek_guard_settings *settings);
/* DEVICE's file system carries a permission mark. */
void sek_kernel_guard_device(struct sek_kernel_guard *guard, dev_t device);
/* Files of DEVICE's file system have the same numbers in stat(2) as in the kernel's programs. */
void sek_kernel_guard_numbers(struct sek_kernel_guard *guard, dev_t device);
/* The mount with this id does, or no longer. */
void sek_kernel_guard_mount(struct sek_kernel_guard *guard, uint32_t id, bool marked);
/* The program file with this status is an interpreter, or an updater. */
void sek_kernel_guard_program(struct sek_kernel_guard *guard, const struct stat *st,
                              const struct sek_guard_program *program);
/* What the file held was registered, with this status; SET_ID: also with its set-ID bit. CONTENT:
 * sek_allowlist_content() of its digest. */
void sek_kernel_guard_approve(struct sek_kernel_guard *guard, const struct stat *st, bool set_id,
                              uint64_t content);
/* The approved file is leased, or no longer: while it is, only its content counts. */
void sek_kernel_guard_hold(struct sek_kernel_guard *guard, const struct stat *st, bool held);
/* The file may hold something else from now on. */
void sek_kernel_guard_disapprove(struct sek_kernel_guard *guard, const struct stat *st);
/* Keep only the approved files whose content KEEP wants. */
void sek_kernel_guard_prune(struct sek_kernel_guard *guard,
                            bool (*keep)(const void *arg, uint64_t content), const void *arg);
/* Is the file system of this status marked as a whole, and has it the same numbers? */
bool sek_kernel_guard_covers(const struct sek_kernel_guard *guard, const struct stat *st);
void sek_kernel_guard_task(struct sek_kernel_guard *guard, pid_t pid, uint32_t flags);
/* Find the processes that run already and belong inside. */
void sek_kernel_guard_seed(struct sek_kernel_guard *guard);

/* Readable when something was refused; serve it. */
int sek_kernel_guard_fd(const struct sek_kernel_guard *guard);
void sek_kernel_guard_serve(struct sek_kernel_guard *guard,
                            void (*on_event)(void *arg, const struct sek_guard_event *event),
                            void *arg);

#endif
