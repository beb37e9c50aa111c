# find_package(CompilerGymService): targets compiler_gym::async_server (a Server, an EmbeddedService, the main() of a
# service) and what it is made of: compiler_gym::sessions, ::context, ::core, ::proto. compiler_gym::client (a ServiceClient, a
# StreamClient, a ManagedService) is for clients, and needs nothing of the service.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
find_dependency(Boost 1.81 COMPONENTS filesystem program_options)
find_dependency(spdlog)
find_dependency(OpenSSL)
include(${CMAKE_CURRENT_LIST_DIR}/CompilerGymServiceTargets.cmake)
