/* A lane: one fanotify group, the responder that answers it, and the watchdog of both.
 *
 * Files that another program hands out (FUSE) or another machine (NFS, SMB, ...) have lanes of their
 * own. To judge such a file its server must answer, which may take its time, and which may itself open
 * files on this device: the daemon of an encrypting or overlaying file system does, and so does the
 * kernel's NFS server for a mount of this very machine. Those opens must be answered by somebody who
 * does not wait for that server. So the first lane has what this machine reads from its own disks and
 * memory, and each served file system has another, as long as there are any.
 *
 * When a responder has died, or has not moved for SEK_LANE_STALL_MS though events wait, the waiting
 * tasks are released, by policy `open` or `closed`. A server has SEK_LANE_SERVER_MS; when it has not
 * answered by then the one file that was asked for is refused, under either policy, because whoever
 * writes a FUSE daemon could let it answer late. */
#ifndef SEK_AGENT_LANE_H
#define SEK_AGENT_LANE_H

#include "agent/lockdown/responder.h"
#include "lib/base/error.h"

#define SEK_LANE_STALL_MS  500
#define SEK_LANE_SERVER_MS 10000

/* What all lanes of a keeper share. */
struct sek_lane_options {
    struct sek_lockdown_shared *shared;
    struct sek_kernel_guard *kernel; /* may be NULL */
    const char *const *updaters;     /* NULL-terminated paths */
    const char *allowlist;           /* file; may be NULL */
    int record_fd;                   /* the responders' records go out here */
    bool stall_closed;               /* policy */
    struct sek_lane *lanes;          /* all of them, SEK_LANES */
};

struct sek_lane {
    unsigned index;         /* its pulse in shared memory */
    enum sek_server server; /* of its files */
    char device[32];        /* the file system that it was opened for, "0:52"; "": the first lane */
    int fan_fd;             /* group; -1: the lane is closed */
    int control_fd;         /* to the responder */
    pid_t responder;
    int handing;   /* lists that the responder was given and has not taken yet */
    bool starting; /* the responder has not said yet that it is ready */
    bool stuck;  /* the responder was killed, and waits for a server within the kernel */
    uint64_t seen_progress, waiting_since; /* us; 0: nothing waits */
};

#define SEK_LANE_CLOSED (struct sek_lane){.fan_fd = -1, .control_fd = -1}

/* A group without marks, and its responder. That of the first lane is waited for: it has read the
 * allowlist. On failure the lane is closed. */
enum sek_error sek_lane_open(struct sek_lane *lane, unsigned index, const char *device,
                             enum sek_server server, const struct sek_lane_options *options,
                             struct sek_fault *fault);
/* Closing the group removes its marks and allows what waits. */
void sek_lane_close(struct sek_lane *lane, const struct sek_lane_options *options);

/* Close the groups in a child, but for KEPT: as long as any process has one, whoever waits there waits. */
void sek_lanes_leave(const struct sek_lane *lanes, int kept);
/* Something can be read from the responder: it is ready, or has a list that it was given. */
void sek_lane_heard(struct sek_lane *lane);
/* A list that was counted as handed was not. */
void sek_lane_unhanded(struct sek_lane *lane);

/* Events, or one that was taken and is not answered. */
bool sek_lane_has_work(const struct sek_lane *lane, const struct sek_lane_options *options);
/* Must the responder be replaced, because nothing moves? */
bool sek_lane_stalled(struct sek_lane *lane, const struct sek_lane_options *options);

/* Release the waiting tasks and begin anew. ENDED: the responder is dead and reaped. *EMPTY: the group
 * is a new one, without marks. A responder that cannot be ended now is left (stuck); call again when it
 * has ended. */
enum sek_error sek_lane_replace(struct sek_lane *lane, const struct sek_lane_options *options,
                                bool ended, bool *empty, struct sek_fault *fault);

#endif
