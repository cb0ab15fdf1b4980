/* One digest context for the process: hashing is never nested, and nothing is allocated per file.
 */
#include "agent/filehash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static EVP_MD_CTX *context;
static EVP_MD *sha256, *md5;

void sek_filehash_prepare(void)
{
    uint8_t digest[32];
    if (!context) {
        context = EVP_MD_CTX_new();
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    if (context && sha256 && EVP_DigestInit_ex2(context, sha256, NULL))
        EVP_DigestFinal_ex(context, digest, NULL);
}

static enum sek_error digest_file(const EVP_MD *algorithm, int fd, uint8_t *digest,
                                  _Atomic uint64_t *progress)
{
    static uint8_t chunk[CHUNK];
    uint64_t at = 0;
    if (!context || !algorithm || !EVP_DigestInit_ex2(context, algorithm, NULL))
        return SEK_ENOMEM;
    for (;;) {
        ssize_t n = pread(fd, chunk, sizeof chunk, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SEK_EIO;
        if (n == 0)
            break;
        EVP_DigestUpdate(context, chunk, (size_t)n);
        at += (uint64_t)n;
        if (progress)
            (*progress)++;
        if (at > SEK_FILEHASH_LIMIT)
            return SEK_ELIMIT;
    }
    return EVP_DigestFinal_ex(context, digest, NULL) ? SEK_OK : SEK_EIO;
}

enum sek_error sek_filehash(int fd, uint8_t digest[32], _Atomic uint64_t *progress)
{
    if (!context)
        sek_filehash_prepare();
    return digest_file(sha256, fd, digest, progress);
}

enum sek_error sek_filehash_md5(int fd, uint8_t digest[16])
{
    if (!context)
        sek_filehash_prepare();
    if (!md5)
        md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    return digest_file(md5, fd, digest, NULL);
}
