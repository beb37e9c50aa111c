# cmake -D BUILD=<build tree> -D EXAMPLES=<examples> -D WORK=<directory> -D GENERATOR=... -P check.cmake:
# installs the project, builds the embedding examples and the client's with find_package(CompilerGymService) from there,
# and runs them; the client with the example service of the build tree.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component development --prefix ${WORK}/prefix)
foreach(example client embedding)
  # A copy, so that nothing of the source tree is in reach.
  file(COPY ${EXAMPLES}/${example} DESTINATION ${WORK}/source/examples)
  run(${CMAKE_COMMAND} -S ${WORK}/source/examples/${example} -B ${WORK}/build/${example} -G ${GENERATOR}
    -D CMAKE_PREFIX_PATH=${WORK}/prefix -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_C_COMPILER=${CC}
    -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS_DEBUG=-O0)
  run(${CMAKE_COMMAND} --build ${WORK}/build/${example})
endforeach()

run(${WORK}/build/client/compiler_gym-client-example ${BUILD}/bin/compiler_gym-example-service)
if(NOT output STREQUAL "after action 'b' ir is 'Hello, world!'\n")
  message(FATAL_ERROR "the client example printed '${output}'")
endif()
run(${WORK}/build/embedding/compiler_gym-embedding-callbacks)
if(NOT output STREQUAL "mo\n")
  message(FATAL_ERROR "the callbacks example printed '${output}'")
endif()
run(${WORK}/build/embedding/compiler_gym-embedding-coroutines)
if(NOT output MATCHES "^(ooomo\noomo|oomo\nooomo)\n$")
  message(FATAL_ERROR "the coroutines example printed '${output}'")
endif()
