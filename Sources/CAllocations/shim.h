// How often memory was allocated so far, where deploy/allocations.c was loaded before the program.
#pragma once
#include <dlfcn.h>

/// Allocations of all threads, or -1 if nobody counts them.
static inline long allocations_so_far(void) {
  // The default scope; its name is a GNU extension.
  long (*count)(void) = (long (*)(void))dlsym((void *)0, "dreamstream_allocations");
  return count ? count() : -1;
}
