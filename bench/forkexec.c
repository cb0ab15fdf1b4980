/* The median time of fork, exec and wait of a program, in microseconds.
 *   forkexec TIMES PROGRAM [ARGUMENT...] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[1]) : 0, status;
    uint64_t *taken = calloc((size_t)times + 1, sizeof *taken);
    if (times < 1 || !taken) {
        fprintf(stderr, "usage: forkexec TIMES PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    for (int i = 0; i < times; i++) {
        uint64_t begin = now_ns();
        pid_t pid = fork();
        if (pid == 0) {
            execv(argv[2], argv + 2);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "forkexec: %s: status %x\n", argv[2], status);
            return 1;
        }
        taken[i] = now_ns() - begin;
    }
    qsort(taken, (size_t)times, sizeof *taken, compare);
    printf("%.1f\n", (double)taken[times / 2] / 1000.0);
    free(taken);
    return 0;
}
