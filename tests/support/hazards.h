// What a compiler may do to the process it is in.
#pragma once

namespace compiler_gym::testing {

/// Waits for good.
[[noreturn]] void hang();

/// Recurses until there is no stack left: SIGSEGV.
[[noreturn]] void overflow_the_stack();

/// Allocates and uses memory until there is none: std::bad_alloc, unless a new handler ends the
/// process. For a process with a limit.
[[noreturn]] void take_all_memory();

/// One allocation, of more than any process can have.
[[noreturn]] void allocate_too_much();

}  // namespace compiler_gym::testing
