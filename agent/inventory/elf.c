/* Both classes and both byte orders through one set of readers. */
#include "agent/inventory/elf.h"
#include "lib/base/encode.h"
#include "lib/base/reader.h"

#include <elf.h>
#include <string.h>

#define NOTES_MAX 65536

/* An unsigned field in the file's byte order; WIDE fields are 8 bytes in 64-bit files. */
static uint16_t half(const struct sek_elf *e, struct sek_reader *r)
{
    return e->big ? sek_reader_u16(r) : sek_reader_u16le(r);
}

static uint32_t word(const struct sek_elf *e, struct sek_reader *r)
{
    return e->big ? sek_reader_u32(r) : sek_reader_u32le(r);
}

static uint64_t address(const struct sek_elf *e, struct sek_reader *r)
{
    if (!e->wide)
        return word(e, r);
    return e->big ? sek_reader_u64(r) : sek_reader_u64le(r);
}

struct tables {
    uint64_t program, section;
    uint16_t program_size, program_count, section_size, section_count, names;
};

static bool read_header(struct sek_elf *e, struct tables *t)
{
    uint8_t bytes[64];
    size_t len = sek_view_some(e->view, 0, bytes, sizeof bytes);
    struct sek_reader r = sek_reader_make(bytes, (uint32_t)len);
    if (sek_reader_u32(&r) != 0x7f454c46)
        return false;
    uint8_t class = sek_reader_u8(&r), order = sek_reader_u8(&r);
    if ((class != ELFCLASS32 && class != ELFCLASS64) ||
        (order != ELFDATA2LSB && order != ELFDATA2MSB))
        return false;
    e->wide = class == ELFCLASS64;
    e->big = order == ELFDATA2MSB;
    sek_reader_skip(&r, EI_NIDENT - r.pos);
    e->type = half(e, &r);
    e->machine = half(e, &r);
    word(e, &r);    /* version */
    address(e, &r); /* entry */
    t->program = address(e, &r);
    t->section = address(e, &r);
    word(e, &r); /* flags */
    half(e, &r); /* size of this header */
    t->program_size = half(e, &r);
    t->program_count = half(e, &r);
    t->section_size = half(e, &r);
    t->section_count = half(e, &r);
    t->names = half(e, &r);
    return !r.failed;
}

/* A row of a table; at most 64 bytes of it are looked at. */
static bool row(const struct sek_elf *e, uint64_t table, unsigned index, uint16_t size,
                uint8_t bytes[64], struct sek_reader *r)
{
    size_t want = size < 64 ? size : 64;
    uint64_t at = table + (uint64_t)index * size;
    if (at < table || !sek_view_read(e->view, at, bytes, want))
        return false;
    *r = sek_reader_make(bytes, (uint32_t)want);
    return true;
}

static void read_segments(struct sek_elf *e, const struct tables *t)
{
    uint8_t bytes[64];
    struct sek_reader r;
    for (unsigned i = 0; i < t->program_count && e->segment_count < SEK_ELF_SEGMENTS; i++) {
        struct sek_elf_part p = {0};
        if (!row(e, t->program, i, t->program_size, bytes, &r))
            return;
        p.type = word(e, &r);
        if (e->wide)
            p.flags = word(e, &r);
        p.offset = address(e, &r);
        p.address = address(e, &r);
        address(e, &r); /* physical address */
        p.size = address(e, &r);
        address(e, &r); /* size in memory */
        if (!e->wide)
            p.flags = word(e, &r);
        if (!r.failed && (p.type == PT_LOAD || p.type == PT_NOTE))
            e->segments[e->segment_count++] = p;
    }
}

/* OUT gets the section's name number. */
static bool read_section(const struct sek_elf *e, const struct tables *t, unsigned index,
                         struct sek_elf_part *p, uint32_t *name)
{
    uint8_t bytes[64];
    struct sek_reader r;
    *p = (struct sek_elf_part){0};
    if (!row(e, t->section, index, t->section_size, bytes, &r))
        return false;
    *name = word(e, &r);
    p->type = word(e, &r);
    p->flags = (uint32_t)address(e, &r);
    p->address = address(e, &r);
    p->offset = address(e, &r);
    p->size = address(e, &r);
    return !r.failed;
}

static void read_sections(struct sek_elf *e, const struct tables *t)
{
    struct sek_elf_part names;
    uint32_t name;
    if (!t->section || !read_section(e, t, t->names, &names, &name))
        return;
    for (unsigned i = 0; i < t->section_count && e->section_count < SEK_ELF_SECTIONS; i++) {
        struct sek_elf_part *p = &e->sections[e->section_count];
        if (!read_section(e, t, i, p, &name))
            return;
        if (name < names.size && names.offset < UINT64_MAX - name)
            sek_view_some(e->view, names.offset + name, p->name, sizeof p->name - 1);
        e->section_count++;
    }
}

bool sek_elf_open(const struct sek_view *view, struct sek_elf *out)
{
    struct tables t = {0};
    *out = (struct sek_elf){.view = view};
    if (!read_header(out, &t))
        return false;
    read_segments(out, &t);
    read_sections(out, &t);
    return true;
}

const struct sek_elf_part *sek_elf_section(const struct sek_elf *elf, const char *name)
{
    for (unsigned i = 0; i < elf->section_count; i++)
        if (!strcmp(elf->sections[i].name, name))
            return &elf->sections[i];
    return NULL;
}

bool sek_elf_offset(const struct sek_elf *elf, uint64_t where, uint64_t *offset)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct sek_elf_part *p = &elf->segments[i];
        if (p->type == PT_LOAD && where >= p->address && where - p->address < p->size) {
            *offset = p->offset + (where - p->address);
            return true;
        }
    }
    return false;
}

/* A list of notes: name size, description size, type, name, description, each padded to 4. */
static bool id_in_notes(const struct sek_elf *e, uint64_t offset, uint64_t size,
                        char out[SEK_BUILD_ID])
{
    uint8_t bytes[4096];
    size_t len = size < sizeof bytes ? (size_t)size : sizeof bytes;
    struct sek_reader r =
        sek_reader_make(bytes, (uint32_t)sek_view_some(e->view, offset, bytes, len));
    while (sek_reader_left(&r) >= 12) {
        uint32_t name_len = word(e, &r), id_len = word(e, &r), type = word(e, &r);
        if (name_len > NOTES_MAX || id_len > NOTES_MAX)
            return false;
        struct sek_bytes name = sek_reader_bytes(&r, name_len);
        sek_reader_skip(&r, -name_len & 3);
        struct sek_bytes id = sek_reader_bytes(&r, id_len);
        if (!r.failed && type == NT_GNU_BUILD_ID && name.len == 4 && !memcmp(name.data, "GNU", 4) &&
            id.len && id.len * 2 < SEK_BUILD_ID) {
            sek_hex_encode(id.data, id.len, out);
            return true;
        }
        sek_reader_skip(&r, -id_len & 3);
    }
    return false;
}

void sek_elf_build_id(const struct sek_elf *elf, char out[SEK_BUILD_ID])
{
    *out = '\0';
    for (unsigned i = 0; i < elf->segment_count; i++)
        if (elf->segments[i].type == PT_NOTE &&
            id_in_notes(elf, elf->segments[i].offset, elf->segments[i].size, out))
            return;
    for (unsigned i = 0; i < elf->section_count; i++)
        if (elf->sections[i].type == SHT_NOTE &&
            id_in_notes(elf, elf->sections[i].offset, elf->sections[i].size, out))
            return;
}
