/* Settings of well-known services that let anybody in. Only what a service's file says is judged,
 * and only while the service listens (in an image: always). */
#include "agent/posture/posture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE SEK_SETTING

static bool is_local(const char *address)
{
    return !strncmp(address, "127.", 4) || !strcmp(address, "localhost") || !strcmp(address, "::1");
}

/* --- OpenSSH: the first value of a key counts (sshd_config(5)) --- */

struct sshd {
    char root[VALUE], password[VALUE], empty[VALUE];
};

static bool sshd_line(void *arg, const struct sek_setting *line)
{
    struct sshd *s = arg;
    const struct {
        const char *key;
        char *value;
    } known[] = {{"PermitRootLogin", s->root},
                 {"PasswordAuthentication", s->password},
                 {"PermitEmptyPasswords", s->empty}};
    if (!strcasecmp(line->key, "Match"))
        return false;              /* what follows is for some connections only */
    for (size_t i = 0; i < 3; i++) /* a comment may follow the word */
        if (!strcasecmp(line->key, known[i].key) && !*known[i].value)
            snprintf(known[i].value, VALUE, "%.*s", (int)strcspn(line->value, " \t#"), line->value);
    return true;
}

static void check_sshd(struct sek_posture *p)
{
    static const char *const names[] = {"sshd", NULL};
    struct sshd s = {0};
    if (!sek_posture_runs(p, names, 22))
        return;
    sek_posture_folder(p, "/etc/ssh/sshd_config.d", ".conf", sshd_line,
                       &s); /* the file includes it at its top */
    if (!sek_posture_lines(p, "/etc/ssh/sshd_config", sshd_line, &s))
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

/* --- Dropbear: the options of its start (dropbear(8)): -w no root, -g no password for root, -s no
 * passwords; OpenWrt has them as settings, which are on unless the file says otherwise --- */

struct dropbear {
    bool section, password, root; /* what the section under way lets in */
    bool open, safe;              /* a section that lets root in; safe options */
};

static void unquote(char *word)
{
    size_t quote = strspn(word, "'\""), len = strcspn(word + quote, "'\"");
    memmove(word, word + quote, len);
    word[len] = '\0';
}

static void end_section(struct dropbear *d)
{
    d->open = d->open || (d->section && d->password && d->root);
}

static bool dropbear_line(void *arg, const struct sek_setting *line)
{
    struct dropbear *d = arg;
    char name[VALUE] = "", value[VALUE] = "";
    if (!strcmp(line->key, "config")) {
        end_section(d);
        d->section = d->password = d->root = true;
    } else if (!strcmp(line->key, "option") &&
               sscanf(line->value, "%127s %127s", name, value) == 2) {
        unquote(value);
        bool on = !strcmp(value, "on") || !strcmp(value, "1") || !strcmp(value, "yes") ||
                  !strcmp(value, "true") || !strcmp(value, "enabled");
        if (!strcmp(name, "PasswordAuth"))
            d->password = on;
        else if (!strcmp(name, "RootPasswordAuth") || !strcmp(name, "RootLogin"))
            d->root = d->root && on;
        else if (!strcmp(name, "enable"))
            d->section = on;
    } else if (!strcmp(line->key, "DROPBEAR_EXTRA_ARGS")) {
        for (const char *at = line->value; (at = strchr(at, '-')); at++)
            d->safe = d->safe || strcspn(at, "wgs") < strcspn(at, " \t\"'");
    }
    return true;
}

static void check_dropbear(struct sek_posture *p)
{
    static const char *const names[] = {"dropbear", "dropbearmulti", NULL};
    struct dropbear d = {0};
    if (!sek_posture_runs(p, names, 0))
        return;
    bool found = sek_posture_lines(p, "/etc/config/dropbear", dropbear_line, &d);
    end_section(&d);
    if (!found)
        d.open = sek_posture_lines(p, "/etc/default/dropbear", dropbear_line, &d) && !d.safe;
    if (d.open)
        sek_posture_add(p, "dropbear-root-password", "high", "dropbear",
                        "Start dropbear with -g (keys only for root) or -s (keys only); on OpenWrt "
                        "set RootPasswordAuth to 'off' in /etc/config/dropbear.",
                        "root may log in by SSH with a password");
}

/* --- SNMP: communities that everybody tries (snmpd.conf(5), mini_snmpd, OpenWrt's settings) --- */

struct snmp {
    bool readable, writable;
};

static bool is_known_community(const char *word)
{
    static const char *const known[] = {"public", "private", "community", "snmp",
                                        "admin",  "default", "write",     "manager",
                                        "cisco",  "secret",  NULL};
    for (size_t i = 0; known[i]; i++)
        if (!strcmp(word, known[i]))
            return true;
    return false;
}

static bool snmp_line(void *arg, const struct sek_setting *line)
{
    struct snmp *s = arg;
    char word[4][VALUE] = {"", "", "", ""};
    int n = sscanf(line->value, "%127s %127s %127s %127s", word[0], word[1], word[2], word[3]);
    const char *community = word[0], *source = word[1];
    if (!strcmp(line->key, "com2sec") || !strcmp(line->key, "com2sec6")) {
        bool context = !strcmp(word[0], "-Cn");
        community = n >= 3 && !context ? word[2] : "";
    } else if (!strcmp(line->key, "option") && !strcmp(word[0], "community")) {
        unquote(word[1]);
        community = word[1];
        source = "";
    } else if (strcmp(line->key, "rocommunity") && strcmp(line->key, "rwcommunity") &&
               strcmp(line->key, "rocommunity6") && strcmp(line->key, "rwcommunity6")) {
        return true;
    }
    if (is_known_community(community) && !is_local(source)) {
        s->readable = true;
        s->writable = s->writable || !strncmp(line->key, "rw", 2);
    }
    return true;
}

static void check_snmp(struct sek_posture *p)
{
    static const char *const names[] = {"snmpd", "mini_snmpd", NULL};
    static const char *const files[] = {"/etc/snmp/snmpd.conf", "/etc/snmpd.conf",
                                        "/usr/share/snmp/snmpd.conf", "/etc/config/snmpd"};
    struct snmp s = {0};
    for (size_t i = 0; i < 4 && sek_posture_runs(p, names, 0); i++)
        sek_posture_lines(p, files[i], snmp_line, &s);
    if (s.readable)
        sek_posture_add(p, "snmp-community", s.writable ? "critical" : "high", "snmpd",
                        "Use SNMPv3 (createUser, rouser), or a community of your own, limited to "
                        "the manager's address, and restart snmpd.",
                        "SNMP answers other hosts to a community that everybody tries%s",
                        s.writable ? ", and lets them change settings" : "");
}

/* --- Mosquitto (mosquitto.conf(5)) --- */

struct mosquitto {
    char anonymous[VALUE];
    bool listener, open; /* any listener; one that others reach */
};

static bool mosquitto_line(void *arg, const struct sek_setting *line)
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
        !sek_posture_lines(p, "/etc/mosquitto/mosquitto.conf", mosquitto_line, &m))
        return;
    sek_posture_folder(p, "/etc/mosquitto/conf.d", ".conf", mosquitto_line, &m);
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

static bool redis_line(void *arg, const struct sek_setting *line)
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
        if (sek_posture_lines(p, files[i], redis_line, &r) && !r.password && r.unprotected &&
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

static bool vsftpd_line(void *arg, const struct sek_setting *line)
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
        if (!sek_posture_lines(p, files[i], vsftpd_line, &v) || !v.anonymous)
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
    check_dropbear(p);
    check_snmp(p);
    check_mosquitto(p);
    check_redis(p);
    check_vsftpd(p);
}
