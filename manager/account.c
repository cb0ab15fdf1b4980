/* Accounts and sessions. */
#include "manager/account.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_LIFE  (12 * 3600)
#define ONE_TIME_LIFE (24 * 3600)
#define COOKIE        "sekisho_session"
#define SALT_SIZE     16
#define HASH_SIZE     32
#define PASSWORD_MIN  10
#define PASSWORD_MAX  256

static const char *const role_names[] = {NULL, "viewer", "operator", "admin"};

void sek_secret_make(char secret[SEK_SECRET_TEXT])
{
    uint8_t raw[32];
    if (RAND_bytes(raw, sizeof raw) != 1)
        abort(); /* no secrets without randomness */
    sek_base64url_encode(raw, sizeof raw, secret);
}

void sek_secret_hash(const char *secret, char hash[65])
{
    sek_sha256_hex(secret, strlen(secret), hash);
}

/* scrypt with N=2^15, r=8, p=1: 32 MiB and about 100 ms. */
static bool scrypt(const char *password, const void *salt, uint8_t out[HASH_SIZE])
{
    return EVP_PBE_scrypt(password, strlen(password), salt, SALT_SIZE, 1 << 15, 8, 1, 64u << 20,
                          out, HASH_SIZE) == 1;
}

enum sek_error sek_account_set_password(struct sek_store *store, const char *account,
                                        const char *password, struct sek_fault *fault)
{
    uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
    size_t len = strlen(password);
    if (len < PASSWORD_MIN || len > PASSWORD_MAX)
        return sek_fail(fault, SEK_EINVAL, "field \"password\": %d to %d bytes expected",
                        PASSWORD_MIN, PASSWORD_MAX);
    if (RAND_bytes(salt, sizeof salt) != 1 || !scrypt(password, salt, hash))
        return sek_fail(fault, SEK_EIO, "cannot hash the password");
    enum sek_error rc =
        sek_store_run(store, fault, "UPDATE accounts SET salt=?, hash=? WHERE name=?", "bbs", salt,
                      sizeof salt, hash, sizeof hash, account);
    if (!rc && !sek_store_changes(store))
        rc = sek_fail(fault, SEK_ENOTFOUND, "account %.60s: no such account", account);
    return rc;
}

struct stored {
    bool found;
    uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
};

static bool take_stored(void *arg, const struct sek_row *row)
{
    struct stored *s = arg;
    size_t salt_len, hash_len;
    const void *salt = row->blob(row, 0, &salt_len), *hash = row->blob(row, 1, &hash_len);
    if (salt_len == SALT_SIZE && hash_len == HASH_SIZE) {
        memcpy(s->salt, salt, SALT_SIZE);
        memcpy(s->hash, hash, HASH_SIZE);
        s->found = true;
    }
    return false;
}

/* The same work for unknown names, so that time does not tell which exist. */
static bool password_fits(struct sek_store *store, const char *account, const char *password)
{
    struct stored s = {0};
    uint8_t hash[HASH_SIZE];
    sek_store_each(store, take_stored, &s, NULL,
                   "SELECT salt, hash FROM accounts WHERE name=? AND hash IS NOT NULL", "s",
                   account);
    bool same = scrypt(password, s.salt, hash) && !CRYPTO_memcmp(hash, s.hash, HASH_SIZE);
    return same && s.found;
}

bool sek_account_none(struct sek_store *store)
{
    return !sek_store_number(store, 0, "SELECT count(*) FROM accounts WHERE hash IS NOT NULL", "");
}

enum sek_error sek_account_one_time(struct sek_store *store, const char *account,
                                    char secret[SEK_SECRET_TEXT], struct sek_fault *fault)
{
    char hash[65];
    sek_secret_make(secret);
    sek_secret_hash(secret, hash);
    enum sek_error rc = sek_store_run(
        store, fault,
        "INSERT INTO accounts(name, tenant, role, created) VALUES(?, NULL, 'admin', ?)"
        " ON CONFLICT DO NOTHING",
        "si", account, sek_now());
    if (!rc)
        rc = sek_store_run(store, fault, "DELETE FROM one_time WHERE expires < ?", "i", sek_now());
    if (!rc)
        rc = sek_store_run(store, fault,
                           "INSERT INTO one_time(hash, account, expires) VALUES(?, ?, ?)", "ssi",
                           hash, account, sek_now() + ONE_TIME_LIFE);
    return rc;
}

