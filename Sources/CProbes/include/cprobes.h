#ifndef CPROBES_H
#define CPROBES_H

// What Swift cannot call or see for itself: functions that take unions or variadic arguments, names behind
// _GNU_SOURCE, and the few instructions between clone() and execve().

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Only the standard types: a header of the system that is included here would count as part of this module for every
// Swift file that sees it, and take `pthread_attr_t` and the like away from Glibc.
struct sockaddr;

// ---- readiness

struct cprobes_event {
    uint64_t token;
    bool readable, writable, closed;
};

/// A new epoll instance, or -errno.
int cprobes_epoll_create(void);
/// A new eventfd, which another thread writes to in order to end a wait; or -errno.
int cprobes_bell_create(void);
/// Watches `fd` for reading and writing, edge-triggered. 0 or -errno.
int cprobes_watch_socket(int epoll, int fd, uint64_t token);
/// Watches `fd` for reading, level-triggered. 0 or -errno.
int cprobes_watch_input(int epoll, int fd, uint64_t token);
void cprobes_unwatch(int epoll, int fd);
/// Waits for at most `nanoseconds` (negative: without end). The number of events (at most 256), or -errno.
int cprobes_wait(int epoll, struct cprobes_event *events, int max, int64_t nanoseconds);

// ---- sockets

enum cprobes_connect_stage { CPROBES_LOCAL, CPROBES_CONNECT };

struct cprobes_connecting {
    /// -1 where it failed.
    int fd;
    /// errno of the failure; 0 while connecting or connected.
    int error;
    /// Where it failed: making the socket, or connecting it.
    enum cprobes_connect_stage stage;
};

/// Begins to connect a non-blocking, close-on-exec stream socket which is reset, not lingered over, when closed.
struct cprobes_connecting cprobes_connect(const struct sockaddr *address, uint32_t length);
/// The error that a non-blocking connect ended with; 0 where it succeeded.
int cprobes_socket_error(int fd);
/// The socket's own address is its peer's: TCP's simultaneous open with itself, where nobody listens.
bool cprobes_is_connected_to_itself(int fd);
/// Bytes sent, or -errno. Never raises SIGPIPE.
ptrdiff_t cprobes_send(int fd, const void *bytes, size_t count);
/// Bytes received, 0 at the end, or -errno.
ptrdiff_t cprobes_receive(int fd, void *bytes, size_t count);

// ---- programs

enum cprobes_spawn_stage {
    CPROBES_SPAWN_CLONE,
    CPROBES_SPAWN_PREPARE,
    CPROBES_SPAWN_USER,
    CPROBES_SPAWN_DIRECTORY,
    CPROBES_SPAWN_EXEC,
};

struct cprobes_spawn_request {
    char *const *argv;
    char *const *envp;
    const char *directory;
    int out, err;
    bool switch_user;
    uint32_t uid;
    uint32_t gid;
    const uint32_t *groups;
    size_t group_count;
};

struct cprobes_spawned {
    int32_t pid;
    int pidfd;
    /// errno; 0 where the program runs.
    int error;
    enum cprobes_spawn_stage stage;
};

/// Runs a program in a session of its own with default signals, standard input from /dev/null, no other descriptor of
/// ours, no core dumps and an ordinary OOM score. Blocks until the program is loaded.
struct cprobes_spawned cprobes_spawn(const struct cprobes_spawn_request *request);

struct cprobes_exit {
    /// 0: not ended yet. 1: exited with `status`. 2: ended by signal `status`. -errno: its status is lost.
    int how;
    int status;
};

/// Takes the exit status of an ended child; never waits.
struct cprobes_exit cprobes_reap(int pidfd);

struct cprobes_user {
    /// errno; 0 where found; ENOENT where there is no such user.
    int error;
    uint32_t uid;
    uint32_t gid;
    uint32_t groups[256];
    int group_count;
};

/// Looks a user up by the system's name service. May block for long (LDAP).
struct cprobes_user cprobes_lookup_user(const char *name);

/// Two ends of a close-on-exec pipe, the reading end non-blocking. 0 or -errno.
int cprobes_pipe(int *reading, int *writing);

/// Whether `part` occurs in `text`.
bool cprobes_contains(const void *text, size_t text_length, const void *part, size_t part_length);

/// Starts a detached thread of this name (at most 15 bytes) with a small stack, on which no signal handler of the
/// process runs. 0, or an errno.
int cprobes_start_thread(const char *name, void (*body)(void *), void *argument);

#endif
