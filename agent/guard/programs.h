/* Numbers of programs on the sockets that they make (bpf/program.bpf.c), for firewall rules that
 * name a program's path. Needs Linux 5.9 with type information (BTF) and cgroup v2. */
#ifndef SEK_AGENT_PROGRAMS_H
#define SEK_AGENT_PROGRAMS_H

#include "agent/guard/confirm.h"

struct sek_programs;

enum sek_error sek_programs_open(const char *cgroup, struct sek_programs **out,
                                 struct sek_fault *fault);
/* Replace the list; the number of programs that are not there now. */
unsigned sek_programs_set(struct sek_programs *p, const struct sek_confirm_status *rules);
void sek_programs_close(struct sek_programs *p);

#endif
