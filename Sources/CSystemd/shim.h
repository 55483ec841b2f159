#ifndef HEALD_CSYSTEMD_SHIM_H
#define HEALD_CSYSTEMD_SHIM_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/// pidfd_open(2), which has no wrapper in every libc this runs with. Returns a descriptor (close-on-exec by definition),
/// or -1 with errno set.
static inline int heald_pidfd_open(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0u);
}

/// Whether the process behind a pidfd still exists, if only as a zombie: 0, or -1 with errno set. Sends nothing.
static inline int heald_pidfd_exists(int descriptor) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, 0, (void *)0, 0u);
}

/// Names the calling thread in ps(1) and gdb(1); at most 15 characters count.
static inline void heald_set_thread_name(const char *name) {
    (void)prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}

#endif
