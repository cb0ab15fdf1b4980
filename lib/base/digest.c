/* Fetched algorithms, and one context for each thread. */
#include "lib/base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

static EVP_MD *algorithms[SEK_DIGESTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context;

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
    static const char *const names[] = {"MD5", "SHA1", "SHA256"};
    pthread_key_create(&context, free_context);
    for (int i = 0; i < SEK_DIGESTS; i++)
        algorithms[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

size_t sek_digest_size(enum sek_digest kind)
{
    static const size_t sizes[] = {16, 20, 32};
    return sizes[kind];
}

bool sek_digest(enum sek_digest kind, const void *data, size_t len, uint8_t out[SEK_DIGEST_MAX])
{
    pthread_once(&once, fetch);
    EVP_MD_CTX *ctx = pthread_getspecific(context);
    if (!ctx) {
        ctx = EVP_MD_CTX_new();
        if (!ctx || pthread_setspecific(context, ctx)) {
            EVP_MD_CTX_free(ctx);
            return false;
        }
    }
    return algorithms[kind] && EVP_DigestInit_ex2(ctx, algorithms[kind], NULL) &&
           EVP_DigestUpdate(ctx, data, len) && EVP_DigestFinal_ex(ctx, out, NULL);
}
