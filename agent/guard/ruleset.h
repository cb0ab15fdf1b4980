/* A rule set as text for `nft -f -`: one transaction that replaces the table `inet sekisho_fw`. The
 * compiler is a pure function; what depends on the device and its present state (users, cgroups,
 * marks of programs, the addresses that are always reachable) stays a mark "<kind:word>" in the
 * text, which sek_ruleset_expand fills in when the text is loaded. */
#ifndef SEK_AGENT_RULESET_H
#define SEK_AGENT_RULESET_H

#include "lib/base/text.h"
#include "lib/firewall/ruleset.h"

/* Each refused or noted packet is logged with this text in front: "sekisho_fw MODE DIRECTION RULE".
 */
#define SEK_RULESET_PREFIX "sekisho_fw"
/* Sockets of programs that a rule names carry its number in these bits of their mark. */
#define SEK_PROGRAM_MASK  0xff000000u
#define SEK_PROGRAM_SHIFT 24
#define SEK_PROGRAMS      64

/* Append the text of RULESET, which sek_ruleset_check has passed; GROUP is the NFLOG group. */
void sek_ruleset_compile(const struct sek_ruleset *ruleset, unsigned group, struct sek_text *out);

/* What fills a mark of KIND ("user", "cgroup", "program", "always4", "always6") and WORD: text for
 * OUT, or false: there is no such thing now, and the line is left out. */
typedef bool sek_ruleset_resolve(void *arg, const char *kind, const char *word,
                                 struct sek_text *out);
/* Append the lines of TEMPLATE with their marks filled in; the number of lines that were left out.
 */
unsigned sek_ruleset_expand(const char *template, sek_ruleset_resolve *resolve, void *arg,
                            struct sek_text *out);

#endif
