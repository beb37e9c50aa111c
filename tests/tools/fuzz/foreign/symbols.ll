; Names that stand for others, that may be missing, that are threads' own or appended to, and a thousand zeros stored at once.
target triple = "x86_64-pc-linux-gnu"

$shared = comdat any
@value = thread_local(initialexec) global i32 3
@alias = alias i32, ptr @one
@one = weak_odr global i32 1
@missing = extern_weak global i8
@list = common global [100 x i32] zeroinitializer
@llvm.used = appending global [1 x ptr] [ptr @value], section "llvm.metadata"
@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 1, ptr @begin, ptr null }]
@picked = ifunc i32 (i32), ptr @pick

define internal ptr @pick() {
  ret ptr @answer
}
define i32 @answer(i32 %x) comdat($shared) {
  %there = icmp ne ptr @missing, null
  %r = select i1 %there, i32 %x, i32 0
  ret i32 %r
}
define internal void @begin() {
  %buffer = alloca [1000 x i32], align 16
  store [1000 x i32] zeroinitializer, ptr %buffer, align 4
  %v = load i32, ptr %buffer, align 4
  store i32 %v, ptr @alias
  ret void
}
