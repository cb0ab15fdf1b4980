/* objects: agent/inventory/apk.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/dpkg.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/inventory.c agent/inventory/jar.c agent/inventory/language.c agent/inventory/list.c agent/inventory/os.c agent/inventory/owner.c agent/inventory/packages.c agent/inventory/purl.c agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/rpm_sqlite.c agent/inventory/scan.c agent/inventory/scan_cache.c agent/inventory/sockets.c agent/inventory/versions.c agent/inventory/versions_table.c agent/inventory/view.c agent/inventory/walk.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* What files themselves tell: language packages, archives, Go programs, version strings; what is
 * remembered of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <zlib.h>

#include "agent/inventory/golang.h"
#include "agent/inventory/inventory.h"
#include "agent/inventory/jar.h"
#include "agent/inventory/language.h"
#include "agent/inventory/versions.h"
#include "tests/unit/agent_files.h"

/* --- ELF files made for a test: one loaded segment over all of the file, one section --- */

#define BASE 0x400000u

/* A 64-bit little-endian file whose section NAME holds BODY, with build id 01020304. */
static struct sek_text make_elf(const char *name, const void *body, size_t len)
{
    struct sek_text t = {0};
    static const char note[] = "\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\1\2\3\4";
    size_t start = 64 + 2 * 56 + 20, names = start + len;
    sek_text_add(&t, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16);
    add_le(&t, ET_EXEC, 2);
    add_le(&t, EM_X86_64, 2);
    add_le(&t, 1, 4);
    add_le(&t, BASE, 8);
    add_le(&t, 64, 8);         /* segments */
    add_le(&t, names + 64, 8); /* sections */
    add_le(&t, 0, 4);
    add_le(&t, 64, 2);
    add_le(&t, 56, 2);
    add_le(&t, 2, 2);
    add_le(&t, 64, 2);
    add_le(&t, 3, 2);
    add_le(&t, 1, 2);
    for (int i = 0; i < 2; i++) {
        add_le(&t, i ? PT_NOTE : PT_LOAD, 4);
        add_le(&t, PF_R | PF_W, 4);
        add_le(&t, i ? 64 + 2 * 56 : 0, 8);
        add_le(&t, i ? 0 : BASE, 8);
        add_le(&t, 0, 8);
        add_le(&t, i ? 20 : names, 8);
        add_le(&t, 0, 16);
    }
    sek_text_add(&t, note, 20);
    sek_text_add(&t, body, len);
    char table[64] = "";
    strcpy(table + 1, ".names");
    strcpy(table + 10, name);
    sek_text_add(&t, table, 64);
    const struct {
        size_t name, type, offset, size;
    } sections[] = {{0, 0, 0, 0}, {1, SHT_STRTAB, names, 64}, {10, SHT_PROGBITS, start, len}};
    for (int i = 0; i < 3; i++) {
        add_le(&t, sections[i].name, 4);
        add_le(&t, sections[i].type, 4);
        add_le(&t, 0, 8);
        add_le(&t, i == 2 ? BASE + start : 0, 8);
        add_le(&t, sections[i].offset, 8);
        add_le(&t, sections[i].size, 8);
        add_le(&t, 0, 24);
    }
    return t;
}

static void note_module(void *arg, const char *path, const char *version, bool main)
{
    snprintf((char *)arg + strlen(arg), 400 - strlen(arg), "%s%s@%s ", main ? "*" : "", path,
             version);
}

#define SENTINEL "0123456789abcdef"
static const char modules[] =
    SENTINEL "path\texample.org/tool\nmod\texample.org/tool\tv1.4.0\th1:x\n"
             "dep\tgolang.org/x/net\tv0.7.0\th1:y\ndep\texample.org/old\tv1.0.0\n"
             "=>\texample.org/new\tv2.0.1\th1:z\ndep\texample.org/local\tv0.0.0\n=>\t./here\t\n"
             "build\t-compiler=gc\n" SENTINEL;

static void check_go(const struct sek_text *file)
{
    char seen[400] = "", id[SEK_BUILD_ID];
    struct sek_view view = {.data = (uint8_t *)file->data, .size = file->len};
    struct sek_elf *elf = malloc(sizeof *elf);
    assert_true(sek_elf_open(&view, elf));
    sek_elf_build_id(elf, id);
    assert_string_equal(id, "01020304");
    assert_true(sek_go_modules(elf, note_module, seen));
    assert_string_equal(seen, "stdlib@1.20.4 *example.org/tool@v1.4.0 golang.org/x/net@v0.7.0 "
                              "example.org/new@v2.0.1 example.org/local@v0.0.0 ");
    free(elf);
}

