#define _GNU_SOURCE
#include "CActions.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int heald_open_directory(int directory, const char *path, int path_only, int beneath) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (path_only ? O_PATH : O_RDONLY | O_NOATIME);
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    if (beneath) how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_XDEV;
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (result < 0 && !path_only) {
        // O_NOATIME is for the owner only.
        how.flags &= ~(unsigned long long)O_NOATIME;
        result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    }
    return (int)result;
}
