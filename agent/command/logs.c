/* `logs`: rules tried on lines, and logs followed without a manager. */
#include "agent/command/command.h"
#include "agent/logs/follow.h"
#include "agent/logs/journal.h"
#include "agent/logs/logs.h"
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
    "usage: sekisho-agent logs test [--rules FILE|DIR] [--as PATH] FILE|-\n"
    "       sekisho-agent logs test --self [--rules FILE|DIR]\n"
    "       sekisho-agent logs watch [--rules FILE|DIR] [--file PATTERN]... [--journal]\n"
    "           [--journal-dir DIR] [--events FILE] [--positions FILE] [--from-start]\n"
    "`test` says for each line which decoder, fields and rules match; its lines count as of one\n"
    "moment. --as: decode as if the lines came from this file; without it, a file whose name no\n"
    "decoder looks for may be any log.\n"
    "Exit status: 0 done; 1 failed, or a rule failed its self-test; 2 wrong usage; 3 test: a rule\n"
    "matched.\n";

struct arguments {
    struct sek_log_rules rules;
    struct sek_log_engine *engine;
    struct sek_paths files;
    const char *rules_path, *as, *events, *positions, *journal_folder;
    bool self, journal, from_start, json;
    int events_fd;
    unsigned matched, decoded;
    struct sek_text text;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"rules", required_argument, NULL, 'r'},  {"as", required_argument, NULL, 'a'},
        {"self", no_argument, NULL, 's'},         {"file", required_argument, NULL, 'f'},
        {"journal", no_argument, NULL, 'j'},      {"journal-dir", required_argument, NULL, 'd'},
        {"events", required_argument, NULL, 'e'}, {"positions", required_argument, NULL, 'p'},
        {"from-start", no_argument, NULL, 'b'},   {0},
    };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const char **text = c == 'r'   ? &a->rules_path
                            : c == 'a' ? &a->as
                            : c == 'e' ? &a->events
                            : c == 'p' ? &a->positions
                            : c == 'd' ? &a->journal_folder
                                       : NULL;
        bool *flag = c == 's'   ? &a->self
                     : c == 'j' ? &a->journal
                     : c == 'b' ? &a->from_start
                                : NULL;
        if (text)
            *text = optarg;
        else if (flag)
            *flag = true;
        else if (c != 'f' || !sek_paths_add(&a->files, optarg))
            return false;
    }
    return true;
}

static void print_finding(struct arguments *a, const struct sek_log_finding *f)
{
    sek_print_line(stdout, "%.*s", (int)f->line->whole.len, f->line->whole.data);
    if (!f->decoder) {
        printf("  no decoder\n");
        return;
    }
    a->decoded++;
    printf("  decoder %s\n", f->decoder->name);
    for (uint32_t i = 0; i < f->decoder->field_count; i++) {
        if (f->fields[i].len)
            sek_print_line(stdout, "    %s = %.*s", f->decoder->fields[i].name,
                           (int)f->fields[i].len, f->fields[i].data);
    }
    for (uint32_t i = 0; i < f->fired_count; i++)
        printf("  rule %u level %u: %s%s%s\n", f->fired[i]->id, f->fired[i]->level,
               f->fired[i]->description, f->response == f->fired[i] ? "; blocks " : "",
               f->response == f->fired[i] ? f->address : "");
    a->matched += f->fired_count != 0;
}

static void write_finding(struct arguments *a, const struct sek_log_finding *f)
{
    if (!f->worst)
        return;
    a->matched++;
    sek_text_clear(&a->text);
    sek_log_write(&a->text, f, true);
    sek_text_putc(&a->text, '\n');
    if (write(a->events_fd, a->text.data, a->text.len) < 0)
        perror("sekisho-agent: events");
}

static void take_line(void *arg, const struct sek_log_line *line)
{
    struct arguments *a = arg;
    struct sek_log_finding f;
    sek_log_engine_line(a->engine, line, sek_clock_mono_us() / 1000000u, &f);
    if (a->events_fd >= 0)
        write_finding(a, &f);
    else
        print_finding(a, &f);
}

static void take_file_line(void *arg, const char *path, const char *text, size_t len)
{
    struct sek_log_line line;
    sek_log_line_parse(&line, path, text, len);
    take_line(arg, &line);
}

