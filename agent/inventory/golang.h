/* What the Go linker writes into each program (debug/buildinfo): Go's version, the main module and
 * the modules it was built with. */
#ifndef SEK_AGENT_GOLANG_H
#define SEK_AGENT_GOLANG_H

#include "agent/inventory/elf.h"

#define SEK_GO_INFO_MAX (1u << 20) /* bytes of the module list */
#define SEK_GO_MODULES  4000

/* Call MODULE for Go itself ("stdlib", "1.21.5"), the main module (MAIN) and each dependency, with
 * replacements applied; strings live until the call returns. False: ELF is no Go program, or its
 * build information cannot be read. */
bool sek_go_modules(const struct sek_elf *elf,
                    void (*module)(void *arg, const char *path, const char *version, bool main),
                    void *arg);

#endif
