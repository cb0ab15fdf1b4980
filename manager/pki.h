/* The manager's own certificate authority: makes itself at first start, signs the server
 * certificate and devices' certificates, and nothing else. */
#ifndef SEK_MANAGER_PKI_H
#define SEK_MANAGER_PKI_H

#include "lib/base/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct sek_pki;

/* Load the CA from FOLDER (ca.pem, ca.key mode 0600), made when absent, and issue a fresh server
 * certificate for NAMES (host names or addresses). */
enum sek_error sek_pki_open(const char *folder, const char *const *names, size_t count,
                            struct sek_pki **out, struct sek_fault *fault);
void sek_pki_free(struct sek_pki *pki);
/* The CA certificate as PEM, and the base64url SHA-256 of its DER (43 characters). */
const char *sek_pki_ca_pem(const struct sek_pki *pki);
const char *sek_pki_ca_pin(const struct sek_pki *pki);

/* Sign a device's request (PEM). Only P-256 and Ed25519 keys are taken; subject and extensions are
 * ours. *CERTIFICATE is malloc'd PEM, SERIAL its serial number in hex. */
enum sek_error sek_pki_issue(const struct sek_pki *pki, const char *request_pem, const char *device,
                             const char *tenant, char **certificate, char serial[48],
                             struct sek_fault *fault);

/* Server contexts: CLIENTS true asks for and requires a device certificate. */
enum sek_error sek_pki_server(const struct sek_pki *pki, bool clients, SSL_CTX **out,
                              struct sek_fault *fault);
/* Device id, tenant and serial of the peer's verified certificate. */
enum sek_error sek_pki_peer(const SSL *ssl, char device[64], char tenant[64], char serial[48],
                            struct sek_fault *fault);

#endif
