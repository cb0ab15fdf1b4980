/* What the files that make a rule set ready share; not for use outside lib/detect. */
#ifndef SEK_DETECT_BUILD_H
#define SEK_DETECT_BUILD_H

#include "lib/detect/compiled.h"

/* --- matcher_cache.c --- */

/* Compiled matchers of an earlier load, by the SHA-256 of what they were compiled from. */
struct matcher_cache;
/* Never NULL but when memory is out; a file that is missing or damaged is an empty cache. */
struct matcher_cache *matcher_cache_open(const char *path);
/* The matcher of KEY (32 bytes), or NULL. */
hs_database_t *matcher_cache_find(struct matcher_cache *cache, const uint8_t *key);
void matcher_cache_add(struct matcher_cache *cache, const uint8_t *key, const hs_database_t *db);
/* Write what was used and what was added, when something was added; free. */
void matcher_cache_close(struct matcher_cache *cache);

/* --- prefilter.c --- */
enum sek_error prefilter_build(struct sek_prefilter *f, struct sek_rule **rules, uint32_t count,
                               struct sek_compiled *c, struct sek_fault *fault);
void prefilter_free(struct sek_prefilter *f);
/* The farthest place where a match of R's pattern can end, UINT32_MAX when it can be anywhere. */
uint32_t prefilter_reach(struct sek_rule *r);

/* --- fixed.c --- */
/* Can the pattern of R stand at one place only? Where: in *AT. */
bool fixed_fits(struct sek_rule *r, uint32_t *at);
enum sek_error fixed_build(struct sek_fixed *f, struct sek_rule **rules, uint32_t count,
                           struct sek_fault *fault);
void fixed_free(struct sek_fixed *f);

/* --- ports.c --- */
enum sek_error ports_build(struct sek_compiled *c, enum sek_group_proto proto, int dir,
                           struct sek_fault *fault);
void ports_free(struct sek_compiled *c);
bool rule_in_dir(const struct sek_rule *r, int dir);
bool rule_in_proto(const struct sek_rule *r, enum sek_group_proto proto);
bool rule_in_port(const struct sek_rule *r, int dir, uint16_t port);
/* Does the rule say anything of the port that decides? */
bool rule_names_ports(const struct sek_rule *r, int dir);

/* --- ip_only.c --- */
enum sek_error ip_only_build(struct sek_compiled *c, struct sek_fault *fault);
void ip_only_free(struct sek_compiled *c);

#endif
