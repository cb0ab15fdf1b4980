/* Exit control in the kernel: loads bpf/exit.bpf.c, attaches it to one cgroup, keeps its lists. All
 * ends with this process: nothing is pinned. */
#ifndef SEK_AGENT_EXITS_H
#define SEK_AGENT_EXITS_H

#include "agent/message.h"
#include "bpf/exit.h"

#include <sys/stat.h>

struct sek_exits;

/* A record of the kernel, with the process looked up. */
struct sek_exit_record {
    struct sek_connect connect;
    struct sek_exit_file file; /* of UNLEARNED: what the process runs */
    uint32_t program;          /* of UNLEARNED: its number, or 0 */
    bool unlearned;            /* else the address is listed */
};

/* CGROUP: a cgroup v2 folder. */
enum sek_error sek_exits_open(const char *cgroup,
                              void (*on_record)(void *arg, struct sek_exit_record *record),
                              void *arg, struct sek_exits **out, struct sek_fault *fault);
void sek_exits_close(struct sek_exits *exits);
/* Becomes readable when there are records; then call sek_exits_serve. */
int sek_exits_fd(const struct sek_exits *exits);
void sek_exits_serve(struct sek_exits *exits);

/* MODE is SEK_MODE_...; UNLEARNED and LISTENERS are SEK_EXIT_ALLOW_ALL and on. */
void sek_exits_set(struct sek_exits *exits, uint8_t mode, uint32_t unlearned, uint32_t listeners);
/* Replace list WHICH (SEK_EXIT_INDICATORS...) in one step; times in it are not looked at. */
enum sek_error sek_exits_list(struct sek_exits *exits, uint32_t which,
                              const struct sek_prefix *list, size_t count, struct sek_fault *fault);
/* Block one address for TTL_S seconds; 0 ends the block. */
enum sek_error sek_exits_block(struct sek_exits *exits, const uint8_t address[16], uint32_t ttl_s,
                               struct sek_fault *fault);
/* Is ADDRESS on a list, or blocked? */
bool sek_exits_listed(const struct sek_exits *exits, const uint8_t address[16]);
/* 0: off, SEK_EXIT_DETECT or SEK_EXIT_PREVENT. */
uint8_t sek_exits_mode(const struct sek_exits *exits);
/* Look at each packet that leaves, too: what comes from sockets without a mark (SEK_MARK_RAW) is
 * judged nowhere else. Costs all traffic a little. */
enum sek_error sek_exits_each_packet(struct sek_exits *exits, struct sek_fault *fault);
/* The process that connected the socket with this COOKIE; 0: not known. */
int32_t sek_exits_owner(const struct sek_exits *exits, uint64_t cookie);

/* What PATH names in the tree of cgroups ("/apps", "" for its root); NULL: it is not below a mount of
 * that. */
const char *sek_exits_below_mount(const char *path);
/* Open the cgroup at PATH, also where /sys does not show it; -1 with errno. */
int sek_exits_cgroup(const char *path);
/* Can the kernel's programs tell who calls? Without, nothing is refused for not being learned. */
bool sek_exits_knows_programs(const struct sek_exits *exits);
/* The kernel's key of the file with ST. */
struct sek_exit_file sek_exits_file(const struct stat *st);
/* What FILE runs has this number from now on. */
void sek_exits_program(struct sek_exits *exits, const struct sek_exit_file *file, uint32_t number);
/* A program may reach what KEY says, for TTL_S seconds; 0: until it is forgotten. */
enum sek_error sek_exits_learn(struct sek_exits *exits, const struct sek_exit_learned *key,
                               uint32_t ttl_s, struct sek_fault *fault);
/* What was told as unlearned within the last second is told again. */
void sek_exits_news(struct sek_exits *exits);
/* A new table begins: what is learned again from now on stays, and sek_exits_sweep removes the rest
 * (and at any time what is past its time). Programs with numbers below BELOW lose them. */
void sek_exits_begin(struct sek_exits *exits);
void sek_exits_sweep(struct sek_exits *exits);
void sek_exits_forget_programs(struct sek_exits *exits, uint32_t below);

#endif
