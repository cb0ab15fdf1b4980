/* Reputation of addresses by category, for the keyword `iprep`. */
#ifndef SEK_RULES_IPREP_H
#define SEK_RULES_IPREP_H

#include "lib/base/error.h"
#include "lib/packet/address.h"

struct sek_iprep;

/* CATEGORIES: a file of `number,short name,text`. NULL with a fault that names file and line. */
struct sek_iprep *sek_iprep_new(const char *categories, struct sek_fault *fault);
/* Add a file of `address[/bits],category number,score 0..127`. */
enum sek_error sek_iprep_load(struct sek_iprep *r, const char *path, struct sek_fault *fault);
/* After the last file. */
void sek_iprep_sort(struct sek_iprep *r);
void sek_iprep_free(struct sek_iprep *r);

/* The category called NAME, or -1. */
int sek_iprep_category(const struct sek_iprep *r, const char *name);
/* The score of ADDR in CATEGORY, of the narrowest entry that holds it; -1: none. */
int sek_iprep_score(const struct sek_iprep *r, int category, const struct sek_addr *addr, int version);

#endif
