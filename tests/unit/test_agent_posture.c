/* objects: agent/inventory/apk.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/dpkg.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/inventory.c agent/inventory/jar.c agent/inventory/language.c agent/inventory/list.c agent/inventory/os.c agent/inventory/owner.c agent/inventory/packages.c agent/inventory/purl.c agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/rpm_sqlite.c agent/inventory/scan.c agent/inventory/scan_cache.c agent/inventory/sockets.c agent/inventory/versions.c agent/inventory/versions_table.c agent/inventory/view.c agent/inventory/walk.c agent/posture/accounts.c agent/posture/configs.c agent/posture/credentials.c agent/posture/guess.c agent/posture/logins.c agent/posture/posture.c agent/posture/services.c agent/posture/settings.c agent/posture/system.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Bills of materials, package URLs, and weaknesses of a device's set-up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/purl.h"
#include "agent/posture/posture.h"
#include "tests/unit/agent_files.h"

static const struct sek_os debian = {
    .id = "debian", .version_id = "12", .ecosystem = "Debian:12", .kernel = ""};

/* --- package URLs --- */

static void package_urls_follow_the_specification(void **state)
{
    static const struct {
        struct sek_item item;
        const char *purl;
    } rows[] = {
        {{"Debian:12", "libstdc++6", "12.2.0-14", "amd64", .from = "dpkg"},
         "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12"},
        {{"npm", "@angular/core", "16.0.0", .from = "npm"}, "pkg:npm/%40angular/core@16.0.0"},
        {{"PyPI", "django", "4.2+x", .from = "pip"}, "pkg:pypi/django@4.2%2Bx"},
        {{"Maven", "org.apache:log4j", "2.1", .from = "jar"}, "pkg:maven/org.apache/log4j@2.1"},
        {{"Go", "github.com/BurntSushi/toml", "v1.2.0", .from = "go"},
         "pkg:golang/github.com/burntsushi/toml@v1.2.0"},
        {{"Debian:12", "bash", "1:5-9", "x86_64", .from = "rpm"},
         "pkg:rpm/debian/bash@5-9?arch=x86_64&distro=debian-12&epoch=1"},
        {{"generic", "busybox", "1.35.0", .from = "strings"}, "pkg:generic/busybox@1.35.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[SEK_PURL_MAX];
        sek_purl_make(&rows[i].item, &debian, out);
        assert_string_equal(out, rows[i].purl);
    }
}

static void package_urls_become_osvs_names(void **state)
{
    static const char *const rows[][3] = {
        {"pkg:deb/debian/curl@7.88.1?distro=debian-11", "Debian:11", "curl"},
        {"pkg:deb/debian/curl@7.88.1?distro=bookworm", "Debian:12", "curl"},
        {"pkg:deb/debian/curl@7.88.1", "Debian:12", "curl"},
        {"pkg:apk/alpine/busybox@1.36?distro=alpine-3.19.1", "Alpine:v3.19", "busybox"},
        {"pkg:rpm/rocky/bash@5?distro=rocky-9.3", "Rocky Linux:9", "bash"},
        {"pkg:npm/%40angular/core@16.0.0", "npm", "@angular/core"},
        {"pkg:npm/@angular/core@16.0.0", "npm", "@angular/core"},
        {"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "Maven",
         "org.apache.logging.log4j:log4j-core"},
        {"pkg:pypi/Foo_Bar@1", "PyPI", "foo-bar"},
        {"pkg:golang/golang.org/x/net@v0.1.0#http2", "Go", "golang.org/x/net"},
        {"pkg:github/madler/zlib@v1.2.11", "generic", "zlib"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sek_purl purl;
        char ecosystem[256], name[256];
        assert_true(sek_purl_parse(rows[i][0], &purl));
        sek_purl_osv(&purl, &debian, ecosystem, name, sizeof name);
        assert_string_equal(ecosystem, rows[i][1]);
        assert_string_equal(name, rows[i][2]);
    }
}

static void what_is_no_package_url_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "npm/x@1",
                                      "pkg:",
                                      "pkg:npm",
                                      "pkg:npm/",
                                      "pkg:/x@1",
                                      "pkg:npm/%zz@1",
                                      "pkg:npm/a%00b@1",
                                      "pkg:npm/x@1%"};
    struct sek_purl purl;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sek_purl_parse(bad[i], &purl))
            fail_msg("'%s' is taken", bad[i]);
}

/* --- bills of materials --- */

