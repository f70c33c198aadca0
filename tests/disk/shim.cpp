// Between a program and the disk: counts, fails, ends or writes down what changes files below one folder.
//
// Loaded by LD_PRELOAD. SQLite and Python meet the system's calls here, so that both are tested alike.

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::string root;        // what is watched; empty: nothing
long left = -1;          // operations until the fault; -1: none
int code = 0;            // what the fault is: an errno, or 0 for the end of the process
int journal = -1;        // descriptor that operations are written to; -1: none
long count = 0;

bool is_below(const std::string &path) {
    return !root.empty() && path.compare(0, root.size(), root) == 0 && (path.size() == root.size() || path[root.size()] == '/');
}

std::string of_descriptor(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = syscall(SYS_readlink, link, path, sizeof path);
    return size > 0 ? std::string(path, size) : std::string();
}

std::string absolute(int folder, const char *path) {
    if (path[0] == '/') return path;
    if (folder == AT_FDCWD) {
        char here[4096];
        return std::string(getcwd(here, sizeof here) ? here : "") + "/" + path;
    }
    return of_descriptor(folder) + "/" + path;
}

void put(const void *data, size_t size) {
    const char *at = static_cast<const char *>(data);
    while (size) {
        ssize_t done = syscall(SYS_write, journal, at, size);
        if (done <= 0) return;
        at += done, size -= done;
    }
}

void note(char kind, const std::string &path, int64_t offset = 0, const void *data = nullptr, uint64_t size = 0) {
    if (journal < 0) return;
    uint64_t length = path.size();
    put(&kind, 1), put(&length, 8), put(path.data(), length), put(&offset, 8), put(&size, 8), put(data, size);
}

// Count an operation; true where it is to fail, with errno set.
bool fails() {
    ++count;
    if (left < 0 || left-- > 0) return false;
    if (code == 0) syscall(SYS_kill, getpid(), SIGKILL);
    errno = code;
    return true;
}

bool is_file(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

int opened(int folder, const char *path, int flags, mode_t mode) {
    std::string whole = absolute(folder, path);
    bool watched = is_below(whole) && (flags & (O_CREAT | O_TRUNC));
    bool is_new = watched && syscall(SYS_faccessat, AT_FDCWD, whole.c_str(), F_OK) != 0;
    if (watched && (is_new || (flags & O_TRUNC)) && fails()) return -1;
    int fd = syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && is_new) note('c', whole);
    else if (fd >= 0 && watched && (flags & O_TRUNC)) note('t', whole, 0);
    return fd;
}

ssize_t written(int fd, const void *data, size_t size, int64_t offset, bool here) {
    std::string path = of_descriptor(fd);
    if (!is_below(path) || !is_file(fd)) return here ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
    if (fails()) {
        if (code && size > 1) {  // a disk that is full takes a part
            if (here) offset = lseek(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) ? SEEK_END : SEEK_CUR);
            ssize_t half = here ? syscall(SYS_write, fd, data, size / 2) : syscall(SYS_pwrite64, fd, data, size / 2, offset);
            if (half > 0) note('w', path, offset, data, half);
        }
        errno = code;
        return -1;
    }
    if (here) offset = lseek(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) ? SEEK_END : SEEK_CUR);
    ssize_t done = here ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
    if (done > 0) note('w', path, offset, data, done);
    return done;
}

int synced(int fd) {
    std::string path = of_descriptor(fd);
    if (!is_below(path)) return 0;
    if (fails()) return -1;
    note('s', path);
    return 0;
}

int renamed(int from, const char *old_path, int to, const char *new_path) {
    std::string before = absolute(from, old_path), after = absolute(to, new_path);
    bool watched = is_below(after);
    if (watched && fails()) return -1;
    int result = syscall(SYS_renameat2, from, old_path, to, new_path, 0);
    if (result == 0 && watched) note('r', before, 0, after.data(), after.size());
    return result;
}

int removed(int folder, const char *path, int flags) {
    std::string whole = absolute(folder, path);
    bool watched = is_below(whole) && syscall(SYS_faccessat, AT_FDCWD, whole.c_str(), F_OK) == 0;
    if (watched && fails()) return -1;
    int result = syscall(SYS_unlinkat, folder, path, flags);
    if (result == 0 && watched) note('u', whole);
    return result;
}

int cut(int fd, int64_t size) {
    std::string path = of_descriptor(fd);
    bool watched = is_below(path);
    if (watched && fails()) return -1;
    int result = syscall(SYS_ftruncate, fd, size);
    if (result == 0 && watched) note('t', path, size);
    return result;
}

int made(int folder, const char *path, mode_t mode) {
    std::string whole = absolute(folder, path);
    bool watched = is_below(whole) && syscall(SYS_faccessat, AT_FDCWD, whole.c_str(), F_OK) != 0;
    if (watched && fails()) return -1;
    int result = syscall(SYS_mkdirat, folder, path, mode);
    if (result == 0 && watched) note('d', whole);
    return result;
}

}  // namespace

extern "C" {

// Watch a folder; fail the operation number `at`, counted from 0, with an errno, or end the process there with 0.
void disk_watch(const char *folder, long at, int error, int descriptor) {
    root = folder, left = at, code = error, journal = descriptor, count = 0;
}

long disk_count() { return count; }

// An operation of the program's own, which is no file's: a mail that is sent. Returns whether it is to fail.
int disk_point() { return !root.empty() && fails(); }

void disk_say(const char *text) { note('m', text); }

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(folder, path, flags, mode);
}
ssize_t write(int fd, const void *data, size_t size) { return written(fd, data, size, 0, true); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return written(fd, data, size, offset, false); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return written(fd, data, size, offset, false); }
int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from, const char *old_path, int to, const char *new_path) { return renamed(from, old_path, to, new_path); }
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }
}