static struct sek_text go_inline(void)
{
    struct sek_text body = {0};
    char head[32] = "\xff Go buildinf:";
    head[14] = 8;
    head[15] = 2;
    sek_text_add(&body, head, 32);
    sek_text_putc(&body, 8);
    sek_text_puts(&body, "go1.20.4");
    sek_text_putc(&body, (char)(0x80 | (sizeof modules - 1) % 128));
    sek_text_putc(&body, (char)((sizeof modules - 1) / 128));
    sek_text_add(&body, modules, sizeof modules - 1);
    struct sek_text file = make_elf(".go.buildinfo", body.data, body.len);
    sek_text_free(&body);
    return file;
}

static void go_programs_tell_their_modules_inline(void **state)
{
    struct sek_text file = go_inline();
    (void)state;
    check_go(&file);
    sek_text_free(&file);
}

static void older_go_programs_tell_them_by_pointers(void **state)
{
    struct sek_text body = {0};
    char head[16] = "\xff Go buildinf:";
    uint64_t start = BASE + 64 + 2 * 56 + 20;
    (void)state;
    head[14] = 8;
    sek_text_add(&body, head, 16);
    add_le(&body, start + 32, 8);
    add_le(&body, start + 48, 8);
    add_le(&body, start + 64, 8);
    add_le(&body, 8, 8);
    add_le(&body, start + 72, 8);
    add_le(&body, sizeof modules - 1, 8);
    sek_text_puts(&body, "go1.20.4");
    sek_text_add(&body, modules, sizeof modules - 1);
    struct sek_text file = make_elf(".go.buildinfo", body.data, body.len);
    check_go(&file);
    sek_text_free(&file);
    sek_text_free(&body);
}

static void any_cut_of_a_program_is_read_safely(void **state)
{
    struct sek_text file = go_inline();
    struct sek_elf *elf = malloc(sizeof *elf);
    (void)state;
    for (size_t n = 0; n < file.len; n++) {
        char seen[400] = "", id[SEK_BUILD_ID];
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, file.data, n);
        struct sek_view view = {.data = exact, .size = n};
        if (sek_elf_open(&view, elf)) {
            sek_elf_build_id(elf, id);
            sek_go_modules(elf, note_module, seen);
        }
        free(exact);
    }
    free(elf);
    sek_text_free(&file);
}

/* --- zip files --- */

struct zip {
    struct sek_text file, directory;
    unsigned count;
};

static void zip_add(struct zip *z, const char *name, const void *data, size_t len, bool packed)
{
    unsigned char out[4096];
    z_stream s = {.next_in = (void *)data,
                  .avail_in = (unsigned)len,
                  .next_out = out,
                  .avail_out = sizeof out};
    if (packed) {
        deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
        assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
        deflateEnd(&s);
    }
    size_t size = packed ? s.total_out : len, at = z->file.len;
    struct sek_text *parts[] = {&z->file, &z->directory};
    for (int i = 0; i < 2; i++) {
        sek_text_puts(parts[i], i ? "PK\1\2" : "PK\3\4");
        add_le(parts[i], 20, i ? 4 : 2);
        add_le(parts[i], 0, 2);
        add_le(parts[i], packed ? 8 : 0, 2);
        add_le(parts[i], 0, 8);
        add_le(parts[i], size, 4);
        add_le(parts[i], len, 4);
        add_le(parts[i], strlen(name), 2);
        add_le(parts[i], 0, i ? 14 - 2 : 2);
        if (i)
            add_le(parts[i], at, 4);
        sek_text_puts(parts[i], name);
    }
    sek_text_add(&z->file, packed ? (void *)out : data, size);
    z->count++;
}

static struct sek_text zip_end(struct zip *z)
{
    size_t at = z->file.len;
    sek_text_add(&z->file, z->directory.data, z->directory.len);
    sek_text_puts(&z->file, "PK\5\6");
    add_le(&z->file, 0, 4);
    add_le(&z->file, z->count, 2);
    add_le(&z->file, z->count, 2);
    add_le(&z->file, z->directory.len, 4);
    add_le(&z->file, at, 4);
    add_le(&z->file, 0, 2);
    sek_text_free(&z->directory);
    return z->file;
}

