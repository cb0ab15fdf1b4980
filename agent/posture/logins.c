/* Passwords of services that keep their own: the files that web servers and Mosquitto name for
 * logins, tried like those of accounts. A line is USER:HASH; hashes are those of crypt(3), Apache's
 * ($apr1$, {SHA}), Mosquitto's ($6$ and $7$, which are not crypt's), or the password itself. Digest
 * files (USER:REALM:MD5) too. Only files that a setting of a known place names, and only while the
 * service listens. Sources: htpasswd(1), mosquitto_passwd(1), RFC 7616. */
#include "agent/posture/guess.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES  32
#define LOGINS 200 /* of one file */

struct logins {
    struct sek_posture *posture;
    struct sek_guess *guess;
    const char *const *keys; /* of settings that name a file */
    char files[FILES][SEK_SETTING];
    size_t count;
};

/* --- kinds of hashes --- */

static bool starts(const char *text, const char *head)
{
    return !strncmp(text, head, strlen(head));
}

/* Apache's $apr1$ is MD5 crypt with its own name in the first round. */
static void apr1_round(const char *password, size_t len, const uint8_t sum[16], const char *salt,
                       size_t salt_len, unsigned i, uint8_t out[SEK_DIGEST_MAX])
{
    uint8_t text[2 * 64 + 8 + 16];
    size_t n = 0;
#define PUT(data, size) (memcpy(text + n, data, size), n += (size))
    if (i & 1)
        PUT(password, len);
    else
        PUT(sum, 16);
    if (i % 3)
        PUT(salt, salt_len);
    if (i % 7)
        PUT(password, len);
    if (i & 1)
        PUT(sum, 16);
    else
        PUT(password, len);
#undef PUT
    sek_digest(SEK_MD5, text, n, out);
}

