/* SPDX-License-Identifier: MIT */
/*
 * What one reply of a milter comes to, in a table: two messages in a session, the first with two
 * recipients. What is sent and told is as talk_until and talk_told write it.
 */
#ifndef DRILL_TESTS_TALK_REPLIES_H
#define DRILL_TESTS_TALK_REPLIES_H

#include "talk_mta.h"

struct row {
    uint8_t at;
    const char *reply; /* code, then payload; "!" the milter closes, "?" it says nothing */
    size_t size;
    const char *then; /* what follows on the wire */
    const char *told;
    const char *log; /* part of it; "" nothing is logged */
};

/* A reply, or a payload, with its size. */
#define R(literal) "" literal, sizeof(literal) - 1

/* What the client is told of the first message up to that command, and of a session that goes as it
 * should. */
#define WELL     "2:M 250 2:R1 250 2:T 354 2:E 250*"
#define UP_TO_M  "C 220 H 250 "
#define UP_TO_R  UP_TO_M "M 250 "
#define UP_TO_T  UP_TO_R "R1 250 R2 250 "
#define UP_TO_E  UP_TO_T "T 354 "
#define ALL_WELL UP_TO_E "E 250* " WELL

static inline void talk_act(struct talk *t, const struct row *row)
{
    if (row->reply[0] == '!') {
        drill_mta_ended(&t->mta, DRILL_END_FIN, 0);
    } else if (row->reply[0] == '?') {
        drill_mta_timed_out(&t->mta);
    } else {
        talk_say(t, row->reply, row->size);
    }
}

/* `key`: a setting of that MTA; NULL: none. */
static inline void check_row(const char *mta, const struct row *row, const char *key,
                             const char *value)
{
    struct talk t;
    char told[400];
    talk_init(&t, mta);
    talk_two(&t);
    t.messages[0].rcpts = 2;
    if (key) {
        talk_set(&t, key, value);
    }
    talk_start(&t);
    talk_until(&t, row->at, 0);
    size_t before = strlen(t.sent);
    talk_act(&t, row);
    talk_until(&t, 0, 0);
    talk_told(&t, told, sizeof(told));
    const char *then = t.sent + before + (t.sent[before] == ' ');
    if (strcmp(then, row->then) != 0 || strcmp(told, row->told) != 0 ||
        !(row->log[0] ? strstr(t.mta.log, row->log) != NULL : t.mta.log[0] == '\0')) {
        fail_msg("%c at %c, %s=%s:\nsent %s\nwant %s\ntold %s\nwant %s\nlog %s\nwant %s",
                 row->reply[0], row->at, key ? key : "", key ? value : "", then, row->then, told,
                 row->told, t.mta.log, row->log);
    }
    talk_fini(&t);
}

static inline void check_rows(const char *mta, const struct row *rows, size_t count,
                              const char *key, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        check_row(mta, &rows[i], key, value);
    }
}

#endif