static void note_jar(void *arg, const struct sek_jar_item *item)
{
    snprintf((char *)arg + strlen(arg), 400 - strlen(arg), "%s %s %s; ", item->ecosystem,
             item->name, item->version);
}

static const char pom[] = "#Maven\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n"
                          "version=2.14.1\n";
#define POM_PATH "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties"

static struct sek_text outer_jar(void)
{
    struct zip inner = {0}, outer = {0};
    zip_add(&inner, POM_PATH, pom, sizeof pom - 1, true);
    struct sek_text in = zip_end(&inner);
    zip_add(&outer, "META-INF/MANIFEST.MF",
            "Manifest-Version: 1.0\r\nImplementation-Title: app\r\nImplementation-Version: 7.1\r\n",
            78, true);
    zip_add(&outer, "BOOT-INF/lib/log4j-core-2.14.1.jar", in.data, in.len, false);
    sek_text_free(&in);
    return zip_end(&outer);
}

static void an_archive_in_an_archive_gives_its_maven_coordinates(void **state)
{
    char seen[400] = "";
    struct sek_text jar = outer_jar();
    struct sek_view view = {.data = (uint8_t *)jar.data, .size = jar.len};
    (void)state;
    assert_true(sek_jar_read(&view, "app.jar", note_jar, seen));
    assert_string_equal(seen,
                        "Maven org.apache.logging.log4j:log4j-core 2.14.1; generic app 7.1; ");
    sek_text_free(&jar);
}

static void note_locked(void *arg, const char *name, const char *version)
{
    snprintf((char *)arg + strlen(arg), 400 - strlen(arg), "%s %s; ", name, version);
}

static void a_package_lock_of_each_version_gives_what_is_installed_from_the_registry(void **state)
{
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"{\"name\":\"a\",\"version\":\"1.0.0\",\"lockfileVersion\":1,\"dependencies\":{"
         "\"minimist\":{\"version\":\"1.2.0\",\"dependencies\":{\"deep\":{\"version\":\"0.1.0\"}}},"
         "\"@s/c\":{\"version\":\"2.0.0\",\"dev\":true},\"own\":{\"version\":\"file:own\"}}}",
         "minimist 1.2.0; deep 0.1.0; "},
        {"{\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"a\",\"version\":\"1.0.0\"},"
         "\"node_modules/express/node_modules/qs\":{\"version\":\"6.5.1\"},"
         "\"node_modules/@s/d\":{\"version\":\"2.1.0\"},"
         "\"node_modules/alias\":{\"name\":\"real\",\"version\":\"9.9.9\"},"
         "\"packages/own\":{\"version\":\"1.0.0\"},"
         "\"node_modules/own\":{\"resolved\":\"packages/own\",\"link\":true},"
         "\"node_modules/jest\":{\"version\":\"29.0.0\",\"dev\":true}}}",
         "qs 6.5.1; @s/d 2.1.0; real 9.9.9; "},
        {"{\"packages\":[1,2],\"dependencies\":3}", ""},
        {"{", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char seen[400] = "";
        sek_node_lock(cases[i].text, strlen(cases[i].text), note_locked, seen);
        assert_string_equal(seen, cases[i].seen);
    }
}

static void
a_library_is_found_in_a_web_archive_in_an_application_behind_a_start_script(void **state)
{
    char seen[400] = "";
    struct sek_text file = {0}, war = outer_jar();
    struct zip ear = {0};
    (void)state;
    zip_add(&ear, "META-INF/application.xml", "<application/>", 14, true);
    zip_add(&ear, "shop.WAR", war.data, war.len, false);
    struct sek_text archive = zip_end(&ear);
    sek_text_puts(&file, "#!/bin/sh\nexec java -jar \"$0\"\n");
    sek_text_add(&file, archive.data, archive.len);
    struct sek_view view = {.data = (uint8_t *)file.data, .size = file.len};
    assert_true(sek_jar_read(&view, "shop.ear", note_jar, seen));
    assert_string_equal(seen,
                        "Maven org.apache.logging.log4j:log4j-core 2.14.1; generic shop 7.1; ");
    sek_text_free(&war);
    sek_text_free(&archive);
    sek_text_free(&file);
}

