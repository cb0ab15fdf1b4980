/* Files, the lock between command line and guard, nft, and the process that waits. */
#include "agent/guard/confirm.h"
#include "agent/event.h"
#include "agent/guard/firewall.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEMPLATE_LIMIT (4u << 20)
#define NOTHING        "add table inet sekisho_fw\ndelete table inet sekisho_fw\n"

/* A file: one line of this, then the template. */
struct record {
    unsigned origin;
    uint64_t deadline_ms; /* CLOCK_BOOTTIME; 0: confirmed */
    char boot[40];
    char digest[65];
    char *text;     /* the whole file */
    char *template; /* within it */
};

static void path_of(const struct sek_confirm *c, const char *name, char path[512])
{
    snprintf(path, 512, "%.450s/firewall/%s", c->state, name);
}

static uint64_t boot_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void boot_id(char out[40])
{
    char *text;
    size_t len;
    snprintf(out, 40, "unknown");
    if (!sek_file_read("/proc/sys/kernel/random/boot_id", 256, &text, &len, NULL)) {
        sscanf(text, "%39s", out);
        free(text);
    }
}

/* Waits for the other side; -1 when there is no folder. */
static int take_lock(const struct sek_confirm *c)
{
    char path[512];
    path_of(c, "", path);
    if (sek_make_folder(path, 0700, NULL))
        return -1;
    path_of(c, "lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

static void end_lock(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* False: no such file, or not one of ours. Free R->text. */
static bool read_record(const struct sek_confirm *c, const char *name, struct record *r)
{
    char path[512];
    size_t len;
    memset(r, 0, sizeof *r);
    path_of(c, name, path);
    if (sek_file_read(path, TEMPLATE_LIMIT, &r->text, &len, NULL))
        return false;
    char *end = strchr(r->text, '\n');
    if (end && sscanf(r->text, "# sekisho_fw 1 %u %" SCNu64 " %39s %64s", &r->origin,
                      &r->deadline_ms, r->boot, r->digest) == 4) {
        r->template = end + 1;
        return true;
    }
    sek_warning("%s: not a rule set of this program; it is ignored", path);
    free(r->text);
    r->text = NULL;
    return false;
}

static enum sek_error write_record(const struct sek_confirm *c, const char *name,
                                   const struct record *r, struct sek_fault *fault)
{
    char path[512];
    struct sek_text t = {0};
    path_of(c, name, path);
    sek_text_printf(&t, "# sekisho_fw 1 %u %" PRIu64 " %s %s\n%s", r->origin, r->deadline_ms,
                    r->boot, r->digest, r->template);
    enum sek_error rc = t.failed ? sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path)
                                 : sek_file_replace(path, t.data, t.len, 0600, fault);
    sek_text_free(&t);
    return rc;
}

static void remove_file(const struct sek_confirm *c, const char *name)
{
    char path[512];
    path_of(c, name, path);
    unlink(path);
}

/* --- what the marks stand for ---------------------------------------------------------------- */

/* Set when this kernel (before 5.13) turned out to have no rules by cgroup. */
static bool without_cgroups;

struct surroundings {
    const struct sek_confirm *confirm;
    struct sek_confirm_status *status;
    struct sek_text seen; /* what the environment's digest is made of */
};

static bool resolve_always(const struct sek_confirm *c, bool v6, struct sek_text *out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->always->count; i++) {
        char text[46];
        const uint8_t *address = c->always->list[i].address;
        unsigned bits = c->always->list[i].bits;
        if (sek_address_is4(address) == v6 || (!v6 && bits < 96))
            continue;
        sek_address_text(address, text);
        sek_text_printf(out, "%s%s/%u", count++ ? ", " : "", text, bits - (v6 ? 0u : 96u));
    }
    return count != 0;
}

/* nft looks cgroups up below /sys/fs/cgroup, where version 2 may be a folder of its own. */
static bool resolve_cgroup(struct surroundings *s, const char *word, struct sek_text *out)
{
    static const char *const mounts[] = {"", "unified/"};
    unsigned level = 1;
    if (without_cgroups)
        return false;
    for (const char *p = word; *p; p++)
        level += *p == '/';
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        char path[300];
        struct stat st;
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/cgroup.events", mounts[i], word);
        if (stat(path, &st))
            continue;
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s", mounts[i], word);
        if (stat(path, &st))
            continue;
        sek_text_printf(&s->seen, "%s %ju\n", word, (uintmax_t)st.st_ino);
        sek_text_printf(out, "%u \"%s%s\"", level, mounts[i], word);
        return true;
    }
    return false;
}

static bool resolve_user(const char *word, struct sek_text *out)
{
    char *end;
    unsigned long uid = strtoul(word, &end, 10);
    const struct passwd *user = *end ? getpwnam(word) : NULL;
    if (*end && !user)
        return false;
    sek_text_printf(out, "%lu", user ? (unsigned long)user->pw_uid : uid);
    return true;
}

