/* Self-protection. With BPF LSM the kernel refuses to end, stop or trace the agent, to change its
 * state folder, and to set the clock (bpf/shield.bpf.c). On every kernel: an agent that was ended by force says so when it
 * starts again, and changes of the clock are noticed. */
#ifndef SEK_AGENT_SHIELD_H
#define SEK_AGENT_SHIELD_H

#include "bpf/shield.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct sek_shield;

/* Protect this process, what it forks from now on, the folder STATE, and the clock from all but the
 * programs SETTERS (paths, NULL-terminated; borrowed until the shield is closed). SEK_EUNSUPPORTED:
 * no BPF LSM here. */
enum sek_error sek_shield_open(const char *state, const char *const *setters,
                               struct sek_shield **out, struct sek_fault *fault);
void sek_shield_close(struct sek_shield *shield);
/* Readable when something was refused; -1 for NULL. */
int sek_shield_fd(const struct sek_shield *shield);
/* Look again where the programs that may set the clock lie: an update replaces their files. Is the
 * process PID one of those that were not known? */
bool sek_shield_sets_clock(struct sek_shield *shield, uint32_t pid);
void sek_shield_serve(struct sek_shield *shield,
                      void (*on_event)(void *arg, const struct sek_shield_event *event), void *arg);

/* Was the agent of this state folder ended without sek_shield_left, since the last boot? Notes that
 * it runs now. */
bool sek_shield_entered(const char *state);
void sek_shield_left(const char *state);

/* A timer that reads as ready when somebody sets the clock; -1: not available. */
int sek_shield_clock(void);
/* It was: by how many microseconds (0: not at all, or below two seconds)? Arms the timer again. */
int64_t sek_shield_clock_changed(int fd);

/* Put this process and all that it starts into a control group of their own with these limits
 * (cgroup v2; 0: none), below the one that it is in. SEK_EUNSUPPORTED when that is not possible. */
enum sek_error sek_shield_limit(unsigned memory_mib, unsigned cpu_percent, struct sek_fault *fault);

#endif
