/* Exit control in the kernel: loads bpf/exit.bpf.c, attaches it to one cgroup, keeps its lists. All
 * ends with this process: nothing is pinned. */
#ifndef SEK_AGENT_EXITS_H
#define SEK_AGENT_EXITS_H

#include "agent/message.h"

struct sek_exits;

/* CGROUP: a cgroup v2 folder. ON_CONNECT gets each connection to a listed address. */
enum sek_error sek_exits_open(const char *cgroup,
                              void (*on_connect)(void *arg, const struct sek_connect *connect),
                              void *arg, struct sek_exits **out, struct sek_fault *fault);
void sek_exits_close(struct sek_exits *exits);
/* Becomes readable when there are records; then call sek_exits_serve. */
int sek_exits_fd(const struct sek_exits *exits);
void sek_exits_serve(struct sek_exits *exits);

/* MODE is SEK_MODE_... */
void sek_exits_mode(struct sek_exits *exits, uint8_t mode);
/* Replace the list of prefixes; at no time is a prefix of both lists without effect. */
enum sek_error sek_exits_prefixes(struct sek_exits *exits, const struct sek_prefix *list,
                                  size_t count, struct sek_fault *fault);
/* Block one address for TTL_S seconds; 0 ends the block. */
enum sek_error sek_exits_block(struct sek_exits *exits, const uint8_t address[16], uint32_t ttl_s,
                               struct sek_fault *fault);
/* The process that connected the socket with this COOKIE; 0: not known. */
int32_t sek_exits_owner(const struct sek_exits *exits, uint64_t cookie);

/* Open the cgroup at PATH, also where /sys does not show it; -1 with errno. */
int sek_exits_cgroup(const char *path);

#endif