static enum sek_error read_bill(const char *text, struct sek_list *list, struct sek_fault *fault)
{
    enum sek_error rc = sek_cyclonedx_read("bill", text, strlen(text), &debian, list, fault);
    sek_list_finish(list);
    return rc;
}

static void nested_components_of_a_makers_bill_are_read(void **state)
{
    static const char bill[] =
        "\xef\xbb\xbf{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\",\"metadata\":{"
        "\"component\":{"
        "\"type\":"
        "\"firmware\",\"name\":\"dir-645\",\"version\":\"1.02\",\"cpe\":"
        "\"cpe:2.3:o:dlink:dir-645_firmware:1.02:*:*:*:*:*:*:*\"}},\"components\":["
        "{\"type\":\"library\",\"name\":\"busybox\",\"version\":\"1.19.4\",\"purl\":"
        "\"pkg:generic/"
        "busybox@1.19.4\",\"components\":[{\"type\":\"library\",\"name\":\"log4j-core\","
        "\"group\":\"org.apache.logging.log4j\",\"version\":\"2.14.1\",\"purl\":"
        "\"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1\"}]},"
        "{\"type\":\"file\",\"name\":\"/etc/passwd\",\"version\":\"1\"},"
        "{\"type\":\"library\",\"name\":\"busybox\",\"version\":\"1.19.4\",\"purl\":"
        "\"pkg:generic/busybox@1.19.4\"},{\"type\":\"library\",\"name\":\"unversioned\"}]}";
    struct sek_list list = {0};
    struct sek_fault fault = {0};
    (void)state;
    if (read_bill(bill, &list, &fault))
        fail_msg("%s", fault.message);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].ecosystem, "Maven");
    assert_string_equal(list.items[0].name, "org.apache.logging.log4j:log4j-core");
    assert_string_equal(list.items[1].name, "busybox");
    assert_string_equal(list.items[2].name, "dir-645");
    assert_int_equal(list.note_count, 1);
    sek_list_free(&list);
}

static void a_bad_bill_is_refused_with_its_place(void **state)
{
#define HEAD "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":"
    static const char *const rows[][2] = {
        {"{", "bill: line 1"},
        {"<?xml version=\"1.0\"?><bom/>", "read as JSON, not as XML"},
        {"[]", "bomFormat: found 'nothing'"},
        {"{\"bomFormat\":\"SPDX\"}", "bomFormat: found 'SPDX'"},
        {"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"2.0\"}", "specVersion: found '2.0'"},
        {HEAD "{}}", "components: a list expected"},
        {HEAD "[1]}", "components[0]: an object expected"},
        {HEAD "[{\"name\":\"a\"},{\"version\":\"1\"}]}", "components[1].name: text expected"},
        {HEAD "[{\"name\":\"a\",\"purl\":\"nonsense\"}]}", "components[0].purl: found 'nonsense'"},
        {HEAD "[{\"name\":\"a\",\"components\":[{\"name\":7}]}]}",
         "components[0].components[0].name: text expected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sek_list list = {0};
        struct sek_fault fault = {0};
        assert_int_equal(read_bill(rows[i][0], &list, &fault), SEK_EINVAL);
        if (!strstr(fault.message, rows[i][1]))
            fail_msg("'%s' does not say '%s'", fault.message, rows[i][1]);
        sek_list_free(&list);
    }
}

static void a_bill_that_is_written_reads_back_the_same(void **state)
{
    static const struct sek_item items[] = {
        {"Debian:12", "libssl3", "3.0.11-1", "amd64", "openssl", "3.0.11-1", .from = "dpkg"},
        {"Go", "github.com/BurntSushi/toml", "v1.2.0", .path = "/bin/x", .from = "go"},
        {"Maven", "org.x:y", "1", .from = "jar"},
        {"generic", "busybox", "1.35.0", .cpe = "cpe:2.3:a:busybox:busybox:1.35.0:*:*:*:*:*:*:*",
         .build_id = "0102", .from = "strings"},
        {"npm", "@a/b", "1.0.0", .from = "npm"},
    };
    struct sek_list list = {0}, back = {0};
    struct sek_product product = {.vendor = "D-Link", .model = "DIR", .firmware = ""};
    struct sek_text bill = {0};
    struct sek_fault fault = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_true(sek_list_add(&list, &items[i]));
    sek_list_finish(&list);
    sek_cyclonedx_write(&list, &debian, &product, &bill);
    json_t *doc = json_loadb(bill.data, bill.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(doc);
    const char *serial = json_string_value(json_object_get(doc, "serialNumber"));
    assert_int_equal(strlen(serial), strlen("urn:uuid:") + 36);
    json_decref(doc);
    if (read_bill(bill.data, &back, &fault))
        fail_msg("%s", fault.message);
    assert_int_equal(back.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(back.items[i].ecosystem, list.items[i].ecosystem);
        assert_string_equal(back.items[i].name, list.items[i].name);
        assert_string_equal(back.items[i].version, list.items[i].version);
        assert_string_equal(back.items[i].source ? back.items[i].source : "",
                            list.items[i].source ? list.items[i].source : "");
        assert_string_equal(back.items[i].cpe ? back.items[i].cpe : "",
                            list.items[i].cpe ? list.items[i].cpe : "");
    }
    sek_text_free(&bill);
    sek_list_free(&list);
    sek_list_free(&back);
}

/* --- posture --- */

static void check(struct sek_posture *p, struct sek_collection *c, const char *memory)
{
    struct sek_fault fault;
    struct sek_inventory_options o = {.root = files_root};
    if (sek_collect(&o, c, &fault))
        fail_msg("%s", fault.message);
    *p = (struct sek_posture){
        .root = files_root, .device = c, .memory = memory, .password_ms = 60000};
    sek_posture_check(p);
}

static void done(struct sek_posture *p, struct sek_collection *c)
{
    sek_posture_free(p);
    sek_collection_free(c);
}

static const struct sek_posture_finding *told(const struct sek_posture *p, const char *id,
                                              const char *subject)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i].id, id) && !strcmp(p->items[i].subject, subject))
            return &p->items[i];
    return NULL;
}

