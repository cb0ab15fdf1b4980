/* The policy and the assigned virtual patches of a bundle, as the worker uses them. */
#ifndef SEK_AGENT_POLICY_H
#define SEK_AGENT_POLICY_H

#include "agent/message.h"

#define SEK_POLICY_SCOPES 4

struct sek_policy {
    uint64_t version;
    uint8_t entry_mode, exit_mode; /* SEK_MODE_... */
    uint8_t inside_mode;           /* enum sek_lockdown_mode */
    uint8_t inline_code;           /* SEK_INLINE_... */
    uint8_t deny_unanswered;       /* 1: what the manager does not answer in time is refused */
    uint8_t encrypted_dns, quic;   /* SEK_EXIT_ALLOW_ALL, _NOTE, _DENY */
    uint8_t unlearned, listeners;  /* SEK_EXIT_ALLOW_ALL... */
    uint8_t strict_scripts, window_only, trust_packages, listed_only;
    uint32_t probe_threshold, probe_window_s, block_ttl_s;
    char scopes[SEK_POLICY_SCOPES][200];
    uint8_t firewall_mode;             /* enum sek_ruleset_mode */
    uint8_t duty_mode[SEK_DUTIES]; /* SEK_MODE_... */
};

/* Before the first bundle: prevent at entry and exit, lockdown off. */
void sek_policy_default(struct sek_policy *p);
/* policy.json; what it does not name keeps its default. */
enum sek_error sek_policy_parse(struct sek_policy *p, const char *text, size_t len,
                                struct sek_fault *fault);
/* The ports of patches.json into PORTS, each once; *COUNT of them. */
enum sek_error sek_patches_ports(const char *text, size_t len,
                                 struct sek_port ports[SEK_FILTER_PORTS], uint16_t *count,
                                 struct sek_fault *fault);
const char *sek_mode_name(uint8_t mode);

#endif
