#define _GNU_SOURCE
#include "CActions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_directory(int parent, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int directory = openat(parent, name, flags | O_NOATIME);
    // O_NOATIME is for the owner only.
    if (directory < 0 && errno == EPERM) directory = openat(parent, name, flags);
    return directory;
}

static int fail(int descriptor, int code) {
    close(descriptor);
    errno = code;
    return -1;
}

int heald_open_inner_directory(int parent, const char *name) {
    if (strchr(name, '/') || !strcmp(name, "..")) {
        errno = EINVAL;
        return -1;
    }
    int directory = open_directory(parent, name);
    if (directory < 0) return -1;
    struct statx outer, inner;
    if (statx(parent, "", AT_EMPTY_PATH, STATX_MNT_ID, &outer) || statx(directory, "", AT_EMPTY_PATH, STATX_MNT_ID, &inner))
        return fail(directory, errno);
    // A kernel that cannot tell (before 5.8) is one on which nothing is deleted.
    if (!(outer.stx_mask & inner.stx_mask & STATX_MNT_ID)) return fail(directory, ENOSYS);
    return outer.stx_mnt_id == inner.stx_mnt_id ? directory : fail(directory, EXDEV);
}

int heald_open_absolute_directory(const char *path) {
    char copy[4096];
    if (path[0] != '/' || strlen(path) >= sizeof copy) {
        errno = EINVAL;
        return -1;
    }
    strcpy(copy, path);
    int directory = open_directory(AT_FDCWD, "/");
    char *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part && directory >= 0; part = strtok_r(NULL, "/", &rest)) {
        if (!strcmp(part, "..")) return fail(directory, EINVAL);
        int next = open_directory(directory, part);
        int code = errno;
        struct stat status;
        if (next < 0 && code == ENOTDIR && !fstatat(directory, part, &status, AT_SYMLINK_NOFOLLOW) &&
            S_ISLNK(status.st_mode))
            code = ELOOP;
        close(directory);
        directory = next;
        errno = code;
    }
    return directory;
}
