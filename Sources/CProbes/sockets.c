#define _GNU_SOURCE
#include "cprobes.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int cprobes_epoll_create(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll < 0 ? -errno : epoll;
}

int cprobes_bell_create(void) {
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell < 0 ? -errno : bell;
}

static int watch(int epoll, int fd, uint64_t token, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int cprobes_watch_socket(int epoll, int fd, uint64_t token) {
    return watch(epoll, fd, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int cprobes_watch_input(int epoll, int fd, uint64_t token) { return watch(epoll, fd, token, EPOLLIN); }

void cprobes_unwatch(int epoll, int fd) { epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); }

int cprobes_wait(int epoll, struct cprobes_event *events, int max, int64_t nanoseconds) {
    enum { BATCH = 256 };
    struct epoll_event raw[BATCH];
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(epoll, raw, max < BATCH ? max : BATCH, nanoseconds < 0 ? NULL : &limit, NULL);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        events[i].token = raw[i].data.u64;
        events[i].readable = raw[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        events[i].writable = raw[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR);
        events[i].closed = raw[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    }
    return count;
}

struct cprobes_connecting cprobes_connect(const struct sockaddr *address, uint32_t length) {
    struct cprobes_connecting result = {.fd = -1, .error = 0, .stage = CPROBES_LOCAL};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        result.error = errno;
        return result;
    }
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (address->sa_family != AF_UNIX) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(fd, address, length) < 0 && errno != EINPROGRESS) {
        result.error = errno;
        result.stage = CPROBES_CONNECT;
        close(fd);
        return result;
    }
    result.fd = fd;
    return result;
}

int cprobes_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

bool cprobes_is_connected_to_itself(int fd) {
    struct sockaddr_storage own, peer;
    socklen_t own_length = sizeof own, peer_length = sizeof peer;
    memset(&own, 0, sizeof own);
    memset(&peer, 0, sizeof peer);
    if (getsockname(fd, (struct sockaddr *)&own, &own_length) < 0) return false;
    if (own.ss_family != AF_INET && own.ss_family != AF_INET6) return false;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0) return false;
    return own_length == peer_length && memcmp(&own, &peer, own_length) == 0;
}

ptrdiff_t cprobes_send(int fd, const void *bytes, size_t count) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

ptrdiff_t cprobes_receive(int fd, void *bytes, size_t count) {
    ssize_t received;
    do received = read(fd, bytes, count);
    while (received < 0 && errno == EINTR);
    return received < 0 ? -errno : received;
}

int cprobes_pipe(int *reading, int *writing) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

bool cprobes_contains(const void *text, size_t text_length, const void *part, size_t part_length) {
    return memmem(text, text_length, part, part_length) != NULL;
}