struct identity {
    char account[64], role[16], tenant[64];
    bool found, system;
};

static bool take_identity(void *arg, const struct sek_row *row)
{
    struct identity *id = arg;
    snprintf(id->account, sizeof id->account, "%s", row->text(row, 0, NULL));
    snprintf(id->role, sizeof id->role, "%s", row->text(row, 1, NULL));
    snprintf(id->tenant, sizeof id->tenant, "%s", row->text(row, 2, NULL));
    id->system = !id->tenant[0];
    id->found = true;
    return false;
}

static enum sek_access access_of(const struct identity *id)
{
    for (int i = SEK_ACCESS_VIEWER; i <= SEK_ACCESS_ADMIN; i++)
        if (!strcmp(id->role, role_names[i]))
            return i == SEK_ACCESS_ADMIN && id->system ? SEK_ACCESS_SYSTEM : (enum sek_access)i;
    return SEK_ACCESS_PUBLIC;
}

/* The session token: bearer, else cookie. *COOKIE_USED tells which. */
static bool find_token(struct sek_request *r, char token[SEK_SECRET_TEXT], bool *cookie_used)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(r->http);
    const char *authorization = evhttp_find_header(headers, "Authorization");
    const char *cookie = evhttp_find_header(headers, "Cookie");
    const char *at = NULL;
    *cookie_used = false;
    if (authorization && !strncmp(authorization, "Bearer ", 7)) {
        at = authorization + 7;
    } else if (cookie && (at = strstr(cookie, COOKIE "="))) {
        at += sizeof COOKIE;
        *cookie_used = true;
    }
    if (!at || strcspn(at, "; ") != SEK_SECRET_TEXT - 1)
        return false;
    memcpy(token, at, SEK_SECRET_TEXT - 1);
    token[SEK_SECRET_TEXT - 1] = '\0';
    return true;
}

/* A page of another site can make the browser send the cookie, but not this header. */
static bool forged(struct sek_request *r)
{
    return evhttp_request_get_command(r->http) != EVHTTP_REQ_GET &&
           !evhttp_find_header(evhttp_request_get_input_headers(r->http), "X-Sekisho");
}

bool sek_account_authenticate(struct sek_request *r, enum sek_access need)
{
    char token[SEK_SECRET_TEXT], hash[65];
    struct identity id = {0};
    bool cookie = false;
    if (find_token(r, token, &cookie)) {
        sek_secret_hash(token, hash);
        sek_store_each(r->manager->store, take_identity, &id, NULL,
                       "SELECT a.name, a.role, a.tenant FROM sessions s JOIN accounts a"
                       " ON a.name = s.account WHERE s.hash=? AND s.expires > ?",
                       "si", hash, sek_now());
    }
    if (!id.found) {
        sek_reply_problem(r, 401, "log in first: no valid session", NULL);
        return false;
    }
    if (cookie && forged(r)) {
        sek_reply_problem(r, 403, "changes with a session cookie need the header X-Sekisho", NULL);
        return false;
    }
    const char *wanted = sek_request_query(r, "tenant");
    const char *tenant = id.system ? (wanted ? wanted : SEK_DEFAULT_TENANT) : id.tenant;
    r->access = access_of(&id);
    snprintf(r->account, sizeof r->account, "%s", id.account);
    snprintf(r->tenant, sizeof r->tenant, "%s", tenant);
    if (r->access < need || (!id.system && wanted && strcmp(wanted, id.tenant))) {
        sek_reply_problem(r, 403, "this account may not do that", NULL);
        return false;
    }
    if (id.system && wanted &&
        !sek_store_number(r->manager->store, 0, "SELECT 1 FROM tenants WHERE id=?", "s", tenant)) {
        sek_reply_problem(r, 404, "no such tenant", NULL);
        return false;
    }
    return true;
}

/* --- calls --- */

static json_t *describe(struct sek_store *store, const char *account)
{
    json_t *row = NULL;
    sek_store_row(store, &row, NULL,
                  "SELECT name AS account, role, tenant, hash IS NOT NULL AS \"has_password:bool\""
                  " FROM accounts WHERE name=?",
                  "s", account);
    return row ? row : json_object();
}

