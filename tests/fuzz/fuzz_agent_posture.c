/* objects: agent/inventory/apk.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/dpkg.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/inventory.c agent/inventory/jar.c agent/inventory/language.c agent/inventory/list.c agent/inventory/os.c agent/inventory/owner.c agent/inventory/packages.c agent/inventory/purl.c agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/rpm_sqlite.c agent/inventory/scan.c agent/inventory/scan_cache.c agent/inventory/sockets.c agent/inventory/versions.c agent/inventory/versions_table.c agent/inventory/view.c agent/inventory/walk.c agent/posture/accounts.c agent/posture/configs.c agent/posture/credentials.c agent/posture/guess.c agent/posture/logins.c agent/posture/posture.c agent/posture/services.c agent/posture/settings.c agent/posture/system.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Accounts and settings of services, as files of an image: the first byte says which file. */
#include "agent/posture/posture.h"
#include "lib/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const files[] = {
    "/etc/passwd",     "/etc/shadow",      "/etc/ssh/sshd_config", "/etc/mosquitto/mosquitto.conf",
    "/etc/redis.conf", "/etc/vsftpd.conf", "/etc/config/dropbear", "/etc/snmpd.conf",
    "/etc/web.users",  "/etc/mqtt.users",  "/etc/lighttpd.conf"};
#define FILES (sizeof files / sizeof files[0])

static char root[64];

static void put(const char *name, const uint8_t *data, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s%s", root, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        abort();
    fwrite(data, 1, size, file);
    fclose(file);
}

static void clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    if (system(command))
        perror(command);
}

static void set_up(void)
{
    char path[200];
    snprintf(root, sizeof root, "/dev/shm/sekisho-fuzz-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/etc/ssh", root);
    sek_make_folder(path, 0700, NULL);
    snprintf(path, sizeof path, "%s/etc/mosquitto", root);
    sek_make_folder(path, 0700, NULL);
    atexit(clean);
    snprintf(path, sizeof path, "%s/etc/config", root);
    sek_make_folder(path, 0700, NULL);
    put("/etc/mosquitto.conf", (const uint8_t *)"password_file /etc/mqtt.users\n", 30);
    put("/etc/lighttpd.conf",
        (const uint8_t *)"auth.backend.htpasswd.userfile = \"/etc/web.users\"\n", 50);
    put("/etc/passwd", (const uint8_t *)"root:x:0:0::/:/bin/sh\n", 22);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_posture p;
    static struct sek_collection device;
    if (!root[0])
        set_up();
    if (!size)
        return 0;
    put(files[*data % FILES], data + 1, size - 1);
    p = (struct sek_posture){.root = root, .device = &device, .password_ms = 1};
    sek_posture_check(&p);
    sek_posture_free(&p);
    return 0;
}
