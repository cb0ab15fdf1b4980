/* The guard: the small privileged process of `sekisho-agent run`. It sets up what needs privileges
 * (packet queues, filter tables, cgroup programs, lockdown), starts the worker and the lockdown
 * keeper, and afterwards only carries out typed requests. It never parses bytes from the network.
 */
#ifndef SEK_AGENT_GUARD_H
#define SEK_AGENT_GUARD_H

#include "agent/guard/exits.h"
#include "agent/guard/firewall.h"
#include "agent/lockdown/keeper.h"
#include "agent/message.h"
#include "agent/settings.h"

#define SEK_SPARES 16

struct sek_spare {
    uint8_t address[16]; /* IPv4-mapped for IPv4 */
    unsigned bits;       /* of the 128 */
};

struct sek_guard {
    const struct sek_settings *settings;
    struct sek_firewall firewall;
    struct sek_exits *exits;
    struct sek_filter filter; /* in force */
    struct sek_guard_state state;
    struct sek_spare spares[SEK_SPARES]; /* never blocked */
    unsigned spare_count;
    size_t listed[SEK_EXIT_LISTS]; /* prefixes in the kernel */
    struct sek_unlearned *unlearned;
    int queue_fd[SEK_QUEUES], probe_fd, control_fd, lock_fd, signal_fd, watch_fd;
    pid_t worker, keeper, collector;
    int worker_fd;
    int keeper_fd, record_fd; /* commands to the keeper; records from it */
    uint64_t ping_sent, worker_seen, worker_started, restart_at; /* us, monotonic */
    uint64_t inventory_at, settle_at;
    unsigned failures; /* of the worker, one after the other */
};

enum sek_error sek_guard_run(const struct sek_settings *settings, struct sek_fault *fault);

/* guard_children.c: the processes that the guard starts. */
enum sek_error sek_guard_start_worker(struct sek_guard *g, struct sek_fault *fault);
void sek_guard_start_keeper(struct sek_guard *g);
void sek_guard_stop_keeper(struct sek_guard *g);
void sek_guard_collect_inventory(struct sek_guard *g);

/* guard_requests.c: what the worker may ask for. */
void sek_guard_request(struct sek_guard *g, struct sek_message *m);
void sek_guard_send_state(struct sek_guard *g);
void sek_guard_part(struct sek_guard *g, int part, enum sek_protection level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* TEXT is an address or prefix. */
bool sek_guard_spare(struct sek_guard *g, const char *text);

#endif
