/* Times count from boot, so that setting the clock opens nothing. */
#include "agent/uninstall.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct note {
    char boot[40];
    uint64_t at_s; /* since boot */
    unsigned count;
};

static uint64_t boot_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec;
}

static bool read_text(const char *state, const char *name, char *out, size_t size)
{
    char path[512], *text;
    size_t len;
    snprintf(path, sizeof path, "%.450s/%s", state, name);
    if (sek_file_read(path, 4096, &text, &len, NULL))
        return false;
    snprintf(out, size, "%s", text);
    free(text);
    return true;
}

static void this_boot(char out[40])
{
    char text[64];
    snprintf(out, 40, "unknown");
    if (read_text("/proc/sys/kernel/random", "boot_id", text, sizeof text))
        sscanf(text, "%39s", out);
}

/* False: there is none of this boot. */
static bool read_note(const char *state, const char *name, struct note *n)
{
    char text[160], boot[40];
    this_boot(boot);
    return read_text(state, name, text, sizeof text) &&
           sscanf(text, "%39s %" SCNu64 " %u", n->boot, &n->at_s, &n->count) == 3 &&
           !strcmp(n->boot, boot);
}

static enum sek_error write_note(const char *state, const char *name, uint64_t at_s, unsigned count,
                                 struct sek_fault *fault)
{
    char path[512], text[160], boot[40];
    this_boot(boot);
    snprintf(path, sizeof path, "%.450s/%s", state, name);
    int n = snprintf(text, sizeof text, "%s %" PRIu64 " %u\n", boot, at_s, count);
    return sek_file_replace(path, text, (size_t)n, 0600, fault);
}

/* The digest that a token must have; false: none is needed. */
static bool wanted(const char *state, char digest[SEK_SHA256_HEX])
{
    char text[SEK_SHA256_HEX + 2];
    uint8_t bytes[32];
    if (!read_text(state, "uninstall", text, sizeof text))
        return false;
    text[64] = '\0';
    memcpy(digest, text, SEK_SHA256_HEX);
    /* A damaged file must not do away with the token: then none fits. */
    if (!sek_hex_decode(text, bytes, sizeof bytes))
        memset(digest, 'x', 64);
    return true;
}

enum sek_error sek_uninstall_unlock(const char *state, const char *token, struct sek_fault *fault)
{
    char digest[SEK_SHA256_HEX], given[SEK_SHA256_HEX];
    struct note tries = {0};
    uint64_t now = boot_s();
    enum sek_error rc;
    if (!wanted(state, digest))
        return sek_fail(fault, SEK_ENOTFOUND, "this device was never enrolled: no token is needed");
    if (!read_note(state, "unlock-tries", &tries) || now - tries.at_s >= SEK_UNLOCK_S)
        tries = (struct note){.at_s = now};
    if (tries.count >= SEK_UNLOCK_TRIES)
        return sek_fail(fault, SEK_EAGAIN, "%u wrong tokens: wait %u s", tries.count,
                        (unsigned)(SEK_UNLOCK_S - (now - tries.at_s)));
    /* Counted before it is compared, so that a kill in between is no further try. */
    if ((rc = write_note(state, "unlock-tries", tries.at_s, tries.count + 1, fault)))
        return rc;
    sek_sha256_hex(token, strlen(token), given);
    if (CRYPTO_memcmp(given, digest, 64) != 0)
        return sek_fail(fault, SEK_EAUTH, "the token is not this device's uninstall token");
    if ((rc = write_note(state, "unlocked", now + SEK_UNLOCK_S, 0, fault)))
        return rc;
    return write_note(state, "unlock-tries", now, 0, fault);
}

enum sek_error sek_uninstall_check(const char *state, struct sek_fault *fault)
{
    char digest[SEK_SHA256_HEX];
    struct note unlocked;
    if (!wanted(state, digest) ||
        (read_note(state, "unlocked", &unlocked) && boot_s() < unlocked.at_s))
        return SEK_OK;
    return sek_fail(
        fault, SEK_EAUTH,
        "removing the agent needs a token: an administrator gets it with `sekishoctl "
        "device uninstall-token DEVICE`; then run `sekisho-agent unlock --token TOKEN` and "
        "remove the package within %u minutes",
        SEK_UNLOCK_S / 60);
}

void sek_uninstall_digest(const char *state, const char *digest)
{
    char path[512], have[SEK_SHA256_HEX + 2] = "";
    uint8_t bytes[32];
    if (strlen(digest) != 64 || !sek_hex_decode(digest, bytes, sizeof bytes))
        return;
    snprintf(path, sizeof path, "%.450s/uninstall", state);
    if (!read_text(state, "uninstall", have, sizeof have) || strncmp(have, digest, 64) != 0)
        sek_file_replace(path, digest, 64, 0600, NULL);
}
