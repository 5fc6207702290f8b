# SPDX-License-Identifier: MIT
# fuzz_<target>.c is a fuzz target, corpus/<target>/ its seeds: adding one is adding files.
# DRILL_FUZZ: replay (any compiler, ctest runs each corpus), libfuzzer (clang), afl (afl-clang-fast).
set(drill_fuzz_layer wire)             # what a target links, unless it is named here; never net or cli
set(drill_fuzz_layer_import scenario)
set(drill_fuzz_layer_scenario scenario)
set(drill_fuzz_layer_scrub scenario)
set(drill_fuzz_layer_record_replay scenario)
set(drill_fuzz_layer_session session)
set(drill_fuzz_layer_sim sim)

file(GLOB drill_fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fuzz/fuzz_*.c)
file(GLOB drill_fuzz_corpora CONFIGURE_DEPENDS LIST_DIRECTORIES true ${CMAKE_SOURCE_DIR}/corpus/*)

# A target without seeds would run on nothing, seeds without a target would never run.
set(drill_fuzz_targets "")
foreach(source ${drill_fuzz_sources})
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" target ${target})
    file(GLOB seeds CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/corpus/${target}/*)
    list(FILTER seeds EXCLUDE REGEX "/README\\.md$")
    if(NOT seeds)
        message(FATAL_ERROR "fuzz/fuzz_${target}.c has no seeds: corpus/${target}/ is missing or empty")
    endif()
    list(APPEND drill_fuzz_targets ${target})
endforeach()
foreach(corpus ${drill_fuzz_corpora})
    get_filename_component(name ${corpus} NAME)
    if(IS_DIRECTORY ${corpus} AND NOT name IN_LIST drill_fuzz_targets)
        message(FATAL_ERROR "corpus/${name}/ has no target: fuzz/fuzz_${name}.c is missing")
    endif()
endforeach()

if(DRILL_FUZZ)
    if(DRILL_FUZZ STREQUAL "replay")
        add_library(drill_fuzz_main OBJECT ${CMAKE_SOURCE_DIR}/fuzz/replay_main.c)
        target_link_libraries(drill_fuzz_main PRIVATE drill_base)
        set(drill_fuzz_link $<TARGET_OBJECTS:drill_fuzz_main>)
    elseif(DRILL_FUZZ STREQUAL "libfuzzer" OR DRILL_FUZZ STREQUAL "afl")
        # The layers get the coverage, the targets also the driver: clang's, or AFL++'s persistent one.
        foreach(layer base wire session scenario play sim)
            if(TARGET drill_${layer} AND DRILL_FUZZ STREQUAL "libfuzzer")
                target_compile_options(drill_${layer} PRIVATE -fsanitize=fuzzer-no-link)
            endif()
        endforeach()
        set(drill_fuzz_link -fsanitize=fuzzer)
    else()
        message(FATAL_ERROR "DRILL_FUZZ is \"${DRILL_FUZZ}\"; it can be replay, libfuzzer or afl")
    endif()
    foreach(target ${drill_fuzz_targets})
        set(layer ${drill_fuzz_layer})
        if(DEFINED drill_fuzz_layer_${target})
            set(layer ${drill_fuzz_layer_${target}})
        endif()
        add_executable(fuzz_${target} ${CMAKE_SOURCE_DIR}/fuzz/fuzz_${target}.c)
        target_link_libraries(fuzz_${target} PRIVATE drill_${layer} ${drill_fuzz_link})
        target_include_directories(fuzz_${target} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz)
        if(DRILL_FUZZ STREQUAL "libfuzzer")
            target_compile_options(fuzz_${target} PRIVATE -fsanitize=fuzzer-no-link)
        elseif(DRILL_FUZZ STREQUAL "replay")
            add_test(NAME replay_${target} COMMAND ${CMAKE_SOURCE_DIR}/ci/san
                $<TARGET_FILE:fuzz_${target}> ${CMAKE_SOURCE_DIR}/corpus/${target})
        endif()
    endforeach()

    # The fuzzers' dictionary comes from proto.def: build/<preset>/milter.dict.
    add_executable(make_dict ${CMAKE_SOURCE_DIR}/fuzz/make_dict.c)
    target_link_libraries(make_dict PRIVATE drill_wire)
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/milter.dict
        COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 ${CMAKE_SOURCE_DIR}/ci/san
            $<TARGET_FILE:make_dict> ${CMAKE_BINARY_DIR}/milter.dict
        DEPENDS make_dict VERBATIM)
    add_custom_target(milter_dict ALL DEPENDS ${CMAKE_BINARY_DIR}/milter.dict)
endif()
