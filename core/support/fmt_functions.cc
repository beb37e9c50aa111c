// fmt's functions, for programs that are to run where its shared library is not; distributions have no static one. The header
// has their definitions, and this is what fmt's own library is made of. (-DFMT_HEADER_ONLY for all that use fmt would do as
// well, and each source file would take a third longer to compile.)
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
// fmt/format.h says of these that they are to be found elsewhere.
template auto thousands_sep_impl<char>(locale_ref loc) -> thousands_sep_result<char>;
template auto decimal_point_impl<char>(locale_ref loc) -> char;
}  // namespace detail
FMT_END_NAMESPACE
