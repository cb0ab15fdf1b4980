/* The sections of duties in a policy, before any of it comes into force. */
#include "agent/integrity/options.h"
#include "agent/logs/options.h"
#include "agent/malware/options.h"
#include "agent/message.h"
#include "agent/worker/duties.h"

enum sek_error sek_duty_sections_check(const json_t *policy, uint8_t *modes,
                                       struct sek_fault *fault)
{
    static struct sek_integrity_options integrity;
    static struct sek_logs_options logs;
    static struct sek_malware_options malware;
    enum sek_error rc;
    sek_integrity_options_default(&integrity);
    sek_logs_options_default(&logs);
    sek_malware_options_default(&malware);
    if ((rc =
             sek_integrity_options_read(&integrity, json_object_get(policy, "integrity"), fault)) ||
        (rc = sek_logs_options_read(&logs, json_object_get(policy, "logs"), fault)) ||
        (rc = sek_malware_options_read(&malware, json_object_get(policy, "malware"), fault)))
        return rc;
    modes[SEK_DUTY_INTEGRITY] = integrity.mode;
    modes[SEK_DUTY_LOGS] = logs.mode;
    modes[SEK_DUTY_MALWARE] = malware.mode;
    return SEK_OK;
}
