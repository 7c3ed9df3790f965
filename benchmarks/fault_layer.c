/* Counts the calls of a process that change files below a folder, and ends or fails at one of them; see faults.py.

   cc -shared -fPIC -O1 -o fault_layer.so fault_layer.c -ldl     then LD_PRELOAD=./fault_layer.so
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, TORN, FAIL, FULL }; /* the last from the call on, for what needs room on the disk */

static char folder[PATH_MAX];
static long at;
static int what;
static atomic_long calls;

/* From now on calls below `below` are counted anew. */
void fault_arm(const char *below, long number, int action) {
    snprintf(folder, sizeof folder, "%s", below);
    at = number, what = action;
    atomic_store(&calls, 0);
}

long fault_calls(void) { return atomic_load(&calls); }

static int below(const char *path) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int concerns(int directory, const char *path) {
    char whole[2 * PATH_MAX], base[PATH_MAX], link[64];
    if (!folder[0] || !path) return 0;
    if (path[0] == '/') return below(path);
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return below(whole);
}

static int concerns_handle(int handle) {
    char link[64], path[PATH_MAX];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* What is to be done at this call: NOTHING, TORN or FAIL. */
static int next_call(int concerned, int needs_room) {
    if (!concerned) return NOTHING;
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (!at || number < at || (number > at && what != FULL)) return NOTHING;
    if (what == KILL) kill(getpid(), SIGKILL), pause();
    if (what == FULL) return needs_room ? (errno = ENOSPC, FAIL) : NOTHING;
    if (what == FAIL) return errno = EIO, FAIL;
    return what;
}

static void end(void) { kill(getpid(), SIGKILL), pause(); }

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, #name)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list more; va_start(more, flags); int mode = flags & O_CREAT ? va_arg(more, int) : 0; va_end(more); \
        int todo = next_call((flags & (O_CREAT | O_TRUNC)) && concerns(AT_FDCWD, path), 1); \
        if (todo == FAIL) return -1; \
        int found = real(path, flags, mode); \
        if (todo == TORN) end(); \
        return found; \
    }
OPEN(open) OPEN(open64)

#define OPENAT(name) \
    int name(int directory, const char *path, int flags, ...) { \
        REAL(int, name, int, const char *, int, ...); \
        va_list more; va_start(more, flags); int mode = flags & O_CREAT ? va_arg(more, int) : 0; va_end(more); \
        int todo = next_call((flags & (O_CREAT | O_TRUNC)) && concerns(directory, path), 1); \
        if (todo == FAIL) return -1; \
        int found = real(directory, path, flags, mode); \
        if (todo == TORN) end(); \
        return found; \
    }
OPENAT(openat) OPENAT(openat64)

ssize_t write(int handle, const void *bytes, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    int todo = next_call(concerns_handle(handle), 1);
    if (todo == FAIL) return -1;
    if (todo == TORN) real(handle, bytes, count / 2), end();
    return real(handle, bytes, count);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int handle, const void *bytes, size_t count, offset_type offset) { \
        REAL(ssize_t, name, int, const void *, size_t, offset_type); \
        int todo = next_call(concerns_handle(handle), 1); \
        if (todo == FAIL) return -1; \
        if (todo == TORN) real(handle, bytes, count / 2, offset), end(); \
        return real(handle, bytes, count, offset); \
    }
PWRITE(pwrite, off_t) PWRITE(pwrite64, off64_t)

ssize_t writev(int handle, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    int todo = next_call(concerns_handle(handle), 1);
    if (todo == FAIL) return -1;
    if (todo == TORN) real(handle, parts, count > 1 ? count / 2 : 1), end();
    return real(handle, parts, count);
}

#define PWRITEV(name, offset_type) \
    ssize_t name(int handle, const struct iovec *parts, int count, offset_type offset) { \
        REAL(ssize_t, name, int, const struct iovec *, int, offset_type); \
        int todo = next_call(concerns_handle(handle), 1); \
        if (todo == FAIL) return -1; \
        if (todo == TORN) real(handle, parts, count > 1 ? count / 2 : 1, offset), end(); \
        return real(handle, parts, count, offset); \
    }
PWRITEV(pwritev, off_t) PWRITEV(pwritev64, off64_t)

/* Calls that happen whole or not at all: killed after them where a write would be torn. */
#define WHOLE(name, concerned, needs_room, parameters, arguments) \
    int name parameters { \
        static int (*real) parameters; \
        if (!real) real = dlsym(RTLD_NEXT, #name); \
        int todo = next_call(concerned, needs_room); \
        if (todo == FAIL) return -1; \
        int found = real arguments; \
        if (todo == TORN) end(); \
        return found; \
    }
WHOLE(fsync, concerns_handle(handle), 1, (int handle), (handle))
WHOLE(fdatasync, concerns_handle(handle), 1, (int handle), (handle))
WHOLE(ftruncate, concerns_handle(handle), 1, (int handle, off_t length), (handle, length))
WHOLE(ftruncate64, concerns_handle(handle), 1, (int handle, off64_t length), (handle, length))
WHOLE(rename, concerns(AT_FDCWD, to) || concerns(AT_FDCWD, from), 0, (const char *from, const char *to), (from, to))
WHOLE(renameat, concerns(b, to) || concerns(a, from), 0, (int a, const char *from, int b, const char *to), (a, from, b, to))
WHOLE(renameat2, concerns(b, to) || concerns(a, from), 0, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WHOLE(creat, concerns(AT_FDCWD, path), 1, (const char *path, mode_t mode), (path, mode))
WHOLE(linkat, concerns(b, to), 1, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WHOLE(link, concerns(AT_FDCWD, to), 1, (const char *from, const char *to), (from, to))
WHOLE(unlink, concerns(AT_FDCWD, path), 0, (const char *path), (path))
WHOLE(unlinkat, concerns(directory, path), 0, (int directory, const char *path, int flags), (directory, path, flags))
WHOLE(rmdir, concerns(AT_FDCWD, path), 0, (const char *path), (path))
WHOLE(mkdir, concerns(AT_FDCWD, path), 1, (const char *path, mode_t mode), (path, mode))
