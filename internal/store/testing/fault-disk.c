/*
 * A disk that can be watched and that can fail: loaded before libc (LD_PRELOAD) it stands between a program and the
 * system calls that change files. Calls below one folder are written to a trace, with their data, in the order in which
 * they happened; and they fail on command. Files that end with "-shm" are left alone: SQLite makes that one anew at
 * every start, and writes it through shared memory.
 *
 * The program talks to it by writing lines to the path "/@fault-disk"; SKIFF_FAULT_DISK holds lines to begin with:
 *   trace FOLDER FILE                           records what happens below FOLDER to FILE; without arguments: stops
 *   note TEXT                                   puts TEXT into the trace
 *   fail CALL ERRNO SUFFIX SKIP COUNT ODDS MODE fails calls (sync, write, truncate, open, read, unlink, rename) on
 *                                               files whose path ends with SUFFIX ("*": all), after the first SKIP of
 *                                               them, COUNT times (-1: for ever), each with a chance of 1 in ODDS. MODE:
 *                                               keep    the file keeps what the program wrote
 *                                               revert  a failed sync takes back everything since the last good one
 *                                               short   a failed write first writes half of what it was given
 *   heal                                        nothing fails any more
 *   seed NUMBER                                 chance
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONTROL "/@fault-disk"
#define MAX_FILES 4096
#define MAX_PATH_BYTES 1024
#define MAX_RULES 16

struct file {
  int used, generation, append, control;
  uint32_t id;
  char path[MAX_PATH_BYTES];
};
struct rule {
  char call[16], suffix[64], mode[16];
  int error, odds;
  long skip, count;
};
/* What a write replaced, for syncs that take back. */
struct before {
  struct before *next;
  char path[MAX_PATH_BYTES];
  off_t offset, size;
  size_t length;
  char data[];
};
struct head {
  uint8_t call, pad[3];
  uint32_t id;
  uint64_t offset;
  uint32_t length;
  int32_t error;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[MAX_FILES];
static struct rule rules[MAX_RULES];
static int rule_count, generation, trace_fd = -1, keep_before;
static uint32_t next_id = 1, chance = 1;
static char folder[MAX_PATH_BYTES];
static struct before *undo;

static struct file *file_of(int fd);
static long (*libc_syscall)(long, ...);
static void find_syscall(void) {
  if (!libc_syscall) libc_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
}

/* Copies inside the kernel are refused, so that the caller copies with read and write. libuv calls them by number. */
long syscall(long number, ...) {
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_copy_file_range && file_of((int)a[2])) {
    errno = ENOSYS;
    return -1;
  }
  find_syscall();
  return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
#define syscall(...) (find_syscall(), libc_syscall(__VA_ARGS__))

static ssize_t raw_write(int fd, const void *data, size_t n) { return syscall(SYS_write, fd, data, n); }

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

static int is_traced(const char *path) {
  size_t n = strlen(folder);
  if (n == 0 || strncmp(path, folder, n) != 0 || (path[n] != '/' && path[n] != 0)) return 0;
  return !ends_with(path, "-shm");
}

static void record(char call, uint32_t id, uint64_t offset, const void *data, size_t length, int error) {
  if (trace_fd < 0) return;
  struct head head = {.call = (uint8_t)call, .id = id, .offset = offset, .length = (uint32_t)length, .error = error};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
  syscall(SYS_writev, trace_fd, parts, length > 0 ? 2 : 1);
}

static uint32_t roll(void) {
  chance = chance * 1664525u + 1013904223u;
  return chance >> 8;
}

/* The rule that makes this call fail, or NULL. */
static struct rule *failing(const char *call, const char *path) {
  for (int i = 0; i < rule_count; i++) {
    struct rule *rule = &rules[i];
    if (strcmp(rule->call, call) != 0 || rule->count == 0) continue;
    if (strcmp(rule->suffix, "*") != 0 && !ends_with(path, rule->suffix)) continue;
    if (rule->skip > 0) {
      rule->skip--;
      continue;
    }
    if (rule->odds > 1 && roll() % (uint32_t)rule->odds != 0) continue;
    if (rule->count > 0) rule->count--;
    return rule;
  }
  return NULL;
}

static int errno_of(const char *name) {
  if (strcmp(name, "EIO") == 0) return EIO;
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EROFS") == 0) return EROFS;
  if (strcmp(name, "EACCES") == 0) return EACCES;
  fprintf(stderr, "fault-disk: unknown error %s\n", name);
  abort();
}

static void command(const char *line) {
  char call[16], error[16], suffix[64], mode[16], path[MAX_PATH_BYTES];
  long skip, count;
  int odds;
  if (strncmp(line, "note ", 5) == 0) {
    record('n', 0, 0, line + 5, strlen(line + 5), 0);
  } else if (strncmp(line, "trace", 5) == 0) {
    if (trace_fd >= 0) syscall(SYS_close, trace_fd);
    trace_fd = -1;
    folder[0] = 0;
    generation++;
    if (sscanf(line, "trace %1023s %1023s", folder, path) == 2) trace_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  } else if (sscanf(line, "fail %15s %15s %63s %ld %ld %d %15s", call, error, suffix, &skip, &count, &odds, mode) == 7 && rule_count < MAX_RULES) {
    struct rule *rule = &rules[rule_count++];
    strcpy(rule->call, call);
    strcpy(rule->suffix, suffix);
    strcpy(rule->mode, mode);
    rule->error = errno_of(error);
    rule->skip = skip;
    rule->count = count;
    rule->odds = odds;
    if (strcmp(mode, "revert") == 0) keep_before = 1;
  } else if (strncmp(line, "heal", 4) == 0) {
    rule_count = 0;
  } else if (sscanf(line, "seed %u", &chance) != 1 && line[0] != 0) {
    fprintf(stderr, "fault-disk: cannot read \"%s\"\n", line);
    abort();
  }
}

__attribute__((constructor)) static void begin(void) {
  const char *lines = getenv("SKIFF_FAULT_DISK");
  if (!lines) return;
  char *copy = strdup(lines), *rest = copy, *line;
  while ((line = strsep(&rest, "\n"))) command(line);
  free(copy);
}

static struct file *file_of(int fd) {
  if (fd < 0 || fd >= MAX_FILES || !files[fd].used) return NULL;
  return files[fd].control || files[fd].generation == generation ? &files[fd] : NULL;
}

/* Absolute paths only: SQLite's and ours are. Names beside an open folder are looked up. */
static const char *absolute(int dirfd, const char *path, char *buffer) {
  if (path[0] == '/' || dirfd == AT_FDCWD) return path;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
  ssize_t n = readlink(link, buffer, MAX_PATH_BYTES - 1);
  if (n < 0) return path;
  snprintf(buffer + n, (size_t)(MAX_PATH_BYTES - n), "/%s", path);
  return buffer;
}

static int open_any(int dirfd, const char *given, int flags, mode_t mode) {
  char buffer[MAX_PATH_BYTES];
  const char *path = absolute(dirfd, given, buffer);
  int control = strcmp(path, CONTROL) == 0;
  if (!control && !is_traced(path)) {
    int fd = (int)syscall(SYS_openat, dirfd, given, flags, mode);
    if (fd >= 0 && fd < MAX_FILES) files[fd].used = 0;
    return fd;
  }
  if (control) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && fd < MAX_FILES) files[fd] = (struct file){.used = 1, .control = 1};
    return fd;
  }
  pthread_mutex_lock(&lock);
  struct rule *rule = flags & O_DIRECTORY ? NULL : failing("open", path);
  int fd = -1;
  if (rule) {
    errno = rule->error;
  } else {
    fd = (int)syscall(SYS_openat, dirfd, given, flags, mode);
    if (fd >= 0 && fd < MAX_FILES) {
      struct stat st;
      fstat(fd, &st);
      struct file *file = &files[fd];
      *file = (struct file){.used = 1, .generation = generation, .append = (flags & O_APPEND) != 0, .id = next_id++};
      snprintf(file->path, sizeof file->path, "%s", path);
      record(S_ISDIR(st.st_mode) ? 'd' : 'o', file->id, (uint64_t)(flags & O_TRUNC ? 1 : 0), path, strlen(path), 0);
    }
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = (mode_t)va_arg(rest, int); \
    va_end(rest); \
  }
