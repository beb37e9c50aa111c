# cmake -D SOURCE=<this project> -D BUILD=<build tree> -D WORK=<directory> -D GENERATOR=... -P client_alone.cmake:
# builds and installs the client library alone, builds its example with find_package(CompilerGymService) from there, and
# runs that with the example service of the build tree.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
set(toolchain -G ${GENERATOR} -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_C_COMPILER=${CC}
  -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS_DEBUG=-O0)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/library ${toolchain}
  -D COMPILER_GYM_CLIENT_ONLY=ON -D CMAKE_DISABLE_PRECOMPILE_HEADERS=ON)
run(${CMAKE_COMMAND} --build ${WORK}/library)
run(${CMAKE_COMMAND} --install ${WORK}/library --component development --prefix ${WORK}/prefix)
file(GLOB_RECURSE of_a_service ${WORK}/prefix/*async_server* ${WORK}/prefix/*sessions*)
if(of_a_service)
  message(FATAL_ERROR "installed with the client: ${of_a_service}")
endif()

file(COPY ${SOURCE}/examples/client DESTINATION ${WORK}/source)
run(${CMAKE_COMMAND} -S ${WORK}/source/client -B ${WORK}/example ${toolchain} -D CMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/example)
run(${WORK}/example/compiler_gym-client-example ${BUILD}/bin/compiler_gym-example-service)
if(NOT output STREQUAL "after action 'b' ir is 'Hello, world!'\n")
  message(FATAL_ERROR "the client example printed '${output}'")
endif()
