/* A program that the tables name gets a number in the kernel; each permission becomes keys of that
 * number. A table is renewed beside the old one (numbers only grow), so that what stays permitted
 * is permitted at every moment. A permission by name lives in the kernel as the addresses that DNS
 * answers gave the name, each for the answer's time. While learning, the kernel holds no permission
 * and tells of everything: a name that comes to share a known address is to be learned too. */
#include "agent/guard/unlearned.h"
#include "agent/guard/learned.h"
#include "agent/guard/process.h"
#include "agent/worker/names.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAMS    1024
#define LEARN_NAMES 4 /* of one address */
#define TTL_LEAST   60
#define TTL_MOST    86400
#define TTL_GRACE   2 /* seconds more than the answer says, for programs that are slow to connect */
#define NAMES_BYTES (64u << 10)
#define NAMES_US    30000000u /* between two writings */

struct known {
    char path[256];
    uint8_t digest[32];
    uint32_t number;
    struct sek_exit_file file; /* at PATH when it was read; zero: met as a process only */
};

struct sek_unlearned {
    char learned_path[512], listed_path[512], mode_path[512], names_path[512];
    struct sek_learned learned, listed;
    struct known *known;
    size_t known_count;
    uint32_t next_number;
    struct sek_names names;
    bool dirty, in_force, learning, names_changed;
    uint64_t names_at; /* when they were written last, us */
    struct stat read;  /* of the learned file, as last read or written */
};

/* --- into the kernel ------------------------------------------------------------------------- */

static void put_address(struct sek_guard *g, uint32_t number, const struct sek_permission *p,
                        const uint8_t address[16], unsigned bits, uint32_t ttl_s)
{
    static const uint8_t all[] = {IPPROTO_TCP, IPPROTO_UDP, SEK_EXIT_RAW};
    struct sek_fault fault;
    struct sek_exit_learned key = {
        .bits = SEK_EXIT_KEY_BITS + bits, .program = number, .port = p->port};
    memcpy(key.address, address, 16);
    for (size_t i = 0; i < sizeof all; i++) {
        key.protocol = p->protocol ? p->protocol : all[i];
        if (sek_exits_learn(g->exits, &key, ttl_s, &fault))
            sek_warning("%s", fault.message);
        if (p->protocol)
            break;
    }
}

static void put(struct sek_guard *g, uint32_t number, const struct sek_permission *p)
{
    struct sek_unlearned *u = g->unlearned;
    uint64_t now = sek_clock_mono_us();
    if (g->filter.unlearned == SEK_EXIT_LEARN)
        return;
    if (!p->name[0]) {
        put_address(g, number, p, p->address, p->bits, 0);
        return;
    }
    for (unsigned i = 0; i < SEK_NAMES; i++) {
        uint64_t until = u->names.entries[i].until_us;
        if (until > now && sek_permission_names(p, u->names.entries[i].name))
            put_address(g, number, p, u->names.entries[i].address, 128,
                        (uint32_t)((until - now) / 1000000u) + 1);
    }
}

/* Every permission of both tables that is for the program. */
static void put_program(struct sek_guard *g, const struct known *k)
{
    const struct sek_learned *const tables[] = {&g->unlearned->learned, &g->unlearned->listed};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct sek_permission *p = &tables[t]->list[i];
            if (strcmp(p->path, "*") != 0 && sek_permission_is_for(p, k->path, k->digest))
                put(g, k->number, p);
        }
    }
}

static struct known *find_known(struct sek_unlearned *u, const char *path, const uint8_t *digest)
{
    for (size_t i = 0; i < u->known_count; i++) {
        if (!strcmp(u->known[i].path, path) && !memcmp(u->known[i].digest, digest, 32))
            return &u->known[i];
    }
    return NULL;
}

static struct known *make_known(struct sek_unlearned *u, const char *path, const uint8_t *digest)
{
    if (u->known_count == PROGRAMS)
        return NULL;
    struct known *k = &u->known[u->known_count++];
    snprintf(k->path, sizeof k->path, "%s", path);
    memcpy(k->digest, digest, 32);
    k->number = u->next_number++;
    memset(&k->file, 0, sizeof k->file);
    return k;
}