static enum sek_error start_session(struct sek_request *r, const char *account, bool cookie,
                                    struct sek_fault *fault)
{
    char token[SEK_SECRET_TEXT], hash[65], line[256];
    sek_secret_make(token);
    sek_secret_hash(token, hash);
    enum sek_error rc = sek_store_run(r->manager->store, fault,
                                      "DELETE FROM sessions WHERE expires < ?", "i", sek_now());
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT INTO sessions(hash, account, expires) VALUES(?, ?, ?)", "ssi",
                           hash, account, sek_now() + SESSION_LIFE);
    if (rc)
        return rc;
    json_t *doc = describe(r->manager->store, account);
    json_object_set_new(doc, "expires", json_integer(sek_now() + SESSION_LIFE));
    if (cookie) {
        snprintf(line, sizeof line,
                 COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Strict", token,
                 SESSION_LIFE);
        evhttp_add_header(evhttp_request_get_output_headers(r->http), "Set-Cookie", line);
    } else {
        json_object_set_new(doc, "token", json_string(token));
    }
    return sek_reply(r, 200, doc);
}

static bool take_text(void *arg, const struct sek_row *row)
{
    snprintf(arg, 64, "%s", row->text(row, 0, NULL));
    return false;
}

/* The account of a one-time secret, which is used up; "" when it is not valid. */
static void use_one_time(struct sek_store *store, const char *secret, char account[64])
{
    char hash[65];
    sek_secret_hash(secret, hash);
    account[0] = '\0';
    sek_store_each(store, take_text, account, NULL,
                   "SELECT account FROM one_time WHERE hash=? AND expires > ?", "si", hash,
                   sek_now());
    sek_store_run(store, NULL, "DELETE FROM one_time WHERE hash=?", "s", hash);
}

static enum sek_error login(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_manager *m = r->manager;
    json_t *body = NULL;
    char account[64] = "";
    if (!sek_limit_allows(&m->logins, r->address, sek_clock_wall_us()))
        return sek_fail(fault, SEK_EAGAIN, "too many failed logins from %s: wait a minute",
                        r->address);
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (rc)
        return rc;
    const char *secret = json_string_value(json_object_get(body, "one_time"));
    const char *name = json_string_value(json_object_get(body, "account"));
    const char *password = json_string_value(json_object_get(body, "password"));
    if (secret)
        use_one_time(m->store, secret, account);
    else if (name && password && strlen(password) <= PASSWORD_MAX && strlen(name) < sizeof account &&
             password_fits(m->store, name, password))
        snprintf(account, sizeof account, "%s", name);
    if (!secret && (!name || !password)) {
        rc = sek_fail(fault, SEK_EINVAL, "fields \"account\" and \"password\", or \"one_time\", "
                                         "expected");
    } else if (!*account) {
        sek_limit_take(&m->logins, r->address, sek_clock_wall_us());
        rc = sek_reply_problem(r, 401,
                               secret ? "this one-time login is wrong, used or expired"
                                      : "account and password do not fit",
                               NULL);
    } else {
        rc = start_session(r, account, !json_is_true(json_object_get(body, "token")), fault);
    }
    json_decref(body);
    return rc;
}

static enum sek_error logout(struct sek_request *r, struct sek_fault *fault)
{
    char token[SEK_SECRET_TEXT], hash[65];
    bool cookie;
    if (find_token(r, token, &cookie)) {
        sek_secret_hash(token, hash);
        enum sek_error rc = sek_store_run(r->manager->store, fault,
                                          "DELETE FROM sessions WHERE hash=?", "s", hash);
        if (rc)
            return rc;
    }
    evhttp_add_header(evhttp_request_get_output_headers(r->http), "Set-Cookie",
                      COOKIE "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict");
    return sek_reply_empty(r);
}

static enum sek_error session(struct sek_request *r, struct sek_fault *fault)
{
    (void)fault;
    json_t *doc = describe(r->manager->store, r->account);
    json_object_set_new(doc, "current_tenant", json_string(r->tenant));
    json_object_set_new(doc, "version", json_string(SEK_VERSION));
    return sek_reply(r, 200, doc);
}

static enum sek_error list_accounts(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(
        r->manager->store, &rows, fault,
        "SELECT name AS account, role, tenant, created, hash IS NOT NULL AS \"has_password:bool\""
        " FROM accounts WHERE tenant IS ?1 OR ?2 ORDER BY name",
        "si", r->tenant, (int64_t)(r->access == SEK_ACCESS_SYSTEM));
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "accounts", rows));
}

