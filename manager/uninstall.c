/* The token is derived, not stored: it is the same each time, for this manager and device. */
#include "manager/uninstall.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "manager/own.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sek_error sek_uninstall_open(const char *folder, uint8_t secret[32], struct sek_fault *fault)
{
    char path[PATH_MAX], *text = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s/uninstall.key", folder);
    enum sek_error rc = sek_file_read(path, 4096, &text, &len, fault);
    if (rc == SEK_ENOTFOUND) {
        if (RAND_bytes(secret, 32) != 1)
            return sek_fail(fault, SEK_EIO, "%s: no random bytes", path);
        return sek_file_replace(path, secret, 32, 0600, fault);
    }
    if (!rc && len != 32)
        rc = sek_fail(fault, SEK_EINVAL, "%s: %zu bytes, 32 expected", path, len);
    if (!rc)
        memcpy(secret, text, 32);
    if (text)
        OPENSSL_cleanse(text, len);
    free(text);
    return rc;
}

void sek_uninstall_token(const struct sek_manager *m, const char *device,
                         char token[SEK_UNINSTALL_TEXT])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char text[160];
    int n = snprintf(text, sizeof text, "uninstall %s", device);
    HMAC(EVP_sha256(), m->uninstall_secret, sizeof m->uninstall_secret, (const uint8_t *)text,
         (size_t)n, mac, &len);
    memcpy(token, "sku1.", 5);
    sek_base64url_encode(mac, 32, token + 5);
}

enum sek_error sek_uninstall_reply(struct sek_request *r, struct sek_fault *fault)
{
    char token[SEK_UNINSTALL_TEXT], reason[160];
    const char *device = r->parameter[0];
    if (!sek_store_number(r->manager->store, 0,
                          "SELECT 1 FROM devices WHERE id=? AND tenant=? AND kind='agent'", "ss",
                          device, r->tenant))
        return sek_fail(fault, SEK_ENOTFOUND, "device %.60s: no such agent", device);
    snprintf(reason, sizeof reason, "%.60s asked for the device's uninstall token", r->account);
    json_t *extra = json_pack("{s:s}", "account", r->account);
    enum sek_error rc =
        sek_own_event(r->manager, r->tenant, device, "uninstall", reason, extra, fault);
    json_decref(extra);
    if (rc)
        return rc;
    sek_uninstall_token(r->manager, device, token);
    return sek_reply(r, 201, json_pack("{s:s, s:s}", "device", device, "token", token));
}
