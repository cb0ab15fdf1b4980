/* `status`, `policy`, `patch`, `doctor`, `events`: the running agent's answer, for a person or as
 * JSON. */
#include "agent/command/command.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* Ask; with --json print and return NULL (done), else the answer. */
static json_t *ask(const struct sek_command_context *context, const char *command, int *status)
{
    json_t *answer =
        sek_command_ask(context->settings, json_pack("{s:s}", "command", command), true, status);
    *status = *status ? 1 : 0;
    if (!answer || !context->json)
        return answer;
    sek_command_print(answer);
    json_decref(answer);
    return NULL;
}

static void print_protection(const json_t *status)
{
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(status, "protection"), i, part) printf(
        "  %-22s %-8s %s\n", text_of(part, "part"), text_of(part, "level"), text_of(part, "why"));
}

int sek_command_status(const struct sek_command_context *context, int argc, char **argv)
{
    int rc;
    const char *key;
    json_t *value, *s = ask(context, "status", &rc);
    (void)argc;
    (void)argv;
    if (!s)
        return rc;
    printf("sekisho-agent %s  device %s  tenant %s\n", text_of(s, "version"),
           *text_of(s, "device") ? text_of(s, "device") : "(not enrolled)", text_of(s, "tenant"));
    printf("  link       %s, %lld events wait\n",
           json_is_true(json_object_get(s, "link")) ? "up" : "down", number_of(s, "backlog"));
    printf("  bundle     %lld\n", number_of(s, "bundle"));
    printf("  patches    %lld in force (%lld rules)\n", number_of(s, "patches"),
           number_of(s, "rules"));
    if (json_array_size(json_object_get(s, "hidden_by_tls")))
        printf("             %zu not covered: TLS hides their port\n",
               json_array_size(json_object_get(s, "hidden_by_tls")));
    printf("  lockdown   %s\n", text_of(s, "lockdown"));
    json_object_foreach(json_object_get(s, "counters"), key, value)
        printf("  %-18s %lld\n", key, (long long)json_integer_value(value));
    json_decref(s);
    return 0;
}

int sek_command_doctor(const struct sek_command_context *context, int argc, char **argv)
{
    int rc, absent = 0;
    size_t i;
    struct sek_command_context plain = *context;
    json_t *part;
    (void)argc;
    (void)argv;
    plain.json = false;
    json_t *s = ask(&plain, "status", &rc);
    if (!s)
        return rc;
    json_array_foreach(json_object_get(s, "protection"), i, part) absent +=
        !strcmp(text_of(part, "level"), "absent");
    if (context->json) {
        sek_command_print(json_object_get(s, "protection"));
    } else {
        print_protection(s);
    }
    json_decref(s);
    return absent ? 1 : 0;
}

int sek_command_policy(const struct sek_command_context *context, int argc, char **argv)
{
    int rc;
    json_t *p = ask(context, "policy", &rc);
    (void)argc;
    (void)argv;
    if (!p)
        return rc;
    const json_t *entry = json_object_get(p, "entry"), *inside = json_object_get(p, "inside");
    printf("policy %lld\n  entry    %s, attacker after %lld in %lld s, blocked for %lld s\n",
           number_of(p, "version"), text_of(entry, "mode"), number_of(entry, "probe_threshold"),
           number_of(entry, "probe_window_s"), number_of(entry, "block_ttl_s"));
    printf("  exit     %s\n  inside   %s", text_of(json_object_get(p, "exit"), "mode"),
           text_of(inside, "mode"));
    size_t i;
    json_t *scope;
    json_array_foreach(json_object_get(inside, "scopes"), i, scope)
        printf(" %s", json_string_value(scope));
    printf("\n");
    static const char *const duties[] = {"firewall", "integrity", "logs", "malware"};
    for (i = 0; i < sizeof duties / sizeof duties[0]; i++)
        printf("  %-8s %s\n", duties[i], text_of(json_object_get(p, duties[i]), "mode"));
    json_decref(p);
    return 0;
}

/* Play the self-tests of the patches in force: one line each. */
static int test_patches(const struct sek_command_context *context, const char *id)
{
    int status;
    size_t i, failed = 0;
    json_t *test, *request = json_pack("{s:s, s:s*}", "command", "patch-test", "patch", id);
    json_t *answer = sek_command_ask(context->settings, request, true, &status);
    if (!answer)
        return 1;
    if (context->json)
        sek_command_print(answer);
    json_array_foreach(json_object_get(answer, "tests"), i, test)
    {
        bool passed = json_is_true(json_object_get(test, "passed"));
        bool exploit = json_is_true(json_object_get(test, "exploit"));
        bool detect = !strcmp(text_of(test, "mode"), "detect");
        failed += !passed;
        if (!context->json)
            printf("%-4s %-28s %s: %s\n", passed ? "ok" : "FAIL", text_of(test, "patch"),
                   text_of(test, "name"),
                   exploit ? (passed   ? detect ? "detected (detect mode)" : "blocked"
                              : detect ? "not detected"
                                       : "not blocked")
                           : (passed ? "passes" : "does not pass in silence"));
    }
    json_array_foreach(json_object_get(answer, "untested"), i, test)
    {
        if (!context->json)
            printf("none %-28s no test came with it\n", json_string_value(test));
    }
    json_decref(answer);
    return failed != 0;
}

static void print_hidden(const json_t *patch)
{
    size_t i;
    json_t *place;
    json_array_foreach(json_object_get(patch, "tls"), i, place)
    {
        if (json_object_get(place, "covered"))
            printf("  TLS on port %lld: covered behind the local proxy, on port %lld\n",
                   number_of(place, "port"), number_of(place, "covered"));
        else
            printf("  not covered: TLS on port %lld\n", number_of(place, "port"));
    }
}

int sek_command_patch(const struct sek_command_context *context, int argc, char **argv)
{
    int rc;
    size_t i, k;
    if (argc > 1 && argc < 4 && !strcmp(argv[1], "test"))
        return test_patches(context, argc == 3 ? argv[2] : NULL);
    if (argc > 1) {
        fprintf(stderr, "usage: sekisho-agent patch [test [ID]]\n");
        return 2;
    }
    json_t *patch, *item, *p = ask(context, "patch", &rc);
    if (!p)
        return rc;
    json_array_foreach(json_object_get(p, "patches"), i, patch)
    {
        printf("%-28s %-16s", text_of(patch, "id"), text_of(patch, "component"));
        json_array_foreach(json_object_get(patch, "ports"), k, item)
            printf(" %s/%lld", text_of(item, "proto"), number_of(item, "port"));
        json_array_foreach(json_object_get(patch, "cves"), k, item)
            printf(" %s", json_string_value(item));
        printf("%s\n", strcmp(text_of(patch, "mode"), "detect") ? "" : "  (detect)");
        print_hidden(patch);
    }
    json_decref(p);
    return 0;
}

int sek_command_events(const struct sek_command_context *context, int argc, char **argv)
{
    int rc;
    struct sek_command_context plain = *context;
    (void)argc;
    (void)argv;
    plain.json = false;
    json_t *s = ask(&plain, "status", &rc);
    if (!s)
        return rc;
    long long waiting = number_of(s, "backlog");
    long long made = number_of(json_object_get(s, "counters"), "events");
    if (context->json)
        printf("{\"made\":%lld,\"waiting\":%lld}\n", made, waiting);
    else
        printf("%lld events since the start, %lld wait for the manager\n", made, waiting);
    json_decref(s);
    return 0;
}
