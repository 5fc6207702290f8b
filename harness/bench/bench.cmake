# SPDX-License-Identifier: MIT
# bench_<layer>_<file>.c prints ratios that were measured side by side in one run (ci/bench).
if(DRILL_BENCH)
    file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/bench/bench_*.c)
    foreach(source ${benches})
        get_filename_component(bench ${source} NAME_WE)
        string(REGEX REPLACE "^bench_([a-z]+)_.*$" "\\1" layer ${bench})
        add_executable(${bench} ${source})
        target_link_libraries(${bench} PRIVATE drill_${layer})
    endforeach()
endif()