static void apr1(const char *password, const char *salt, size_t salt_len, char out[23])
{
    static const char alphabet[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const uint8_t order[6][3] = {{0, 6, 12}, {1, 7, 13}, {2, 8, 14},
                                        {3, 9, 15}, {4, 10, 5}, {0, 0, 11}};
    uint8_t text[256], sum[SEK_DIGEST_MAX], next[SEK_DIGEST_MAX];
    size_t len = strlen(password);
    int n =
        snprintf((char *)text, sizeof text, "%s%.*s%s", password, (int)salt_len, salt, password);
    sek_digest(SEK_MD5, text, (size_t)n, sum);
    n = snprintf((char *)text, sizeof text, "%s$apr1$%.*s", password, (int)salt_len, salt);
    for (size_t i = 0; i < len; i++)
        text[n++] = sum[i % 16];
    for (size_t i = len; i; i >>= 1)
        text[n++] = i & 1 ? 0 : (uint8_t)*password;
    sek_digest(SEK_MD5, text, (size_t)n, sum);
    for (unsigned i = 0; i < 1000; i++) {
        apr1_round(password, len, sum, salt, salt_len, i, next);
        memcpy(sum, next, 16);
    }
    for (size_t i = 0; i < 6; i++) {
        uint32_t bits =
            (i < 5 ? (uint32_t)sum[order[i][0]] << 16 | (uint32_t)sum[order[i][1]] << 8 : 0) |
            sum[order[i][2]];
        for (size_t k = 0; k < (i < 5 ? 4u : 2u); k++, bits >>= 6)
            *out++ = alphabet[bits & 63];
    }
    *out = '\0';
}

static int same_apr1(const char *password, const char *hash)
{
    char made[23];
    const char *salt = hash + 6, *end = strchr(salt, '$');
    if (!end || end - salt > 8 || strlen(password) > 63)
        return -1;
    apr1(password, salt, (size_t)(end - salt), made);
    return !strcmp(made, end + 1);
}

/* "{SHA}" and the SHA-1 in base64. */
static int same_sha(const char *password, const char *hash)
{
    uint8_t stored[SEK_GUESS_HASH], made[SEK_DIGEST_MAX];
    long n = sek_base64_decode(hash + 5, strlen(hash + 5), stored);
    if (n != (long)sek_digest_size(SEK_SHA1))
        return -1;
    sek_digest(SEK_SHA1, password, strlen(password), made);
    return !memcmp(stored, made, (size_t)n);
}

/* "USER:REALM" and the MD5 in hexadecimal; HASH is "REALM:MD5". */
static int same_digest(const char *user, const char *password, const char *hash)
{
    char text[2 * SEK_GUESS_HASH], made[33];
    uint8_t sum[SEK_DIGEST_MAX];
    const char *md5 = strrchr(hash, ':') + 1;
    int n = snprintf(text, sizeof text, "%s:%.*s:%s", user, (int)(md5 - 1 - hash), hash, password);
    if (n < 0 || (size_t)n >= sizeof text)
        return -1;
    sek_digest(SEK_MD5, text, (size_t)n, sum);
    sek_hex_encode(sum, 16, made);
    return !strcmp(made, md5);
}

static int same_login(struct sek_guess *g, const char *user, const char *password, const char *hash)
{
    const char *colon = strrchr(hash, ':');
    if (starts(hash, "$apr1$"))
        return same_apr1(password, hash);
    if (starts(hash, "{SHA}"))
        return same_sha(password, hash);
    if (colon && strlen(colon + 1) == 32)
        return same_digest(user, password, hash);
    if (*hash == '$' || (strlen(hash) == 13 && sek_guess_crypt(g, user, password, hash) >= 0))
        return sek_guess_crypt(g, user, password, hash);
    return !strcmp(starts(hash, "{PLAIN}") ? hash + 7 : hash, password);
}

/* "$6$SALT$HASH": SHA-512 of password and salt; "$7$ROUNDS$SALT$HASH": PBKDF2 with it. Both in
 * base64. */
static int same_mosquitto(struct sek_guess *g, const char *user, const char *password,
                          const char *hash)
{
    char salt64[128], hash64[128], text[256];
    uint8_t salt[128], stored[128], made[64];
    unsigned rounds = 0, made_len = sizeof made;
    (void)g, (void)user;
    if (sscanf(hash, "$6$%127[^$]$%127s", salt64, hash64) != 2 &&
        (sscanf(hash, "$7$%7u$%127[^$]$%127s", &rounds, salt64, hash64) != 3 || !rounds))
        return *hash == '$' ? -1 : !strcmp(hash, password);
    long n = sek_base64_decode(salt64, strlen(salt64), salt);
    size_t len = strlen(password);
    if (n < 0 || len + (size_t)n > sizeof text ||
        sek_base64_decode(hash64, strlen(hash64), stored) != sizeof made)
        return -1;
    memcpy(text, password, len);
    memcpy(text + len, salt, (size_t)n);
    bool done = rounds ? rounds <= 1000000 &&
                             PKCS5_PBKDF2_HMAC(password, (int)len, salt, (int)n, (int)rounds,
                                               EVP_sha512(), sizeof made, made)
                       : EVP_Digest(text, len + (size_t)n, made, &made_len, EVP_sha512(), NULL);
    return done ? !memcmp(made, stored, sizeof made) : -1;
}

/* --- files --- */

/* A setting that names a file: quotes and a semicolon around it belong to the form. */
static bool note_file(void *arg, const struct sek_setting *line)
{
    struct logins *l = arg;
    bool known = false;
    for (size_t i = 0; l->keys[i]; i++)
        known = known || !strcmp(line->key, l->keys[i]);
    const char *value = line->value + strspn(line->value, "\"' ");
    size_t len = strcspn(value, "\"'; ");
    if (!known || *value != '/' || l->count == FILES)
        return true;
    for (size_t i = 0; i < l->count; i++)
        if (strlen(l->files[i]) == len && !memcmp(l->files[i], value, len))
            return true;
    snprintf(l->files[l->count++], SEK_SETTING, "%.*s", (int)len, value);
    return true;
}

static void judge(struct logins *l, const char *file, const char *user, const char *hash,
                  sek_guess_compare *same)
{
    static const char fix[] = "Give this login a password of its own with the service's tool "
                              "(htpasswd, mosquitto_passwd), and restart the service.";
    char subject[SEK_SETTING + 80];
    enum sek_guess_verdict verdict =
        *hash ? sek_guess_try(l->guess, user, hash, same) : SEK_GUESS_WEAK;
    if (verdict != SEK_GUESS_FACTORY && verdict != SEK_GUESS_WEAK)
        return;
    snprintf(subject, sizeof subject, "%.64s in %s", user, file);
    sek_posture_add(l->posture, "login-weak", "critical", subject, fix, "%s",
                    !*hash                         ? "a login without a password"
                    : verdict == SEK_GUESS_FACTORY ? "a login with a well-known factory password"
                                                   : "a login whose password is among the first "
                                                     "that are guessed");
}

static void read_file(struct logins *l, const char *file, sek_guess_compare *same)
{
    char *text = sek_posture_file(l->posture, file), *rest = text;
    unsigned count = 0;
    for (char *line; rest && count < LOGINS && (line = strsep(&rest, "\n"));) {
        char *hash = strchr(line, ':');
        line[strcspn(line, "\r")] = '\0';
        if (!hash || *line == '#' || hash == line || hash - line > 64 ||
            strlen(hash) >= SEK_GUESS_HASH)
            continue;
        *hash++ = '\0';
        /* What a digest file and a hash do not need may follow: a comment of htpasswd's. */
        if (strchr(hash, ':') && strlen(strrchr(hash, ':') + 1) != 32)
            hash[strcspn(hash, ":")] = '\0';
        judge(l, file, line, hash, same);
        count++;
    }
    free(text);
}

static const char *const web_keys[] = {
    "auth.backend.htpasswd.userfile",
    "auth.backend.plain.userfile",
    "auth.backend.htdigest.userfile",
    "auth_basic_user_file",
    "AuthUserFile",
    NULL,
};
static const char *const mqtt_keys[] = {"password_file", NULL};
static const char *const web_programs[] = {"lighttpd",  "nginx",  "apache2", "httpd",
                                           "lighttpd1", "uhttpd", NULL};
static const char *const mqtt_programs[] = {"mosquitto", NULL};

static const struct {
    const char *const *programs, *const *keys;
    uint16_t port;
    sek_guess_compare *same;
    const char *places[9]; /* files, and folders with what their files end in behind a star */
} services[] = {
    {web_programs,
     web_keys,
     80,
     same_login,
     {"/etc/lighttpd/lighttpd.conf", "/etc/lighttpd.conf", "/etc/lighttpd/conf-enabled*.conf",
      "/etc/lighttpd/conf.d*.conf", "/etc/nginx/nginx.conf", "/etc/nginx/conf.d*.conf",
      "/etc/nginx/sites-enabled*", "/etc/apache2/sites-enabled*.conf", "/etc/httpd/conf.d*.conf"}},
    {mqtt_programs,
     mqtt_keys,
     1883,
     same_mosquitto,
     {"/etc/mosquitto/mosquitto.conf", "/etc/mosquitto/conf.d*.conf", "/etc/mosquitto.conf"}},
};

void sek_posture_logins(struct sek_posture *p, struct sek_guess *guess)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        struct logins l = {.posture = p, .guess = guess, .keys = services[i].keys};
        if (!sek_posture_runs(p, services[i].programs, services[i].port))
            continue;
        for (size_t k = 0; k < 9 && services[i].places[k]; k++) {
            char place[64];
            snprintf(place, sizeof place, "%s", services[i].places[k]);
            char *star = strchr(place, '*');
            if (star)
                *star++ = '\0';
            if (star)
                sek_posture_folder(p, place, star, note_file, &l);
            else
                sek_posture_lines(p, place, note_file, &l);
        }
        for (size_t k = 0; k < l.count; k++)
            read_file(&l, l.files[k], services[i].same);
    }
}
