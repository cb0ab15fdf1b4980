/* Creates and deletes COUNT files in FOLDER, evenly over SECONDS, on one processor core.
 *   churn FOLDER COUNT SECONDS CORE [same]
 * "same": always the same ten names. Prints how long it took. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    char path[4096];
    if (argc < 5)
        return 2;
    long count = atol(argv[2]);
    double seconds = atof(argv[3]), begin = now();
    cpu_set_t core;
    CPU_ZERO(&core);
    CPU_SET(atoi(argv[4]), &core);
    sched_setaffinity(0, sizeof core, &core);
    for (long i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/f%ld", argv[1], argc > 5 ? i % 10 : i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) || unlink(path)) {
            perror(path);
            return 1;
        }
        double ahead = begin + seconds * (double)(i + 1) / (double)count - now();
        if (ahead > 0.002)
            usleep((useconds_t)(ahead * 1e6));
    }
    printf("%.2f\n", now() - begin);
    return 0;
}
