/* Capabilities are set, not removed one by one: what the kernel adds later is not kept. */
#include "agent/rights.h"

#include <sys/prctl.h>

bool sek_rights_keep(const cap_value_t *keep, int count)
{
    cap_t caps = cap_init();
    bool done = caps && !cap_set_flag(caps, CAP_PERMITTED, count, keep, CAP_SET) &&
                !cap_set_flag(caps, CAP_EFFECTIVE, count, keep, CAP_SET) && !cap_set_proc(caps);
    if (caps)
        cap_free(caps);
    return done && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
