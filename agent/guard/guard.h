/* The guard: the small privileged process of `sekisho-agent run`. It sets up what needs privileges
 * (packet queues, filter tables, cgroup programs, lockdown), starts the worker and the lockdown
 * keeper, and afterwards only carries out typed requests. It never parses bytes from the network.
 */
#ifndef SEK_AGENT_GUARD_H
#define SEK_AGENT_GUARD_H

#include "agent/guard/duties.h"
#include "agent/guard/exits.h"
#include "agent/guard/firewall.h"
#include "agent/lockdown/keeper.h"
#include "agent/message.h"
#include "agent/settings.h"
#include "agent/spare.h"

struct sek_guard {
    const struct sek_settings *settings;
    struct sek_firewall firewall;
    struct sek_exits *exits;
    struct sek_filter filter; /* in force */
    struct sek_guard_state state, told; /* as it is, and as the worker knows it */
    struct sek_spares spares; /* never blocked */
    size_t listed[SEK_EXIT_LISTS]; /* prefixes in the kernel */
    struct sek_unlearned *unlearned;
    int queue_fd[SEK_QUEUES], probe_fd, control_fd, lock_fd, signal_fd, watch_fd;
    pid_t worker, keeper, collector;
    int worker_fd;
    int keeper_fd, record_fd; /* commands to the keeper; records from it */
    uint64_t ping_sent, worker_seen, worker_started, restart_at; /* us, monotonic */
    uint64_t beat_at, executed_at, inventory_at, settle_at; /* when it is time, the same clock */
    uint64_t state_at;                                      /* 0: nothing waits to be told */
    uint64_t keeper_at;                                     /* 0: it runs, or is not wanted */
    struct {
        uint8_t target[16]; /* of the raw packet that was told last */
        uint64_t told_us;
        uint64_t cookies[64]; /* of connections that were told and go on, in detect mode */
        unsigned next;
    } passed;
    unsigned failures; /* of the worker, one after the other */
    struct sek_shield *shield; /* NULL: this kernel has none */
    int clock_fd;
    struct {
        bool synced;      /* the worker handed over what it had at its start */
        bool keeper_said; /* what is in force */
        bool ready;       /* the service manager knows */
        uint64_t late_at; /* us, monotonic: it is told in any case */
    } service;
    bool forced; /* the agent before this one was ended by force */
    struct sek_duty_process duties[SEK_DUTIES];
    struct {
        struct sek_programs *programs; /* NULL: this kernel has none, or no rule names a program */
        bool in_force, pending;
        uint64_t look_at;     /* us, monotonic; while PENDING */
        char environment[65]; /* what the rules were loaded for */
        char digest[65];      /* of those in force */
        char expired[65];     /* of those that were not confirmed in time */
        uint64_t expired_at;  /* us, monotonic */
    } rules;
};

/* Tell the worker of a connection, or of what was not learned. */
void sek_guard_exit(struct sek_guard *g, struct sek_exit_record *record);

enum sek_error sek_guard_run(const struct sek_settings *settings, struct sek_fault *fault);

/* tamper.c: acts against the agent itself. */
void sek_guard_tamper_open(struct sek_guard *g);
void sek_guard_tamper_started(struct sek_guard *g); /* the worker runs */
void sek_guard_tamper_serve(struct sek_guard *g);
void sek_guard_tamper_stopped(struct sek_guard *g, int32_t pid, uint32_t uid);
/* An attempt to remove the agent: TEXT is the token that was given. */
void sek_guard_unlock(struct sek_guard *g, uint32_t id, struct sek_unlock *unlock);
void sek_guard_tamper_close(struct sek_guard *g);

/* service.c: what the service manager is told. */
void sek_guard_service_open(struct sek_guard *g);
void sek_guard_service_look(struct sek_guard *g, bool beat);
void sek_guard_service_close(const struct sek_guard *g);

/* rules.c: the firewall rules of the policy. */
void sek_guard_rules_open(struct sek_guard *g);
void sek_guard_rules_order(struct sek_guard *g, uint32_t id, const struct sek_firewall_order *order,
                           int fd);
/* When sek_guard_rules_time has something to do; UINT64_MAX: at the next beat. */
uint64_t sek_guard_rules_due(const struct sek_guard *g);
void sek_guard_rules_time(struct sek_guard *g, bool beat);
void sek_guard_rules_close(struct sek_guard *g);
/* The cgroup that exit control and rules about programs cover. */
const char *sek_guard_cgroup(const struct sek_settings *settings);

/* guard_children.c: the processes that the guard starts. */
enum sek_error sek_guard_start_worker(struct sek_guard *g, struct sek_fault *fault);
/* A message from the keeper: what is in force, or in WHY with mode off why nothing is. */
struct sek_keeper_ready {
    uint8_t mode, wanted; /* enum sek_lockdown_mode, see struct sek_keeper_cover */
    uint8_t programs, lsm, failed;
    char why[155];
};
void sek_guard_start_keeper(struct sek_guard *g);
void sek_guard_stop_keeper(struct sek_guard *g);
void sek_guard_collect_inventory(struct sek_guard *g);

/* What every child does first: no signal mask, dies with its parent, is called NAME, and keeps only
 * the COUNT descriptors KEEP. */
void sek_guard_child_begin(const char *name, const int *keep, size_t count);

/* guard_requests.c: what the worker may ask for. */
void sek_guard_request(struct sek_guard *g, struct sek_message *m);
/* Tell the worker, when it does not know it yet. */
void sek_guard_send_state(struct sek_guard *g);
/* The same within two seconds. */
void sek_guard_state_soon(struct sek_guard *g);
/* Changes a row of doctor, and tells the worker soon. */
void sek_guard_part(struct sek_guard *g, int part, enum sek_protection level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
