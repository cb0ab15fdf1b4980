/* Weaknesses of a device's set-up, each with its fix: passwords, open services, paths that
 * everybody may write, an old kernel. Passwords are tried here and never leave: a finding names the
 * account. */
#ifndef SEK_AGENT_POSTURE_H
#define SEK_AGENT_POSTURE_H

#include "agent/inventory/inventory.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

#define SEK_FINDINGS_MAX 256

/* Ids are stable: the console translates by them. */
struct sek_posture_finding {
    const char *id;       /* "password-factory", "service-exposed", ... */
    const char *severity; /* "critical", "high", "medium", "low" */
    const char *subject;  /* account, service or path */
    const char *detail, *fix;
};

struct sek_posture {
    struct sek_arena arena;
    struct sek_posture_finding items[SEK_FINDINGS_MAX];
    size_t count;
    /* what the checks look at */
    const char *root; /* "" or an image's folder, without a slash at its end */
    const struct sek_collection *device;
    const char *memory;   /* folder for what is remembered; NULL: none */
    unsigned password_ms; /* time for trying passwords */
};

/* Run every check. */
void sek_posture_check(struct sek_posture *p);
void sek_posture_free(struct sek_posture *p);
/* As an array KEY of {"id","severity","subject","detail","fix"}. */
void sek_posture_write(const struct sek_posture *p, const char *key, struct sek_text *out);

/* --- for the checks --- */

/* Add a finding; DETAIL is a format. */
void sek_posture_add(struct sek_posture *p, const char *id, const char *severity,
                     const char *subject, const char *fix, const char *detail, ...)
    __attribute__((format(printf, 6, 7)));
/* A line "KEY VALUE", "KEY=VALUE" or "KEY = VALUE" of a settings file; VALUE is without blanks at
 * its end. Comments and blank lines have no key. */
#define SEK_SETTING 128
struct sek_setting {
    char key[64], value[SEK_SETTING];
};
/* Call EACH for every line of the file PATH, until it returns false. False: there is no file. */
bool sek_posture_lines(const struct sek_posture *p, const char *path,
                       bool (*each)(void *arg, const struct sek_setting *line), void *arg);
/* The same for every file in FOLDER whose name ends in TAIL, in the order of names. */
void sek_posture_folder(const struct sek_posture *p, const char *folder, const char *tail,
                        bool (*each)(void *arg, const struct sek_setting *line), void *arg);
/* A file of the system; NULL when it cannot be read. The caller frees it. */
char *sek_posture_file(const struct sek_posture *p, const char *path);
/* Whether a program of one of NAMES (NULL-terminated) listens, or something on PORT (0: no port).
 * In an image nothing listens: there it counts as if it did. */
bool sek_posture_runs(const struct sek_posture *p, const char *const *names, uint16_t port);

struct sek_guess;
void sek_posture_accounts(struct sek_posture *p, struct sek_guess *guess);
void sek_posture_logins(struct sek_posture *p, struct sek_guess *guess);
void sek_posture_services(struct sek_posture *p);
void sek_posture_configs(struct sek_posture *p);
void sek_posture_system(struct sek_posture *p);

#endif