static bool resolve_program(struct sek_confirm_status *s, const char *word, struct sek_text *out)
{
    unsigned i = 0;
    while (i < s->program_count && strcmp(s->programs[i], word) != 0)
        i++;
    if (i == SEK_PROGRAMS)
        return false;
    if (i == s->program_count)
        snprintf(s->programs[s->program_count++], sizeof s->programs[0], "%s", word);
    sek_text_printf(out, "%#x", (i + 1) << SEK_PROGRAM_SHIFT);
    return true;
}

static bool resolve(void *arg, const char *kind, const char *word, struct sek_text *out)
{
    struct surroundings *s = arg;
    size_t before = out->len;
    bool there = !strcmp(kind, "always4")   ? resolve_always(s->confirm, false, out)
                 : !strcmp(kind, "always6") ? resolve_always(s->confirm, true, out)
                 : !strcmp(kind, "cgroup")  ? resolve_cgroup(s, word, out)
                 : !strcmp(kind, "user")    ? resolve_user(word, out)
                 : !strcmp(kind, "program") ? resolve_program(s->status, word, out)
                                            : false;
    sek_text_add(&s->seen, there ? out->data + before : "-", there ? out->len - before : 1);
    return there;
}

static void expand(const struct sek_confirm *c, const char *template,
                   struct sek_confirm_status *status, struct sek_text *out)
{
    struct surroundings s = {.confirm = c, .status = status};
    sek_text_puts(&s.seen, "");
    status->left_out = sek_ruleset_expand(template, resolve, &s, out);
    sek_sha256_hex(s.seen.data, s.seen.len, status->environment);
    sek_text_free(&s.seen);
}

static enum sek_error load(const struct sek_confirm *c, const char *template, bool check_only,
                           struct sek_text *text, struct sek_fault *fault)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    static const char *const check[] = {"nft", "-c", "-f", "-", NULL};
    struct sek_confirm_status *status = calloc(1, sizeof *status);
    struct sek_text own = {0}, *out = text ? text : &own;
    enum sek_error rc = SEK_ENOMEM;
    for (int tries = 0; status && tries < 2; tries++) {
        sek_text_clear(out);
        memset(status, 0, sizeof *status);
        expand(c, template, status, out);
        rc = out->failed ? SEK_ENOMEM
                         : sek_program_run(check_only ? check : argv, out->data, out->len,
                                           tries ? NULL : fault);
        if (tries && rc)
            without_cgroups = false; /* it was something else, which FAULT names */
        if (!rc || tries || without_cgroups || !strstr(template, "<cgroup:"))
            break;
        without_cgroups = true;
    }
    if (rc == SEK_ENOMEM)
        sek_fail(fault, rc, "firewall: out of memory");
    free(status);
    sek_text_free(&own);
    return rc;
}

enum sek_error sek_confirm_test(const struct sek_confirm *c, const char *template,
                                struct sek_text *out, struct sek_fault *fault)
{
    return load(c, template, true, out, fault);
}

/* --- the process that waits ------------------------------------------------------------------ */

static void wait_and_roll_back(const struct sek_confirm *c, const struct record *mine)
{
    struct record now;
    const struct timespec until = {.tv_sec = (time_t)(mine->deadline_ms / 1000u),
                                   .tv_nsec = (long)(mine->deadline_ms % 1000u) * 1000000};
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    int lock = take_lock(c);
    bool still = read_record(c, "pending", &now) && now.deadline_ms == mine->deadline_ms &&
                 !strcmp(now.digest, mine->digest);
    free(now.text);
    end_lock(lock);
    if (still)
        sek_confirm_rollback(c, false, NULL);
}

/* A grandchild, so that it is nobody's to wait for and outlives whoever applied the rules. */
static void start_waiting(const struct sek_confirm *c, const struct record *mine)
{
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        if (fork() != 0)
            _exit(0);
        sigemptyset(&none);
        setsid();
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGHUP, SIG_IGN);
        prctl(PR_SET_NAME, "sekisho-confirm");
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
        for (int fd = 0; fd < 3; fd++) {
            if (open("/dev/null", O_RDWR) < 0)
                _exit(1);
        }
        wait_and_roll_back(c, mine);
        _exit(0);
    }
    if (pid < 0)
        sek_warning("firewall: fork: %s", strerror(errno));
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* --- changes --------------------------------------------------------------------------------- */

enum sek_error sek_confirm_apply(const struct sek_confirm *c, const char *template,
                                 enum sek_origin origin, unsigned within_s, struct sek_fault *fault)
{
    struct record r = {.origin = origin,
                       .deadline_ms = boot_ms() + within_s * 1000ull,
                       .template = (char *)(uintptr_t) template};
    boot_id(r.boot);
    sek_sha256_hex(template, strlen(template), r.digest);
    int lock = take_lock(c);
    /* Checked before it is written, so that a bad one does not end another's waiting time. */
    enum sek_error rc = load(c, template, true, NULL, fault);
    if (!rc && !(rc = write_record(c, "pending", &r, fault)) &&
        (rc = load(c, template, false, NULL, fault)))
        remove_file(c, "pending");
    if (!rc)
        start_waiting(c, &r);
    end_lock(lock);
    return rc;
}

