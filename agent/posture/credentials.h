/* Factory credentials of devices, and the passwords that are guessed first: facts that makers'
 * manuals and the published lists of botnets (Mirai and its successors) have made known. */
#ifndef SEK_AGENT_CREDENTIALS_H
#define SEK_AGENT_CREDENTIALS_H

struct sek_credential {
    const char *user, *password;
};

/* Both end with a NULL. */
extern const struct sek_credential sek_factory_credentials[];
extern const char *const sek_common_passwords[];

#endif