static int test_file(struct arguments *a, const char *path)
{
    struct sek_fault fault;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
    if (!in) {
        sek_fail(&fault, SEK_EIO, "%s: %s", path, strerror(errno));
        return sek_command_failed(&fault);
    }
    a->events_fd = a->json ? STDOUT_FILENO : -1;
    const char *source = a->as ? a->as : sek_log_engine_reads(a->engine, path) ? path : "-";
    while ((n = getline(&line, &room, in)) > 0) {
        if (line[n - 1] == '\n')
            n--;
        take_file_line(a, source, line, (size_t)n);
    }
    free(line);
    if (in != stdin)
        fclose(in);
    if (!a->json && !a->decoded && source == path)
        fprintf(stderr, "note: no decoder of files that are called so fits: give the log's own "
                        "path with --as\n");
    return a->matched ? 3 : 0;
}

static int self_test(struct arguments *a)
{
    struct sek_fault fault;
    unsigned rules, failed = sek_logs_self_test(a->rules_path, &rules, &fault);
    printf("%u rules, %u failures\n", rules, failed);
    return failed || !rules ? 1 : 0;
}

static int follow(struct arguments *a, struct sek_follow *f, struct sek_journal *j, int signals)
{
    struct sek_fault fault;
    bool more = true, end = false;
    while (!end || more) {
        struct pollfd wait[3] = {{.fd = sek_follow_fd(f), .events = POLLIN},
                                 {.fd = j ? sek_journal_fd(j) : -1, .events = POLLIN},
                                 {.fd = signals, .events = POLLIN}};
        poll(wait, 3, more ? 0 : -1);
        end = end || wait[2].revents;
        more = sek_follow_serve(f);
        if (j)
            more = sek_journal_serve(j) || more;
    }
    if (sek_follow_save(f, &fault))
        return sek_command_failed(&fault);
    fprintf(stderr, "sekisho-agent: %u lines matched\n", a->matched);
    return 0;
}

static int watch(struct arguments *a)
{
    struct sek_fault fault;
    struct sek_follow *f = NULL;
    struct sek_journal *j = NULL;
    sigset_t set;
    a->events_fd = a->events ? open(a->events, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                             : STDOUT_FILENO;
    if (a->events_fd < 0) {
        sek_fail(&fault, SEK_EIO, "%s: cannot open: %s", a->events, strerror(errno));
        return sek_command_failed(&fault);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    const struct sek_follow_options options = {.files = &a->files,
                                               .positions = a->positions,
                                               .from_start = a->from_start,
                                               .on_line = take_file_line,
                                               .arg = a};
    if (((a->journal || a->journal_folder) &&
         sek_journal_open(a->journal_folder, NULL, take_line, a, &j, &fault)) ||
        sek_follow_open(&options, &f, &fault))
        return sek_command_failed(&fault);
    fprintf(stderr, "sekisho-agent: %u rules, %u files%s\n", a->rules.rule_count,
            sek_follow_count(f), j ? ", journal" : "");
    int signals = signalfd(-1, &set, SFD_CLOEXEC), status = follow(a, f, j, signals);
    sek_follow_close(f);
    sek_journal_close(j);
    return status;
}

int sek_command_logs(const struct sek_command_context *context, int argc, char **argv)
{
    static struct arguments a;
    struct sek_fault fault;
    const char *verb = argc > 1 ? argv[1] : "";
    bool test = !strcmp(verb, "test"), good = argc > 1 && parse(argc - 1, argv + 1, &a);
    const int left = good ? argc - 1 - optind : 0;
    a.json = context->json;
    good = good && (test ? left == !a.self
                         : !strcmp(verb, "watch") && !left && !a.self &&
                               (a.files.count || a.journal || a.journal_folder));
    if (!good) {
        fputs(usage, stderr);
        return 2;
    }
    const char *path = test && !a.self ? argv[1 + optind] : NULL;
    if (!a.rules_path)
        a.rules_path = SEK_LOG_RULES_FOLDER;
    if (a.self)
        return self_test(&a);
    if (sek_log_rules_load(&a.rules, a.rules_path, &fault))
        return sek_command_failed(&fault);
    if (!(a.engine = sek_log_engine_new(&a.rules)))
        return 1;
    int status = test ? test_file(&a, path) : watch(&a);
    sek_log_engine_free(a.engine);
    sek_log_rules_free(&a.rules);
    sek_text_free(&a.text);
    return status;
}
