; Integers of odd widths, one as wide as a page, vectors of odd lengths, and values too large for registers.
target triple = "x86_64-pc-linux-gnu"

@wide = global i4096 0

define i4096 @power(i4096 %x, i13 %n) {
entry:
  br label %loop
loop:
  %i = phi i13 [ %n, %entry ], [ %less, %loop ]
  %value = phi i4096 [ 1, %entry ], [ %product, %loop ]
  %product = mul i4096 %value, %x
  %less = sub i13 %i, 1
  %end = icmp eq i13 %less, 0
  br i1 %end, label %out, label %loop
out:
  store i4096 %product, ptr @wide
  ret i4096 %product
}

define <7 x i3> @lanes(<7 x i3> %a, <7 x i1> %choice) {
  %b = mul <7 x i3> %a, <i3 1, i3 2, i3 3, i3 poison, i3 undef, i3 0, i3 -1>
  %c = select <7 x i1> %choice, <7 x i3> %a, <7 x i3> %b
  ret <7 x i3> %c
}

define { [3 x i17], <2 x half> } @parts({ [3 x i17], <2 x half> } %value, half %h) {
  %v = insertvalue { [3 x i17], <2 x half> } %value, i17 5, 0, 1
  %pair = insertelement <2 x half> poison, half %h, i32 1
  %w = insertvalue { [3 x i17], <2 x half> } %v, <2 x half> %pair, 1
  ret { [3 x i17], <2 x half> } %w
}
