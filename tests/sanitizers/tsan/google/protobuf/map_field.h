// Stands before protobuf's header of this name in builds with ThreadSanitizer. That gives maps two
// more members then, to show races by; but the library in the distribution's package was built
// without the sanitizer, so without them, and would take one member for another.
#pragma once

#include <cstddef>  // what the standard library makes of the macro is to stay as it is

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
