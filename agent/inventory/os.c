#include "agent/inventory/os.h"
#include "lib/base/file.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define FILE_LIMIT 65536

void sek_os_release(const char *text, const char *key, char *out, size_t size)
{
    size_t key_len = strlen(key);
    *out = '\0';
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        if (len > key_len && !strncmp(p, key, key_len) && p[key_len] == '=') {
            const char *value = p + key_len + 1;
            size_t n = len - key_len - 1;
            if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
                value++;
                n -= 2;
            }
            snprintf(out, size, "%.*s", (int)n, value);
            return;
        }
        p += len + (p[len] == '\n');
    }
}

/* How much of VERSION_ID OSV's name carries. */
enum release { WHOLE, MAJOR, MAJOR_MINOR, NONE };

void sek_os_ecosystem(const char *id, const char *version, char *out, size_t size)
{
    static const struct {
        const char *id, *name; /* what stands before the release */
        enum release release;
    } known[] = {
        {"debian", "Debian:", WHOLE},
        {"raspbian", "Debian:", WHOLE},
        {"ubuntu", "Ubuntu:", WHOLE},
        {"alpine", "Alpine:v", MAJOR_MINOR},
        {"wolfi", "Wolfi", NONE},
        {"chainguard", "Chainguard", NONE},
        {"rhel", "Red Hat:enterprise_linux:", MAJOR},
        {"rocky", "Rocky Linux:", MAJOR},
        {"almalinux", "AlmaLinux:", MAJOR},
        {"centos", "CentOS:", MAJOR},
        {"ol", "Oracle Linux:", MAJOR},
        {"fedora", "Fedora:", WHOLE},
        {"amzn", "Amazon Linux:", WHOLE},
        {"opensuse-leap", "openSUSE:Leap ", WHOLE},
        {"opensuse-tumbleweed", "openSUSE:Tumbleweed", NONE},
        {"sles", "SUSE:Linux Enterprise Server ", WHOLE},
        {"openEuler", "openEuler:", WHOLE},
        {"mageia", "Mageia:", MAJOR},
        {"photon", "Photon OS:", WHOLE},
        {"openwrt", "OpenWrt:", MAJOR_MINOR},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(id, known[i].id))
            continue;
        size_t len = strlen(version);
        if (known[i].release == MAJOR || known[i].release == MAJOR_MINOR)
            len = strcspn(version, ".");
        if (known[i].release == MAJOR_MINOR && version[len])
            len += 1 + strcspn(version + len + 1, ".");
        if (known[i].release == NONE)
            len = 0;
        size_t name = strlen(known[i].name);
        if (!len && known[i].release != NONE)
            name = strcspn(known[i].name, ":"); /* a release that has no number: Debian's sid */
        snprintf(out, size, "%.*s%.*s", (int)name, known[i].name, (int)len, version);
        return;
    }
    snprintf(out, size, "generic");
}

/* OUT gets the one line of ROOT/PATH, without what ends it; a list ends at its first NUL. */
static void read_line(const char *root, const char *path, char *out, size_t size)
{
    char full[PATH_MAX], *text;
    size_t len;
    *out = '\0';
    snprintf(full, sizeof full, "%s%s", root, path);
    if (sek_file_read(full, FILE_LIMIT, &text, &len, NULL))
        return;
    snprintf(out, size, "%.*s", (int)strcspn(text, "\r\n"), text);
    for (size_t n = strlen(out); n && isspace((unsigned char)out[n - 1]);)
        out[--n] = '\0';
    free(text);
}

/* A CPE attribute: lower case, blanks as "_", other marks escaped (NIST IR 7695). */
static size_t put_attribute(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 3 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == ' ')
            c = '_';
        else if (!isalnum(c) && !strchr("._-", c))
            out[n++] = '\\';
        out[n++] = (char)tolower(c);
    }
    out[n] = '\0';
    return n;
}

