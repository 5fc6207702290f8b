# SPDX-License-Identifier: MIT
include(GNUInstallDirs)
install(TARGETS milterdrill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
