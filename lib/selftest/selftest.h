/* Self-tests of rules: exchanges written as text, played through the engine in memory. An exploit must
 * be blocked before its last bytes reach the receiver; a benign exchange must pass without a record.
 *
 * A test file (content/patches/<id>.tests) is lines:
 *
 *     exploit: what it does          begins an exchange that must be blocked ...
 *     benign: what it is             ... or one that must pass
 *     tcp 80                         transport and server port (tcp 80 when absent)
 *     > GET / HTTP/1.1\r\n           bytes to the server; escapes \r \n \t \0 \\ \xNN
 *     < HTTP/1.1 200 OK\r\n          bytes to the client
 *     * 3000 A                       repeat a byte: 3000 times 'A' (\xNN too), in the direction above
 *
 * Lines in one direction that follow each other are one message. Empty lines and lines that begin
 * with # are skipped. */
#ifndef SEK_SELFTEST_SELFTEST_H
#define SEK_SELFTEST_SELFTEST_H

#include "lib/base/error.h"
#include "lib/detect/compiled.h"

struct sek_selftest_result {
    const char *name; /* "exploit: ..." as in the file; valid during the call */
    unsigned line;
    bool exploit, passed;
    uint32_t sid;     /* of the rule that matched; 0: none */
};

struct sek_selftest_counts {
    unsigned exploits, benigns, failed;
};

/* Play all exchanges of TEXT against RULES; REPORT (may be NULL) hears of each. A malformed file is
 * SEK_EINVAL with NAME:LINE. */
enum sek_error sek_selftest_run(const struct sek_compiled *rules, const char *name,
                                const char *text, size_t len, struct sek_selftest_counts *counts,
                                void (*report)(void *ctx, const struct sek_selftest_result *r),
                                void *ctx, struct sek_fault *fault);

#endif
