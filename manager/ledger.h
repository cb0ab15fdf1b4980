/* The tenants' Merkle logs in the store. Each has its events' records as leaves, in order. */
#ifndef SEK_MANAGER_LEDGER_H
#define SEK_MANAGER_LEDGER_H

#include "lib/audit/merkle.h"
#include "manager/manager.h"

enum sek_error sek_ledger_open(struct sek_store *store, const char *tenant, struct sek_merkle *log,
                            struct sek_fault *fault);
enum sek_error sek_ledger_append(struct sek_store *store, const char *tenant, struct sek_merkle *log,
                              const struct sek_hash *leaf, struct sek_fault *fault);
/* Sign and store a checkpoint of LOG as it is now. */
enum sek_error sek_ledger_sign(struct sek_manager *m, const char *tenant, const struct sek_merkle *log,
                            struct sek_fault *fault);

/* Where sek_merkle reads the nodes of TENANT. Valid while both arguments live. */
struct sek_ledger_reader {
    struct sek_store *store;
    const char *tenant;
};
struct sek_merkle_source sek_ledger_source(struct sek_ledger_reader *reader);

/* Check every record, every node and every checkpoint of TENANT. *OUT is {"ok":true,...} or
 * {"ok":false,"record":N,"event":ID,"device":...,"problem":"..."} for the first altered record. */
enum sek_error sek_ledger_verify(struct sek_manager *m, const char *tenant, json_t **out,
                              struct sek_fault *fault);

#endif
