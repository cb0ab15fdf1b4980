/* `lockdown run` protects one mount in the foreground, without a manager; `lockdown MODE` changes
 * the running agent; `lockdown explain PATH` says whether a file may run, and why. */
#include "agent/command/command.h"
#include "agent/event.h"
#include "agent/filehash.h"
#include "agent/lockdown/judge.h"
#include "agent/lockdown/keeper.h"
#include "agent/lockdown/learn.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODE_TRIES   10
#define MODE_WAIT_US 100000

static const char usage[] =
    "usage: sekisho-agent lockdown learn|detect|enforce|off\n"
    "       sekisho-agent lockdown maintenance [--minutes N] [--updater PROGRAM] | --end\n"
    "       sekisho-agent lockdown export\n"
    "       sekisho-agent lockdown explain [--allowlist FILE] PATH\n"
    "       sekisho-agent lockdown run --scope MOUNT... --mode learn|detect|enforce\n"
    "           [--learn-from DIR] [--allowlist FILE] [--events FILE] [--stall open|closed]\n"
    "           [--updater PROGRAM] [--inline allow|detect|deny] [--scripts normal|strict]\n"
    "           [--kernel on|off] [--trust packages]\n";

struct foreground {
    int events_fd;
    const char *mode;
    struct sek_text text;
};

static void write_event(void *arg, const struct sek_lockdown_record *record)
{
    struct foreground *f = arg;
    sek_text_clear(&f->text);
    sek_event_lockdown(&f->text, record, f->mode);
    sek_text_putc(&f->text, '\n');
    if (write(f->events_fd, f->text.data, f->text.len) < 0)
        perror("sekisho-agent: events");
}

static void say_ready(void *arg, const struct sek_keeper_cover *cover)
{
    (void)arg;
    if (cover->mode != cover->wanted)
        fprintf(stderr, "sekisho-agent: %s begins when what is there is registered%s\n",
                sek_lockdown_mode_name(cover->wanted),
                cover->failed ? ": that failed, and is tried again every minute" : "");
    else
        fprintf(stderr, "sekisho-agent: lockdown in force (%s), by fanotify%s%s%s\n",
                sek_lockdown_mode_name(cover->mode), cover->programs ? " and eBPF" : " only: ",
                cover->lsm ? " with BPF LSM" : "", cover->why);
}

struct run_options {
    const char *scopes[SEK_KEEPER_SCOPES];
    unsigned scope_count;
    const char *learn_from, *mode, *events, *allowlist, *stall, *updater;
    const char *inline_policy, *scripts, *kernel, *trust;
};

/* The index of WORD in a list of words that ends with NULL, or -1. */
static int word_index(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++) {
        if (!strcmp(word, words[i]))
            return i;
    }
    return -1;
}

static const char *const stall_words[] = {"open", "closed", NULL};
static const char *const inline_words[] = {"allow", "detect", "deny", NULL};
static const char *const script_words[] = {"normal", "strict", NULL};
static const char *const kernel_words[] = {"on", "off", NULL};
static const char *const trust_words[] = {"learned", "packages", NULL};

static bool parse_run(int argc, char **argv, struct run_options *o)
{
    static const struct option options[] = {
        {"scope", required_argument, NULL, 's'},     {"learn-from", required_argument, NULL, 'l'},
        {"mode", required_argument, NULL, 'm'},      {"events", required_argument, NULL, 'e'},
        {"allowlist", required_argument, NULL, 'a'}, {"stall", required_argument, NULL, 't'},
        {"updater", required_argument, NULL, 'u'},   {"inline", required_argument, NULL, 'i'},
        {"scripts", required_argument, NULL, 'r'},   {"kernel", required_argument, NULL, 'k'},
        {"trust", required_argument, NULL, 'p'},     {0},
    };
    *o = (struct run_options){.stall = "open",
                              .inline_policy = "allow",
                              .scripts = "normal",
                              .kernel = "on",
                              .trust = "learned"};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool room = o->scope_count + 1 < SEK_KEEPER_SCOPES; /* the last stays NULL */
        const char **field = c == 's'   ? (room ? &o->scopes[o->scope_count++] : NULL)
                             : c == 'l' ? &o->learn_from
                             : c == 'm' ? &o->mode
                             : c == 'e' ? &o->events
                             : c == 'a' ? &o->allowlist
                             : c == 't' ? &o->stall
                             : c == 'u' ? &o->updater
                             : c == 'i' ? &o->inline_policy
                             : c == 'r' ? &o->scripts
                             : c == 'k' ? &o->kernel
                             : c == 'p' ? &o->trust
                                        : NULL;
        if (!field)
            return false;
        *field = optarg;
    }
    return optind == argc && o->scopes[0] && o->mode && word_index(o->stall, stall_words) >= 0 &&
           word_index(o->inline_policy, inline_words) >= 0 &&
           word_index(o->scripts, script_words) >= 0 && word_index(o->kernel, kernel_words) >= 0 &&
           word_index(o->trust, trust_words) >= 0;
}

