// Tells ThreadSanitizer of the waits of Swift's Mutex.
//
// What a mutex does while nobody waits is inlined into our code, where the sanitizer sees it. Its slow path is in the
// standard library, which is not instrumented: without this, every mutex that was ever waited for is reported. Preloaded;
// in a process without the sanitizer it does nothing but call what it stands before.
//
// See swift/stdlib/public/Synchronization/Mutex/LinuxImpl.swift for the functions, and
// sanitizer/tsan_interface.h for acquire and release.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))

typedef SWIFT void (*lock_function)(uint32_t, CONTEXT void *);
typedef SWIFT void (*unlock_function)(CONTEXT void *);
typedef void (*annotation)(void *);

static lock_function lock_next;
static unlock_function unlock_next;
static annotation acquire, release;

__attribute__((constructor)) static void find(void) {
  lock_next = (lock_function)dlsym(RTLD_NEXT, LOCK);
  unlock_next = (unlock_function)dlsym(RTLD_NEXT, UNLOCK);
  acquire = (annotation)dlsym(RTLD_DEFAULT, "__tsan_acquire");
  release = (annotation)dlsym(RTLD_DEFAULT, "__tsan_release");
}

SWIFT void lock_slow(uint32_t thread, CONTEXT void *mutex) __asm__(LOCK);
SWIFT void unlock_slow(CONTEXT void *mutex) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, CONTEXT void *mutex) {
  if (!lock_next) abort();
  lock_next(thread, mutex);
  if (acquire) acquire(mutex);
}

SWIFT void unlock_slow(CONTEXT void *mutex) {
  if (!unlock_next) abort();
  if (release) release(mutex);
  unlock_next(mutex);
}