int open(const char *path, int flags, ...) { MODE_OF(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int dirfd, const char *path, int flags, ...) { MODE_OF(flags) return open_any(dirfd, path, flags, mode); }
int openat64(int dirfd, const char *path, int flags, ...) { MODE_OF(flags) return open_any(dirfd, path, flags, mode); }

int close(int fd) {
  if (fd >= 0 && fd < MAX_FILES) files[fd].used = 0;
  return (int)syscall(SYS_close, fd);
}

/* Notes what a change replaces, when some rule may want it back. */
static void remember(struct file *file, int fd, off_t offset, size_t length) {
  if (!keep_before) return;
  struct stat st;
  fstat(fd, &st);
  struct before *before = malloc(sizeof *before + length);
  snprintf(before->path, sizeof before->path, "%s", file->path);
  before->offset = offset;
  before->size = st.st_size;
  before->length = 0;
  /* The program's own descriptor may be for writing only. */
  int reader = (int)syscall(SYS_openat, AT_FDCWD, file->path, O_RDONLY | O_CLOEXEC);
  if (reader >= 0) {
    long n = syscall(SYS_pread64, reader, before->data, length, offset);
    before->length = n > 0 ? (size_t)n : 0;
    syscall(SYS_close, reader);
  }
  before->next = undo;
  undo = before;
}

/* After a sync: what is remembered of the file is forgotten, or put back, newest first. */
static void settle(const char *path, int fd, int put_back) {
  struct before **at = &undo;
  while (*at) {
    struct before *before = *at;
    if (strcmp(before->path, path) != 0) {
      at = &before->next;
      continue;
    }
    if (put_back) {
      syscall(SYS_pwrite64, fd, before->data, before->length, before->offset);
      syscall(SYS_ftruncate, fd, before->size);
    }
    *at = before->next;
    free(before);
  }
}

static ssize_t write_any(int fd, const void *data, size_t length, off_t offset, int positioned) {
  struct file *file = file_of(fd);
  if (!file) return positioned ? syscall(SYS_pwrite64, fd, data, length, offset) : raw_write(fd, data, length);
  pthread_mutex_lock(&lock);
  ssize_t written = -1;
  if (file->control) {
    char *text = strndup(data, length), *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) command(line);
    free(text);
    written = (ssize_t)length;
  } else {
    struct rule *rule = failing("write", file->path);
    int error = rule ? rule->error : 0;
    size_t allowed = rule ? (strcmp(rule->mode, "short") == 0 ? length / 2 : 0) : length;
    struct stat st;
    if (!positioned) offset = file->append && fstat(fd, &st) == 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
    if (allowed > 0) {
      remember(file, fd, offset, allowed);
      written = positioned ? syscall(SYS_pwrite64, fd, data, allowed, offset) : raw_write(fd, data, allowed);
      if (written > 0) record('w', file->id, (uint64_t)offset, data, (size_t)written, error);
    }
    if (error) {
      errno = error;
      written = -1;
    }
  }
  pthread_mutex_unlock(&lock);
  return written;
}
ssize_t write(int fd, const void *data, size_t n) { return write_any(fd, data, n, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return write_any(fd, data, n, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return write_any(fd, data, n, at, 1); }

static ssize_t read_any(int fd, void *data, size_t n, off_t at, int positioned) {
  struct file *file = file_of(fd);
  if (file && !file->control && rule_count > 0) {
    pthread_mutex_lock(&lock);
    struct rule *rule = failing("read", file->path);
    int error = rule ? rule->error : 0;
    pthread_mutex_unlock(&lock);
    if (error) {
      errno = error;
      return -1;
    }
  }
  return positioned ? syscall(SYS_pread64, fd, data, n, at) : syscall(SYS_read, fd, data, n);
}
ssize_t read(int fd, void *data, size_t n) { return read_any(fd, data, n, 0, 0); }
ssize_t pread(int fd, void *data, size_t n, off_t at) { return read_any(fd, data, n, at, 1); }
ssize_t pread64(int fd, void *data, size_t n, off64_t at) { return read_any(fd, data, n, at, 1); }

static int truncate_any(int fd, off_t size) {
  struct file *file = file_of(fd);
  if (!file) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&lock);
  struct rule *rule = failing("truncate", file->path);
  int result = -1;
  if (rule) {
    errno = rule->error;
  } else {
    struct stat st;
    fstat(fd, &st);
    remember(file, fd, size, st.st_size > size ? (size_t)(st.st_size - size) : 0);
    result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0) record('t', file->id, (uint64_t)size, NULL, 0, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t size) { return truncate_any(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_any(fd, size); }

static int sync_any(int fd, long number) {
  struct file *file = file_of(fd);
  if (!file) return (int)syscall(number, fd);
  pthread_mutex_lock(&lock);
  struct rule *rule = failing("sync", file->path);
  int result = 0;
  if (rule) {
    settle(file->path, fd, strcmp(rule->mode, "revert") == 0);
    record('f', file->id, 0, NULL, 0, rule->error);
    errno = rule->error;
    result = -1;
  } else {
    /* The judge decides what a sync has reached, so the machine's own disk is left in peace. */
    settle(file->path, fd, 0);
    record('s', file->id, 0, NULL, 0, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}
int fsync(int fd) { return sync_any(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync); }

static int name_call(const char *call, char kind, const char *path, const char *to, long number, long a, long b, long c, long d) {
  if (!is_traced(path) && !(to && is_traced(to))) return (int)syscall(number, a, b, c, d, 0);
  pthread_mutex_lock(&lock);
  struct rule *rule = failing(call, path);
  int result = -1;
  if (rule) {
    errno = rule->error;
  } else {
    result = (int)syscall(number, a, b, c, d, 0);
    if (result == 0) {
      char both[2 * MAX_PATH_BYTES];
      int n = to ? snprintf(both, sizeof both, "%s%c%s", path, 0, to) : snprintf(both, sizeof both, "%s", path);
      record(kind, 0, 0, both, (size_t)n, 0);
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}
int unlinkat(int dirfd, const char *path, int flags) {
  char buffer[MAX_PATH_BYTES];
  return name_call("unlink", 'u', absolute(dirfd, path, buffer), NULL, SYS_unlinkat, dirfd, (long)path, flags, 0);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int remove(const char *path) {
  int result = unlinkat(AT_FDCWD, path, 0);
  return result < 0 && (errno == EISDIR || errno == EPERM) ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}
int rename(const char *from, const char *to) { return name_call("rename", 'r', from, to, SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to); }
int link(const char *from, const char *to) { return name_call("link", 'l', from, to, SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to); }
int mkdir(const char *path, mode_t mode) { return name_call("mkdir", 'm', path, NULL, SYS_mkdirat, AT_FDCWD, (long)path, (long)mode, 0); }

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags) {
  if (!file_of(out)) return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
  errno = ENOSYS;
  return -1;
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) {
  if (!file_of(out)) return syscall(SYS_sendfile, out, in, at, n);
  errno = EINVAL;
  return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) { return sendfile(out, in, at, n); }