/* Without --allowlist the learned digests live in a file that ends with this process. */
static enum sek_error prepare_allowlist(const struct run_options *o, char *path, size_t size,
                                        struct sek_fault *fault)
{
    struct sek_allowlist list = {0};
    struct sek_allowlist_out out;
    struct sek_learning learning = {.list = &list, .out = &out};
    enum sek_error rc;
    snprintf(path, size, "%s", o->allowlist ? o->allowlist : "/tmp/sekisho-lockdown.XXXXXX");
    if (o->allowlist) {
        rc = sek_allowlist_load(&list, path, fault);
        if (rc && rc != SEK_ENOTFOUND)
            return rc;
    } else {
        int fd = mkstemp(path);
        if (fd < 0)
            return sek_fail(fault, SEK_EIO, "%s: cannot create: %s", path, strerror(errno));
        close(fd);
    }
    rc = sek_allowlist_open(&out, path, fault);
    if (!rc && o->learn_from) {
        char digests[4096 + 16];
        snprintf(digests, sizeof digests, "%s" SEK_DIGESTS_ENDING, path);
        sek_digests_open(&learning.digests, o->allowlist ? digests : NULL);
        rc = sek_learn_folder(&learning, o->learn_from, fault);
        if (!rc)
            fprintf(stderr,
                    "sekisho-agent: %llu files in %s, %llu programs registered, %llu read\n",
                    (unsigned long long)learning.files, o->learn_from,
                    (unsigned long long)learning.added, (unsigned long long)learning.digests.read);
        if (!rc)
            rc = sek_digests_close(&learning.digests, o->allowlist ? digests : NULL, fault);
    }
    if (out.fd >= 0)
        close(out.fd);
    sek_allowlist_free(&list);
    return rc;
}

static int lockdown_run(const struct sek_command_context *context, int argc, char **argv)
{
    struct run_options o;
    struct sek_fault fault;
    enum sek_lockdown_mode mode;
    char allowlist[4096] = "";
    const char *one_updater[2] = {NULL, NULL};
    if (!parse_run(argc, argv, &o) || !sek_lockdown_mode_parse(o.mode, &mode)) {
        fputs(usage, stderr);
        return 2;
    }
    one_updater[0] = o.updater;
    struct foreground f = {.events_fd = STDOUT_FILENO, .mode = o.mode};
    if (o.events)
        f.events_fd = open(o.events, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (f.events_fd < 0) {
        sek_fail(&fault, SEK_EIO, "%s: cannot open: %s", o.events, strerror(errno));
        return sek_command_failed(&fault);
    }
    enum sek_error rc = prepare_allowlist(&o, allowlist, sizeof allowlist, &fault);
    struct sek_keeper_options keeper = {
        .mode = mode,
        .allowlist = allowlist,
        .temporary_list = !o.allowlist,
        .updaters = o.updater ? one_updater : context->settings->updaters,
        .stall_closed = word_index(o.stall, stall_words),
        .inline_policy = (unsigned)word_index(o.inline_policy, inline_words),
        .strict_scripts = word_index(o.scripts, script_words),
        .without_kernel = word_index(o.kernel, kernel_words),
        .trust_packages = word_index(o.trust, trust_words),
        .root = context->settings->root,
        .command_fd = -1,
        .on_record = write_event,
        .on_ready = say_ready,
        .arg = &f,
    };
    memcpy(keeper.scopes, o.scopes, sizeof o.scopes);
    if (!rc)
        rc = sek_keeper_run(&keeper, &fault);
    if (!o.allowlist && allowlist[0])
        unlink(allowlist);
    sek_text_free(&f.text);
    return rc ? sek_command_failed(&fault) : 0;
}

/* The allowlist line of DIGEST in TEXT ("where it was learned"), or NULL. */
static const char *find_label(const char *text, const uint8_t digest[32], int *len)
{
    char hex[65];
    sek_hex_encode(digest, 32, hex);
    const char *line = strstr(text, hex);
    if (!line)
        return NULL;
    line += 64;
    line += strspn(line, " \t");
    *len = (int)strcspn(line, "\n");
    return line;
}

static int explain(const struct sek_command_context *context, const char *allowlist,
                   const char *path)
{
    struct sek_fault fault;
    uint8_t digest[32];
    char *text = NULL, hex[65], list_path[4096];
    const char *label = NULL;
    size_t len;
    int label_len = 0;
    snprintf(list_path, sizeof list_path, "%s/lockdown/allowlist", context->settings->state);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == EPERM) {
        printf("%s\n  not registered: lockdown refuses to open it\n", path);
        return 1;
    }
    if (fd < 0 || sek_filehash(fd, digest, NULL)) {
        sek_fail(&fault, SEK_EIO, "%s: cannot read: %s", path, strerror(errno));
        return sek_command_failed(&fault);
    }
    enum sek_file_kind kind = sek_file_kind_fd(fd);
    close(fd);
    if (sek_file_read(allowlist ? allowlist : list_path, 64u << 20, &text, &len, &fault))
        return sek_command_failed(&fault);
    label = find_label(text, digest, &label_len);
    sek_hex_encode(digest, 32, hex);
    struct sek_text out = {0};
    sek_json_open(&out, NULL, '{');
    sek_json_str(&out, "path", path);
    sek_json_str(&out, "sha256", hex);
    sek_json_str(&out, "kind", sek_file_kind_name(kind));
    sek_json_bool(&out, "registered", label != NULL);
    if (label)
        sek_json_bytes(&out, "registered_from", label, (size_t)label_len);
    sek_json_close(&out, '}');
    if (context->json)
        printf("%s\n", out.data);
    else
        printf("%s\n  kind        %s\n  sha256      %s\n  registered  %s%.*s\n  enforced    %s\n",
               path, sek_file_kind_name(kind), hex, label ? "yes, from " : "no", label_len,
               label ? label : "",
               label ? "may run and be loaded"
               : kind == SEK_FILE_ELF
                   ? "refused: execution, mapping as code, and without BPF LSM opening"
               : kind == SEK_FILE_DATA ? "refused as a program; reading it as data is free"
                                       : "refused: execution, and reading by an interpreter");
    sek_text_free(&out);
    free(text);
    return label ? 0 : 1;
}

