; A coroutine before it is split, garbage collection, and intrinsics with operand bundles.
target triple = "x86_64-pc-linux-gnu"

declare token @llvm.coro.id(i32, ptr, ptr, ptr)
declare i64 @llvm.coro.size.i64()
declare ptr @llvm.coro.begin(token, ptr)
declare i8 @llvm.coro.suspend(token, i1)
declare ptr @llvm.coro.free(token, ptr)
declare i1 @llvm.coro.end(ptr, i1, token)
declare ptr @malloc(i64)
declare void @free(ptr)
declare void @use(i32)
declare void @llvm.assume(i1)

define ptr @count(i32 %n) presplitcoroutine {
entry:
  %id = call token @llvm.coro.id(i32 0, ptr null, ptr null, ptr null)
  %size = call i64 @llvm.coro.size.i64()
  %memory = call ptr @malloc(i64 %size)
  %frame = call ptr @llvm.coro.begin(token %id, ptr %memory)
  br label %loop
loop:
  %i = phi i32 [ %n, %entry ], [ %next, %resume ]
  call void @use(i32 %i)
  %state = call i8 @llvm.coro.suspend(token none, i1 false)
  switch i8 %state, label %suspend [
    i8 0, label %resume
    i8 1, label %cleanup
  ]
resume:
  %next = add i32 %i, 1
  br label %loop
cleanup:
  %old = call ptr @llvm.coro.free(token %id, ptr %frame)
  call void @free(ptr %old)
  br label %suspend
suspend:
  call i1 @llvm.coro.end(ptr %frame, i1 false, token none)
  ret ptr %frame
}

define ptr addrspace(1) @collected(ptr addrspace(1) %p) gc "statepoint-example" {
  call void @use(i32 1)
  ret ptr addrspace(1) %p
}

define i32 @assuming(ptr %p) {
  call void @llvm.assume(i1 true) [ "align"(ptr %p, i64 64), "nonnull"(ptr %p) ]
  %v = load i32, ptr %p, align 4
  ret i32 %v
}