/* Hashes by crypt(3) of xc3511, admin, self, daemon, and of one that nobody guesses. */
static void put_accounts(void)
{
    put_text(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nadmin:$1$abcdefgh$l/LAqC8oJERu7Cmx6trtY/:1:1::/:/bin/ash\n"
        "guest::5:5::/:/bin/sh\nsafe:x:6:6::/:/bin/sh\ndaemon:x:7:7::/:/usr/sbin/nologin\n"
        "locked:x:8:8::/:/bin/sh\nself:x:9:9::/:/bin/sh\nbroken line\n");
    put_text("/etc/shadow",
             "root:$6$rounds=1000$rootsalt$bHKpAlADI5yNdUgra/"
             "jJW4gGwJlMQd5JNG20vhNTW9Apu0fnGatyUAKfyf52rR02TqomVmNShe7oAguXQ0eyG1:1::::::\nsafe:$"
             "6$rounds=1000$safesalt$4fODTDmOEHBj/x0uSbIRo/wuuvEvI74FR4YCltmnx3z3IzxK3/"
             "4lKHb0jUIMebDjfLDfmlf52ZJQOgBhd3zv81:1::::::\ndaemon:$6$rounds=1000$daemonsalt$"
             "3uVgqsMgclTMA0zajZ/"
             "329Y8wNZ45ZYdCDppilLoB6K4bOgtJ1ecntMYwv85rIetNKXsb.6xSRFsETJhARj9g.:1::::::\n"
             "locked:!$6$rounds=1000$rootsalt$bHKpAlADI5yNdUgra/"
             "jJW4gGwJlMQd5JNG20vhNTW9Apu0fnGatyUAKfyf52rR02TqomVmNShe7oAguXQ0eyG1:1::::::\nself:$"
             "6$rounds=1000$selfsalt$9UA1TMJDfTDUI3a4tsgPg7zPwV.DZ6SfudoX8f41IcPDCGF0lErVaGPM/"
             "NJeUavcMqsbVNQWpQkLbuRRxtOQp0:1::::::\n");
    char path[200];
    snprintf(path, sizeof path, "%s/etc/shadow", files_root);
    assert_int_equal(chmod(path, 0600), 0);
}

/* A static program has no crypt(3): there nothing is tried, and that is said. */
static void needs_crypt(void)
{
#ifndef __GLIBC__
    skip();
#endif
}

