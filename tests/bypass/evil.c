/* What must never run: it leaves a mark. As a program, and as a library that is loaded. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef LIBRARY
__attribute__((constructor)) static void loaded(void)
#else
int main(void)
#endif
{
    const char *mark = getenv("SEK_MARK");
    int fd = mark ? open(mark, O_WRONLY | O_CREAT, 0644) : -1;
    if (fd >= 0)
        close(fd);
#ifndef LIBRARY
    return 0;
#endif
}
