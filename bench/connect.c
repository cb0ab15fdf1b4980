/* What exit control adds to connect(): the median time of a call, in nanoseconds, from a process of
 * a cgroup outside (first number) and inside of what the agent covers (second), one line a round.
 *   connect OUTSIDE COVERED udp|ADDRESS ROUNDS TIMES
 * udp: one socket, connected again and again to addresses of 11.0.0.0/8 all over. ADDRESS: new TCP
 * sockets, to its port 1, which is expected to be closed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

static int enter(const char *cgroup)
{
    char path[512];
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int good = fd >= 0 && write(fd, "0", 1) == 1;
    if (!good)
        fprintf(stderr, "connect: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

static uint32_t next_address(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return htonl(0x0b000000u | *state >> 8);
}

/* -1: a call failed in another way than expected (EPERM: an address of the list). */
static double median(const char *what, int times, uint64_t *taken)
{
    uint32_t state = 12345;
    int tcp = strcmp(what, "udp") != 0;
    int fd = tcp ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int count = 0;
    for (int i = 0; i < times; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(tcp ? 1 : 443)};
        a.sin_addr.s_addr = tcp ? inet_addr(what) : next_address(&state);
        if (tcp)
            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint64_t begin = now_ns();
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        uint64_t spent = now_ns() - begin;
        if (rc && errno != (tcp ? ECONNREFUSED : EPERM)) {
            fprintf(stderr, "connect: %s\n", strerror(errno));
            return -1;
        }
        if (tcp)
            close(fd);
        if (tcp || !rc)
            taken[count++] = spent;
    }
    if (!tcp)
        close(fd);
    qsort(taken, (size_t)count, sizeof *taken, compare);
    return count ? (double)taken[count / 2] : -1;
}

int main(int argc, char **argv)
{
    int rounds = argc == 6 ? atoi(argv[4]) : 0, times = argc == 6 ? atoi(argv[5]) : 0;
    uint64_t *taken = calloc((size_t)times + 1, sizeof *taken);
    if (rounds < 1 || times < 1 || !taken) {
        fprintf(stderr, "usage: connect OUTSIDE COVERED udp|ADDRESS ROUNDS TIMES\n");
        return 2;
    }
    for (int i = 0; i < rounds; i++) {
        double of[2];
        for (int side = 0; side < 2; side++) {
            if (!enter(argv[1 + side]) || (of[side] = median(argv[3], times, taken)) < 0)
                return 1;
        }
        printf("%.0f %.0f\n", of[0], of[1]);
    }
    free(taken);
    return 0;
}
