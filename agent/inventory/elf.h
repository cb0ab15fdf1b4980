/* What an inventory needs of an ELF file: its class and order, sections and loaded segments, the
 * GNU build id (System V ABI, chapters 4 and 5). Offsets and sizes are as the file says: whoever
 * reads there uses sek_view_read, which checks. */
#ifndef SEK_AGENT_ELF_H
#define SEK_AGENT_ELF_H

#include "agent/inventory/view.h"

#define SEK_ELF_SECTIONS 128
#define SEK_ELF_SEGMENTS 64
#define SEK_BUILD_ID     80 /* hexadecimal, with the NUL */

struct sek_elf_part {
    char name[24]; /* "" for a segment */
    uint32_t type, flags;
    uint64_t address, offset, size;
};

struct sek_elf {
    const struct sek_view *view;
    bool wide, big; /* 64 bits; big endian */
    uint16_t type;  /* ET_REL, ET_EXEC, ... */
    uint16_t machine;
    struct sek_elf_part sections[SEK_ELF_SECTIONS], segments[SEK_ELF_SEGMENTS];
    unsigned section_count, segment_count;
};

/* False: no ELF file, or its tables lie outside of it. */
bool sek_elf_open(const struct sek_view *view, struct sek_elf *out);
/* NULL: there is none of that name. */
const struct sek_elf_part *sek_elf_section(const struct sek_elf *elf, const char *name);
/* Where the byte that is loaded at ADDRESS lies in the file; false: in no segment. */
bool sek_elf_offset(const struct sek_elf *elf, uint64_t address, uint64_t *offset);
/* The GNU build id; "" when there is none. */
void sek_elf_build_id(const struct sek_elf *elf, char out[SEK_BUILD_ID]);

#endif
