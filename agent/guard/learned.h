/* What programs may reach, and which ports they may bind: a table kept as text that a person can
 * read and edit, one permission a line:
 *
 *   SHA256 PORT/PROTOCOL DESTINATION PATH
 *
 * SHA256 of the program's file, or * for any content; PORT a number or any; PROTOCOL tcp, udp, raw
 * (sockets of other kinds) or any; DESTINATION a name, *.name, an address, a prefix, any, or listen
 * (the program may bind the port; any is one that the kernel picks then); PATH of the program to
 * the line's end, or * for any program. */
#ifndef SEK_AGENT_LEARNED_H
#define SEK_AGENT_LEARNED_H

#include "bpf/exit.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_LEARNED_LIMIT 4096       /* permissions in one table */
#define SEK_LEARNED_BYTES (4u << 20) /* of its text */

struct sek_permission {
    uint8_t digest[32];
    bool any_content;
    uint8_t protocol; /* IPPROTO_..., SEK_EXIT_RAW, 0: any; with SEK_EXIT_LISTEN to bind */
    uint16_t port;    /* 0: any */
    uint8_t bits;     /* of ADDRESS, 0..128; names have none */
    uint8_t address[16];
    char name[256]; /* lower case; "": an address */
    char path[256]; /* "*": any program */
};

struct sek_learned {
    struct sek_permission *list;
    size_t count, cap;
};

void sek_learned_free(struct sek_learned *t);
/* Add the permissions of TEXT. On an error nothing changes; the message names NAME and the line. */
enum sek_error sek_learned_parse(struct sek_learned *t, const char *name, const char *text,
                                 size_t len, struct sek_fault *fault);
/* A program given by a symbolic link becomes what the link leads to: that is what the kernel tells. */
void sek_learned_resolve(struct sek_learned *t);
/* One line, with its end. */
void sek_permission_write(const struct sek_permission *p, struct sek_text *out);
void sek_learned_write(const struct sek_learned *t, struct sek_text *out);
/* SEK_EEXIST: it is there. SEK_ELIMIT: the table is full. */
enum sek_error sek_learned_add(struct sek_learned *t, const struct sek_permission *p);
/* Remove what names the program with this path; returns how many. */
size_t sek_learned_forget(struct sek_learned *t, const char *path);

/* Can PATH stand in the table? Not with control characters: lines are what is written. */
bool sek_permission_path(const char *path);
/* "tcp", "udp", "raw", "any" or a number, without SEK_EXIT_LISTEN; OUT holds 8 bytes. */
void sek_protocol_text(uint8_t protocol, char *out);
/* Is P for the program with this path and content? */
bool sek_permission_is_for(const struct sek_permission *p, const char *path,
                           const uint8_t digest[32]);
/* Is NAME (lower case) the permission's name, or below its *.name? */
bool sek_permission_names(const struct sek_permission *p, const char *name);
/* Does P permit this destination? NAME may be NULL. */
bool sek_permission_covers(const struct sek_permission *p, const char *name,
                           const uint8_t address[16], uint16_t port, uint8_t protocol);

#endif