/* The program that is at PATH now. */
static void know_file(struct sek_guard *g, const char *path)
{
    struct sek_unlearned *u = g->unlearned;
    struct stat st;
    uint8_t digest[32] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
        sek_process_digest(fd, digest);
        struct known *k = find_known(u, path, digest);
        if (!k && (k = make_known(u, path, digest)))
            put_program(g, k);
        if (k) {
            k->file = sek_exits_file(&st);
            sek_exits_program(g->exits, &k->file, k->number);
        }
    }
    close(fd);
}

/* Programs that an update replaced: who may reach something whatever its content goes on doing so.
 */
static void know_replaced(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    for (size_t i = 0; i < u->known_count; i++) {
        struct stat st;
        if (!u->known[i].file.inode || stat(u->known[i].path, &st))
            continue;
        struct sek_exit_file now = sek_exits_file(&st);
        if (memcmp(&now, &u->known[i].file, sizeof now) != 0) {
            u->known[i].file = now; /* looked at once, whatever it is */
            know_file(g, u->known[i].path);
        }
    }
}

static void put_fixed(struct sek_guard *g)
{
    static const struct sek_permission any;
    struct stat st;
    for (unsigned i = 0; i < g->spares.count; i++)
        put_address(g, SEK_EXIT_ANY_PROGRAM, &any, g->spares.list[i].address, g->spares.list[i].bits, 0);
    if (!stat("/proc/self/exe", &st)) {
        struct sek_exit_file file = sek_exits_file(&st);
        sek_exits_program(g->exits, &file, SEK_EXIT_OWN_PROGRAM);
    }
}

static void renew(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    const struct sek_learned *const tables[] = {&u->learned, &u->listed};
    uint32_t first = u->next_number;
    u->known_count = 0;
    sek_exits_begin(g->exits);
    put_fixed(g);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            if (!strcmp(tables[t]->list[i].path, "*"))
                put(g, SEK_EXIT_ANY_PROGRAM, &tables[t]->list[i]);
            else
                know_file(g, tables[t]->list[i].path);
        }
    }
    sek_exits_forget_programs(g->exits, first);
    sek_exits_sweep(g->exits);
}

/* --- files ----------------------------------------------------------------------------------- */

/* A file that is not there is an empty table. */
static enum sek_error read_table(const char *path, struct sek_learned *t, struct sek_fault *fault)
{
    struct sek_learned fresh = {0};
    char *text = NULL;
    size_t len;
    enum sek_error rc = sek_file_read(path, SEK_LEARNED_BYTES, &text, &len, fault);
    if (!rc)
        rc = sek_learned_parse(&fresh, path, text, len, fault);
    else if (rc == SEK_ENOTFOUND)
        rc = SEK_OK;
    free(text);
    if (rc) {
        sek_learned_free(&fresh);
        return rc;
    }
    sek_learned_free(t);
    sek_learned_resolve(&fresh);
    *t = fresh;
    return SEK_OK;
}

static bool edited(const struct sek_unlearned *u, struct stat *st)
{
    if (stat(u->learned_path, st))
        memset(st, 0, sizeof *st);
    return st->st_ino != u->read.st_ino || st->st_mtim.tv_sec != u->read.st_mtim.tv_sec ||
           st->st_mtim.tv_nsec != u->read.st_mtim.tv_nsec || st->st_size != u->read.st_size;
}

/* What a person wrote wins; what was learned within the last moments is learned again when it is
 * met. True: the table is another one. */
static bool take_edits(struct sek_unlearned *u)
{
    struct sek_fault fault;
    struct stat st;
    struct sek_learned mine = u->learned;
    if (!edited(u, &st))
        return false;
    u->read = st;
    u->learned = (struct sek_learned){0};
    if (read_table(u->learned_path, &u->learned, &fault)) {
        sek_error_log("%s; the table before it stays in force", fault.message);
        u->learned = mine;
        return false;
    }
    sek_learned_free(&mine);
    u->dirty = false;
    return true;
}