static void factory_and_weak_passwords_are_told_by_account_only(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    struct sek_text out = {0};
    (void)state;
    needs_crypt();
    put_accounts();
    check(&p, &c, NULL);
    assert_non_null(told(&p, "password-factory", "root"));
    assert_non_null(told(&p, "password-factory", "admin"));
    assert_non_null(told(&p, "password-weak", "self"));
    assert_non_null(told(&p, "password-empty", "guest"));
    assert_int_equal(p.count, 4);
    sek_posture_write(&p, NULL, &out);
    assert_null(strstr(out.data, "xc3511"));
    assert_null(strstr(out.data, "$6$"));
    sek_text_free(&out);
    done(&p, &c);
}

static void a_password_that_was_tried_is_not_tried_again(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    char folder[200], path[220], *text;
    size_t len;
    (void)state;
    put_accounts();
    snprintf(folder, sizeof folder, "%s/var/cache/state", files_root);
    assert_int_equal(sek_make_folder(folder, 0700, NULL), SEK_OK);
    check(&p, &c, folder);
    done(&p, &c);
    snprintf(path, sizeof path, "%s/passwords", folder);
    assert_int_equal(sek_file_read(path, 1 << 20, &text, &len, NULL), SEK_OK);
    assert_null(strstr(text, "root"));
    assert_null(strstr(text, "$6$"));
    /* What is remembered counts: with every verdict turned to good nothing is found any more. */
    for (char *at = text; *at; at++)
        if (*at == '\n' && at > text)
            at[-1] = 'g';
    assert_int_equal(sek_file_replace(path, text, len, 0600, NULL), SEK_OK);
    free(text);
    check(&p, &c, folder);
    assert_null(told(&p, "password-factory", "root"));
    assert_non_null(told(&p, "password-empty", "guest"));
    done(&p, &c);
}

static void logins_of_services_with_well_known_passwords_are_told_whatever_their_hash(void **state)
{
    static const char web[] =
        "# made by openssl passwd, htpasswd and htdigest\n"
        "admin:$apr1$Ab3dEf9h$uxsqlhzV2dRM7DjuHDCpq1\n"
        "camera:$apr1$x$L7YQXxt231F1sjxRelWpF1:a comment\r\n"
        "sha:{SHA}+GW1NiOxIf007lQmx5Llwzr4wic=\n"
        "bcrypt:$2y$04$abcdefghijklmnopqrstuuPT0cs.zGMMB9aUG3xKmxLeI//6s0m5C\n"
        "plain:{PLAIN}toor\n"
        "empty:\n"
        "good:$apr1$Ab3dEf9h$jaop/GN5mzlMhM/IExDXW.\n"
        "broken:$apr1$\nno colon\n:admin\n";
    static const char *const weak[] = {"admin", "camera", "sha", "bcrypt", "plain", "empty"};
    struct sek_posture p;
    struct sek_collection c;
    char subject[100];
    (void)state;
    needs_crypt();
    put_text("/etc/nginx/sites-enabled/device", "auth_basic_user_file  /etc/web.users;\n");
    put_text("/etc/lighttpd/lighttpd.conf",
             "auth.backend.htdigest.userfile = \"/etc/digest.users\"\n");
    put_text("/etc/mosquitto/mosquitto.conf", "password_file /etc/mqtt.users\n");
    put_text("/etc/web.users", web);
    put_text("/etc/digest.users", "admin:Router:9bc24c364bc23c08f31a6b753c74cb56\n");
    put_text(
        "/etc/mqtt.users",
        "admin:$6$MDEyMzQ1Njc4OWFi$WbtmDopwJbY6P8yyId33fhSeawpvkAUBGulHJr+cmrC8Ni0h/"
        "i3r1o53e4KhGuOtEWQHzt+agWskvwq5CCmZ/g==\n"
        "sensor:$7$101$MDEyMzQ1Njc4OWFi$I02R+X6YygYkPL21dbHs5DqyjSj9L+"
        "QxfoejADWjPVlxcpMJyHApk9T8ddI6G2p1luPTU0T/MOlLaSNjvChOiQ==\n"
        "good:$7$101$MDEyMzQ1Njc4OWFi$T/"
        "j06uvSdWS07yNXg32mjqBCoZt3ka9Os52m+REm6S7gvxvsf0qFcWoVbyWfoRUSSMqpW85acRx4V6WQxky11g==\n");
    check(&p, &c, NULL);
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        snprintf(subject, sizeof subject, "%s in /etc/web.users", weak[i]);
        if (!told(&p, "login-weak", subject))
            fail_msg("%s is not told", subject);
    }
    assert_non_null(told(&p, "login-weak", "admin in /etc/digest.users"));
    assert_non_null(told(&p, "login-weak", "admin in /etc/mqtt.users"));
    assert_non_null(told(&p, "login-weak", "sensor in /etc/mqtt.users"));
    assert_int_equal(p.count, 9);
    done(&p, &c);
}

