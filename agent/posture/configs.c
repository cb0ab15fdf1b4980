/* Settings of well-known services that let anybody in. Only what a service's file says is judged,
 * and only while the service listens (in an image: always). */
#include "agent/posture/posture.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE 128

/* A line "KEY VALUE", "KEY=VALUE" or "KEY = VALUE"; comments and blank lines have no key. */
struct line {
    char key[64], value[VALUE];
};

static bool read_line(const char *text, size_t len, struct line *out)
{
    char copy[256];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = (struct line){0};
    if (sscanf(copy, " %63[^ \t=#]%*[ \t=]%127[^\r\n]", out->key, out->value) < 1)
        return false;
    for (size_t n = strlen(out->value); n && isspace((unsigned char)out->value[n - 1]);)
        out->value[--n] = '\0';
    return true;
}

/* Call EACH for every line of the file PATH, until it returns false. False: there is no file. */
static bool each_line(const struct sek_posture *p, const char *path,
                      bool (*each)(void *arg, const struct line *line), void *arg)
{
    char *text = sek_posture_file(p, path);
    struct line line;
    bool go_on = true;
    for (const char *at = text; at && *at && go_on;) {
        size_t len = strcspn(at, "\n");
        if (read_line(at, len, &line))
            go_on = each(arg, &line);
        at += len + (at[len] == '\n');
    }
    free(text);
    return text != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Every NAME.conf in FOLDER, in the order of names. */
static void each_in_folder(const struct sek_posture *p, const char *folder,
                           bool (*each)(void *arg, const struct line *line), void *arg)
{
    char path[PATH_MAX], names[64][256];
    size_t count = 0;
    snprintf(path, sizeof path, "%s%s", p->root, folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && count < 64 && (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (len > 5 && !strcmp(e->d_name + len - 5, ".conf"))
            snprintf(names[count++], sizeof names[0], "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%.255s", folder, names[i]);
        each_line(p, path, each, arg);
    }
}

static bool is_local(const char *address)
{
    return !strncmp(address, "127.", 4) || !strcmp(address, "localhost") || !strcmp(address, "::1");
}

/* --- OpenSSH: the first value of a key counts (sshd_config(5)) --- */

struct sshd {
    char root[VALUE], password[VALUE], empty[VALUE];
};

static bool sshd_line(void *arg, const struct line *line)
{
    struct sshd *s = arg;
    const struct {
        const char *key;
        char *value;
    } known[] = {{"PermitRootLogin", s->root},
                 {"PasswordAuthentication", s->password},
                 {"PermitEmptyPasswords", s->empty}};
    if (!strcasecmp(line->key, "Match"))
        return false; /* what follows is for some connections only */
    for (size_t i = 0; i < 3; i++)
        if (!strcasecmp(line->key, known[i].key) && !*known[i].value)
            memcpy(known[i].value, line->value, VALUE);
    return true;
}

static void check_sshd(struct sek_posture *p)
{
    static const char *const names[] = {"sshd", NULL};
    struct sshd s = {0};
    if (!sek_posture_runs(p, names, 22))
        return;
    each_in_folder(p, "/etc/ssh/sshd_config.d", sshd_line,
                   &s); /* the file includes it at its top */
    if (!each_line(p, "/etc/ssh/sshd_config", sshd_line, &s))
        return;
    bool passwords = strcasecmp(s.password, "no") != 0;
    if (!strcasecmp(s.root, "yes") && passwords)
        sek_posture_add(p, "ssh-root-password", "high", "sshd",
                        "Set `PermitRootLogin prohibit-password` or `PasswordAuthentication no` in "
                        "/etc/ssh/sshd_config and reload sshd.",
                        "root may log in by SSH with a password");
    if (!strcasecmp(s.empty, "yes") && passwords)
        sek_posture_add(p, "ssh-empty-password", "critical", "sshd",
                        "Set `PermitEmptyPasswords no` in /etc/ssh/sshd_config and reload sshd.",
                        "accounts without a password may log in by SSH");
}

/* --- Mosquitto (mosquitto.conf(5)) --- */

struct mosquitto {
    char anonymous[VALUE];
    bool listener, open; /* any listener; one that others reach */
};

static bool mosquitto_line(void *arg, const struct line *line)
{
    struct mosquitto *m = arg;
    char address[64] = "";
    if (!strcmp(line->key, "allow_anonymous"))
        memcpy(m->anonymous, line->value, VALUE);
    if (!strcmp(line->key, "listener") || !strcmp(line->key, "port")) {
        m->listener = true;
        bool named =
            !strcmp(line->key, "listener") && sscanf(line->value, "%*s %63s", address) == 1;
        m->open = m->open || !named || (!is_local(address) && address[0] != '/');
    }
    return true;
}

/* Before version 2 anybody was let in, on all interfaces, unless the file said otherwise. */
static bool is_old_mosquitto(const struct sek_collection *c)
{
    for (size_t i = 0; i < c->list.count; i++)
        if (!strcmp(c->list.items[i].name, "mosquitto"))
            return !strncmp(c->list.items[i].version, "1.", 2) ||
                   !strncmp(c->list.items[i].version, "0.", 2);
    return false;
}

static void check_mosquitto(struct sek_posture *p)
{
    static const char *const names[] = {"mosquitto", NULL};
    struct mosquitto m = {0};
    if (!sek_posture_runs(p, names, 1883) ||
        !each_line(p, "/etc/mosquitto/mosquitto.conf", mosquitto_line, &m))
        return;
    each_in_folder(p, "/etc/mosquitto/conf.d", mosquitto_line, &m);
    bool old = is_old_mosquitto(p->device);
    bool anonymous = *m.anonymous ? !strcasecmp(m.anonymous, "true") : old;
    if (anonymous && (m.open || (old && !m.listener)))
        sek_posture_add(p, "mqtt-anonymous", "high", "mosquitto",
                        "Set `allow_anonymous false` and a `password_file` in mosquitto.conf, or "
                        "let the listener use the loopback address.",
                        "the MQTT broker lets anybody publish and subscribe from other hosts");
}

/* --- Redis --- */

struct redis {
    bool password, unprotected, open, bound;
};

static bool redis_line(void *arg, const struct line *line)
{
    struct redis *r = arg;
    if (!strcmp(line->key, "requirepass") || !strcmp(line->key, "aclfile"))
        r->password = *line->value != '\0';
    else if (!strcmp(line->key, "protected-mode"))
        r->unprotected = !strcasecmp(line->value, "no");
    else if (!strcmp(line->key, "bind")) {
        char copy[VALUE], *rest = copy;
        memcpy(copy, line->value, VALUE);
        r->bound = true;
        r->open = false;
        for (char *word; (word = strsep(&rest, " \t"));)
            r->open = r->open || (*word && !is_local(word + (*word == '-')));
    }
    return true;
}

static void check_redis(struct sek_posture *p)
{
    static const char *const names[] = {"redis-server", NULL};
    static const char *const files[] = {"/etc/redis/redis.conf", "/etc/redis.conf"};
    for (size_t i = 0; i < 2 && sek_posture_runs(p, names, 6379); i++) {
        struct redis r = {0};
        if (each_line(p, files[i], redis_line, &r) && !r.password && r.unprotected &&
            (r.open || !r.bound)) {
            sek_posture_add(p, "redis-open", "critical", "redis",
                            "Set `requirepass`, or `bind 127.0.0.1 ::1` and `protected-mode yes`, "
                            "in redis.conf and restart Redis.",
                            "Redis takes commands from other hosts without a password");
            return;
        }
    }
}

/* --- vsftpd --- */

struct vsftpd {
    bool anonymous, upload;
};

static bool vsftpd_line(void *arg, const struct line *line)
{
    struct vsftpd *v = arg;
    if (!strcmp(line->key, "anonymous_enable"))
        v->anonymous = !strcasecmp(line->value, "yes");
    else if (!strcmp(line->key, "anon_upload_enable"))
        v->upload = !strcasecmp(line->value, "yes");
    return true;
}

static void check_vsftpd(struct sek_posture *p)
{
    static const char *const names[] = {"vsftpd", NULL};
    static const char *const files[] = {"/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"};
    for (size_t i = 0; i < 2 && sek_posture_runs(p, names, 21); i++) {
        struct vsftpd v = {0};
        if (!each_line(p, files[i], vsftpd_line, &v) || !v.anonymous)
            continue;
        sek_posture_add(p, "ftp-anonymous", v.upload ? "high" : "medium", "vsftpd",
                        "Set `anonymous_enable=NO` in vsftpd.conf and restart vsftpd.",
                        "FTP lets anybody in%s", v.upload ? " and lets them upload" : "");
        return;
    }
}

void sek_posture_configs(struct sek_posture *p)
{
    check_sshd(p);
    check_mosquitto(p);
    check_redis(p);
    check_vsftpd(p);
}
