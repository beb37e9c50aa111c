; Of a machine whose vectors have a length that only it knows.
target datalayout = "e-m:e-i8:8:32-i16:16:32-i64:64-i128:128-n32:64-S128"
target triple = "aarch64-unknown-linux-gnu"

declare i64 @llvm.vscale.i64()

define void @scale(ptr %values, i64 %n) #0 {
entry:
  %unit = call i64 @llvm.vscale.i64()
  %step = shl i64 %unit, 2
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr inbounds float, ptr %values, i64 %i
  %v = load <vscale x 4 x float>, ptr %p, align 4
  %w = fmul <vscale x 4 x float> %v, splat (float 2.0)
  store <vscale x 4 x float> %w, ptr %p, align 4
  %next = add i64 %i, %step
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %out
out:
  ret void
}

attributes #0 = { "target-features"="+sve" }
