/* Counts the operations below one folder that change files, and lets one of them fail or the process die there.
 *
 * Loaded with LD_PRELOAD, armed from Python through ctypes.  The C level is where it must be: NumPy, mrcfile and shutil
 * do not write through Python's own files.
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, KILL, FULL, BROKEN };

static char prefix[PATH_MAX];
static size_t prefix_length;
static int armed, kind, place, log_file = -1;
static atomic_int count;

void fault_arm(const char *folder, int what, int where, int log)
{
    strncpy(prefix, folder, sizeof prefix - 1);
    prefix_length = strlen(prefix);
    kind = what;
    place = where;
    log_file = log;
    atomic_store(&count, 0);
    armed = 1;
}

int fault_disarm(void)
{
    armed = 0;
    return atomic_load(&count);
}

static int below(const char *path)
{
    return strncmp(path, prefix, prefix_length) == 0 && (path[prefix_length] == '/' || path[prefix_length] == 0);
}

static int of_descriptor(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return 1;
}

static int of_name(int folder, const char *name, char *path)
{
    char base[PATH_MAX];
    if (name == NULL)
        return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return 1;
    }
    if (folder == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !of_descriptor(folder, base))
        return 0;
    if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX)
        return 0;
    return 1;
}

/* Whether the operation fails; errno is set. */
static int fails(const char *what, const char *path, int grows)
{
    if (!below(path))
        return 0;
    int now = atomic_fetch_add(&count, 1) + 1;
    if (log_file >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%d %s %s\n", now, what, path + prefix_length);
        syscall(SYS_write, log_file, line, (size_t)length);
    }
    if (now == place) {
        if (kind == KILL) {
            kill(getpid(), SIGKILL);
            for (;;)
                pause();
        }
        errno = kind == FULL ? ENOSPC : EIO;
        return kind != NONE;
    }
    if (kind == FULL && now > place && grows) { /* a full disk stays full */
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

static int name_fails(const char *what, int folder, const char *name, int grows)
{
    char path[PATH_MAX];
    int before = errno;
    if (!armed || !of_name(folder, name, path) || !fails(what, path, grows)) {
        errno = before;
        return 0;
    }
    return 1;
}

static int descriptor_fails(const char *what, int fd, int grows)
{
    char path[PATH_MAX];
    int before = errno;
    if (!armed || !of_descriptor(fd, path) || !fails(what, path, grows)) {
        errno = before;
        return 0;
    }
    return 1;
}

static int writes(int fd)
{
    int before = errno, flags = fcntl(fd, F_GETFL);
    errno = before;
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static int makes(int folder, const char *path, int flags)
{
    int before = errno, there = faccessat(folder, path, F_OK, 0) == 0;
    errno = before;
    return (flags & O_CREAT) && !there;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY && name_fails("open", AT_FDCWD, path, makes(AT_FDCWD, path, flags))) \
            return -1; \
        return real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if ((flags & O_ACCMODE) != O_RDONLY && name_fails("open", folder, path, makes(folder, path, flags))) \
            return -1; \
        return real(folder, path, flags, mode); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

#define FOPENS(name) \
    FILE *name(const char *path, const char *mode) \
    { \
        REAL(name); \
        if (strpbrk(mode, "wa+") && name_fails("fopen", AT_FDCWD, path, 1)) \
            return NULL; \
        return real(path, mode); \
    }
FOPENS(fopen)
FOPENS(fopen64)

#define ON_DESCRIPTOR(type, name, failure, grows, parameters, arguments) \
    type name parameters \
    { \
        REAL(name); \
        if (descriptor_fails(#name, fd, grows)) \
            return failure; \
        return real arguments; \
    }
ON_DESCRIPTOR(ssize_t, write, -1, 1, (int fd, const void *data, size_t size), (fd, data, size))
ON_DESCRIPTOR(ssize_t, pwrite, -1, 1, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_DESCRIPTOR(ssize_t, pwrite64, -1, 1, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_DESCRIPTOR(ssize_t, writev, -1, 1, (int fd, const struct iovec *data, int size), (fd, data, size))
ON_DESCRIPTOR(int, ftruncate, -1, 1, (int fd, off_t size), (fd, size))
ON_DESCRIPTOR(int, ftruncate64, -1, 1, (int fd, off64_t size), (fd, size))
ON_DESCRIPTOR(int, fsync, -1, 0, (int fd), (fd))
ON_DESCRIPTOR(int, fdatasync, -1, 0, (int fd), (fd))
ON_DESCRIPTOR(int, fchmod, -1, 0, (int fd, mode_t mode), (fd, mode))

int close(int fd)
{
    REAL(close);
    int bad = armed && writes(fd) && descriptor_fails("close", fd, 0);
    int why = errno;
    int result = real(fd);
    if (bad) {
        errno = why;
        return -1;
    }
    return result;
}

ssize_t copy_file_range(int from, off64_t *at, int fd, off64_t *to, size_t size, unsigned flags)
{
    REAL(copy_file_range);
    return descriptor_fails("copy_file_range", fd, 1) ? -1 : real(from, at, fd, to, size, flags);
}

ssize_t sendfile64(int fd, int from, off64_t *at, size_t size);
ssize_t sendfile64(int fd, int from, off64_t *at, size_t size)
{
    REAL(sendfile64);
    return descriptor_fails("sendfile", fd, 1) ? -1 : real(fd, from, at, size);
}

size_t fwrite(const void *data, size_t size, size_t number, FILE *file)
{
    REAL(fwrite);
    return armed && descriptor_fails("fwrite", fileno(file), 1) ? 0 : real(data, size, number, file);
}

int fflush(FILE *file)
{
    REAL(fflush);
    return armed && file && writes(fileno(file)) && descriptor_fails("fflush", fileno(file), 1) ? EOF : real(file);
}

int msync(void *address, size_t size, int flags)
{
    /* which file it is only the kernel knows: every one counts */
    REAL(msync);
    return armed && fails("msync", prefix, 0) ? -1 : real(address, size, flags);
}

#define ON_NAME(name, grows, parameters, arguments, folder, path) \
    int name parameters \
    { \
        REAL(name); \
        if (name_fails(#name, folder, path, grows)) \
            return -1; \
        return real arguments; \
    }
ON_NAME(creat, 1, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_NAME(mkdir, 1, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_NAME(mkdirat, 1, (int folder, const char *path, mode_t mode), (folder, path, mode), folder, path)
ON_NAME(rmdir, 0, (const char *path), (path), AT_FDCWD, path)
ON_NAME(unlink, 0, (const char *path), (path), AT_FDCWD, path)
ON_NAME(unlinkat, 0, (int folder, const char *path, int flags), (folder, path, flags), folder, path)
ON_NAME(remove, 0, (const char *path), (path), AT_FDCWD, path)
ON_NAME(truncate, 1, (const char *path, off_t size), (path, size), AT_FDCWD, path)
ON_NAME(rename, 0, (const char *path, const char *to), (path, to), AT_FDCWD, to)
ON_NAME(renameat, 0, (int from, const char *path, int folder, const char *to), (from, path, folder, to), folder, to)
ON_NAME(renameat2, 0, (int from, const char *path, int folder, const char *to, unsigned flags),
        (from, path, folder, to, flags), folder, to)
ON_NAME(link, 1, (const char *path, const char *to), (path, to), AT_FDCWD, to)
ON_NAME(linkat, 1, (int from, const char *path, int folder, const char *to, int flags),
        (from, path, folder, to, flags), folder, to)
ON_NAME(symlink, 1, (const char *path, const char *to), (path, to), AT_FDCWD, to)
ON_NAME(symlinkat, 1, (const char *path, int folder, const char *to), (path, folder, to), folder, to)
ON_NAME(chmod, 0, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_NAME(fchmodat, 0, (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags), folder, path)
ON_NAME(utimensat, 0, (int folder, const char *path, const struct timespec times[2], int flags),
        (folder, path, times, flags), folder, path)
