/* The wall clock, moved by what the control page of a torture run says (control.h): linked into the test's own
 * processes, and loaded into the database server by LD_PRELOAD. Monotonic clocks go on as they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* offset_us;

__attribute__((constructor)) static void find_page(void) {
  const char* path = getenv("JAMMI_TORTURE_CONTROL");
  const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) offset_us = page;
  close(fd);
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec* at) {
  if (syscall(SYS_clock_gettime, clock, at) != 0) return -1;
  if (offset_us != NULL && is_wall(clock)) {
    const int64_t offset = *offset_us;
    at->tv_sec += offset / 1000000;
    at->tv_nsec += offset % 1000000 * 1000;
    if (at->tv_nsec < 0) {
      at->tv_nsec += 1000000000;
      --at->tv_sec;
    } else if (at->tv_nsec >= 1000000000) {
      at->tv_nsec -= 1000000000;
      ++at->tv_sec;
    }
  }
  return 0;
}

int gettimeofday(struct timeval* restrict at, void* restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* at) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
