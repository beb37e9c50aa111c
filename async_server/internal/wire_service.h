// The generated service with every method raw: requests and replies stay bytes, and are parsed and
// serialised where we choose, which for a 100 MB benchmark is not the thread that reads the
// completion queue.
#pragma once

#include "proto/compiler_gym_service.grpc.pb.h"

namespace compiler_gym::internal {

using WireService = CompilerGymService::WithRawMethod_GetVersion<
    CompilerGymService::WithRawMethod_GetSpaces<CompilerGymService::WithRawMethod_StartSession<
        CompilerGymService::WithRawMethod_ForkSession<CompilerGymService::WithRawMethod_EndSession<
            CompilerGymService::WithRawMethod_Step<CompilerGymService::WithRawMethod_AddBenchmark<
                CompilerGymService::WithRawMethod_SendSessionParameter<
                    CompilerGymService::Service>>>>>>>>;

}  // namespace compiler_gym::internal
