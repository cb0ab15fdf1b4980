/* The firewall's rule set in force, confirm or roll back. A new one is loaded in one transaction
 * while the old one is kept on disk; when nobody confirms it in time, a process that waits for
 * nothing else brings the old one back, also when whoever applied it has died. After a restart of
 * the device or the agent an unconfirmed one is not loaded. The files lie in STATE/firewall (root
 * only): "confirmed", "pending", "refused" (digest of the policy's one that somebody rolled back).
 */
#ifndef SEK_AGENT_CONFIRM_H
#define SEK_AGENT_CONFIRM_H

#include "agent/guard/ruleset.h"
#include "agent/spare.h"

#define SEK_CONFIRM_S     60
#define SEK_CONFIRM_MAX_S 3600

enum sek_origin { SEK_ORIGIN_LOCAL, SEK_ORIGIN_POLICY };

struct sek_confirm {
    const char *state;               /* the agent's state folder */
    const struct sek_spares *always; /* reachable whatever the rules say */
};

struct sek_confirm_status {
    bool confirmed, pending;
    uint8_t origin;       /* enum sek_origin of the one in force */
    unsigned seconds;     /* until the pending one is rolled back */
    char digest[65];      /* of the one in force; "" none */
    char refused[65];     /* of the policy's one that somebody rolled back; "" none */
    unsigned left_out;    /* lines whose user or cgroup is not there now */
    char environment[65]; /* digest of what the marks stand for now */
    unsigned program_count;
    char programs[SEK_PROGRAMS][200]; /* that rules name; the first has number 1 */
};

/* Load TEMPLATE (of sek_ruleset_compile) for WITHIN_S seconds at first. SEK_EINVAL: nft refuses it,
 * and nothing has changed. */
enum sek_error sek_confirm_apply(const struct sek_confirm *c, const char *template,
                                 enum sek_origin origin, unsigned within_s,
                                 struct sek_fault *fault);
/* Keep the pending one. SEK_ENOTFOUND: none is pending. */
enum sek_error sek_confirm_keep(const struct sek_confirm *c, struct sek_fault *fault);
/* Bring the confirmed one (or none) back now. REFUSED: somebody wanted that, so the policy's one is
 * not to be tried again before it changes. SEK_ENOTFOUND: none is pending. */
enum sek_error sek_confirm_rollback(const struct sek_confirm *c, bool refused,
                                    struct sek_fault *fault);
/* No rules any more; the files go too. */
enum sek_error sek_confirm_off(const struct sek_confirm *c, struct sek_fault *fault);
/* At the agent's start: a pending one is rolled back (*ROLLED_BACK), the confirmed one loaded. */
enum sek_error sek_confirm_start(const struct sek_confirm *c, bool *rolled_back,
                                 struct sek_fault *fault);
/* Load what is in force again: a user, cgroup or address that a mark stands for has changed. */
enum sek_error sek_confirm_reload(const struct sek_confirm *c, struct sek_fault *fault);
/* At the agent's end: the table goes, an unconfirmed rule set too, the confirmed one stays on disk.
 */
void sek_confirm_stop(const struct sek_confirm *c);
void sek_confirm_look(const struct sek_confirm *c, struct sek_confirm_status *out);
/* TEMPLATE as it would be loaded now; nft checks it without loading it. */
enum sek_error sek_confirm_test(const struct sek_confirm *c, const char *template,
                                struct sek_text *out, struct sek_fault *fault);

#endif
