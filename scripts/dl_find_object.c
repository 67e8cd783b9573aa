/* glibc's _dl_find_object for a program that is linked statically with musl, which has none: gcc's unwinder asks it
 * where the unwind tables are, and nobody else. Without an answer a panic could not unwind, and would abort.
 *
 * Source: glibc 2.35, dlfcn/dlfcn.h, struct dl_find_object; gcc 12, libgcc/unwind-dw2-fde-dip.c.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>

struct found {
    unsigned long long flags;
    void *map_start, *map_end;
    struct link_map *link_map;
    void *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct found *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    void *start = 0, *end = 0, *eh_frame = 0;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t at = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_GNU_EH_FRAME)
            eh_frame = (void *)at;
        if (part->p_type == PT_LOAD && search->address - at < part->p_memsz) {
            start = (void *)at;
            end = (void *)(at + part->p_memsz);
        }
    }
    if (!start || !eh_frame)
        return 0;
    *search->found = (struct found){.map_start = start, .map_end = end, .eh_frame = eh_frame};
    return 1;
}

int _dl_find_object(void *address, struct found *found)
{
    struct search search = {(uintptr_t)address, found};
    return dl_iterate_phdr(look, &search) ? 0 : -1;
}