enum sek_error sek_confirm_keep(const struct sek_confirm *c, struct sek_fault *fault)
{
    struct record r;
    enum sek_error rc;
    int lock = take_lock(c);
    if (!read_record(c, "pending", &r)) {
        rc = sek_fail(fault, SEK_ENOTFOUND, "firewall: no rule set waits for its confirmation");
    } else {
        r.deadline_ms = 0;
        rc = write_record(c, "confirmed", &r, fault);
        if (!rc) {
            remove_file(c, "pending");
            /* What was refused of the manager's stays so beside local rules. */
            if (r.origin == SEK_ORIGIN_POLICY)
                remove_file(c, "refused");
        }
        free(r.text);
    }
    end_lock(lock);
    return rc;
}

/* The rules first, then the file: after a crash in between it is done again. */
static enum sek_error bring_back(const struct sek_confirm *c, const struct record *refused,
                                 struct sek_fault *fault)
{
    struct record old;
    char path[512];
    enum sek_error rc = read_record(c, "confirmed", &old)
                            ? load(c, old.template, false, NULL, fault)
                            : load(c, NOTHING, false, NULL, fault);
    free(old.text);
    if (rc)
        load(c, NOTHING, false, NULL, NULL); /* better open than locked out */
    path_of(c, "refused", path);
    if (refused && refused->origin == SEK_ORIGIN_POLICY)
        sek_file_replace(path, refused->digest, 64, 0600, NULL);
    remove_file(c, "pending");
    return rc;
}

enum sek_error sek_confirm_rollback(const struct sek_confirm *c, bool refused,
                                    struct sek_fault *fault)
{
    struct record r;
    int lock = take_lock(c);
    enum sek_error rc =
        read_record(c, "pending", &r)
            ? bring_back(c, refused ? &r : NULL, fault)
            : sek_fail(fault, SEK_ENOTFOUND, "firewall: no rule set waits for its confirmation");
    free(r.text);
    end_lock(lock);
    return rc;
}

enum sek_error sek_confirm_off(const struct sek_confirm *c, struct sek_fault *fault)
{
    int lock = take_lock(c);
    enum sek_error rc = load(c, NOTHING, false, NULL, fault);
    remove_file(c, "pending");
    remove_file(c, "confirmed");
    remove_file(c, "refused");
    end_lock(lock);
    return rc;
}

enum sek_error sek_confirm_start(const struct sek_confirm *c, bool *rolled_back,
                                 struct sek_fault *fault)
{
    struct record pending, old = {0};
    enum sek_error rc = SEK_OK;
    int lock = take_lock(c);
    *rolled_back = read_record(c, "pending", &pending);
    if (*rolled_back)
        rc = bring_back(c, NULL, fault);
    else if (read_record(c, "confirmed", &old))
        rc = load(c, old.template, false, NULL, fault);
    free(pending.text);
    free(old.text);
    end_lock(lock);
    return rc;
}

enum sek_error sek_confirm_reload(const struct sek_confirm *c, struct sek_fault *fault)
{
    struct record r;
    enum sek_error rc = SEK_OK;
    int lock = take_lock(c);
    if (read_record(c, "pending", &r) || read_record(c, "confirmed", &r))
        rc = load(c, r.template, false, NULL, fault);
    free(r.text);
    end_lock(lock);
    return rc;
}

void sek_confirm_stop(const struct sek_confirm *c)
{
    int lock = take_lock(c);
    remove_file(c, "pending");
    load(c, NOTHING, false, NULL, NULL);
    end_lock(lock);
}

void sek_confirm_look(const struct sek_confirm *c, struct sek_confirm_status *out)
{
    struct record r;
    struct sek_text text = {0};
    char path[512], *refused;
    size_t len;
    memset(out, 0, sizeof *out);
    out->confirmed = read_record(c, "confirmed", &r);
    struct record confirmed = r;
    out->pending = read_record(c, "pending", &r);
    const struct record *holds = out->pending ? &r : out->confirmed ? &confirmed : NULL;
    uint64_t now = boot_ms();
    if (holds) {
        out->origin = (uint8_t)holds->origin;
        memcpy(out->digest, holds->digest, sizeof out->digest);
        if (out->pending && holds->deadline_ms > now)
            out->seconds = (unsigned)((holds->deadline_ms - now + 999) / 1000u);
        expand(c, holds->template, out, &text);
    }
    path_of(c, "refused", path);
    if (!sek_file_read(path, 64, &refused, &len, NULL)) {
        memcpy(out->refused, refused, len + 1);
        free(refused);
    }
    sek_text_free(&text);
    free(confirmed.text);
    free(r.text);
}
