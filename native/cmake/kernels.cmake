# Sources of the CPU kernels, the BLAS bridge, the thread pool and the sampler: included by native/CMakeLists.txt.
#   skein_kernel_sources(<target>)  adds them to a target that links `mlx`
#   skein_group_sources(<target>)   adds what joins ranks, to a target with the kernels
#   skein_kernel_tests(<vendor>)    adds the executable `skein_native_tests`, driven by test/native
# <vendor> is the folder that holds mlx/, mlx_cpu.libs/ and scipy_openblas32/.

set(SKEIN_NATIVE_DIR ${CMAKE_CURRENT_LIST_DIR}/..)

function(skein_kernel_sources target vendor)
  set(source ${SKEIN_NATIVE_DIR}/src)
  target_sources(${target} PRIVATE ${source}/fused.cpp ${source}/quantized_linear.cpp ${source}/sampler.cpp)
  target_include_directories(${target} PRIVATE ${source})
  if(APPLE)
    return()
  endif()
  target_sources(${target} PRIVATE
    ${source}/blas.cpp
    ${source}/thread_pool.cpp
    ${source}/kernel/avx2.cpp
    ${source}/kernel/cpu_attention.cpp
    ${source}/kernel/cpu_linear.cpp
    ${source}/kernel/portable.cpp
    ${source}/kernel/select.cpp)
  # These live on auto-vectorisation, which g++ 12 leaves half off at -O2 and off for selections that might trap.
  # -Wno-psabi: vectors of eight floats are passed in memory there, which matters to nobody within one file.
  set_source_files_properties(${source}/kernel/portable.cpp ${source}/sampler.cpp
    TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS "-O3;-fno-trapping-math;-Wno-psabi")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set_source_files_properties(${source}/kernel/avx2.cpp
      TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS "-O3;-fno-trapping-math;-Wno-psabi;-mavx2;-mfma")
  endif()
  find_package(Threads REQUIRED)
  target_link_libraries(${target} PRIVATE ${vendor}/scipy_openblas32/lib/libscipy_openblas.so Threads::Threads)
endfunction()

function(skein_group_sources target)
  set(group ${SKEIN_NATIVE_DIR}/src/group)
  target_sources(${target} PRIVATE
    ${group}/handshake.cpp
    ${group}/sip_hash.cpp
    ${group}/socket.cpp
    ${group}/tcp_group.cpp
    ${group}/tcp_sum.cpp)
endfunction()

function(skein_kernel_tests vendor)
  if(APPLE)
    return()
  endif()
  set(tests ${SKEIN_NATIVE_DIR}/test_main)
  add_executable(skein_native_tests
    ${tests}/main.cpp ${tests}/fused_command.cpp ${tests}/group_command.cpp ${tests}/linear_command.cpp
    ${tests}/pool_command.cpp ${tests}/ring_command.cpp ${tests}/sampler_command.cpp ${tests}/scheduler_command.cpp
    ${SKEIN_NATIVE_DIR}/src/group/mlx_group.cpp ${SKEIN_NATIVE_DIR}/src/prefix_index.cpp ${SKEIN_NATIVE_DIR}/src/scheduler.cpp)
  skein_group_sources(skein_native_tests)
  skein_kernel_sources(skein_native_tests ${vendor})
  target_link_libraries(skein_native_tests PRIVATE mlx)
  set_target_properties(skein_native_tests PROPERTIES
    BUILD_RPATH "${vendor}/mlx/lib;${vendor}/mlx_cpu.libs;${vendor}/scipy_openblas32/lib")
endfunction()
