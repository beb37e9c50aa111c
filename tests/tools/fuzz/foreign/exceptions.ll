; Exceptions as two systems have them, one function each.
target triple = "x86_64-pc-linux-gnu"

declare void @may_throw(i32)
declare i32 @__gxx_personality_v0(...)
declare i32 @__CxxFrameHandler3(...)

define i32 @landing(i32 %x) personality ptr @__gxx_personality_v0 {
entry:
  invoke void @may_throw(i32 %x) to label %fine unwind label %pad
fine:
  ret i32 0
pad:
  %caught = landingpad { ptr, i32 } cleanup catch ptr null
  %kind = extractvalue { ptr, i32 } %caught, 1
  %known = icmp eq i32 %kind, 1
  br i1 %known, label %fine, label %pass
pass:
  resume { ptr, i32 } %caught
}

define i32 @funclets(i32 %x) personality ptr @__CxxFrameHandler3 {
entry:
  invoke void @may_throw(i32 %x) to label %fine unwind label %dispatch
dispatch:
  %switch = catchswitch within none [label %handler] unwind label %clean
handler:
  %pad = catchpad within %switch [ptr null, i32 64, ptr null]
  invoke void @may_throw(i32 2) [ "funclet"(token %pad) ] to label %handled unwind label %clean
handled:
  catchret from %pad to label %fine
clean:
  %cleanup = cleanuppad within none []
  cleanupret from %cleanup unwind to caller
fine:
  ret i32 1
}
