; Jumps that front ends rarely write: computed ones, out of assembler code, into loops with two entries, and calls that
; must not return here.
target triple = "x86_64-pc-linux-gnu"

@targets = internal constant [2 x ptr] [ptr blockaddress(@computed, %left), ptr blockaddress(@computed, %right)]

define i32 @computed(i64 %i) {
entry:
  %slot = getelementptr inbounds [2 x ptr], ptr @targets, i64 0, i64 %i
  %to = load ptr, ptr %slot
  indirectbr ptr %to, [label %left, label %right]
left:
  %a = phi i32 [ 1, %entry ], [ %b, %right ]
  %more = icmp slt i32 %a, 100
  br i1 %more, label %right, label %out
right:
  %c = phi i32 [ 2, %entry ], [ %a, %left ]
  %b = mul i32 %c, 3
  br label %left
out:
  ret i32 %a
}

define i32 @out_of_assembler(i32 %x) {
entry:
  callbr void asm sideeffect "", "r,!i"(i32 %x) to label %straight [label %aside]
straight:
  ret i32 0
aside:
  ret i32 1
}

define tailcc i32 @countdown(i32 %n) {
entry:
  switch i32 %n, label %next [
    i32 0, label %zero
    i32 -2147483648, label %never
  ]
next:
  %less = sub i32 %n, 1
  %r = musttail call tailcc i32 @countdown(i32 %less)
  ret i32 %r
zero:
  ret i32 0
never:
  unreachable
}
