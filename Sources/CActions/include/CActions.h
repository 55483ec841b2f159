#pragma once

/// Opens a directory by its absolute path, no part of which may be a symbolic link; close-on-exec.
///
/// Not by openat2(2) and its RESOLVE_ flags: a unit with RestrictSUIDSGID= has no openat2, and heald's own is one.
///
/// - Returns: a descriptor, or -1 with errno.
int heald_open_directory(const char *path);

/// Opens an entry of an open directory that is a directory itself, neither through a symbolic link nor into another
/// mount (EXDEV); close-on-exec.
///
/// - Parameter name: without a slash, and not `..`.
/// - Returns: a descriptor, or -1 with errno.
int heald_open_subdirectory(int directory, const char *name);
