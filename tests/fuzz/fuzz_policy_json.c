/* objects: manager/policy.c */
/* Policy bodies of the REST API: checked without harm, whatever they hold. */
#include <stddef.h>
#include <stdint.h>

#include "manager/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    char pointer[SEK_POLICY_POINTER];
    if (json_is_object(body) && sek_policy_check(body, &fault))
        sek_policy_place(&fault, pointer);
    json_decref(body);
    return 0;
}
