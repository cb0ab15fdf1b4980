/* Group, responder, watchdog. */
#include "agent/lockdown/lane.h"
#include "agent/lockdown/kernel.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 10000
#define END_MS   100 /* that a killed responder has to be gone */

static struct sek_pulse *pulse_of(const struct sek_lane *lane, const struct sek_lane_options *o)
{
    return &o->shared->pulse[lane->index];
}

static void responder_main(const struct sek_lane *lane, const struct sek_lane_options *options,
                           int control)
{
    sigset_t none;
    sek_lanes_leave(options->lanes, lane->fan_fd);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "sekisho-lockdwn");
    const struct sek_responder_options o = {
        .fan_fd = lane->fan_fd,
        .record_fd = options->record_fd,
        .control_fd = control,
        .shared = options->shared,
        .pulse = pulse_of(lane, options),
        .server = lane->server,
        .updaters = options->updaters,
        .allowlist = options->allowlist,
        .kernel = options->kernel,
    };
    setpriority(PRIO_PROCESS, 0, -10);
    signal(SIGINT, SIG_IGN); /* Ctrl-C ends the keeper, which ends us */
    _exit(sek_responder_run(&o));
}

static void answer(const struct sek_lane *lane, int fd, bool allow)
{
    const struct fanotify_response response = {fd, allow ? FAN_ALLOW : FAN_DENY};
    if (write(lane->fan_fd, &response, sizeof response) < 0)
        sek_warning("lockdown: waiting event: %s", strerror(errno));
}

/* What waits is answered by us: what the responder had taken, and on our own disks the others too. To
 * take another event of a served file system we would have to wait as the responder did. */
static void answer_waiting(const struct sek_lane *lane, const struct sek_lane_options *o, bool allow)
{
    struct fanotify_event_metadata event;
    if (pulse_of(lane, o)->pending_fd >= 0)
        answer(lane, pulse_of(lane, o)->pending_fd, allow);
    pulse_of(lane, o)->pending_fd = -1;
    while (lane->server == SEK_SERVER_NONE && read(lane->fan_fd, &event, sizeof event) > 0) {
        if (event.fd < 0)
            continue;
        answer(lane, event.fd, allow || sek_lockdown_is_own(o->shared, event.pid));
        close(event.fd);
    }
}

static enum sek_error not_started(const struct sek_lane_options *o, struct sek_fault *fault)
{
    return sek_fail(fault, SEK_ESTATE, "lockdown: the responder did not start (is %s sound?)",
                    o->allowlist ? o->allowlist : "the machine");
}

/* The marks may be there already: then the responder's own opening of the list is asked about too, and
 * what else is opened meanwhile is answered by policy. */
static bool is_ready(struct sek_lane *lane, const struct sek_lane_options *o, bool allow)
{
    uint64_t end = sek_clock_mono_us() + START_MS * 1000u;
    struct pollfd wait[] = {{.fd = lane->control_fd, .events = POLLIN},
                            {.fd = lane->fan_fd, .events = POLLIN}};
    char byte;
    while (sek_clock_mono_us() < end && poll(wait, 2, START_MS) > 0 && !wait[0].revents)
        answer_waiting(lane, o, allow);
    return wait[0].revents & POLLIN && read(lane->control_fd, &byte, 1) == 1;
}

static enum sek_error start_responder(struct sek_lane *lane, const struct sek_lane_options *o,
                                      bool allow, struct sek_fault *fault)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return sek_fail(fault, SEK_EIO, "lockdown: socketpair: %s", strerror(errno));
    pulse_of(lane, o)->pending_fd = -1;
    pulse_of(lane, o)->serving = false;
    lane->responder = fork();
    if (lane->responder == 0) {
        close(pair[0]);
        responder_main(lane, o, pair[1]);
    }
    close(pair[1]);
    lane->control_fd = pair[0];
    lane->seen_progress = pulse_of(lane, o)->progress;
    lane->waiting_since = 0;
    if (lane->responder < 0)
        return not_started(o, fault);
    o->shared->own[SEK_OWN_RESPONDERS + lane->index] = lane->responder;
    sek_kernel_guard_task(o->kernel, lane->responder, SEK_GUARD_OWN);
    lane->starting = lane->server != SEK_SERVER_NONE;
    lane->handing = lane->starting; /* it reads the whole file */
    return lane->starting || is_ready(lane, o, allow) ? SEK_OK : not_started(o, fault);
}

void sek_lane_heard(struct sek_lane *lane)
{
    char byte;
    if (recv(lane->control_fd, &byte, 1, MSG_DONTWAIT) != 1)
        return;
    lane->starting = false;
    lane->handing--;
}

void sek_lane_unhanded(struct sek_lane *lane)
{
    lane->handing -= lane->handing > lane->starting; /* its readiness is still to be heard */
}

void sek_lanes_leave(const struct sek_lane *lanes, int kept)
{
    for (unsigned i = 0; i < SEK_LANES; i++) {
        if (lanes[i].fan_fd >= 0 && lanes[i].fan_fd != kept)
            close(lanes[i].fan_fd);
    }
}

