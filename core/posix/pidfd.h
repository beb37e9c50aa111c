// pidfd_open() as C functions are declared, which glibc 2.36 forgets in its own header.
#pragma once

extern "C" {
#include <sys/pidfd.h>  // IWYU pragma: export
}
