#include "agent/worker/sandbox.h"

#include "lib/base/log.h"
#include "lib/base/sandbox.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum sek_error sek_sandbox_enter(const char *user, const char *folder, const char *readable,
                                 struct sek_sandbox *out, struct sek_fault *fault)
{
    enum sek_error rc;
    if (!getpwnam(user)) {
        sek_warning("user '%s' does not exist; the worker runs as nobody", user);
        user = "nobody";
    }
    if ((rc = sek_sandbox_user(user, NULL, fault)))
        return rc;
    /* Changing the user forgets the parent-death signal. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return sek_fail(fault, SEK_EIO, "prctl: %s", strerror(errno));
    if ((rc = sek_sandbox_files(folder, readable, &out->landlock, fault)))
        return rc;
    return sek_sandbox_calls(SEK_SANDBOX_DEVICE, fault);
}