static void write_learned(struct sek_unlearned *u)
{
    struct sek_fault fault;
    struct sek_text out = {0};
    sek_text_puts(&out, "# SHA256 PORT/PROTOCOL DESTINATION PATH; see sekisho-agent(8), exit\n");
    sek_learned_write(&u->learned, &out);
    if (sek_file_replace(u->learned_path, out.data, out.len, 0600, &fault))
        sek_error_log("%s", fault.message);
    else if (stat(u->learned_path, &u->read))
        memset(&u->read, 0, sizeof u->read);
    sek_text_free(&out);
    u->dirty = false;
}

/* What was in force holds again from the next start on, before the policy arrives. */
static void write_mode(const struct sek_guard *g)
{
    char text[32];
    struct sek_fault fault;
    int n = snprintf(text, sizeof text, "%u %u %u\n", g->filter.exit_mode, g->filter.unlearned,
                     g->filter.listeners);
    if (sek_file_replace(g->unlearned->mode_path, text, (size_t)n, 0600, &fault))
        sek_warning("%s", fault.message);
}

static void read_mode(struct sek_guard *g)
{
    unsigned mode, unlearned, listeners;
    char *text;
    size_t len;
    if (sek_file_read(g->unlearned->mode_path, 64, &text, &len, NULL))
        return;
    if (sscanf(text, "%u %u %u", &mode, &unlearned, &listeners) == 3 && mode <= SEK_MODE_PREVENT &&
        unlearned <= SEK_EXIT_DENY && listeners <= SEK_EXIT_DENY) {
        g->filter.exit_mode = (uint8_t)mode;
        g->filter.unlearned = (uint8_t)unlearned;
        g->filter.listeners = (uint8_t)listeners;
    }
    free(text);
}

/* Names with the seconds that they still hold: programs remember addresses longer than an agent
 * runs. */
static void write_names(struct sek_unlearned *u, uint64_t now)
{
    struct sek_text out = {0};
    struct sek_fault fault;
    uint64_t wall_s = sek_clock_wall_us() / 1000000u;
    for (unsigned i = 0; i < SEK_NAMES; i++) {
        char address[46];
        if (u->names.entries[i].until_us <= now)
            continue;
        sek_address_text(u->names.entries[i].address, address);
        sek_text_printf(
            &out, "%llu %s %s\n",
            (unsigned long long)(wall_s + (u->names.entries[i].until_us - now) / 1000000u), address,
            u->names.entries[i].name);
    }
    if (sek_file_replace(u->names_path, out.data ? out.data : "", out.len, 0600, &fault))
        sek_warning("%s", fault.message);
    sek_text_free(&out);
    u->names_changed = false;
    u->names_at = now;
}

static void read_names(struct sek_unlearned *u)
{
    char *text, address[46], name[80];
    size_t len;
    uint64_t wall_s = sek_clock_wall_us() / 1000000u, now = sek_clock_mono_us();
    unsigned long long until;
    uint8_t bytes[16];
    int used;
    if (sek_file_read(u->names_path, NAMES_BYTES, &text, &len, NULL))
        return;
    for (const char *at = text; sscanf(at, "%llu %45s %79s%n", &until, address, name, &used) == 3;
         at += used) {
        if (until > wall_s && until - wall_s <= TTL_MOST && sek_address_parse(address, bytes))
            sek_names_add(&u->names, bytes, name, (uint32_t)(until - wall_s), now);
    }
    free(text);
}

/* --- records --------------------------------------------------------------------------------- */

static const char *name_of(struct sek_unlearned *u, const uint8_t address[16])
{
    return sek_names_find(&u->names, address, sek_clock_mono_us());
}

/* Is the process's file the one of the record? Asked by the process, and where that has ended
 * already by the path that it was started from. */
