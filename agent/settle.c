/* Only segments that the loader mapped without write permission are dropped: they equal the file.
 * Relocated read-only data lies in writable segments and is left alone. */
#include "agent/settle.h"
#include "lib/base/heap.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int drop_code(struct dl_phdr_info *object, size_t size, void *arg)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)arg;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &object->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
            continue;
        uintptr_t from = (object->dlpi_addr + p->p_vaddr) & ~(page - 1);
        uintptr_t to = (object->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void sek_settle(void)
{
    sek_heap_give_back();
    dl_iterate_phdr(drop_code, NULL);
}
