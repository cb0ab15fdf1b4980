/* The device's inventory as docs/protocol.md has it: os, product, components, services, posture. */
#ifndef SEK_AGENT_INVENTORY_H
#define SEK_AGENT_INVENTORY_H

#include "agent/inventory/list.h"
#include "agent/inventory/os.h"
#include "agent/inventory/scan.h"
#include "agent/inventory/sockets.h"
#include "lib/base/error.h"

struct sek_collection;

struct sek_inventory_options {
    const char *root;      /* "" or a folder that holds an image */
    const char *sbom;      /* a maker's CycloneDX file; NULL: none */
    bool sbom_must;        /* a bad one is an error; else a note */
    const char *cache;     /* folder for what is remembered; NULL: none */
    unsigned walk_every_s; /* with a cache: how often all files are looked at */
    unsigned read_s;       /* with a cache: time for reading files in one go; 0: no limit */
    /* Called before the first byte of a file is parsed, after what needs more rights; NULL: not. */
    enum sek_error (*confine)(void *arg, struct sek_fault *fault);
    void *arg;
    /* Called with what the package databases tell when the first walk over all files, which may
     * take a while, is still to come; NULL: not. */
    void (*early)(void *arg, const struct sek_collection *c);
};

/* A listening socket with the component that owns its program. */
struct sek_service {
    const struct sek_listener *listener;
    char component[128]; /* "": not known */
};

/* What was collected. Services are this machine's: an image has none. */
struct sek_collection {
    struct sek_os os;
    struct sek_product product;
    struct sek_list list;
    struct sek_writable_list writable;
    struct sek_listener *listeners;
    struct sek_service *services;
    size_t service_count;
};

enum sek_error sek_collect(const struct sek_inventory_options *options, struct sek_collection *out,
                           struct sek_fault *fault);
/* ROOT without slashes at its end, so that paths can be put behind it; OUT holds PATH_MAX bytes. */
void sek_root_trim(const char *root, char *out);
void sek_collection_free(struct sek_collection *c);
/* Its members, into a JSON object that is open. */
void sek_collection_write(const struct sek_collection *c, struct sek_text *out);

#endif
