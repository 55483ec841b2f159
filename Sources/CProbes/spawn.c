#define _GNU_SOURCE
#include "cprobes.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(pid_t) == sizeof(int32_t) && sizeof(gid_t) == sizeof(uint32_t), "as the header has it");

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct report {
    int error;
    int stage;
};

struct child {
    const struct cprobes_spawn_request *request;
    int report;
};

static _Noreturn void give_up(int fd, enum cprobes_spawn_stage stage) {
    struct report report = {.error = errno, .stage = stage};
    ssize_t ignored = write(fd, &report, sizeof report);
    (void)ignored;
    _exit(127);
}

// Runs in the child, which may share its parent's memory until execve(): plain system calls only, no allocation, no
// locks, nothing written that the parent would miss.
static int run_child(void *argument) {
    const struct child *child = argument;
    const struct cprobes_spawn_request *request = child->request;
    int fd = child->report;

    if (setsid() < 0) give_up(fd, CPROBES_SPAWN_PREPARE);

    // A daemon's protection from the OOM killer is not its checks'. Not every kernel or sandbox has the file.
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        ssize_t ignored = write(score, "0", 1);
        (void)ignored;
        close(score);
    }
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    umask(022);

    // Descriptors: moved above 2 first, so that filling 0 to 2 cannot overwrite a source.
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0) give_up(fd, CPROBES_SPAWN_PREPARE);
    in = fcntl(in, F_DUPFD_CLOEXEC, 3);
    int out = fcntl(request->out, F_DUPFD_CLOEXEC, 3);
    int err = fcntl(request->err, F_DUPFD_CLOEXEC, 3);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (in < 0 || out < 0 || err < 0 || fd < 0) give_up(child->report, CPROBES_SPAWN_PREPARE);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) give_up(fd, CPROBES_SPAWN_PREPARE);
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0) give_up(fd, CPROBES_SPAWN_PREPARE);

    // The raw calls change this thread alone; the library's would ask every thread of the parent to follow.
    if (request->switch_user) {
        if (syscall(SYS_setgroups, request->group_count, request->groups) < 0) give_up(fd, CPROBES_SPAWN_USER);
        if (syscall(SYS_setresgid, request->gid, request->gid, request->gid) < 0) give_up(fd, CPROBES_SPAWN_USER);
        if (syscall(SYS_setresuid, request->uid, request->uid, request->uid) < 0) give_up(fd, CPROBES_SPAWN_USER);
    }
    if (chdir(request->directory) < 0) give_up(fd, CPROBES_SPAWN_DIRECTORY);

    // The kernel's own structure, all zero: the default. The library's function leaves out the two that it uses itself,
    // which whoever started us may have set to be ignored.
    const uint64_t standard[8] = {0};
    for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, standard, NULL, sizeof(uint64_t));
    sigset_t empty;
    sigemptyset(&empty);
    sigprocmask(SIG_SETMASK, &empty, NULL);

    execve(request->argv[0], request->argv, request->envp);
    give_up(fd, CPROBES_SPAWN_EXEC);
}

struct cprobes_spawned cprobes_spawn(const struct cprobes_spawn_request *request) {
    enum { STACK = 64 * 1024 };
    struct cprobes_spawned result = {.pid = -1, .pidfd = -1, .error = 0, .stage = CPROBES_SPAWN_CLONE};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        result.error = errno;
        return result;
    }
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        result.error = errno;
        close(ends[0]);
        close(ends[1]);
        return result;
    }

    // No handler of ours may run in a child that shares our memory.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct child child = {.request = request, .report = ends[1]};
    int pidfd = -1;
    // A child that becomes another user gets a copy of our memory: what it shares, that user could trace.
    int flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (request->switch_user ? 0 : CLONE_VM);
    pid_t pid = clone(run_child, stack + STACK, flags, &child, &pidfd);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK);
    close(ends[1]);

    if (pid < 0) {
        result.error = error;
        close(ends[0]);
        return result;
    }
    struct report report = {0, 0};
    ssize_t count;
    do count = read(ends[0], &report, sizeof report);
    while (count < 0 && errno == EINTR);
    close(ends[0]);
    if (count == (ssize_t)sizeof report) {
        siginfo_t info;
        while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
        close(pidfd);
        result.error = report.error;
        result.stage = (enum cprobes_spawn_stage)report.stage;
        return result;
    }
    result.pid = pid;
    result.pidfd = pidfd;
    return result;
}

struct cprobes_exit cprobes_reap(int pidfd) {
    struct cprobes_exit result = {.how = 0, .status = 0};
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0) {
        result.how = -errno;
    } else if (info.si_pid != 0) {
        result.how = info.si_code == CLD_EXITED ? 1 : 2;
        result.status = info.si_status;
    }
    return result;
}

struct cprobes_user cprobes_lookup_user(const char *name) {
    struct cprobes_user user;
    memset(&user, 0, sizeof user);
    char buffer[16 * 1024];
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (!found) {
        user.error = error ? error : ENOENT;
        return user;
    }
    user.uid = entry.pw_uid;
    user.gid = entry.pw_gid;
    int count = (int)(sizeof user.groups / sizeof user.groups[0]);
    if (getgrouplist(name, entry.pw_gid, user.groups, &count) < 0) {
        user.error = E2BIG;
        return user;
    }
    user.group_count = count;
    return user;
}
