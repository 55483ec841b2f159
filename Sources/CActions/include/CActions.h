#pragma once

/// openat2(2), which glibc does not wrap: opens `path` as a directory (O_PATH too where `path_only`), close-on-exec,
/// and never through a symbolic link. With `beneath` neither out of `directory` nor into another mount.
///
/// - Returns: a descriptor, or -1 with errno.
int heald_open_directory(int directory, const char *path, int path_only, int beneath);