/* What this device registered, in the form of sha256sum(1): what `sekishoctl allowlist import`
 * reads. */
static int export_list(const struct sek_command_context *context)
{
    char path[4096], *text;
    size_t len;
    struct sek_fault fault;
    snprintf(path, sizeof path, "%s/lockdown/allowlist", context->settings->state);
    if (sek_file_read(path, 64u << 20, &text, &len, &fault))
        return sek_command_failed(&fault);
    bool written = fwrite(text, 1, len, stdout) == len && !fflush(stdout);
    free(text);
    return written ? 0 : 1;
}

/* Ask, and print the answer. */
static int pass_on(const struct sek_command_context *context, json_t *request)
{
    int status;
    json_t *answer = sek_command_ask(context->settings, request, true, &status);
    if (answer)
        sek_command_print(answer);
    json_decref(answer);
    return status ? 1 : 0;
}

/* The mode that is in force now. False when the agent does not say. */
static bool mode_in_force(const struct sek_settings *settings, char mode[16])
{
    int status;
    json_t *answer =
        sek_command_ask(settings, json_pack("{s:s}", "command", "status"), true, &status);
    const char *now = json_string_value(json_object_get(answer, "lockdown"));
    snprintf(mode, 16, "%s", now ? now : "");
    json_decref(answer);
    return mode[0] != '\0';
}

static int change_mode(const struct sek_command_context *context, const char *mode)
{
    char now[16] = "";
    int status = pass_on(context, json_pack("{s:s, s:s}", "command", "lockdown", "mode", mode));
    for (int i = 0; !status && i < MODE_TRIES && mode_in_force(context->settings, now); i++) {
        if (!strcmp(now, mode))
            return 0;
        usleep(MODE_WAIT_US);
    }
    if (!status && now[0])
        fprintf(stderr,
                "sekisho-agent: \"%s\" is in force for now; `sekisho-agent doctor` says what \"%s\" "
                "waits for\n",
                now, mode);
    return status;
}

/* What package managers, or one named program, install meanwhile becomes registered. */
static int maintenance(const struct sek_command_context *context, int argc, char **argv)
{
    static const struct option options[] = {{"minutes", required_argument, NULL, 'm'},
                                            {"updater", required_argument, NULL, 'u'},
                                            {"end", no_argument, NULL, 'e'},
                                            {0}};
    long seconds = 1800;
    const char *updater = NULL;
    char resolved[PATH_MAX], *end;
    struct sek_fault fault;
    bool good = true;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'e')
            seconds = 0;
        else if (c == 'u')
            updater = optarg;
        else
            good = good && c == 'm' && (seconds = strtol(optarg, &end, 10) * 60) > 0 && !*end;
    }
    if (!good || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (updater && !realpath(updater, resolved)) {
        sek_fail(&fault, SEK_ENOTFOUND, "%s: %s", updater, strerror(errno));
        return sek_command_failed(&fault);
    }
    return pass_on(context, json_pack("{s:s, s:I, s:s*}", "command", "maintenance", "seconds",
                                      (json_int_t)seconds, "updater", updater ? resolved : NULL));
}

int sek_command_lockdown(const struct sek_command_context *context, int argc, char **argv)
{
    enum sek_lockdown_mode mode;
    const char *verb = argc > 1 ? argv[1] : "";
    if (!strcmp(verb, "run"))
        return lockdown_run(context, argc - 1, argv + 1);
    if (!strcmp(verb, "maintenance"))
        return maintenance(context, argc - 1, argv + 1);
    if (!strcmp(verb, "export") && argc == 2)
        return export_list(context);
    if (!strcmp(verb, "explain") && argc == 3)
        return explain(context, NULL, argv[2]);
    if (!strcmp(verb, "explain") && argc == 5 && !strcmp(argv[2], "--allowlist"))
        return explain(context, argv[3], argv[4]);
    if (argc == 2 && sek_lockdown_mode_parse(verb, &mode))
        return change_mode(context, verb);
    fputs(usage, stderr);
    return 2;
}
