#pragma once

// Opening directories one step at a time, so that no part of the way can be a symbolic link. openat2(2) does the same in
// one call, but under systemd's RestrictSUIDSGID= it does not exist, since seccomp cannot see its flags.

/// Opens the directory `name` (one component) of the open directory `parent` for reading, close-on-exec. It fails with
/// ENOTDIR for a symbolic link, EXDEV where something is mounted there, and ENOSYS where the kernel cannot tell that.
///
/// - Returns: a descriptor, or -1 with errno.
int heald_open_inner_directory(int parent, const char *name);

/// Opens the directory at an absolute path for reading, close-on-exec. It fails with ELOOP where any part of the path is
/// a symbolic link.
///
/// - Returns: a descriptor, or -1 with errno.
int heald_open_absolute_directory(const char *path);
