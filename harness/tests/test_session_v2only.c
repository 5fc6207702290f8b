/* SPDX-License-Identifier: MIT */
/* The strict filter of version 2: all that is not its own it hangs up on. */
#include "side_milter.h"

static void run(struct side *s, const char *commands)
{
    for (const char *c = commands; *c && !strchr(s->got, '!'); c++) {
        side_command(s, (uint8_t)*c);
        side_drain(s);
    }
}

static void test_sequences(void **state)
{
    static const struct {
        const char *commands;
        const char *replies;
    } rows[] = {
        {"ODCDHDMDRLNBE", "O.c.c.c.cccca"},
        {"OCHMRLNBEMRLNBEQ", "Occcccccaccccca!"},
        {"OCHMRRLLNBBE", "Occcccccccca"},
        {"OCHMRLNEAAM", "Occcccca..c"},
        {"OCHMRAMRE", "Occcc.cca"},
        {"OCHMRT", "Occcc!"},
        {"OCU", "Oc!"},
        {"OCHMREK", "Occcca!"},
        {"C", "!"},
        {"A", "!"},
        {"OO", "O!"},
        {"OR", "O!"},
        {"OCHMB", "Occc!"},
        {"OCHMRLNL", "Occcccc!"},
        {"OCHMRBL", "Occccc!"},
        {"Z", "!"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "v2only");
        run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s: got %s, want %s", rows[i].commands, s.got, rows[i].replies);
        }
        assert_int_equal(s.milter.log[0] != '\0',
                         strchr(s.got, '!') != NULL && !strchr(rows[i].commands, 'Q'));
    }
}

/* What goes on after a verdict is out of order. */
static void test_verdicts(void **state)
{
    static const struct {
        const char *key, *value;
        const char *commands, *replies;
    } rows[] = {
        {"mail", "accept", "OCHMM", "Occaa"},         {"mail", "accept", "OCHMR", "Occa!"},
        {"mail", "reject", "OCHMR", "Occr!"},         {"rcpt", "reject", "OCHMRRLNE", "Occcrrcca"},
        {"rcpt", "accept", "OCHMRL", "Occca!"},       {"header", "accept", "OCHMRLN", "Occcca!"},
        {"header", "accept", "OCHMRLAM", "Occcca.c"}, {"body", "tempfail", "OCHMRBE", "Occcct!"},
        {"eom", "reject", "OCHMREM", "Occccrc"},      {"connect", "accept", "OCH", "Oac"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "v2only");
        side_set(&s, "v2only", rows[i].key, rows[i].value);
        run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s=%s, %s: got %s, want %s", rows[i].key, rows[i].value, rows[i].commands,
                     s.got, rows[i].replies);
        }
    }
}

static void test_negotiation(void **state)
{
    struct side s;
    struct drill_milter_step step;
    (void)state;
    side_init(&s, "v2only");
    side_set(&s, "v2only", "actions", "0x1ff");
    side_set(&s, "v2only", "protocol", "nohelo,nr_hdr,nodata");
    side_give(&s, 'O', BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"));
    drill_milter_peek(&s.milter, &step);
    assert_int_equal(step.reply.number[0], 2);
    assert_int_equal(step.reply.number[1], 0x3F);
    assert_int_equal(step.reply.number[2], DRILL_SMFIP_NOHELO);
    side_drain(&s);
    run(&s, "CMRLNBE"); /* helo is read over */
    assert_string_equal(s.got, "Occcccca");
    side_start(&s, "v2only");
    run(&s, "OCH"); /* it was not to be sent */
    assert_string_equal(s.got, "Oc!");
    side_init(&s, "v2only");
    side_give(&s, 'O', BYTES("\0\0\0\1\0\0\0\xff\0\0\0\x3f"));
    side_drain(&s);
    assert_string_equal(s.got, "!");
}

static void test_payloads(void **state)
{
    static const struct {
        const char *before;
        uint8_t code;
        struct drill_span payload;
        const char *replies;
    } rows[] = {
#define P(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {"", 'O', P("\0\0\0\6\0\0\0\0\0\0\0\0\0"), "!"},
        {"", 'O', P("\0\0\0\6"), "!"},
        {"O", 'C', P("h\0U\0\0x\0"), "!"},
        {"OC", 'H', P("name"), "!"},
        {"OC", 'M', P("a\0b"), "!"},
        {"OC", 'M', P("a\0b\0"), "c"},
        {"OCM", 'R', P(""), "!"},
        {"OCMR", 'L', P("N\0v\0w\0"), "!"},
        {"OCMR", 'L', P("N\0\0"), "c"},
        {"OCMR", 'N', P("x"), "!"},
        {"OC", 'D', P("Mi\0x"), "!"},
        {"OC", 'D', P("Mi\0"), "!"},
        {"OC", 'D', P("M"), "."},
#undef P
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "v2only");
        run(&s, rows[i].before);
        s.got[0] = '\0';
        side_give(&s, rows[i].code, rows[i].payload);
        side_drain(&s);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("row %zu (%c): got %s, want %s", i, rows[i].code, s.got, rows[i].replies);
        }
    }
}

static void test_lengths_and_settings(void **state)
{
    struct side s;
    struct drill_error err;
    uint32_t size;
    (void)state;
    side_init(&s, "v2only");
    assert_int_equal(drill_milter_head(&s.milter, 65536, 'L', &size), DRILL_MILTER_TAKE);
    assert_int_equal(drill_milter_head(&s.milter, 65537, 'L', &size), DRILL_MILTER_HANG_UP);
    side_drain(&s);
    assert_string_equal(s.got, "!");
    assert_string_equal(s.milter.log, "v2only: SMFIC_HEADER: length out of range");
    assert_int_equal(profile("v2only")->set(&s.settings, drill_span_str("data"),
                                            drill_span_str("accept"), NULL, &err),
                     DRILL_ERR_NOTFOUND);
    assert_int_equal(profile("v2only")->set(&s.settings, drill_span_str("eom"),
                                            drill_span_str("no"), NULL, &err),
                     DRILL_ERR_VALUE);
    assert_int_equal(drill_milter_patience(&s.milter), 7210000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_lengths_and_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
