// The floor: the same HTTP checks by one epoll loop in C, without timeouts, classes, messages or anybody to report to.
//
//   http-peer PORT ADDRESSES closed IN_FLIGHT CHECKS
//   http-peer PORT ADDRESSES open PER_SECOND CHECKS
//
// writes: checks, failures, microseconds of CPU per check, checks per second, resident KiB.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] =
    "GET /healthz HTTP/1.1\r\nHost: 127.1.0.1:18100\r\nUser-Agent: heald\r\nAccept: */*\r\nConnection: close\r\n\r\n";

static int epoll, port, addresses;
static long started, finished, failed;
// Whether a descriptor's request is sent.
static char is_sent[65536];

static void start(void) {
    int i = (int)(started++ % addresses);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(0x7F010000u + (uint32_t)(i / 250) * 256 + 1 + (uint32_t)(i % 250));
    if (fd < 0 || (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)) {
        perror("connect");
        exit(1);
    }
    is_sent[fd] = 0;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int timeout) {
    struct epoll_event events[256];
    char buffer[65536];
    int count = epoll_wait(epoll, events, 256, timeout);
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (!is_sent[fd] && events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
            is_sent[fd] = 1;
            if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0) {
                failed++, finished++;
                close(fd);
                continue;
            }
        }
        if (!(events[i].events & EPOLLIN)) continue;
        ssize_t received = read(fd, buffer, sizeof buffer);
        if (received < 0 && errno == EAGAIN) continue;
        if (received < 12 || memcmp(buffer, "HTTP/1.1 200", 12) || !memmem(buffer, received, "\r\n\r\n", 4)) failed++;
        finished++;
        close(fd);
    }
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static long resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;
    if (file && fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
    if (file) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
    if (argc != 6) return 64;
    port = atoi(argv[1]), addresses = atoi(argv[2]);
    int is_open = !strcmp(argv[3], "open");
    long amount = atol(argv[4]), checks = atol(argv[5]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    double cpu_before = cpu(), begin = seconds();
    if (is_open) {
        // A tick a millisecond; what is due is started.
        while (finished < checks) {
            long due = (long)((seconds() - begin) * (double)amount);
            while (started < due && started < checks) start();
            serve(1);
        }
    } else {
        while (finished < checks) {
            while (started - finished < amount && started < checks) start();
            serve(-1);
        }
    }
    double took = seconds() - begin, used = cpu() - cpu_before;
    printf("%ld %ld %.2f %.0f %ld\n", finished, failed, used / (double)finished * 1e6, (double)finished / took, resident());
}
