/* What was executed lately, by process id: a process that was refused a connection may be gone
 * before /proc can be asked. The kernel keeps execution events (fanotify, without permission) in a
 * queue; it is emptied now and then, and whenever somebody is looked for. */
#ifndef SEK_AGENT_EXECUTED_H
#define SEK_AGENT_EXECUTED_H

#include "agent/event.h"

/* False: the kernel has no such events; then /proc alone is asked. */
bool sek_executed_open(void);
void sek_executed_close(void);
/* Empty the queue; returns how many events it held. When PROCESS is not NULL, its path and digest are filled if they are empty and
 * the execution of PROCESS->pid is known. */
unsigned sek_executed_drain(struct sek_process *process);

#endif