static bool is_same_program(const struct sek_exit_record *r)
{
    char link[48];
    struct stat st;
    static const uint8_t none[32];
    const struct sek_process *p = &r->connect.process;
    size_t len = strlen(p->path);
    snprintf(link, sizeof link, "/proc/%d/exe", (int)p->pid);
    if (p->path[0] != '/' || strchr(p->path, '\n') || !memcmp(p->digest, none, 32) ||
        (len > 10 && !strcmp(p->path + len - 10, " (deleted)")) ||
        (stat(link, &st) && stat(p->path, &st)))
        return false;
    struct sek_exit_file file = sek_exits_file(&st);
    return file.inode == r->file.inode && file.changed_ns == r->file.changed_ns;
}

static bool is_permitted(const struct sek_unlearned *u, const struct sek_exit_record *r,
                         const char *name, uint8_t protocol)
{
    const struct sek_learned *const tables[] = {&u->learned, &u->listed};
    const struct sek_endpoints *e = &r->connect.endpoints;
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct sek_permission *p = &tables[t]->list[i];
            if (sek_permission_is_for(p, r->connect.process.path, r->connect.process.digest) &&
                sek_permission_covers(p, name, e->target, e->target_port, protocol))
                return true;
        }
    }
    return false;
}

/* Does a permission name the program with this path, and this DIGEST when it is not NULL? */
static bool has_program(const struct sek_unlearned *u, const char *path, const uint8_t *digest)
{
    const struct sek_learned *const tables[] = {&u->learned, &u->listed};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct sek_permission *p = &tables[t]->list[i];
            if (!strcmp(p->path, path) && (!digest || sek_permission_is_for(p, path, digest)))
                return true;
        }
    }
    return false;
}

/* A name in NAMES at the most LEARN_NAMES, each once, newest first; returns how many. Several names
 * may share an address, and nobody tells which of them the program meant: all are learned. */
static unsigned names_of(const struct sek_unlearned *u, const uint8_t address[16],
                         const char *names[LEARN_NAMES])
{
    uint64_t now = sek_clock_mono_us();
    unsigned count = 0;
    for (unsigned i = 1; i <= SEK_NAMES && count < LEARN_NAMES; i++) {
        unsigned at = (u->names.next - i) % SEK_NAMES;
        const char *name = u->names.entries[at].name;
        bool known = u->names.entries[at].until_us <= now ||
                     memcmp(u->names.entries[at].address, address, 16) != 0;
        for (unsigned k = 0; k < count; k++)
            known = known || !strcmp(names[k], name);
        if (!known)
            names[count++] = name;
    }
    return count;
}

static uint8_t learn(struct sek_guard *g, const struct sek_exit_record *r, uint8_t protocol)
{
    struct sek_unlearned *u = g->unlearned;
    const struct sek_process *process = &r->connect.process;
    const char *names[LEARN_NAMES] = {NULL};
    struct sek_permission p;
    bool reaches = !(protocol & SEK_EXIT_LISTEN) && protocol != SEK_EXIT_RAW;
    unsigned count = reaches ? names_of(u, r->connect.endpoints.target, names) : 0;
    memset(&p, 0, sizeof p);
    memcpy(p.digest, process->digest, 32);
    snprintf(p.path, sizeof p.path, "%s", process->path);
    p.protocol = protocol;
    p.port = r->connect.endpoints.target_port;
    if (reaches && !count) {
        memcpy(p.address, r->connect.endpoints.target, 16);
        p.bits = 128;
    }
    uint8_t why = SEK_WHY_NOT_KNOWN_YET;
    for (unsigned i = 0; i < (count ? count : 1); i++) {
        memset(p.name, 0, sizeof p.name);
        if (count)
            snprintf(p.name, sizeof p.name, "%s", names[i]);
        if (is_permitted(u, r, count ? names[i] : NULL, protocol))
            continue;
        enum sek_error rc = sek_learned_add(&u->learned, &p);
        if (rc == SEK_ELIMIT || rc == SEK_ENOMEM)
            return SEK_WHY_TABLE_FULL;
        u->dirty = true;
        why = SEK_WHY_LEARNED;
    }
    return why;
}