static bool role_known(const char *role)
{
    for (int i = SEK_ACCESS_VIEWER; i <= SEK_ACCESS_ADMIN; i++)
        if (role && !strcmp(role, role_names[i]))
            return true;
    return false;
}

static bool name_allowed(const char *name)
{
    size_t len = strlen(name);
    return len && len < 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") ==
               len;
}

static enum sek_error add_account(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    const char *name, *password;
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (rc)
        return rc;
    const char *role = json_string_value(json_object_get(body, "role"));
    bool system = json_is_true(json_object_get(body, "system"));
    rc = sek_field(body, "account", &name, fault);
    if (!rc)
        rc = sek_field(body, "password", &password, fault);
    if (!rc && !name_allowed(name))
        rc = sek_fail(fault, SEK_EINVAL,
                      "field \"account\": letters, digits and . _ @ - expected, at most 63");
    if (!rc && !role_known(role))
        rc = sek_fail(fault, SEK_EINVAL, "field \"role\": admin, operator or viewer expected");
    if (!rc && system && r->access < SEK_ACCESS_SYSTEM)
        rc = sek_fail(fault, SEK_EAUTH, "only a system administrator makes system accounts");
    if (!rc && !(rc = sek_store_begin(r->manager->store, fault))) {
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT INTO accounts(name, tenant, role, created) VALUES(?,?,?,?)",
                           "sssi", name, system ? NULL : r->tenant, role, sek_now());
        if (rc == SEK_EEXIST)
            sek_fail(fault, rc, "account %s exists already", name);
        if (!rc)
            rc = sek_account_set_password(r->manager->store, name, password, fault);
        rc = sek_store_end(r->manager->store, rc, fault);
    }
    if (!rc)
        rc = sek_reply(r, 201, describe(r->manager->store, name));
    json_decref(body);
    return rc;
}

static enum sek_error in_reach(struct sek_request *r, const char *name, struct sek_fault *fault)
{
    bool own = !strcmp(name, r->account);
    if (own || (r->access >= SEK_ACCESS_ADMIN &&
                sek_store_number(r->manager->store, 0,
                                 "SELECT 1 FROM accounts WHERE name=?1 AND (tenant=?2 OR ?3)", "ssi",
                                 name, r->tenant, (int64_t)(r->access == SEK_ACCESS_SYSTEM))))
        return SEK_OK;
    return sek_fail(fault, SEK_ENOTFOUND, "account %.60s: no such account", name);
}

static enum sek_error put_password(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    const char *password;
    enum sek_error rc = in_reach(r, r->parameter[0], fault);
    if (!rc)
        rc = sek_request_json(r, &body, fault);
    if (!rc)
        rc = sek_field(body, "password", &password, fault);
    if (!rc)
        rc = sek_account_set_password(r->manager->store, r->parameter[0], password, fault);
    json_decref(body);
    return rc ? rc : sek_reply_empty(r);
}

static enum sek_error remove_account(struct sek_request *r, struct sek_fault *fault)
{
    enum sek_error rc = in_reach(r, r->parameter[0], fault);
    if (!rc && !strcmp(r->parameter[0], r->account))
        rc = sek_fail(fault, SEK_ESTATE, "an account cannot remove itself");
    if (!rc)
        rc = sek_store_run(r->manager->store, fault, "DELETE FROM sessions WHERE account=?", "s",
                           r->parameter[0]);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault, "DELETE FROM accounts WHERE name=?", "s",
                           r->parameter[0]);
    return rc ? rc : sek_reply_empty(r);
}

const struct sek_route sek_routes_session[] = {
    {EVHTTP_REQ_POST, "/api/v1/login", SEK_ACCESS_PUBLIC, login},
    {EVHTTP_REQ_POST, "/api/v1/logout", SEK_ACCESS_VIEWER, logout},
    {EVHTTP_REQ_GET, "/api/v1/session", SEK_ACCESS_VIEWER, session},
    {EVHTTP_REQ_GET, "/api/v1/accounts", SEK_ACCESS_ADMIN, list_accounts},
    {EVHTTP_REQ_POST, "/api/v1/accounts", SEK_ACCESS_ADMIN, add_account},
    {EVHTTP_REQ_PUT, "/api/v1/accounts/*/password", SEK_ACCESS_VIEWER, put_password},
    {EVHTTP_REQ_DELETE, "/api/v1/accounts/*", SEK_ACCESS_ADMIN, remove_account},
    {0, NULL, 0, NULL},
};
