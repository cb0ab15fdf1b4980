/* TLS contexts of Sekisho's clients, and the device's key and certificate request. A client trusts
 * exactly one CA, given as PEM or as the SHA-256 of its certificate; that CA signs no server
 * certificates but the manager's, so no host name is compared. There is no insecure mode. */
#ifndef SEK_WIRE_TLS_H
#define SEK_WIRE_TLS_H

#include "lib/base/error.h"

#include <openssl/ssl.h>

struct sek_tls_options {
    const char *ca_file;     /* PEM; or NULL and ca_pin */
    const char *ca_pin;      /* base64url SHA-256 of the CA certificate (DER) */
    const char *certificate; /* PEM file of the client, or NULL */
    const char *key;
};

enum sek_error sek_tls_client(const struct sek_tls_options *options, SSL_CTX **out,
                              struct sek_fault *fault);

/* The last OpenSSL error as text, for messages. Clears the queue. */
const char *sek_tls_error(char out[160]);

/* A new P-256 key and a certificate request for it, both PEM, malloc'd. */
enum sek_error sek_tls_request(char **key, char **request, struct sek_fault *fault);

#endif