bool sek_unlearned_record(struct sek_guard *g, struct sek_exit_record *r)
{
    struct sek_unlearned *u = g->unlearned;
    const struct sek_process *process = &r->connect.process;
    uint8_t protocol = r->connect.endpoints.protocol;
    if (!u)
        return true;
    bool listens = r->connect.hook == SEK_EXIT_ON_BIND;
    protocol |= listens ? SEK_EXIT_LISTEN : 0;
    const char *name = listens ? NULL : name_of(u, r->connect.endpoints.target);
    bool same = is_same_program(r);
    struct known *k = same ? find_known(u, process->path, process->digest) : NULL;
    bool permitted = same && is_permitted(u, r, name, protocol);
    bool learns = same && g->filter.unlearned == SEK_EXIT_LEARN;
    uint8_t why = learns                                           ? learn(g, r, protocol)
                  : permitted                                      ? SEK_WHY_NOT_KNOWN_YET
                  : !same                                          ? SEK_WHY_UNKNOWN_PROGRAM
                  : listens                                        ? SEK_WHY_UNKNOWN_PORT
                  : has_program(u, process->path, process->digest) ? SEK_WHY_UNKNOWN_DESTINATION
                  : has_program(u, process->path, NULL)            ? SEK_WHY_CHANGED_PROGRAM
                                                                   : SEK_WHY_UNKNOWN_PROGRAM;
    if (permitted && !learns) {
        if (!k)
            k = make_known(u, process->path, process->digest);
        if (k) {
            put_program(g, k);
            sek_exits_program(g->exits, &r->file, k->number);
        }
    }
    r->connect.why = why;
    if (name)
        snprintf(r->connect.name, sizeof r->connect.name, "%s", name);
    return why != SEK_WHY_NOT_KNOWN_YET || r->connect.blocked;
}

/* --- what the guard calls -------------------------------------------------------------------- */

void sek_unlearned_name(struct sek_guard *g, const struct sek_named *named)
{
    struct sek_unlearned *u = g->unlearned;
    char name[sizeof named->name];
    if (!u || !u->in_force || !memchr(named->name, '\0', sizeof name) || !named->name[0])
        return;
    snprintf(name, sizeof name, "%s", named->name);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(name))
        return;
    uint32_t ttl = named->ttl_s < TTL_LEAST  ? TTL_LEAST
                   : named->ttl_s > TTL_MOST ? TTL_MOST
                                             : named->ttl_s;
    const char *had = name_of(u, named->address);
    if (u->learning && (!had || strcmp(had, name) != 0))
        sek_exits_news(g->exits); /* who just connected to the address may mean this name now */
    sek_names_add(&u->names, named->address, name, ttl, sek_clock_mono_us());
    u->names_changed = true;
    const struct sek_learned *const tables[] = {&u->learned, &u->listed};
    for (size_t t = 0; t < 2 && !u->learning; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct sek_permission *p = &tables[t]->list[i];
            if (!sek_permission_names(p, name))
                continue;
            if (!strcmp(p->path, "*"))
                put_address(g, SEK_EXIT_ANY_PROGRAM, p, named->address, 128, ttl + TTL_GRACE);
            for (size_t k = 0; k < u->known_count; k++) {
                if (strcmp(p->path, "*") != 0 &&
                    sek_permission_is_for(p, u->known[k].path, u->known[k].digest))
                    put_address(g, u->known[k].number, p, named->address, 128, ttl + TTL_GRACE);
            }
        }
    }
}

void sek_unlearned_listed(struct sek_guard *g, const char *text, size_t len)
{
    struct sek_unlearned *u = g->unlearned;
    struct sek_learned fresh = {0};
    struct sek_fault fault;
    if (!u)
        return;
    if (sek_learned_parse(&fresh, "destinations", text, len, &fault) ||
        sek_file_replace(u->listed_path, text, len, 0600, &fault)) {
        sek_error_log("%s", fault.message);
        sek_learned_free(&fresh);
        return;
    }
    sek_learned_free(&u->listed);
    sek_learned_resolve(&fresh);
    u->listed = fresh;
    if (u->in_force)
        renew(g);
}

