/* Whole files are read and replaced; what a person wrote wins over what was learned meanwhile. */
#include "agent/guard/unlearned_files.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES (64u << 10)

enum sek_error sek_unlearned_folder(struct sek_unlearned *u, const char *state,
                                    struct sek_fault *fault)
{
    snprintf(u->folder, sizeof u->folder, "%s/exit", state);
    snprintf(u->learned_path, sizeof u->learned_path, "%s/learned", u->folder);
    snprintf(u->listed_path, sizeof u->listed_path, "%s/listed", u->folder);
    snprintf(u->mode_path, sizeof u->mode_path, "%s/mode", u->folder);
    snprintf(u->names_path, sizeof u->names_path, "%s/names", u->folder);
    return sek_make_folder(u->folder, 0700, fault);
}

enum sek_error sek_unlearned_read(const char *path, struct sek_learned *t, struct sek_fault *fault)
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
bool sek_unlearned_take_edits(struct sek_unlearned *u)
{
    struct sek_fault fault;
    struct stat st;
    struct sek_learned mine = u->learned;
    if (!edited(u, &st))
        return false;
    u->read = st;
    u->learned = (struct sek_learned){0};
    if (sek_unlearned_read(u->learned_path, &u->learned, &fault)) {
        sek_error_log("%s; the table before it stays in force", fault.message);
        u->learned = mine;
        return false;
    }
    sek_learned_free(&mine);
    u->write_at = 0;
    return true;
}

void sek_unlearned_write(struct sek_unlearned *u)
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
    u->write_at = 0;
}

/* What was in force holds again from the next start on, before the policy arrives. */
void sek_unlearned_write_mode(const struct sek_guard *g)
{
    char text[32];
    struct sek_fault fault;
    int n = snprintf(text, sizeof text, "%u %u %u\n", g->filter.exit_mode, g->filter.unlearned,
                     g->filter.listeners);
    if (sek_file_replace(g->unlearned->mode_path, text, (size_t)n, 0600, &fault))
        sek_warning("%s", fault.message);
}

void sek_unlearned_read_mode(struct sek_guard *g)
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
void sek_unlearned_write_names(struct sek_unlearned *u)
{
    uint64_t now = sek_clock_mono_us();
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
    u->names_at = 0;
}

void sek_unlearned_read_names(struct sek_unlearned *u)
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
        if (until > wall_s && until - wall_s <= SEK_NAMED_MOST_S && sek_address_parse(address, bytes))
            sek_names_add(&u->names, bytes, name, (uint32_t)(until - wall_s), now);
    }
    free(text);
}
