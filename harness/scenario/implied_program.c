/* SPDX-License-Identifier: MIT */
/* Only what no other known program says counts: a wrong name is worse than none. */
#include <stdio.h>
#include <string.h>

#include "scenario/implied_parts.h"

/* ---- the MTA: its macros name it ---- */

static const struct {
    const char *begins, *profile;
} programs[] = {{"Postfix", "postfix"}, {"Stalwart", "stalwart"}, {"8.", "sendmail"}};

void drill_implied_mta(struct drill_implied *i, struct drill_span name, struct drill_span value)
{
    if (i->mta || !(drill_span_equal(name, drill_span_str("v")) ||
                    drill_span_equal(name, drill_span_str("{daemon_name}")))) {
        return;
    }
    for (size_t n = 0; n < sizeof(programs) / sizeof(*programs); n++) {
        size_t len = strlen(programs[n].begins);
        if (value.len >= len && memcmp(value.ptr, programs[n].begins, len) == 0) {
            bool bare = value.ptr[0] == '8';
            i->mta = drill_profile_find(DRILL_SIDE_MTA, drill_span_str(programs[n].profile));
            (void)snprintf(i->program, sizeof(i->program), "%s%.*s", bare ? "Sendmail " : "",
                           (int)(value.len < 48 ? value.len : 48), (const char *)value.ptr);
        }
    }
}

/* ---- the milter ---- */

static void milter_is(struct drill_implied *i, const char *profile)
{
    i->milter = drill_profile_find(DRILL_SIDE_MILTER, drill_span_str(profile));
}

static bool begins(struct drill_span s, const char *with)
{
    size_t len = strlen(with);
    return s.len >= len && memcmp(s.ptr, with, len) == 0;
}

/* clamav-milter.c: "clamav-milter VERSION at HOST". */
static bool is_clamav_header(const struct drill_message *m)
{
    return (m->code == DRILL_SMFIR_ADDHEADER || m->code == DRILL_SMFIR_INSHEADER) &&
           drill_span_equal(m->str[0], drill_span_str("X-Virus-Scanned")) &&
           begins(m->str[1], "clamav-milter ");
}

/* rspamd (session/rspamd.c) promises no reply to any command, whatever was offered, declines none,
 * and claims what was offered besides its own actions. A filter on libmilter that asked for just
 * that would look the same; none is known. */
static bool is_rspamd_answer(const struct drill_implied *i, const struct drill_message *m)
{
    const uint32_t promises = DRILL_SMFIP_NR_CONN | DRILL_SMFIP_NR_HELO | DRILL_SMFIP_NR_MAIL |
                              DRILL_SMFIP_NR_RCPT | DRILL_SMFIP_NR_DATA | DRILL_SMFIP_NR_UNKN |
                              DRILL_SMFIP_NR_HDR | DRILL_SMFIP_NR_EOH | DRILL_SMFIP_NR_BODY;
    return m->code == DRILL_SMFIR_OPTNEG && i->command == DRILL_SMFIC_OPTNEG && m->number[0] == 6 &&
           m->number[2] == promises && m->number[1] == (i->offered_actions | 0x3F);
}

void drill_implied_milter(struct drill_implied *i, const struct drill_message *m)
{
    if (m->defect != DRILL_DEFECT_NONE) {
        return;
    }
    if (is_clamav_header(m)) {
        milter_is(i, "clamav-milter");
    } else if (is_rspamd_answer(i, m)) {
        milter_is(i, "rspamd");
    }
}

/* Only PMilter answers QUIT (session/pmilter.c), and says so in two writes: the second may find the
 * MTA gone. */
void drill_implied_late(struct drill_implied *i)
{
    if (i->agreed.version == 2) {
        milter_is(i, "pmilter");
    }
}