static void say_state(struct sek_guard *g)
{
    static const char *const modes[] = {"off by policy", "learn", "detect", "deny"};
    const struct sek_unlearned *u = g->unlearned;
    uint8_t mode = g->filter.unlearned <= SEK_EXIT_DENY ? g->filter.unlearned : 0;
    uint8_t listeners = g->filter.listeners;
    if (!u || !sek_exits_knows_programs(g->exits))
        sek_guard_part(g, SEK_STATE_UNLEARNED, SEK_PROTECTION_ABSENT,
                       "the kernel's programs cannot tell which program calls (no BTF)");
    else if (!u->in_force)
        sek_guard_part(g, SEK_STATE_UNLEARNED, SEK_PROTECTION_ABSENT, "off by policy");
    else
        sek_guard_part(g, SEK_STATE_UNLEARNED,
                       mode == SEK_EXIT_DENY ? SEK_PROTECTION_FULL : SEK_PROTECTION_PARTIAL,
                       "destinations: %s; ports: %s; %zu learned, %zu listed; listen() without "
                       "bind() is not seen",
                       mode ? modes[mode] : "allow",
                       listeners == SEK_EXIT_LEARN ? "learn"
                       : listeners ? modes[listeners <= SEK_EXIT_DENY ? listeners : 3]
                                   : "allow",
                       u->learned.count, u->listed.count);
}

static void apply(struct sek_guard *g, bool first)
{
    struct sek_unlearned *u = g->unlearned;
    bool can = u && sek_exits_knows_programs(g->exits);
    bool wanted =
        can && g->filter.exit_mode != SEK_MODE_OFF && (g->filter.unlearned || g->filter.listeners);
    if (wanted && (!u->in_force || u->learning != (g->filter.unlearned == SEK_EXIT_LEARN)))
        renew(g);
    if (u)
        u->in_force = wanted;
    if (u)
        u->learning = g->filter.unlearned == SEK_EXIT_LEARN;
    if (u && !first)
        write_mode(g);
    if (g->exits)
        sek_exits_set(g->exits, g->filter.exit_mode, wanted ? g->filter.unlearned : 0,
                      wanted ? g->filter.listeners : 0);
    say_state(g);
}

void sek_unlearned_apply(struct sek_guard *g)
{
    apply(g, false);
}

void sek_unlearned_tick(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    struct stat st;
    if (!u)
        return;
    if (edited(u, &st) && take_edits(u) && u->in_force)
        renew(g);
    if (u->dirty)
        write_learned(u);
    uint64_t now = sek_clock_mono_us();
    if (u->names_changed && now - u->names_at >= NAMES_US)
        write_names(u, now);
    if (u->in_force) {
        know_replaced(g);
        sek_exits_sweep(g->exits);
        say_state(g);
    }
}

enum sek_error sek_unlearned_open(struct sek_guard *g, struct sek_fault *fault)
{
    char folder[500];
    struct sek_unlearned *u = calloc(1, sizeof *u);
    snprintf(folder, sizeof folder, "%s/exit", g->settings->state);
    enum sek_error rc = sek_make_folder(folder, 0700, fault);
    if (!u || rc || !(u->known = calloc(PROGRAMS, sizeof *u->known))) {
        free(u);
        return rc ? rc : sek_fail(fault, SEK_ENOMEM, "exit: out of memory");
    }
    u->next_number = SEK_EXIT_FIRST_PROGRAM;
    snprintf(u->learned_path, sizeof u->learned_path, "%s/learned", folder);
    snprintf(u->listed_path, sizeof u->listed_path, "%s/listed", folder);
    snprintf(u->mode_path, sizeof u->mode_path, "%s/mode", folder);
    snprintf(u->names_path, sizeof u->names_path, "%s/names", folder);
    g->unlearned = u;
    take_edits(u);
    read_names(u);
    read_mode(g);
    if (read_table(u->listed_path, &u->listed, fault))
        sek_error_log("%s", fault->message);
    apply(g, true);
    return SEK_OK;
}

void sek_unlearned_close(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    if (!u)
        return;
    if (u->dirty)
        write_learned(u);
    if (u->names_changed)
        write_names(u, sek_clock_mono_us());
    sek_learned_free(&u->learned);
    sek_learned_free(&u->listed);
    free(u->known);
    free(u);
    g->unlearned = NULL;
}
