#include "sessions/llvm/actions/actions.h"

namespace compiler_gym {
namespace {

using enum ChangeDetection;

// One line per action, in CompilerGym's order, which is the order of the numbers clients send. A
// comment where LLVM 19 has no pass of the old name, or wants more than the name.
// clang-format off
constexpr LlvmAction kPassesAll[] = {
    // 0
    {"-add-discriminators", "function(add-discriminators)"},
    {"-adce", "function(adce)"},
    {"-aggressive-instcombine", "function(aggressive-instcombine)"},
    {"-alignment-from-assumptions", "function(alignment-from-assumptions)"},
    {"-always-inline", "always-inline"},
    {"-argpromotion", "cgscc(argpromotion)", kHash},
    {"-attributor", "attributor", kHash},
    {"-barrier", "no-op-module"},  // a barrier between passes is nothing to a pass run alone
    {"-bdce", "function(bdce)"},
    {"-break-crit-edges", "function(break-crit-edges)"},
    // 10
    {"-simplifycfg", "function(simplifycfg)"},
    {"-callsite-splitting", "function(callsite-splitting)"},
    {"-called-value-propagation", "called-value-propagation", kHash},
    {"-canonicalize-aliases", "canonicalize-aliases"},
    {"-consthoist", "function(consthoist)"},
    {"-constmerge", "constmerge"},
    {"-constprop", "function(instsimplify)"},  // gone with LLVM 12; instsimplify does more
    {"-coro-cleanup", "coro-cleanup"},
    {"-coro-early", "coro-early"},
    {"-coro-elide", "function(coro-elide)"},
    // 20
    {"-coro-split", "cgscc(coro-split)"},
    {"-correlated-propagation", "function(correlated-propagation)"},
    {"-cross-dso-cfi", "cross-dso-cfi"},
    {"-deadargelim", "deadargelim"},
    {"-dce", "function(dce)"},
    {"-die", "function(dce)"},  // gone with LLVM 12; dce does more
    {"-dse", "function(dse)"},
    {"-reg2mem", "function(reg2mem)"},
    {"-div-rem-pairs", "function(div-rem-pairs)"},
    {"-early-cse-memssa", "function(early-cse<memssa>)"},  // renamed
    // 30
    {"-early-cse", "function(early-cse)"},
    {"-elim-avail-extern", "elim-avail-extern"},
    {"-ee-instrument", "function(ee-instrument)"},
    {"-flattencfg", "function(flatten-cfg)"},  // renamed
    {"-float2int", "function(float2int)"},
    {"-forceattrs", "forceattrs"},
    {"-inline", "cgscc(inline)"},
    {"-insert-gcov-profiling", "insert-gcov-profiling"},
    {"-gvn-hoist", "function(gvn-hoist)"},
    {"-gvn", "function(gvn)"},
    // 40
    {"-globaldce", "globaldce"},
    {"-globalopt", "globalopt"},
    {"-globalsplit", "globalsplit"},
    {"-guard-widening", "function(guard-widening)"},
    {"-hotcoldsplit", "hotcoldsplit"},
    {"-ipconstprop", "ipsccp", kHash},  // gone with LLVM 12; ipsccp does more
    {"-ipsccp", "ipsccp", kHash},
    {"-indvars", "function(loop(indvars))", kHash},
    {"-irce", "function(irce)", kHash},
    {"-infer-address-spaces", "function(infer-address-spaces)"},
    // 50
    {"-inferattrs", "inferattrs"},
    {"-inject-tli-mappings", "function(inject-tli-mappings)"},
    {"-instsimplify", "function(instsimplify)"},
    {"-instcombine", "function(instcombine<no-verify-fixpoint>)"},  // or a second round is fatal
    {"-instnamer", "function(instnamer)", kHash},
    {"-jump-threading", "function(jump-threading)"},
    {"-lcssa", "function(lcssa)"},
    {"-licm", "function(loop-mssa(licm))"},  // refuses to run without MemorySSA
    {"-libcalls-shrinkwrap", "function(libcalls-shrinkwrap)"},
    {"-load-store-vectorizer", "function(load-store-vectorizer)"},
    // 60
    {"-loop-data-prefetch", "function(loop-data-prefetch)"},
    {"-loop-deletion", "function(loop(loop-deletion))"},
    {"-loop-distribute", "function(loop-distribute)"},
    {"-loop-fusion", "function(loop-fusion)"},
    {"-loop-guard-widening", "function(loop(guard-widening))"},  // renamed: guard-widening on loops
    {"-loop-idiom", "function(loop(loop-idiom))"},
    {"-loop-instsimplify", "function(loop-mssa(loop-instsimplify))"},  // as in the O2 pipeline
    {"-loop-interchange", "function(loop(loop-interchange))"},
    {"-loop-load-elim", "function(loop-load-elim)"},
    {"-loop-predication", "function(loop(loop-predication))"},
    // 70
    {"-loop-reroll", "no-op-module"},  // gone with LLVM 18, nothing in its place; keeps its number
    {"-loop-rotate", "function(loop(loop-rotate))"},
    {"-loop-simplifycfg", "function(loop-mssa(loop-simplifycfg))"},  // as in the O2 pipeline
    {"-loop-simplify", "function(loop-simplify)"},
    {"-loop-sink", "function(loop-sink)"},
    {"-loop-reduce", "function(loop(loop-reduce))"},
    {"-loop-unroll-and-jam", "function(loop(loop-unroll-and-jam))"},
    {"-loop-unroll", "function(loop-unroll)"},
    // gone with LLVM 15; its successor, with what it did by default
    {"-loop-unswitch", "function(loop-mssa(simple-loop-unswitch<nontrivial>))"},
    {"-loop-vectorize", "function(loop-vectorize)"},
    // 80
    {"-loop-versioning-licm", "function(loop(loop-versioning-licm))"},
    {"-loop-versioning", "function(loop-versioning)"},
    {"-loweratomic", "function(lower-atomic)", kHash},  // renamed
    {"-lower-constant-intrinsics", "function(lower-constant-intrinsics)"},
    {"-lower-expect", "function(lower-expect)"},
    {"-lower-guard-intrinsic", "function(lower-guard-intrinsic)"},
    {"-lowerinvoke", "function(lower-invoke)"},  // renamed
    {"-lower-matrix-intrinsics", "function(lower-matrix-intrinsics)"},
    {"-lowerswitch", "function(lower-switch)"},  // renamed
    {"-lower-widenable-condition", "function(lower-widenable-condition)"},
    // 90
    {"-memcpyopt", "function(memcpyopt)"},
    {"-mergefunc", "mergefunc"},
    {"-mergeicmps", "function(mergeicmps)"},
    {"-mldst-motion", "function(mldst-motion)"},
    {"-sancov", "sancov-module"},  // renamed
    {"-name-anon-globals", "name-anon-globals"},
    {"-nary-reassociate", "function(nary-reassociate)"},
    {"-newgvn", "function(newgvn)"},
    {"-pgo-memop-opt", "function(pgo-memop-opt)"},
    {"-partial-inliner", "partial-inliner"},
    // 100
    {"-partially-inline-libcalls", "function(partially-inline-libcalls)"},
    {"-post-inline-ee-instrument", "function(ee-instrument<post-inline>)"},  // renamed
    {"-functionattrs", "cgscc(function-attrs)"},  // renamed
    {"-mem2reg", "function(mem2reg)"},
    // gone with LLVM 16; function-attrs infers nounwind
    {"-prune-eh", "cgscc(function-attrs),function(simplifycfg)"},
    {"-reassociate", "function(reassociate)", kHash},
    {"-redundant-dbg-inst-elim", "function(redundant-dbg-inst-elim)"},
    {"-rpo-functionattrs", "rpo-function-attrs"},  // renamed
    {"-rewrite-statepoints-for-gc", "rewrite-statepoints-for-gc"},
    {"-sccp", "function(sccp)"},
    // 110
    {"-slp-vectorizer", "function(slp-vectorizer)"},
    {"-sroa", "function(sroa)"},
    // LLVM 19's uses what it has freed, in vector code with loops: what lies there is anybody's guess
    {"-scalarizer", "function(scalarizer)", kPassManager, false},
    {"-separate-const-offset-from-gep", "function(separate-const-offset-from-gep)"},
    {"-simple-loop-unswitch", "function(loop-mssa(simple-loop-unswitch))"},  // as in the O2 pipeline
    {"-sink", "function(sink)"},
    {"-speculative-execution", "function(speculative-execution)"},
    {"-slsr", "function(slsr)"},
    {"-strip-dead-prototypes", "strip-dead-prototypes"},
    {"-strip-debug-declare", "strip-debug-declare"},
    // 120
    {"-strip-nondebug", "strip-nondebug"},
    {"-strip", "strip"},
    {"-tailcallelim", "function(tailcallelim)"},
    {"-mergereturn", "function(mergereturn)"},
};
// clang-format on

}  // namespace

std::span<const LlvmAction> passes_all_actions() {
  return kPassesAll;
}

}  // namespace compiler_gym
