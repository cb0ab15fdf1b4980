/* `status`: ask the running gateway. `enrol`: join a manager. */
#include "gateway/command.h"
#include "gateway/metrics.h"

#include "lib/wire/client.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_LIMIT (4u << 20)

static json_t *ask(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    static char answer[ANSWER_LIMIT];
    size_t used = 0;
    json_error_t error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr)) {
        fprintf(stderr, "sekisho-gateway: %s: %s (is the gateway running?)\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    for (ssize_t n; used < sizeof answer && (n = read(fd, answer + used, sizeof answer - used)) > 0;)
        used += (size_t)n;
    close(fd);
    json_t *status = json_loadb(answer, used, 0, &error);
    if (!status)
        fprintf(stderr, "sekisho-gateway: the answer is not JSON: %s\n", error.text);
    return status;
}

static void print_status(json_t *s)
{
    size_t i;
    json_t *b;
    printf("gateway %s, up %lld s, %s\n", json_string_value(json_object_get(s, "version")),
           json_integer_value(json_object_get(s, "uptime_s")),
           json_is_true(json_object_get(s, "enrolled"))
               ? json_is_true(json_object_get(s, "link")) ? "manager reachable" : "manager away"
               : "not enrolled");
    printf("rules %lld (bundle %lld), prevention %s, reputation %s, behaviour %s\n",
           json_integer_value(json_object_get(s, "rules")),
           json_integer_value(json_object_get(s, "bundle_version")),
           json_string_value(json_object_get(s, "entry")),
           json_string_value(json_object_get(s, "exit")),
           json_string_value(json_object_get(s, "behaviour")));
    printf("frames %lld, dropped %lld, alerts %lld, flows %lld, events waiting %lld\n",
           json_integer_value(json_object_get(s, "frames")),
           json_integer_value(json_object_get(s, "dropped")),
           json_integer_value(json_object_get(s, "alerts")),
           json_integer_value(json_object_get(s, "flows")),
           json_integer_value(json_object_get(s, "backlog")));
    json_array_foreach(json_object_get(s, "blocked"), i, b)
        printf("blocked %s (%s): %s; %lld frames, %lld s left\n",
               json_string_value(json_object_get(b, "ip")),
               json_string_value(json_object_get(b, "kind")),
               json_string_value(json_object_get(b, "reason")),
               json_integer_value(json_object_get(b, "frames")),
               json_integer_value(json_object_get(b, "seconds_left")));
}

int gateway_status(int argc, char **argv)
{
    static const struct option options[] = {{"control", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"metrics", no_argument, NULL, 'm'},
                                            {0}};
    const char *path = "/run/sekisho-gateway/control.sock";
    bool as_json = false, as_metrics = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'j') {
            as_json = true;
        } else if (o == 'm') {
            as_metrics = true;
        } else {
            fprintf(stderr, "usage: sekisho-gateway status [--control PATH] [--json | --metrics]\n");
            return 2;
        }
    }
    json_t *s = ask(path);
    if (!s)
        return 1;
    if (as_metrics) {
        struct sek_text text = {0};
        metrics_text(&text, json_object_get(s, "stats"));
        fputs(text.data ? text.data : "", stdout);
        sek_text_free(&text);
    } else if (as_json) {
        json_dumpf(s, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print_status(s);
    }
    json_decref(s);
    return 0;
}

int gateway_enrol(int argc, char **argv)
{
    static const struct option options[] = {{"manager", required_argument, NULL, 'm'},
                                            {"token", required_argument, NULL, 't'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"state", required_argument, NULL, 's'},
                                            {0}};
    const char *manager = NULL, *token = NULL, *state = "/var/lib/sekisho-gateway";
    char host[65] = "gateway";
    const char *name = host;
    struct sek_fault fault;
    bool bad = false;
    gethostname(host, sizeof host - 1);
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'm')
            manager = optarg;
        else if (o == 't')
            token = optarg;
        else if (o == 'n')
            name = optarg;
        else if (o == 's')
            state = optarg;
        else
            bad = true;
    }
    if (bad || !manager || !token) {
        fprintf(stderr, "usage: sekisho-gateway enrol --manager URL --token TOKEN [--name NAME] "
                        "[--state DIR]\n");
        return 2;
    }
    if (sek_client_enrol(state, manager, token, "gateway", name, &fault)) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        return 1;
    }
    printf("enrolled; the identity is in %s\n", state);
    return 0;
}
