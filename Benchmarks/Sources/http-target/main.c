// An HTTP server for measuring clients: one epoll loop, many addresses, one answer.
//
//   http-target PORT ADDRESSES
//
// listens on 127.1.x.y:PORT for as many addresses, writes "ready" when it does, and ends with its standard input.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nServer: target\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

int main(int argc, char **argv) {
    if (argc != 3) return 64;
    int port = atoi(argv[1]), addresses = atoi(argv[2]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event input = {.events = EPOLLIN, .data = {.u64 = UINT64_MAX}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
    int highest = 0;
    for (int i = 0; i < addresses; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
        address.sin_addr.s_addr = htonl(0x7F010000u + (uint32_t)(i / 250) * 256 + 1 + (uint32_t)(i % 250));
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0) {
            perror("http-target");
            return 1;
        }
        struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uint64_t)fd}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        highest = fd;
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event events[256];
    char buffer[8192];
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == UINT64_MAX) {
                if (read(0, buffer, sizeof buffer) <= 0) return 0;
                continue;
            }
            int fd = (int)events[i].data.u64;
            if (fd <= highest) {
                int connection;
                while ((connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uint64_t)connection}};
                    epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &event);
                }
                continue;
            }
            ssize_t received = read(fd, buffer, sizeof buffer);
            if (received < 0 && errno == EAGAIN) continue;
            // Requests of this benchmark fit into one segment.
            if (received > 0 && send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) perror("send");
            close(fd);
        }
    }
}
