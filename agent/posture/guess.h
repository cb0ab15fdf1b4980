/* Well-known passwords, tried against a hash. Time is bounded: what was tried for a hash is
 * remembered by a digest of it, and the next run goes on from there. */
#ifndef SEK_AGENT_GUESS_H
#define SEK_AGENT_GUESS_H

#include "agent/posture/posture.h"

#define SEK_GUESS_HASH 256 /* bytes of a hash, with the NUL */

struct sek_guess;

/* 1: PASSWORD of USER makes HASH, 0: it does not, -1: this form of hash cannot be made here. */
typedef int sek_guess_compare(struct sek_guess *g, const char *user, const char *password,
                              const char *hash);

/* '-': not all were tried, 'g': none fits, 'f': a factory password of that user, 'w': one that
 * everybody tries. */
enum sek_guess_verdict {
    SEK_GUESS_UNDONE = '-',
    SEK_GUESS_NONE = 'g',
    SEK_GUESS_FACTORY = 'f',
    SEK_GUESS_WEAK = 'w',
};

/* NULL: out of memory. POSTURE must outlive it. */
struct sek_guess *sek_guess_open(struct sek_posture *posture);
/* Remembers what was tried. */
void sek_guess_close(struct sek_guess *g);
enum sek_guess_verdict sek_guess_try(struct sek_guess *g, const char *user, const char *hash,
                                     sek_guess_compare *same);
/* By crypt(3), every kind of hash that it knows. libcrypt is opened at run time: only this check
 * needs it. */
sek_guess_compare sek_guess_crypt;

#endif
