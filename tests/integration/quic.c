/* Sends what a QUIC client sends first and waits for an answer: exit status 0 when one comes.
 *   quic ADDRESS PORT NAME [junk]      NAME cut into two datagrams, in the wrong order; junk: bytes
 *                                      that are no QUIC instead */
#include "tests/unit/agent_quic.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    const struct timeval limit = {0, 700000};
    uint8_t hello[600], frames[700], packet[1200], answer[64];
    if (argc < 4)
        return 2;
    a.sin_addr.s_addr = inet_addr(argv[1]);
    a.sin_port = htons((uint16_t)atoi(argv[2]));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a))
        return 7;
    uint32_t len = quic_test_hello(argv[3], false, hello), cut = 30;
    for (int i = 0; i < 2; i++) {
        uint32_t n = i ? quic_test_frame(hello, 0, cut, frames)
                       : quic_test_frame(hello, cut, len - cut, frames);
        if (!quic_test_packet(QUIC_V1, frames, n, (uint8_t)i, packet, sizeof packet))
            return 3;
        if (argc > 4)
            memset(packet, 0x17, sizeof packet);
        if (send(fd, packet, sizeof packet, 0) < 0)
            return 7;
    }
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    if (got > 0)
        printf("answered\n");
    return got > 0 ? 0 : 1;
}
