#define _GNU_SOURCE
#include "CActions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// Closes without losing the error that is being told.
static void close_quietly(int descriptor) {
    int error = errno;
    close(descriptor);
    errno = error;
}

static int open_entry(int directory, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int result = openat(directory, name, flags | O_NOATIME);
    // O_NOATIME is for the owner only.
    return result < 0 && errno == EPERM ? openat(directory, name, flags) : result;
}

int heald_open_directory(const char *path) {
    if (path[0] != '/') {
        errno = EINVAL;
        return -1;
    }
    int directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    // Each step is one name: O_NOFOLLOW says nothing of the names before the last.
    while (directory >= 0) {
        char name[NAME_MAX + 1];
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length > NAME_MAX) {
            errno = ENAMETOOLONG;
            close_quietly(directory);
            return -1;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        path += length;
        int is_last = path[strspn(path, "/")] == '\0';
        const char *entry = length == 0 ? "." : name;
        int next = is_last ? open_entry(directory, entry)
                           : openat(directory, entry, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close_quietly(directory);
        if (is_last) return next;
        directory = next;
    }
    return -1;
}

/// The mount that something open lies in; two bind mounts of one file system are two.
static int find_mount(int descriptor, unsigned long long *mount) {
    struct statx status;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) return -1;
    if (!(status.stx_mask & STATX_MNT_ID)) {
        errno = ENOSYS;
        return -1;
    }
    *mount = status.stx_mnt_id;
    return 0;
}

int heald_open_subdirectory(int directory, const char *name) {
    int result = open_entry(directory, name);
    if (result < 0) return -1;
    unsigned long long above, here;
    if (find_mount(directory, &above) == 0 && find_mount(result, &here) == 0) {
        if (above == here) return result;
        errno = EXDEV;
    }
    close_quietly(result);
    return -1;
}