static void an_archive_without_metadata_is_named_by_its_file(void **state)
{
    char seen[400] = "";
    struct zip z = {0};
    (void)state;
    zip_add(&z, "a.class", "x", 1, false);
    struct sek_text jar = zip_end(&z);
    struct sek_view view = {.data = (uint8_t *)jar.data, .size = jar.len};
    assert_true(sek_jar_read(&view, "commons-io-2.11.0.jar", note_jar, seen));
    assert_string_equal(seen, "generic commons-io 2.11.0; ");
    sek_text_free(&jar);
}

static void any_cut_or_flip_of_an_archive_is_read_safely(void **state)
{
    struct sek_text jar = outer_jar();
    (void)state;
    for (size_t n = 0; n < jar.len; n++) {
        char seen[400] = "";
        uint8_t *exact = malloc(jar.len);
        memcpy(exact, jar.data, jar.len);
        struct sek_view cut = {.data = exact, .size = n},
                        flipped = {.data = exact, .size = jar.len};
        sek_jar_read(&cut, "a.jar", note_jar, seen);
        exact[n] ^= 0xff;
        sek_jar_read(&flipped, "a.jar", note_jar, seen);
        free(exact);
    }
    sek_text_free(&jar);
}

/* --- version strings --- */

static void note_version(void *arg, const struct sek_version_row *row, const char *version)
{
    snprintf((char *)arg + strlen(arg), 400 - strlen(arg), "%s %s; ", row->name, version);
}

static void check_versions(const char *path, const char *strings, size_t len, const char *expected)
{
    char seen[400] = "";
    struct sek_fault fault;
    struct sek_versions *v = sek_versions_open(&fault);
    struct sek_text body = {0};
    assert_non_null(v);
    sek_text_add(&body, "\0\1\2", 3);
    sek_text_add(&body, strings, len);
    sek_text_add(&body, "\0\1\2", 3);
    struct sek_view view = {.data = (uint8_t *)body.data, .size = body.len};
    assert_int_equal(sek_versions_scan(v, &view, path, note_version, seen, &fault), SEK_OK);
    if (strcmp(seen, expected))
        fail_msg("%s: found '%s', expected '%s'", path, seen, expected);
    sek_text_free(&body);
    sek_versions_close(v);
}

#define TEXT(s) s, sizeof(s) - 1

