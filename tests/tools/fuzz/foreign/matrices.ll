; Operations on whole matrices, which grow to many instructions when they are lowered.
target triple = "x86_64-pc-linux-gnu"

declare <64 x double> @llvm.matrix.multiply.v64f64.v64f64.v64f64(<64 x double>, <64 x double>, i32, i32, i32)
declare <64 x double> @llvm.matrix.transpose.v64f64(<64 x double>, i32, i32)

define void @square(ptr %m) {
  %a = load <64 x double>, ptr %m
  %t = call <64 x double> @llvm.matrix.transpose.v64f64(<64 x double> %a, i32 8, i32 8)
  %p = call <64 x double> @llvm.matrix.multiply.v64f64.v64f64.v64f64(<64 x double> %a, <64 x double> %t, i32 8, i32 8, i32 8)
  store <64 x double> %p, ptr %m
  ret void
}
