/* A program that the tables name gets a number in the kernel; each permission becomes keys of that
 * number. A table is renewed beside the old one (numbers only grow), so that what stays permitted
 * is permitted at every moment. A permission by name lives in the kernel as the addresses that DNS
 * answers gave the name, each for the answer's time. While learning, the kernel holds no permission
 * and tells of everything: a name that comes to share a known address is to be learned too. */
#include "agent/guard/unlearned.h"
#include "agent/guard/process.h"
#include "agent/guard/unlearned_files.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PROGRAMS    1024
#define LEARN_NAMES 4 /* of one address */
#define TTL_LEAST   60
#define WRITE_US    2000000u  /* from the first that is learned to the writing of the table */
#define NAMES_US    30000000u /* the same for names */
#define LOOK_US     100000u   /* after something happened to a watched file */
#define AGAIN_US    1000000u  /* the file that takes its place may come later */
#define TTL_GRACE   2 /* seconds more than the answer says, for programs that are slow to connect */

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
static void put_program(struct sek_guard *g, const struct sek_known_program *k)
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

static struct sek_known_program *find_known(struct sek_unlearned *u, const char *path, const uint8_t *digest)
{
    for (size_t i = 0; i < u->known_count; i++) {
        if (!strcmp(u->known[i].path, path) && !memcmp(u->known[i].digest, digest, 32))
            return &u->known[i];
    }
    return NULL;
}

static struct sek_known_program *make_known(struct sek_unlearned *u, const char *path, const uint8_t *digest)
{
    if (u->known_count == PROGRAMS)
        return NULL;
    struct sek_known_program *k = &u->known[u->known_count++];
    snprintf(k->path, sizeof k->path, "%s", path);
    memcpy(k->digest, digest, 32);
    k->number = u->next_number++;
    memset(&k->file, 0, sizeof k->file);
    return k;
}

/* The folder of the tables. Watches of files are added as these become known. */
static void watch(struct sek_unlearned *u)
{
    if (u->watch_fd >= 0)
        close(u->watch_fd);
    u->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(u->watch_fd, u->folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE);
}

/* The program that is at PATH now. A file that another replaces loses a link, which is heard. */
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
        struct sek_known_program *k = find_known(u, path, digest);
        if (!k && (k = make_known(u, path, digest)))
            put_program(g, k);
        if (k) {
            k->file = sek_exits_file(&st);
            sek_exits_program(g->exits, &k->file, k->number);
            inotify_add_watch(u->watch_fd, path,
                              IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF);
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
    watch(u);
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
    if (p->path[0] != '/' || !sek_permission_path(p->path) || !memcmp(p->digest, none, 32) ||
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
        if (!u->write_at)
            u->write_at = sek_clock_mono_us() + WRITE_US;
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
    struct sek_known_program *k = same ? find_known(u, process->path, process->digest) : NULL;
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
                   : named->ttl_s > SEK_NAMED_MOST_S ? SEK_NAMED_MOST_S
                                             : named->ttl_s;
    const char *had = name_of(u, named->address);
    if (u->learning && (!had || strcmp(had, name) != 0))
        sek_exits_news(g->exits); /* who just connected to the address may mean this name now */
    sek_names_add(&u->names, named->address, name, ttl, sek_clock_mono_us());
    if (!u->names_at)
        u->names_at = sek_clock_mono_us() + NAMES_US;
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
        sek_unlearned_write_mode(g);
    if (g->exits)
        sek_exits_set(g->exits, g->filter.exit_mode, wanted ? g->filter.unlearned : 0,
                      wanted ? g->filter.listeners : 0);
    say_state(g);
}

void sek_unlearned_apply(struct sek_guard *g)
{
    apply(g, false);
}

int sek_unlearned_fd(const struct sek_guard *g)
{
    return g->unlearned ? g->unlearned->watch_fd : -1;
}

void sek_unlearned_serve(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    char buffer[4096];
    while (read(u->watch_fd, buffer, sizeof buffer) > 0)
        ;
    if (!u->look_at)
        u->look_at = sek_clock_mono_us() + LOOK_US;
    u->look_again = true;
}

uint64_t sek_unlearned_due(const struct sek_guard *g)
{
    const struct sek_unlearned *u = g->unlearned;
    uint64_t due = UINT64_MAX;
    if (u && u->write_at)
        due = u->write_at;
    if (u && u->names_at && u->names_at < due)
        due = u->names_at;
    if (u && u->look_at && u->look_at < due)
        due = u->look_at;
    return due;
}

static void look(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    if (sek_unlearned_take_edits(u) && u->in_force)
        renew(g);
    if (u->in_force)
        know_replaced(g);
    u->look_at = u->look_again ? sek_clock_mono_us() + AGAIN_US : 0;
    u->look_again = false;
}

void sek_unlearned_time(struct sek_guard *g, bool beat)
{
    struct sek_unlearned *u = g->unlearned;
    uint64_t now = sek_clock_mono_us();
    if (!u)
        return;
    bool looks = beat || (u->look_at && u->look_at <= now);
    bool writes = u->write_at && u->write_at <= now;
    if (looks)
        look(g); /* first: what a person wrote wins */
    if (writes && u->write_at)
        sek_unlearned_write(u);
    if (u->names_at && u->names_at <= now)
        sek_unlearned_write_names(u);
    if (beat && u->in_force)
        sek_exits_sweep(g->exits);
    if (looks || writes)
        say_state(g);
}

enum sek_error sek_unlearned_open(struct sek_guard *g, struct sek_fault *fault)
{
    struct sek_unlearned *u = calloc(1, sizeof *u);
    enum sek_error rc = u ? sek_unlearned_folder(u, g->settings->state, fault) : SEK_OK;
    if (!u || rc || !(u->known = calloc(PROGRAMS, sizeof *u->known))) {
        free(u);
        return rc ? rc : sek_fail(fault, SEK_ENOMEM, "exit: out of memory");
    }
    u->watch_fd = -1;
    u->next_number = SEK_EXIT_FIRST_PROGRAM;
    g->unlearned = u;
    watch(u);
    sek_unlearned_take_edits(u);
    sek_unlearned_read_names(u);
    sek_unlearned_read_mode(g);
    if (sek_unlearned_read(u->listed_path, &u->listed, fault))
        sek_error_log("%s", fault->message);
    apply(g, true);
    return SEK_OK;
}

void sek_unlearned_close(struct sek_guard *g)
{
    struct sek_unlearned *u = g->unlearned;
    if (!u)
        return;
    if (u->write_at)
        sek_unlearned_write(u);
    if (u->names_at)
        sek_unlearned_write_names(u);
    if (u->watch_fd >= 0)
        close(u->watch_fd);
    sek_learned_free(&u->learned);
    sek_learned_free(&u->listed);
    free(u->known);
    free(u);
    g->unlearned = NULL;
}
