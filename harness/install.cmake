# SPDX-License-Identifier: MIT
# What `cmake --install` gives: the program, its man page (when scdoc is there), and libmilterwire,
# the frame parser and codec for other people's MTAs and milters.
include(GNUInstallDirs)

add_library(milterwire STATIC $<TARGET_OBJECTS:drill_base> $<TARGET_OBJECTS:drill_wire>)
target_include_directories(milterwire PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/harness>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/milterwire>)

install(TARGETS milterdrill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS milterwire ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(layer base wire)
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/${layer}/*.h
        ${CMAKE_SOURCE_DIR}/harness/${layer}/*.def)
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/milterwire/${layer})
endforeach()

find_program(SCDOC scdoc)
if(SCDOC)
    set(man ${CMAKE_BINARY_DIR}/milterdrill.1)
    add_custom_command(OUTPUT ${man}
        COMMAND ${SCDOC} < ${CMAKE_SOURCE_DIR}/harness/cli/milterdrill.1.scd > ${man}
        DEPENDS ${CMAKE_SOURCE_DIR}/harness/cli/milterdrill.1.scd VERBATIM)
    add_custom_target(man ALL DEPENDS ${man})
    install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