static void each_component_is_known_by_the_string_it_really_contains(void **state)
{
    static const struct {
        const char *strings;
        size_t len;
        const char *expected;
    } rows[] = {
        {TEXT("BusyBox v1.35.0 (Debian 1:1.35.0-4)"), "busybox 1.35.0; "},
        {TEXT("SSH-2.0-dropbear_2022.83\r\n"), "dropbear 2022.83; "},
        {TEXT("SSH-2.0-dropbear_0.53.1"), "dropbear 0.53.1; "},
        {TEXT("dnsmasq-2.90"), "dnsmasq 2.90; "},
        {TEXT("Dropbear server v2022.83 https://matt.ucc.asn.au/dropbear/"), "dropbear 2022.83; "},
        {TEXT("libuClibc-0.9.33.2.so"), "uclibc 0.9.33.2; "},
        {TEXT("nginx/1.18.0"), "nginx 1.18.0; "},
        {TEXT("hostapd v2.10"), "hostapd 2.10; "},
        {TEXT("hostapd v%s\n\0"
         "2.10\0"
         "239.255.255.250"),
         "hostapd 2.10; "},
        {TEXT("lighttpd/1.4.69 (ssl) - a light and fast webserver"), "lighttpd 1.4.69; "},
        {TEXT("nginx version: nginx/1.22.1"), "nginx 1.22.1; "},
        {TEXT("OpenSSL 1.0.2k-fips  26 Jan 2017"), "openssl 1.0.2k; "},
        {TEXT("SSLv3 part of OpenSSL 1.0.1e 11 Feb 2013"), "openssl 1.0.1e; "},
        {TEXT("mbed TLS 2.28.3"), "mbedtls 2.28.3; "},
        {TEXT("wolfSSL 5.5.4"), "wolfssl 5.5.4; "},
        {TEXT("libcurl/7.88.1"), "libcurl 7.88.1; "},
        {TEXT("curl 7.88.1 (x86_64-pc-linux-gnu) %s"), "curl 7.88.1; "},
        {TEXT("%s/%s, UPnP/1.0, Portable SDK for UPnP devices/1.8.4\r\n"), "libupnp 1.8.4; "},
        {TEXT("SERVER: Debian/%s UPnP/1.1 MiniUPnPd/2.3.1\r\n"), "miniupnpd 2.3.1; "},
        {TEXT("mosquitto version %s\0"
         "2.0.11\0"
         "127.0.0.1"),
         "mosquitto 2.0.11; "},
        {TEXT("SAMBA_4.17.12_DEBIAN_SAMBA4"), "samba 4.17.12; "},
        {TEXT("smbd version %s started.\n\0"
         "3.0.37"),
         "samba 3.0.37; "},
        {TEXT("musl libc (x86_64)\nVersion %s\0"
         "1.2.3"),
         "musl 1.2.3; "},
        {TEXT("U-Boot 2019.07 (Jan 01 2020 - 00:00:00 +0000)"), "u-boot 2019.07; "},
        {TEXT("U-Boot 1.1.4 (May  8 2012)"), "u-boot 1.1.4; "},
        {TEXT("+{}|~:\"~<>?CDBAU-Boot 2025.01-3+deb13u1 (Jun 24 2026 - 09:07:15 +0000)"),
         "u-boot 2025.01; "},
        {TEXT("Linux version 5.4.0 (build@host) (gcc) #1"), "linux 5.4.0; "},
        {TEXT(" inflate 1.2.11 Copyright 1995-2017 Mark Adler "), "zlib 1.2.11; "},
        {TEXT("Server: RomPager/4.07 UPnP/1.0"), "rompager 4.07; "},
        {TEXT("%s version 3.40.1\0SQLite format 3\0"
              "3.40.1\0"
              "/var/tmp"),
         "sqlite 3.40.1; "},
        {TEXT("ProFTPD Version 1.3.5b"), "proftpd 1.3.5b; "},
        {TEXT("Server: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.1.4\r\n"), "readymedia 1.1.4; "},
        {TEXT("Starting IKE charon daemon (strongSwan 5.9.8, %s %s, %s)"), "strongswan 5.9.8; "},
        {TEXT("unbound 1.17.1"), "unbound 1.17.1; "},
        {TEXT("xl2tpd-1.3.18"), "xl2tpd 1.3.18; "},
        {TEXT("squid/5.7"), "squid 5.7; "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_versions("/bin/x", rows[i].strings, rows[i].len, rows[i].expected);
}

static void strings_that_only_speak_of_a_component_give_no_version(void **state)
{
    static const char *const strings[] = {
        "requires OpenSSL 1.1.1 or newer",
        "OpenSSH_7.0*,OpenSSH_7.1*,OpenSSH_7.2*",
        "A future release of lighttpd 1.4.x will not load mod_authn_%s",
        "Linux version %s (%s)",
        "compatible with BusyBox v1.20",
        "mosquitto version %s", /* no version stands alone */
        "deprecated since dnsmasq-compat",
        "OpenVPN 2.7 will remove the functionality",
        "%s/%s, UPnP/1.0, Portable SDK for UPnP devices/17.2.0\r\n", /* of the interface */
        "this board needs U-Boot 2019.07 (or newer)",
        "SQLite format 3",
        "tested with squid/5.7 only",
        "unbound 1.17 or newer",
    };
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        check_versions("/bin/x", strings[i], strlen(strings[i]), "");
}

static void two_versions_of_one_component_in_a_file_give_none(void **state)
{
    static const char text[] = "BusyBox v1.35.0 (x)\0BusyBox v1.36.1 (y)";
    (void)state;
    check_versions("/bin/x", text, sizeof text - 1, "");
}

static void a_version_of_a_library_in_another_file_is_not_taken(void **state)
{
    static const char text[] = "libcrypto.so.3\0OpenSSL 3.0.11 19 Sep 2023";
    (void)state;
    check_versions("/usr/sbin/nginx", text, sizeof text - 1, "");
    check_versions("/usr/lib/libcrypto.so.3", text, sizeof text - 1, "openssl 3.0.11; ");
}

static void a_version_string_over_the_border_of_two_pieces_is_found(void **state)
{
    static const char text[] = "BusyBox v1.35.0 (x)";
    const size_t piece = 128u << 10;
    (void)state;
    for (size_t before = piece - 40; before < piece + 10; before += 7) {
        char *big = calloc(1, before + sizeof text);
        memcpy(big + before, text, sizeof text - 1);
        check_versions("/bin/x", big, before + sizeof text, "busybox 1.35.0; ");
        free(big);
    }
}

/* --- language packages --- */

static void metadata_of_node_and_python_packages_is_read(void **state)
{
    static const char node[] = "{\"name\":\"@scope/left-pad\",\"version\":\"1.3.0\"}";
    static const char python[] =
        "Metadata-Version: 2.1\r\nName: Foo_Bar.baz\r\nVersion: 1.0rc1\r\n\r\n"
        "Version: 9\r\n";
    char name[100], version[100];
    (void)state;
    assert_true(sek_node_package(node, sizeof node - 1, name, version, sizeof name));
    assert_string_equal(name, "@scope/left-pad");
    assert_string_equal(version, "1.3.0");
    assert_true(sek_python_package(python, sizeof python - 1, name, version, sizeof name));
    assert_string_equal(name, "foo-bar-baz");
    assert_string_equal(version, "1.0rc1");
    assert_false(sek_node_package("{\"name\":1}", 10, name, version, sizeof name));
    assert_false(sek_python_package("Name: x\n\nVersion: 1\n", 20, name, version, sizeof name));
}

/* --- the walk and its cache --- */

static void collect(struct sek_collection *c, const char *cache, unsigned every)
{
    struct sek_fault fault;
    struct sek_inventory_options o = {.root = files_root, .cache = cache, .walk_every_s = every};
    if (sek_collect(&o, c, &fault))
        fail_msg("%s", fault.message);
}

static const struct sek_item *find(const struct sek_collection *c, const char *name)
{
    for (size_t i = 0; i < c->list.count; i++)
        if (!strcmp(c->list.items[i].name, name))
            return &c->list.items[i];
    return NULL;
}

static void put_busybox(const char *version)
{
    char body[900] = "";
    snprintf(body, sizeof body, "BusyBox %s (x)", version);
    struct sek_text file = make_elf(".rodata", body, sizeof body);
    put_file("/bin/busybox", file.data, file.len, 0755);
    sek_text_free(&file);
}

static void a_firmware_image_without_a_package_database_is_scanned(void **state)
{
    struct sek_collection c;
    struct sek_text jar = outer_jar(), go = go_inline();
    (void)state;
    put_busybox("v1.30.1");
    put_text("/usr/lib/node_modules/x/package.json", "{\"name\":\"x\",\"version\":\"1.0.0\"}");
    put_text("/usr/lib/node_modules/y/node_modules/x/package.json",
             "{\"name\":\"x\",\"version\":\"2.0.0\"}");
    put_text("/usr/lib/node_modules/x/test/package.json", "{\"name\":\"x\",\"version\":\"6.6.6\"}");
    put_text("/usr/lib/node_modules/@s/z/package.json",
             "{\"name\":\"@s/z\",\"version\":\"3.0.0\"}");
    put_file("/app/app.jar", jar.data, jar.len, 0644);
    put_file("/usr/bin/tool", go.data, go.len, 0755);
    put_text("/lib/libuClibc-0.9.33.2.so", "not looked into: only its name counts");
    collect(&c, NULL, 0);
    const struct sek_item *busybox = find(&c, "busybox");
    assert_non_null(busybox);
    assert_string_equal(busybox->version, "1.30.1");
    assert_string_equal(busybox->cpe, "cpe:2.3:a:busybox:busybox:1.30.1:*:*:*:*:*:*:*");
    assert_string_equal(busybox->path, "/bin/busybox");
    assert_string_equal(busybox->build_id, "01020304");
    assert_non_null(find(&c, "example.org/tool"));
    assert_string_equal(find(&c, "org.apache.logging.log4j:log4j-core")->cpe,
                        "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*");
    unsigned versions = 0;
    for (size_t i = 0; i < c.list.count; i++)
        versions += !strcmp(c.list.items[i].name, "x");
    assert_int_equal(versions, 2);
    assert_non_null(find(&c, "@s/z"));
    sek_collection_free(&c);
    sek_text_free(&jar);
    sek_text_free(&go);
}

static void files_that_packages_own_are_not_told_twice(void **state)
{
    struct sek_collection c;
    (void)state;
    put_busybox("v1.30.1");
    put_text("/var/lib/dpkg/status", "Package: busybox\nStatus: install ok installed\n"
                                     "Architecture: amd64\nVersion: 1:1.30.1-6\n");
    put_text("/var/lib/dpkg/info/busybox.list", "/.\n/bin\n/bin/busybox\n");
    collect(&c, NULL, 0);
    assert_int_equal(c.list.count, 1);
    assert_string_equal(c.list.items[0].version, "1:1.30.1-6");
    sek_collection_free(&c);
}

/* Scan an image with one program; PATH is the cache that the scan left in FOLDER, with TEXT in it.
 */
static void scan_once(char folder[200], char path[220], char **text, size_t *len)
{
    struct sek_collection c;
    snprintf(folder, 200, "%s/var/cache/scan", files_root);
    snprintf(path, 220, "%s/scan", folder);
    assert_int_equal(sek_make_folder(folder, 0700, NULL), SEK_OK);
    put_busybox("v1.30.1");
    collect(&c, folder, 0);
    sek_collection_free(&c);
    assert_int_equal(sek_file_read(path, 1 << 20, text, len, NULL), SEK_OK);
}

/* The cache is told apart from a scan by a lie in it. */
static void an_unchanged_file_is_not_read_again_and_a_changed_one_is(void **state)
{
    char folder[200], path[220], *text;
    size_t len;
    struct sek_collection c;
    (void)state;
    scan_once(folder, path, &text, &len);
    char *version = memmem(text, len,
                           "\0"
                           "1.30.1",
                           7);
    assert_non_null(version);
    memcpy(version + 1, "9.99.9", 6);
    assert_int_equal(sek_file_replace(path, text, len, 0600, NULL), SEK_OK);
    free(text);
    collect(&c, folder, 0);
    assert_string_equal(find(&c, "busybox")->version, "9.99.9");
    sek_collection_free(&c);
    put_busybox("v1.31.0");
    collect(&c, folder, 3600); /* the walk is young: it is not repeated */
    assert_string_equal(find(&c, "busybox")->version, "9.99.9");
    sek_collection_free(&c);
    collect(&c, folder, 0);
    assert_string_equal(find(&c, "busybox")->version, "1.31.0");
    sek_collection_free(&c);
}

static void a_damaged_cache_counts_as_none(void **state)
{
    char folder[200], path[220], *text;
    size_t len;
    struct sek_collection c;
    (void)state;
    scan_once(folder, path, &text, &len);
    for (size_t n = 0; n < len; n += 3) {
        assert_int_equal(sek_file_replace(path, text, n, 0600, NULL), SEK_OK);
        collect(&c, folder, 0);
        assert_string_equal(find(&c, "busybox")->version, "1.30.1");
        sek_collection_free(&c);
    }
    free(text);
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_programs_tell_their_modules_inline),
        cmocka_unit_test(older_go_programs_tell_them_by_pointers),
        cmocka_unit_test(any_cut_of_a_program_is_read_safely),
        cmocka_unit_test(an_archive_in_an_archive_gives_its_maven_coordinates),
        cmocka_unit_test(
            a_library_is_found_in_a_web_archive_in_an_application_behind_a_start_script),
        cmocka_unit_test(a_package_lock_of_each_version_gives_what_is_installed_from_the_registry),
        cmocka_unit_test(an_archive_without_metadata_is_named_by_its_file),
        cmocka_unit_test(any_cut_or_flip_of_an_archive_is_read_safely),
        cmocka_unit_test(each_component_is_known_by_the_string_it_really_contains),
        cmocka_unit_test(strings_that_only_speak_of_a_component_give_no_version),
        cmocka_unit_test(two_versions_of_one_component_in_a_file_give_none),
        cmocka_unit_test(a_version_of_a_library_in_another_file_is_not_taken),
        cmocka_unit_test(a_version_string_over_the_border_of_two_pieces_is_found),
        cmocka_unit_test(metadata_of_node_and_python_packages_is_read),
        IN_ROOT(a_firmware_image_without_a_package_database_is_scanned),
        IN_ROOT(files_that_packages_own_are_not_told_twice),
        IN_ROOT(an_unchanged_file_is_not_read_again_and_a_changed_one_is),
        IN_ROOT(a_damaged_cache_counts_as_none),
    };
    return cmocka_run_group_tests_name("agent software", tests, NULL, NULL);
}
