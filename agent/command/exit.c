/* `exit`: what programs may reach, from the tables that the agent keeps (agent/guard/learned.h).
 * The running agent takes a changed table up within two seconds. */
#include "agent/command/command.h"
#include "agent/event.h"
#include "agent/filehash.h"
#include "agent/guard/learned.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho-agent exit learned [--json]\n"
    "       sekisho-agent exit forget PROGRAM\n"
    "       sekisho-agent exit explain PROGRAM DESTINATION[:PORT[/tcp|/udp]] [--json]\n"
    "       sekisho-agent exit explain PROGRAM listen:PORT[/tcp|/udp] [--json]\n";

/* Table NAME of STATE/exit; one that is not there is empty. */
static enum sek_error load(const struct sek_command_context *context, const char *name,
                           struct sek_learned *t, char path[512], struct sek_fault *fault)
{
    char *text = NULL;
    size_t len;
    snprintf(path, 512, "%s/exit/%s", context->settings->state, name);
    enum sek_error rc = sek_file_read(path, SEK_LEARNED_BYTES, &text, &len, fault);
    if (!rc)
        rc = sek_learned_parse(t, path, text, len, fault);
    sek_learned_resolve(t);
    free(text);
    return rc == SEK_ENOTFOUND ? SEK_OK : rc;
}

static void print_json(const struct sek_permission *p, const char *from, struct sek_text *out)
{
    struct sek_text line = {0};
    char hex[65], protocol[8];
    sek_permission_write(p, &line);
    sek_hex_encode(p->digest, 32, hex);
    sek_protocol_text(p->protocol, protocol);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "program", p->path);
    sek_json_str(out, "sha256", p->any_content ? "*" : hex);
    sek_json_uint(out, "port", p->port);
    sek_json_str(out, "protocol", protocol);
    /* The third word of the line. */
    char *at = line.data ? strchr(strchr(line.data, ' ') + 1, ' ') + 1 : NULL;
    if (at)
        sek_json_bytes(out, "destination", at, strcspn(at, " "));
    sek_json_str(out, "from", from);
    sek_json_close(out, '}');
    sek_text_free(&line);
}

static int learned(const struct sek_command_context *context)
{
    static const char *const names[] = {"learned", "listed"};
    struct sek_text out = {0};
    char path[512];
    struct sek_fault fault;
    if (context->json)
        sek_json_open(&out, NULL, '[');
    for (int i = 0; i < 2; i++) {
        struct sek_learned t = {0};
        if (load(context, names[i], &t, path, &fault)) {
            sek_text_free(&out);
            return sek_command_failed(&fault);
        }
        if (!context->json)
            sek_learned_write(&t, &out);
        for (size_t k = 0; context->json && k < t.count; k++)
            print_json(&t.list[k], names[i], &out);
        sek_learned_free(&t);
    }
    if (context->json)
        sek_json_close(&out, ']');
    printf("%s%s", out.data ? out.data : "", context->json ? "\n" : "");
    sek_text_free(&out);
    return 0;
}

static int forget(const struct sek_command_context *context, const char *program)
{
    struct sek_learned t = {0};
    struct sek_text out = {0};
    struct sek_fault fault;
    char path[512], resolved[PATH_MAX];
    if (load(context, "learned", &t, path, &fault))
        return sek_command_failed(&fault);
    size_t gone = sek_learned_forget(&t, program);
    if (!gone && realpath(program, resolved))
        gone = sek_learned_forget(&t, resolved);
    sek_learned_write(&t, &out);
    enum sek_error rc =
        gone ? sek_file_replace(path, out.data ? out.data : "", out.len, 0600, &fault)
             : sek_fail(&fault, SEK_ENOTFOUND, "%s: nothing was learned for it", program);
    sek_learned_free(&t);
    sek_text_free(&out);
    if (rc)
        return sek_command_failed(&fault);
    printf("%zu forgotten\n", gone);
    return 0;
}

/* --- explain --------------------------------------------------------------------------------- */

struct question {
    char path[PATH_MAX], hex[65];
    uint8_t digest[32];
    char name[256]; /* "": an address */
    uint8_t address[16];
    uint16_t port;
    uint8_t protocol;
};