static void make_cpe(const char *vendor, const char *product, const char *tail, const char *version,
                     char *out, size_t size)
{
    char parts[3][84];
    put_attribute(parts[0], sizeof parts[0], vendor);
    put_attribute(parts[1], sizeof parts[1], product);
    put_attribute(parts[2], sizeof parts[2], version);
    snprintf(out, size, "cpe:2.3:o:%s:%s%s:%s:*:*:*:*:*:*:*", parts[0], parts[1], tail,
             *parts[2] ? parts[2] : "*");
}

/* "cpe:/o:vendor:product:version" (CPE 2.2) as CPE 2.3. */
static void renew_cpe(const char *old, char *out, size_t size)
{
    char part[2], vendor[64], product[64], version[64] = "*";
    if (!strncmp(old, "cpe:2.3:", 8))
        snprintf(out, size, "%s", old);
    else if (sscanf(old, "cpe:/%1[aoh]:%63[^:]:%63[^:]:%63[^:]", part, vendor, product, version) >=
             3)
        snprintf(out, size, "cpe:2.3:%s:%s:%s:%s:*:*:*:*:*:*:*", part, vendor, product, version);
}

static void name_os(struct sek_os *os, const char *text)
{
    static const struct {
        const char *id, *vendor, *product;
    } known[] = {
        {"debian", "debian", "debian_linux"},    {"raspbian", "raspberrypi", "raspberry_pi_os"},
        {"ubuntu", "canonical", "ubuntu_linux"}, {"alpine", "alpinelinux", "alpine_linux"},
        {"openwrt", "openwrt", "openwrt"},       {"arch", "archlinux", "arch_linux"},
    };
    char given[200];
    sek_os_release(text, "CPE_NAME", given, sizeof given);
    renew_cpe(given, os->cpe, sizeof os->cpe);
    for (size_t i = 0; !*os->cpe && i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(os->id, known[i].id))
            make_cpe(known[i].vendor, known[i].product, "", os->version_id, os->cpe,
                     sizeof os->cpe);
    if (!*os->cpe && *os->id)
        make_cpe(os->id, os->id, "", os->version_id, os->cpe, sizeof os->cpe);
}

void sek_os_read(const char *root, struct sek_os *out)
{
    static const char *const places[] = {"/etc/os-release", "/usr/lib/os-release"};
    char path[PATH_MAX], *text = NULL;
    size_t len;
    struct utsname kernel;
    *out = (struct sek_os){0};
    for (size_t i = 0; i < 2 && !text; i++) {
        snprintf(path, sizeof path, "%s%s", root, places[i]);
        if (sek_file_read(path, FILE_LIMIT, &text, &len, NULL))
            text = NULL;
    }
    if (text) {
        sek_os_release(text, "ID", out->id, sizeof out->id);
        sek_os_release(text, "VERSION_ID", out->version_id, sizeof out->version_id);
        sek_os_release(text, "VERSION_CODENAME", out->codename, sizeof out->codename);
        name_os(out, text);
        free(text);
    }
    if (!*root && !uname(&kernel))
        snprintf(out->kernel, sizeof out->kernel, "%s", kernel.release);
    sek_os_ecosystem(out->id, out->version_id, out->ecosystem, sizeof out->ecosystem);
}

void sek_os_write(const struct sek_os *os, struct sek_text *out)
{
    sek_json_open(out, "os", '{');
    sek_json_str(out, "id", os->id);
    sek_json_str(out, "version_id", os->version_id);
    sek_json_str(out, "codename", os->codename);
    if (*os->kernel)
        sek_json_str(out, "kernel", os->kernel);
    if (*os->cpe)
        sek_json_str(out, "cpe", os->cpe);
    sek_json_close(out, '}');
}

/* --- product --- */

