/* People: accounts with scrypt, sessions with random tokens of which only hashes are stored, and
 * one-time logins instead of default passwords. */
#ifndef SEK_MANAGER_ACCOUNT_H
#define SEK_MANAGER_ACCOUNT_H

#include "manager/http.h"

#define SEK_SECRET_TEXT 44 /* 32 random bytes, base64url, with the NUL */

/* Identify the caller by bearer token or cookie and check NEED; sets account, access and tenant.
 * False: answered already. */
bool sek_account_authenticate(struct sek_request *r, enum sek_access need);

/* A one-time login for ACCOUNT, made as a system administrator when it does not exist. */
enum sek_error sek_account_one_time(struct sek_store *store, const char *account,
                                    char secret[SEK_SECRET_TEXT], struct sek_fault *fault);
/* True when nobody has ever set a password. */
bool sek_account_none(struct sek_store *store);

enum sek_error sek_account_set_password(struct sek_store *store, const char *account,
                                        const char *password, struct sek_fault *fault);

/* 32 random bytes as text, and the hash under which a secret is stored. */
void sek_secret_make(char secret[SEK_SECRET_TEXT]);
void sek_secret_hash(const char *secret, char hash[65]);

#endif