static bool read_destination(const char *text, struct question *q)
{
    char copy[300], *end;
    q->port = 443;
    q->protocol = IPPROTO_TCP;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
        return false;
    char *slash = strrchr(copy, '/');
    if (slash) {
        *slash++ = '\0';
        q->protocol = IPPROTO_UDP;
        if (strcmp(slash, "udp") != 0) {
            q->protocol = IPPROTO_TCP;
            if (strcmp(slash, "tcp") != 0)
                return false;
        }
    }
    char *host = copy, *colon = strrchr(copy, ':'), *bracket = strchr(copy, ']');
    if (*copy == '[' && bracket) {
        host++;
        *bracket = '\0';
    } else if (colon && strchr(copy, ':') != colon) {
        colon = NULL; /* an IPv6 address without a port */
    }
    if (colon && (!bracket || colon > bracket)) {
        long port = strtol(colon + 1, &end, 10);
        if (end == colon + 1 || *end || port < 0 || port > 65535)
            return false;
        q->port = (uint16_t)port;
        *colon = '\0';
    }
    if (!strcmp(host, "listen"))
        q->protocol |= SEK_EXIT_LISTEN;
    else if (!sek_address_parse(host, q->address)) {
        for (size_t i = 0; host[i] && i < sizeof q->name - 1; i++)
            q->name[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]);
        return q->name[0];
    }
    return true;
}

static const struct sek_permission *find(const struct sek_learned *t, const struct question *q,
                                         bool *changed, bool *has)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct sek_permission *p = &t->list[i];
        *changed = *changed || !strcmp(p->path, q->path);
        if (!sek_permission_is_for(p, q->path, q->digest))
            continue;
        *has = *has || !strcmp(p->path, q->path);
        /* An address stands for no name: a permission by prefix answers a question about an
         * address. */
        if ((!q->name[0] || p->name[0] || !p->bits) &&
            sek_permission_covers(p, q->name[0] ? q->name : NULL, q->address, q->port, q->protocol))
            return p;
    }
    return NULL;
}

/* P is the permission that allows it, where one is needed. */
static void print_answer(const struct sek_command_context *context, const struct question *q,
                         const char *destination, bool allow, const struct sek_permission *p,
                         const char *reason)
{
    struct sek_text out = {0}, line = {0};
    if (p)
        sek_permission_write(p, &line);
    if (context->json) {
        sek_json_open(&out, NULL, '{');
        sek_json_str(&out, "program", q->path);
        sek_json_str(&out, "sha256", q->hex);
        sek_json_str(&out, "destination", destination);
        sek_json_str(&out, "decision", allow ? "allow" : "deny");
        sek_json_str(&out, "reason", reason);
        if (p)
            sek_json_bytes(&out, "permission", line.data, line.len - 1);
        sek_json_close(&out, '}');
        printf("%s\n", out.data);
    } else {
        printf("%s\n  sha256       %s\n  destination  %s\n  decision     %s, where the policy "
               "denies by default\n  reason       %s\n",
               q->path, q->hex, destination, allow ? "allow" : "deny", reason);
        if (p)
            printf("  permission   %s", line.data);
    }
    sek_text_free(&out);
    sek_text_free(&line);
}

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t one[16] = {[15] = 1};
    return sek_address_is4(address) ? address[12] == 127 : !memcmp(address, one, 16);
}

static int explain(const struct sek_command_context *context, const char *program,
                   const char *destination)
{
    struct question q = {0};
    struct sek_learned learned_table = {0}, listed = {0};
    struct sek_fault fault;
    char path[512];
    bool changed = false, has = false;
    if (!read_destination(destination, &q)) {
        fputs(usage, stderr);
        return 2;
    }
    int fd = realpath(program, q.path) ? open(q.path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || sek_filehash(fd, q.digest, NULL)) {
        sek_fail(&fault, SEK_EIO, "%s: cannot read: %s", program, strerror(errno));
        return sek_command_failed(&fault);
    }
    close(fd);
    sek_hex_encode(q.digest, 32, q.hex);
    if (load(context, "learned", &learned_table, path, &fault) ||
        load(context, "listed", &listed, path, &fault))
        return sek_command_failed(&fault);
    const struct sek_permission *p = find(&learned_table, &q, &changed, &has);
    const char *reason = "learned";
    if (!p && (p = find(&listed, &q, &changed, &has)))
        reason = "listed by the policy";
    bool local = !(q.protocol & SEK_EXIT_LISTEN) && !q.name[0] && is_loopback(q.address);
    if (!p && local)
        reason = "the device itself: no permission is needed";
    else if (!p)
        reason = has       ? "this program has not learned it"
                 : changed ? "the program has changed since it was learned"
                           : "nothing was learned for this program";
    print_answer(context, &q, destination, p || local, p, reason);
    sek_learned_free(&learned_table);
    sek_learned_free(&listed);
    return p || local ? 0 : 1;
}

int sek_command_exit(const struct sek_command_context *context, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (!strcmp(verb, "learned") && argc == 2)
        return learned(context);
    if (!strcmp(verb, "forget") && argc == 3)
        return forget(context, argv[2]);
    if (!strcmp(verb, "explain") && argc == 4)
        return explain(context, argv[2], argv[3]);
    fputs(usage, stderr);
    return 2;
}