static void a_des_hash_whose_salt_begins_with_x_is_tried_and_nis_lines_are_no_accounts(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    (void)state;
    needs_crypt();
    put_text("/etc/passwd", "old:xyNuGzVs9aAi.:0:0::/:/bin/ash\n+::::::\n-bad::0:0::/:/bin/sh\n");
    check(&p, &c, NULL);
    assert_non_null(told(&p, "password-weak", "old"));
    assert_int_equal(p.count, 1);
    done(&p, &c);
}

static void secrets_that_everybody_may_read_are_told(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    (void)state;
    put_file("/etc/shadow", "", 0, 0644);
    put_file("/etc/gshadow", "", 0, 0640);
    check(&p, &c, NULL);
    assert_non_null(told(&p, "secret-readable", "/etc/shadow"));
    assert_null(told(&p, "secret-readable", "/etc/gshadow"));
    done(&p, &c);
}

static void settings_that_let_anybody_in_are_told(void **state)
{
    static const struct {
        const char *path, *bad, *good, *id, *subject;
    } rows[] = {
        {"/etc/ssh/sshd_config", "PermitRootLogin yes\n",
         "PermitRootLogin yes\nPasswordAuthentication no\n", "ssh-root-password", "sshd"},
        {"/etc/ssh/sshd_config", "Port 22\npermitrootlogin\tyes\nPermitRootLogin no\n",
         "PermitRootLogin no\nPermitRootLogin yes\n", "ssh-root-password", "sshd"},
        {"/etc/ssh/sshd_config", "PermitEmptyPasswords yes\n",
         "Match User x\nPermitEmptyPasswords yes\n", "ssh-empty-password", "sshd"},
        {"/etc/mosquitto/mosquitto.conf", "listener 1883\nallow_anonymous true\n",
         "listener 1883 127.0.0.1\nallow_anonymous true\n", "mqtt-anonymous", "mosquitto"},
        {"/etc/ssh/sshd_config", "PermitRootLogin yes # for now\n",
         "PermitRootLogin prohibit-password # keys\n", "ssh-root-password", "sshd"},
        {"/etc/config/dropbear", "config dropbear\n\toption PasswordAuth 'on'\n",
         "config dropbear\n\toption PasswordAuth 'on'\n\toption RootPasswordAuth 'off'\n",
         "dropbear-root-password", "dropbear"},
        {"/etc/config/dropbear", "config dropbear\n\toption enable '0'\nconfig dropbear\n",
         "config dropbear\n\toption PasswordAuth off\nconfig dropbear\n\toption enable '0'\n",
         "dropbear-root-password", "dropbear"},
        {"/etc/snmp/snmpd.conf", "rocommunity  public default -V systemonly\n",
         "rocommunity public 127.0.0.1\nrocommunity x7Uq2 default\n", "snmp-community", "snmpd"},
        {"/etc/snmp/snmpd.conf", "com2sec readonly default private\n",
         "com2sec readonly localhost private\n", "snmp-community", "snmpd"},
        {"/etc/config/snmpd", "config com2sec public\n\toption community 'public'\n",
         "config com2sec own\n\toption community 'x7Uq2'\n", "snmp-community", "snmpd"},
        {"/etc/redis/redis.conf", "bind 0.0.0.0\nprotected-mode no\n",
         "bind 0.0.0.0\nprotected-mode no\nrequirepass x\n", "redis-open", "redis"},
        {"/etc/vsftpd.conf", "anonymous_enable=YES\n", "anonymous_enable=NO\n", "ftp-anonymous",
         "vsftpd"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sek_posture p;
        struct sek_collection c;
        put_text(rows[i].path, rows[i].bad);
        check(&p, &c, NULL);
        const struct sek_posture_finding *f = told(&p, rows[i].id, rows[i].subject);
        if (!f)
            fail_msg("row %zu: %s is not told", i, rows[i].id);
        assert_true(strlen(f->fix) > 10);
        done(&p, &c);
        put_text(rows[i].path, rows[i].good);
        check(&p, &c, NULL);
        if (told(&p, rows[i].id, rows[i].subject))
            fail_msg("row %zu: %s is told of what is good", i, rows[i].id);
        done(&p, &c);
    }
}

static void paths_that_everybody_may_write_are_told_and_sticky_folders_are_not(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    char sticky[200];
    (void)state;
    put_file("/usr/bin/prog", "x", 1, 0777);
    put_file("/etc/config", "x", 1, 0666);
    put_file("/etc/fine", "x", 1, 0644);
    put_file("/home/u/own", "x", 1, 0666);
    put_file("/opt/spool/x", "x", 1, 0644);
    snprintf(sticky, sizeof sticky, "%s/opt/spool", files_root);
    assert_int_equal(chmod(sticky, 01777), 0);
    check(&p, &c, NULL);
    assert_string_equal(told(&p, "path-writable", "/usr/bin/prog")->severity, "critical");
    assert_string_equal(told(&p, "path-writable", "/etc/config")->severity, "high");
    assert_int_equal(p.count, 2);
    done(&p, &c);
    assert_int_equal(chmod(sticky, 0777), 0);
    check(&p, &c, NULL);
    assert_non_null(told(&p, "path-writable", "/opt/spool"));
    done(&p, &c);
}

static void services_on_all_interfaces_are_told_once_and_local_ones_are_not(void **state)
{
    static struct sek_listener listeners[] = {
        {.address = {[10] = 0xff, [11] = 0xff}, .port = 8080, .path = "/usr/sbin/httpd"},
        {.address = {0}, .port = 8080, .path = "/usr/sbin/httpd"},
        {.address = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, .port = 6379, .path = "/bin/redis"},
        {.address = {[15] = 1}, .port = 631, .path = "/bin/cupsd"},
        {.address = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, .port = 443, .path = "/bin/web"},
        {.address = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, .port = 23, .path = "/bin/busybox"},
    };
    struct sek_service services[6] = {{.component = "lighttpd"}};
    struct sek_collection c = {.listeners = listeners, .services = services, .service_count = 6};
    struct sek_posture p = {.root = "", .device = &c, .password_ms = 1};
    (void)state;
    for (size_t i = 0; i < 6; i++)
        services[i].listener = &listeners[i];
    sek_posture_services(&p);
    assert_int_equal(p.count, 2);
    assert_non_null(strstr(told(&p, "service-exposed", "tcp/8080")->detail, "lighttpd"));
    assert_string_equal(told(&p, "service-cleartext", "tcp/23")->severity, "high");
    sek_posture_free(&p);
}

static void a_kernel_series_past_its_end_is_told(void **state)
{
    struct sek_posture p;
    struct sek_collection c;
    (void)state;
    put_file("/boot/uImage",
             "\x27\x05\x19\x56"
             "0123456789012345678901234567"
             "Linux-4.4.60\0",
             46, 0644);
    check(&p, &c, NULL);
    assert_int_equal(p.count, 0); /* too short for an image */
    done(&p, &c);
    char image[600] = "\x27\x05\x19\x56"
                      "0123456789012345678901234567"
                      "Linux-4.4.60";
    put_file("/boot/uImage", image, sizeof image, 0644);
    check(&p, &c, NULL);
    assert_non_null(told(&p, "kernel-old", "4.4.60"));
    done(&p, &c);
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(package_urls_follow_the_specification),
        cmocka_unit_test(package_urls_become_osvs_names),
        cmocka_unit_test(what_is_no_package_url_is_refused),
        cmocka_unit_test(nested_components_of_a_makers_bill_are_read),
        cmocka_unit_test(a_bad_bill_is_refused_with_its_place),
        cmocka_unit_test(a_bill_that_is_written_reads_back_the_same),
        IN_ROOT(factory_and_weak_passwords_are_told_by_account_only),
        IN_ROOT(a_password_that_was_tried_is_not_tried_again),
        IN_ROOT(logins_of_services_with_well_known_passwords_are_told_whatever_their_hash),
        IN_ROOT(a_des_hash_whose_salt_begins_with_x_is_tried_and_nis_lines_are_no_accounts),
        IN_ROOT(secrets_that_everybody_may_read_are_told),
        IN_ROOT(settings_that_let_anybody_in_are_told),
        IN_ROOT(paths_that_everybody_may_write_are_told_and_sticky_folders_are_not),
        cmocka_unit_test(services_on_all_interfaces_are_told_once_and_local_ones_are_not),
        IN_ROOT(a_kernel_series_past_its_end_is_told),
    };
    return cmocka_run_group_tests_name("agent posture", tests, NULL, NULL);
}
