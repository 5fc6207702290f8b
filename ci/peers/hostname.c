/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a peer (LD_PRELOAD) that must know its full name before it reads its
 * configuration: it is told an address, which needs no look-up and has its dots. ci/peers/base.py
 * builds it.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int gethostname(char *name, size_t size)
{
    int length = snprintf(name, size, "127.0.0.1");
    if (length < 0 || (size_t)length >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}
