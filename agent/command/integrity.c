/* `integrity`: baselines, checks and watching without a manager. */
#include "agent/command/command.h"
#include "agent/guard/executed.h"
#include "agent/integrity/integrity.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho-agent integrity baseline --path DIR... --db FILE [--exclude DIR...] "
    "[--no-text]\n"
    "       sekisho-agent integrity check    --path DIR... --db FILE [--update] [--quick]\n"
    "           [--events FILE] [--exclude DIR...] [--no-text]\n"
    "       sekisho-agent integrity watch    --path DIR... --db FILE [--events FILE]\n"
    "           [--exclude DIR...] [--no-text]\n"
    "Exit status: 0 done, nothing differs; 1 failed; 2 wrong usage; 3 check found changes.\n";

struct arguments {
    struct sek_integrity i;
    const char *db, *events;
    bool update, quick, json;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"path", required_argument, NULL, 'p'},    {"db", required_argument, NULL, 'd'},
        {"exclude", required_argument, NULL, 'x'}, {"events", required_argument, NULL, 'e'},
        {"update", no_argument, NULL, 'u'},        {"quick", no_argument, NULL, 'q'},
        {"no-text", no_argument, NULL, 't'},       {0},
    };
    char full[PATH_MAX];
    bool good = true;
    sek_integrity_options_default(&a->i.options);
    a->i.options.paths.count = 0;
    optind = 1;
    for (int c; good && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p':
        case 'x':
            good = sek_paths_add(c == 'p' ? &a->i.options.paths : &a->i.options.exclude,
                                 realpath(optarg, full) ? full : optarg);
            break;
        case 'd':
            a->db = optarg;
            break;
        case 'e':
            a->events = optarg;
            break;
        case 'u':
            a->update = true;
            break;
        case 'q':
            a->quick = true;
            break;
        case 't':
            a->i.options.text_limit = 0;
            break;
        default:
            good = false;
        }
    }
    return good && optind == argc && a->db && a->i.options.paths.count;
}

static int print_counts(const struct arguments *a, const struct sek_integrity_counts *n)
{
    FILE *out = a->events || a->json ? stdout : stderr;
    if (a->json)
        fprintf(out, "{\"files\":%llu,\"created\":%llu,\"modified\":%llu,\"deleted\":%llu}\n",
                (unsigned long long)n->files, (unsigned long long)n->created,
                (unsigned long long)n->modified, (unsigned long long)n->deleted);
    else
        fprintf(out, "%llu files: %llu created, %llu modified, %llu deleted\n",
                (unsigned long long)n->files, (unsigned long long)n->created,
                (unsigned long long)n->modified, (unsigned long long)n->deleted);
    return n->created || n->modified || n->deleted ? 3 : 0;
}

static int baseline(struct arguments *a, struct sek_fault *fault)
{
    struct sek_integrity_counts n;
    enum sek_error rc = sek_database_open(a->db, &a->i.db, fault);
    if (rc && rc != SEK_ENOTFOUND)
        return sek_command_failed(fault); /* a damaged one is not replaced: remove it first */
    sek_integrity_baseline(&a->i, &n);
    if (sek_database_save(a->i.db, fault))
        return sek_command_failed(fault);
    return print_counts(a, &n);
}

static int check(struct arguments *a, struct sek_fault *fault)
{
    struct sek_integrity_counts n;
    if (sek_database_open(a->db, &a->i.db, fault))
        return sek_command_failed(fault);
    sek_integrity_check(&a->i, a->update, !a->quick, &n);
    if (a->update && sek_database_save(a->i.db, fault))
        return sek_command_failed(fault);
    return print_counts(a, &n);
}

static int watch_until_signal(struct arguments *a, int signals)
{
    struct pollfd wait[2] = {{.fd = sek_changes_fd(a->i.changes), .events = POLLIN},
                             {.fd = signals, .events = POLLIN}};
    for (;;) {
        poll(wait, 2, 10000);
        if (wait[0].revents)
            sek_integrity_serve(&a->i);
        else
            sek_executed_drain(NULL);
        if (wait[1].revents && !wait[0].revents)
            return 0;
    }
}

static int watch(struct arguments *a, struct sek_fault *fault)
{
    struct sek_integrity_counts n;
    sigset_t set;
    enum sek_error rc = sek_database_open(a->db, &a->i.db, fault);
    if (rc && rc != SEK_ENOTFOUND)
        return sek_command_failed(fault);
    bool fresh = rc == SEK_ENOTFOUND;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (sek_integrity_watch(&a->i, fault))
        return sek_command_failed(fault);
    if (fresh)
        sek_integrity_baseline(&a->i, &n);
    else
        sek_integrity_check(&a->i, true, false, &n);
    fprintf(stderr, "sekisho-agent: %zu files watched (%s)\n", sek_database_count(a->i.db),
            sek_changes_how(a->i.changes));
    watch_until_signal(a, signals);
    close(signals);
    if (sek_database_save(a->i.db, fault))
        return sek_command_failed(fault);
    fprintf(stderr, "sekisho-agent: %llu created, %llu modified, %llu deleted\n",
            (unsigned long long)a->i.report.total[SEK_INTEGRITY_CREATED],
            (unsigned long long)a->i.report.total[SEK_INTEGRITY_MODIFIED],
            (unsigned long long)a->i.report.total[SEK_INTEGRITY_DELETED]);
    return 0;
}

int sek_command_integrity(const struct sek_command_context *context, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct arguments *a, struct sek_fault *fault);
    } verbs[] = {{"baseline", baseline}, {"check", check}, {"watch", watch}};
    static struct arguments a;
    struct sek_fault fault;
    a = (struct arguments){.json = context->json};
    a.i.report =
        (struct sek_report){.options = &a.i.options, .events_fd = STDOUT_FILENO, .socket = -1};
    for (size_t v = 0; argc > 1 && v < sizeof verbs / sizeof verbs[0]; v++) {
        if (strcmp(verbs[v].name, argv[1]) != 0)
            continue;
        if (!parse(argc - 1, argv + 1, &a))
            break;
        if (a.events)
            a.i.report.events_fd = open(a.events, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (a.i.report.events_fd < 0) {
            sek_fail(&fault, SEK_EIO, "%s: cannot open: %s", a.events, strerror(errno));
            return sek_command_failed(&fault);
        }
        int status = verbs[v].run(&a, &fault);
        sek_integrity_close(&a.i);
        return status;
    }
    fputs(usage, stderr);
    return 2;
}