/* CPE vendors are short names. */
static void shorten_vendor(const char *vendor, char *out, size_t size)
{
    static const struct {
        const char *word, *name;
    } known[] = {
        {"d-link", "dlink"},
        {"tp-link", "tp-link"},
        {"netgear", "netgear"},
        {"zyxel", "zyxel"},
        {"hikvision", "hikvision"},
        {"dahua", "dahuasecurity"},
        {"asus", "asus"},
        {"huawei", "huawei"},
        {"draytek", "draytek"},
        {"buffalo", "buffalo"},
        {"raspberry", "raspberrypi"},
        {"tenda", "tenda"},
        {"cisco", "cisco"},
        {"ubiquiti", "ui"},
        {"mikrotik", "mikrotik"},
        {"dell", "dell"},
        {"lenovo", "lenovo"},
        {"hewlett", "hp"},
        {"avtech", "avtech"},
        {"teltonika", "teltonika-networks"},
        {"linksys", "linksys"},
        {"siemens", "siemens"},
        {"moxa", "moxa"},
        {"advantech", "advantech"},
        {"axis", "axis"},
        {"synology", "synology"},
        {"qnap", "qnap"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncasecmp(vendor, known[i].word, strlen(known[i].word)))
            continue;
        snprintf(out, size, "%s", known[i].name);
        return;
    }
    snprintf(out, size, "%s", vendor);
}

/* The model without the vendor's name before it: "D-Link DIR-645" is "DIR-645" of D-Link. */
static const char *bare_model(const struct sek_product *p)
{
    size_t len = strlen(p->vendor);
    const char *model = p->model;
    if (len && !strncasecmp(model, p->vendor, len) && model[len] == ' ')
        return model + len + 1;
    return model;
}

static void read_device_tree(const char *root, struct sek_product *p)
{
    char model[128];
    read_line(root, "/proc/device-tree/model", model, sizeof model);
    if (!*model)
        read_line(root, "/sys/firmware/devicetree/base/model", model, sizeof model);
    if (!*model)
        return;
    snprintf(p->model, sizeof p->model, "%s", model);
    read_line(root, "/proc/device-tree/compatible", p->compatible, sizeof p->compatible);
    if (!*p->compatible)
        read_line(root, "/sys/firmware/devicetree/base/compatible", p->compatible,
                  sizeof p->compatible);
    /* The model begins with the vendor's name, as the specification recommends ("vendor,model") or
     * as usual ("Vendor Model"). */
    snprintf(p->vendor, sizeof p->vendor, "%.*s", (int)strcspn(model, ", "), model);
    if (strchr(model, ','))
        snprintf(p->model, sizeof p->model, "%s",
                 strchr(model, ',') + 1 + strspn(strchr(model, ',') + 1, " "));
}

static void read_dmi(const char *root, struct sek_product *p)
{
    read_line(root, "/sys/class/dmi/id/sys_vendor", p->vendor, sizeof p->vendor);
    read_line(root, "/sys/class/dmi/id/product_name", p->model, sizeof p->model);
    read_line(root, "/sys/class/dmi/id/bios_version", p->firmware, sizeof p->firmware);
}

void sek_product_read(const char *root, struct sek_product *out)
{
    char vendor[128];
    *out = (struct sek_product){0};
    read_device_tree(root, out);
    if (!*out->model)
        read_dmi(root, out);
    if (!*out->vendor || !*out->model)
        return;
    shorten_vendor(out->vendor, vendor, sizeof vendor);
    make_cpe(vendor, bare_model(out), "_firmware", out->firmware, out->cpe, sizeof out->cpe);
}

void sek_product_write(const struct sek_product *p, struct sek_text *out)
{
    const struct {
        const char *key, *value;
    } members[] = {{"vendor", p->vendor},
                   {"model", p->model},
                   {"compatible", p->compatible},
                   {"firmware", p->firmware},
                   {"cpe", p->cpe}};
    if (!*p->model)
        return;
    sek_json_open(out, "product", '{');
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (*members[i].value)
            sek_json_str(out, members[i].key, members[i].value);
    sek_json_close(out, '}');
}
