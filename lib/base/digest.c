/* The algorithms by themselves (MD5_Init and its like): OpenSSL 3 keeps them, and marks them as the old
 * way, because the new one allocates a context at every use. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/base/digest.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

size_t sek_digest_size(enum sek_digest kind)
{
    static const size_t sizes[] = {MD5_DIGEST_LENGTH, SHA_DIGEST_LENGTH, SHA256_DIGEST_LENGTH};
    return sizes[kind];
}

bool sek_digest(enum sek_digest kind, const void *data, size_t len, uint8_t out[SEK_DIGEST_MAX])
{
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    switch (kind) {
    case SEK_MD5:
        return MD5_Init(&md5) && MD5_Update(&md5, data, len) && MD5_Final(out, &md5);
    case SEK_SHA1:
        return SHA1_Init(&sha1) && SHA1_Update(&sha1, data, len) && SHA1_Final(out, &sha1);
    case SEK_SHA256:
        return SHA256_Init(&sha256) && SHA256_Update(&sha256, data, len) && SHA256_Final(out, &sha256);
    default:
        return false;
    }
}
