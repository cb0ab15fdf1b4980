/* What every loader of eBPF programs here does: libbpf is kept silent, and of its object only
 * descriptors stay, because it would hold its ELF and type data in memory for nothing. */
#ifndef SEK_AGENT_EBPF_H
#define SEK_AGENT_EBPF_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_object;

void sek_ebpf_quiet(void);
/* A copy of the descriptor FD that outlives libbpf's object; the caller closes it. */
int sek_ebpf_keep(int fd);
/* Attach every program of OBJECT that was loaded; the descriptors of the links go into LINKS, which has
 * room for MAX, and *COUNT says how many there are, also after an error. The caller closes them. */
enum sek_error sek_ebpf_attach(struct bpf_object *object, int *links, unsigned max, unsigned *count,
                               struct sek_fault *fault);

/* A device as the kernel's own structures number it (s_dev), of its number from stat(2). */
uint32_t sek_ebpf_device(dev_t device);

/* Do BPF LSM programs take effect? A kernel that has BPF LSM attaches them also when `bpf` is not among
 * the security modules that run, and then never calls them. */
bool sek_ebpf_runs_lsm(void);
/* Why programs that need type information were not loaded: ERROR, or that there is none. */
const char *sek_ebpf_why(int error);

#endif
