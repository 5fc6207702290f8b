/* SPDX-License-Identifier: MIT */
/*
 * A runner without a transport, driven by a script: one step a line, in scenario notation.
 *
 *     open                it wants a connection, and gets it     refuse     it does not get it
 *     sent > mail ..      the next bytes that it sent            codes DMDR the codes of the frames
 *     give < continue     these bytes come, all of them read     noread     it does not read
 *     play M              `continue` to all that it sends until the frame M, which is not answered;
 *                         `play .`: to the end of the play
 *     end fin|rst|epipe|refused|error          the peer ends the connection
 *     does close|drop|reset|half-close|refuse  what it wants done next (drop: close as it stands)
 *     writes 3 1 5        the sizes of its writes since the last `writes`
 *     until 250           it waits 250 ms for a tick             tick       that time has come
 *     wait 5              5 ms go by                             quiet      nothing was sent
 *     stuck               nobody will ever act again
 *
 * At the end of a script all that was sent must have been asked for. helper_drive plays a case as
 * it stands; then with what comes cut at every place and byte by byte, with writes of one byte, a
 * second time on the same runner, and with each allocation refused in turn. The script must hold
 * each time (with a refusal: or the result is an error), and the report must be the same.
 */
#ifndef DRILL_TESTS_HELPER_DRIVE_H
#define DRILL_TESTS_HELPER_DRIVE_H

#include "scenario/run.h"

/* The side that the runner plays; REPLAY: the lines are those of a recording, EXACT: of one that is
 * played with its chunks and byte for byte; ATTENTIVE: it hears the milter out in place of quit. */
enum helper_side {
    AS_MTA,
    AS_MILTER,
    SIM_MTA,
    SIM_MILTER,
    REPLAY_MTA,
    REPLAY_MILTER,
    EXACT_MTA,
    ATTENTIVE_MTA
};

struct helper_drive {
    const char *name;
    enum helper_side side;
    const char *lines;  /* behind the first line of the scenario */
    const char *script; /* steps, each ended by a newline */
    enum drill_result result;
    const char *what; /* NULL: not looked at, as those below */
    const char *expected;
    const char *actual;
};

void helper_drive(const struct helper_drive *c);
/* Runs each as a test of its own name; returns what cmocka says. */
int helper_drive_all(const char *group, const struct helper_drive *cases, size_t count);

#endif
