// Preloaded into a program, shows it a wall clock that is wrong by as many seconds as the file WRONG_CLOCK says (a 64-bit integer), and that
// can be set while it runs. Other clocks stay as they are; programs that ask the kernel themselves, as those in Go, see the true time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static const volatile int64_t *wrong;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("WRONG_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) wrong = at;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
  if (!real) begin();
  int done = real(id, ts);
  if (done == 0 && wrong && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) ts->tv_sec += *wrong;
  return done;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  (void)zone;
  struct timespec ts;
  if (clock_gettime(CLOCK_REALTIME, &ts) != 0) return -1;
  tv->tv_sec = ts.tv_sec;
  tv->tv_usec = ts.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  if (at) *at = ts.tv_sec;
  return ts.tv_sec;
}
