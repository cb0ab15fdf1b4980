/* Log inspection: files and the journal, decoders and rules, findings as events. */
#ifndef SEK_AGENT_LOGS_H
#define SEK_AGENT_LOGS_H

#include "agent/duty.h"
#include "agent/logs/engine.h"
#include "agent/logs/rules.h"

sek_duty_main sek_logs_duty;

/* Play each rule's own lines: those of `match` must make it fire, those of `no_match` must not.
 * Says what is wrong on standard error; returns how many are. PATH: as for sek_log_rules_load. */
unsigned sek_logs_self_test(const char *path, unsigned *rules, struct sek_fault *fault);

#endif
