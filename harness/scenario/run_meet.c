/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

/* All that are still awaited are there: the round is over, and the next may begin. Who waited sees
 * the number of the round change. */
static void settle(struct drill_meet *meet)
{
    if (meet->members == 0 || meet->arrived < meet->members) {
        return;
    }
    meet->arrived = 0;
    meet->round++;
    if (meet->wake) {
        meet->wake(meet->ctx);
    }
}

void run_meet_join(struct drill_run *run)
{
    run->meets_left = run->meets;
    run->met = run->config.meet && run->meets > 0;
    if (run->met) {
        run->config.meet->members++;
    }
}

void run_meet_leave(struct drill_run *run)
{
    struct drill_meet *meet = run->config.meet;
    if (!run->met) {
        return;
    }
    run->met = false;
    meet->members--;
    if (run->arrived && run->round == meet->round) {
        meet->arrived--;
    }
    settle(meet);
}

bool run_meet(struct drill_run *run)
{
    struct drill_meet *meet = run->config.meet;
    if (run_out_flush(run)) {
        return true; /* what `join` held back */
    }
    if (run->met && !run->arrived) {
        run->arrived = true;
        run->round = meet->round;
        meet->arrived++;
        settle(meet);
    }
    if (run->met && run->round == meet->round) {
        return false;
    }
    run->arrived = false;
    if (run->met && --run->meets_left == 0) {
        run_meet_leave(run);
    }
    run_line_done(run);
    return true;
}