static enum sek_error open_group(struct sek_lane *lane, struct sek_fault *fault)
{
    lane->fan_fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
                                     FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
                                 O_RDONLY | O_LARGEFILE | O_CLOEXEC);
    if (lane->fan_fd < 0)
        return sek_fail(fault, errno == ENOSYS ? SEK_EUNSUPPORTED : SEK_EIO,
                        "fanotify permission events: %s", strerror(errno));
    return SEK_OK;
}

/* False: it has not ended yet, for it waits for a server within the kernel. */
static bool end_responder(struct sek_lane *lane)
{
    kill(lane->responder, SIGKILL);
    for (int ms = 0; ms <= END_MS; ms += 5) {
        pid_t pid = waitpid(lane->responder, NULL, WNOHANG);
        if (pid == lane->responder || (pid < 0 && errno == ECHILD))
            return true;
        usleep(5000);
    }
    return false;
}

enum sek_error sek_lane_open(struct sek_lane *lane, unsigned index, const char *device,
                             enum sek_server server, const struct sek_lane_options *options,
                             struct sek_fault *fault)
{
    enum sek_error rc;
    *lane = (struct sek_lane){.index = index, .server = server, .fan_fd = -1, .control_fd = -1};
    snprintf(lane->device, sizeof lane->device, "%s", device);
    if ((rc = open_group(lane, fault)) || (rc = start_responder(lane, options, true, fault)))
        sek_lane_close(lane, options);
    return rc;
}

void sek_lane_close(struct sek_lane *lane, const struct sek_lane_options *options)
{
    if (lane->responder > 0 && !lane->stuck && !end_responder(lane))
        sek_warning("lockdown: a responder still waits for its file system");
    options->shared->own[SEK_OWN_RESPONDERS + lane->index] = 0;
    if (lane->control_fd >= 0)
        close(lane->control_fd);
    if (lane->fan_fd >= 0)
        close(lane->fan_fd);
    *lane = SEK_LANE_CLOSED;
}

bool sek_lane_has_work(const struct sek_lane *lane, const struct sek_lane_options *options)
{
    struct pollfd p = {.fd = lane->fan_fd, .events = POLLIN};
    return lane->fan_fd >= 0 && (poll(&p, 1, 0) == 1 || pulse_of(lane, options)->serving);
}

/* The responder of a served file system works, and so waits for the server. */
static bool asks_server(const struct sek_lane *lane, const struct sek_lane_options *o)
{
    return lane->server != SEK_SERVER_NONE && pulse_of(lane, o)->serving;
}

bool sek_lane_stalled(struct sek_lane *lane, const struct sek_lane_options *options)
{
    uint64_t now = sek_clock_mono_us(), progress = pulse_of(lane, options)->progress;
    uint64_t most = lane->starting              ? START_MS
                    : asks_server(lane, options) ? SEK_LANE_SERVER_MS
                                                 : SEK_LANE_STALL_MS;
    bool waiting = sek_lane_has_work(lane, options);
    if (!waiting || progress != lane->seen_progress || lane->stuck) {
        lane->seen_progress = progress;
        lane->waiting_since = waiting ? now : 0;
        return false;
    }
    if (!lane->waiting_since)
        lane->waiting_since = now;
    return now - lane->waiting_since >= most * 1000u;
}

static bool keep_none(const void *arg, uint64_t content)
{
    (void)arg;
    (void)content;
    return false;
}

enum sek_error sek_lane_replace(struct sek_lane *lane, const struct sek_lane_options *options,
                                bool ended, bool *empty, struct sek_fault *fault)
{
    enum sek_error rc;
    bool late = asks_server(lane, options) || lane->stuck;
    bool refuse = options->stall_closed || late;
    const char *why = late ? "got no answer from its file system" : ended ? "died" : "stalled";
    *empty = false;
    if (ended && lane->starting)
        return not_started(options, fault);
    bool gone = ended || end_responder(lane);
    if (!gone && lane->server != SEK_SERVER_NONE) {
        answer_waiting(lane, options, false);
        sek_warning("lockdown: the responder of %s got no answer and cannot be ended: who opens files "
                    "there waits for its server",
                    lane->device);
        lane->stuck = true;
        return SEK_OK;
    }
    lane->stuck = false;
    close(lane->control_fd);
    lane->control_fd = -1;
    if (lane->server == SEK_SERVER_NONE)
        sek_kernel_guard_prune(options->kernel, keep_none, NULL); /* its leases ended with it */
    sek_warning("lockdown: the responder %s; waiting programs were %s", why,
                refuse ? "refused" : "released");
    if (!refuse && gone) {
        close(lane->fan_fd);
        *empty = true;
        rc = open_group(lane, fault);
    } else {
        fanotify_mark(lane->fan_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL); /* ignore marks: no lease is left */
        answer_waiting(lane, options, !refuse);
        rc = SEK_OK;
    }
    return rc ? rc : start_responder(lane, options, !refuse, fault);
}
