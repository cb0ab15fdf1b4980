/* `firewall`: the rules of a file in the policy's form tried, put into force and confirmed. A
 * running agent carries the orders out; without one they are carried out here. */
#include "agent/command/command.h"
#include "agent/guard/confirm.h"
#include "agent/guard/firewall.h"
#include "lib/base/file.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_LIMIT (256u << 10)

static const char usage[] = "usage: sekisho-agent firewall show\n"
                            "       sekisho-agent firewall test FILE\n"
                            "       sekisho-agent firewall apply FILE [--confirm-within SECONDS]\n"
                            "       sekisho-agent firewall confirm|rollback|off\n";

/* The section itself, or the policy that has it. */
static enum sek_error read_section(const char *path, json_t **out, struct sek_ruleset **ruleset,
                                   struct sek_fault *fault)
{
    char *text;
    size_t len;
    json_error_t error;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!root)
        return sek_fail(fault, SEK_EINVAL, "%s:%d: not JSON: %.200s", path, error.line, error.text);
    json_t *section = json_object_get(root, "firewall");
    *out = json_incref(section ? section : root);
    json_decref(root);
    *ruleset = malloc(sizeof **ruleset);
    rc = *ruleset ? sek_ruleset_parse(*out, *ruleset, fault)
                  : sek_fail(fault, SEK_ENOMEM, "out of memory");
    if (!rc)
        return SEK_OK;
    free(*ruleset);
    json_decref(*out);
    return sek_fail_context(fault, rc, "%s", path);
}

static int test(const struct sek_confirm *c, const char *path)
{
    struct sek_fault fault;
    struct sek_ruleset *r;
    struct sek_text template = {0}, text = {0};
    json_t *section;
    if (read_section(path, &section, &r, &fault))
        return sek_command_failed(&fault);
    sek_ruleset_compile(r, SEK_PROBE_GROUP, &template);
    enum sek_error rc = sek_confirm_test(c, template.data, &text, &fault);
    if (text.data)
        fwrite(text.data, 1, text.len, stdout);
    sek_text_free(&template);
    sek_text_free(&text);
    free(r);
    json_decref(section);
    return rc ? sek_command_failed(&fault) : 0;
}

static void print_status(const struct sek_command_context *context, const char *source,
                         const char *origin, bool confirmed, bool pending, unsigned seconds)
{
    if (context->json)
        printf("{\"in_force\":%s,\"pending\":%s,\"seconds\":%u,\"origin\":\"%s\",\"by\":\"%s\"}\n",
               confirmed || pending ? "true" : "false", pending ? "true" : "false", seconds, origin,
               source);
    else if (pending)
        printf("firewall: new rules (%s) are in force; not confirmed: the old ones come back in %u "
               "s\n",
               origin, seconds);
    else
        printf("firewall: %s%s%s\n", confirmed ? "in force (" : "off", confirmed ? origin : "",
               confirmed ? ")" : "");
    fflush(stdout);
}

/* What the kernel has. */
static void list_table(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("nft", "nft", "list", "table", "inet", "sekisho_fw", (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* --- through the running agent ---------------------------------------------------------------- */

static int ask(const struct sek_command_context *context, const char *verb, json_t *section,
               unsigned within)
{
    int status;
    json_t *request = json_pack("{s:s, s:s}", "command", "firewall", "verb", verb);
    if (section) {
        json_object_set(request, "firewall", section);
        json_object_set_new(request, "within_s", json_integer(within));
    }
    json_t *answer = sek_command_ask(context->settings, request, false, &status);
    if (!answer)
        return status;
    const char *origin = json_string_value(json_object_get(answer, "origin"));
    bool confirmed = json_is_true(json_object_get(answer, "confirmed"));
    bool pending = json_is_true(json_object_get(answer, "pending"));
    print_status(context, "agent", origin ? origin : "", confirmed, pending,
                 (unsigned)json_integer_value(json_object_get(answer, "seconds")));
    if (!strcmp(verb, "show") && !context->json && (confirmed || pending))
        list_table();
    json_decref(answer);
    return 0;
}

/* --- without one ------------------------------------------------------------------------------ */

static int act(const struct sek_command_context *context, const struct sek_confirm *c,
               const char *verb, const struct sek_ruleset *r, unsigned within)
{
    struct sek_fault fault;
    struct sek_text template = {0};
    enum sek_error rc = SEK_OK;
    if (r) {
        sek_ruleset_compile(r, SEK_PROBE_GROUP, &template);
        rc = sek_confirm_apply(c, template.data, SEK_ORIGIN_LOCAL, within, &fault);
        sek_text_free(&template);
    } else if (!strcmp(verb, "confirm")) {
        rc = sek_confirm_keep(c, &fault);
    } else if (!strcmp(verb, "rollback")) {
        rc = sek_confirm_rollback(c, true, &fault);
    } else if (!strcmp(verb, "off")) {
        rc = sek_confirm_off(c, &fault);
    }
    if (rc)
        return sek_command_failed(&fault);
    struct sek_confirm_status *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    sek_confirm_look(c, s);
    print_status(context, "command", s->origin == SEK_ORIGIN_POLICY ? "policy" : "local",
                 s->confirmed, s->pending, s->seconds);
    if (s->program_count)
        fprintf(stderr, "sekisho-agent: rules that name a program hold while the agent runs\n");
    if (s->left_out)
        fprintf(stderr, "sekisho-agent: %u lines left out: their user or cgroup is not there\n",
                s->left_out);
    if (!strcmp(verb, "show") && !context->json && (s->confirmed || s->pending))
        list_table();
    free(s);
    return 0;
}

static int change(const struct sek_command_context *context, const struct sek_confirm *c,
                  const char *verb, const char *path, unsigned within)
{
    struct sek_fault fault;
    struct sek_ruleset *r = NULL;
    json_t *section = NULL;
    if (path && read_section(path, &section, &r, &fault))
        return sek_command_failed(&fault);
    int status = ask(context, verb, section, within);
    if (status < 0)
        status = act(context, c, verb, r, within);
    free(r);
    json_decref(section);
    return status;
}

int sek_command_firewall(const struct sek_command_context *context, int argc, char **argv)
{
    static const struct option options[] = {{"confirm-within", required_argument, NULL, 'c'}, {0}};
    struct sek_spares always = {0};
    const struct sek_confirm c = {.state = context->settings->state, .always = &always};
    struct sek_fault fault;
    unsigned long within = SEK_CONFIRM_S;
    bool good = true;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = "x";
        within = o == 'c' ? strtoul(optarg, &end, 10) : 0;
        good = good && !*end && within >= 1 && within <= SEK_CONFIRM_MAX_S;
    }
    signal(SIGPIPE, SIG_IGN); /* nft may end before it has read everything */
    if (sek_spares_device(&always, context->settings->state, context->settings->spare, &fault))
        return sek_command_failed(&fault);
    const char *verb = good && optind < argc ? argv[optind] : "";
    const char *path = optind + 1 < argc ? argv[optind + 1] : NULL;
    int words = argc - optind;
    if (!strcmp(verb, "test") && words == 2)
        return test(&c, path);
    if (!strcmp(verb, "apply") && words == 2)
        return change(context, &c, verb, path, (unsigned)within);
    if (words == 1 && (!strcmp(verb, "show") || !strcmp(verb, "confirm") ||
                       !strcmp(verb, "rollback") || !strcmp(verb, "off")))
        return change(context, &c, verb, NULL, 0);
    fputs(usage, stderr);
    return 2;
}
