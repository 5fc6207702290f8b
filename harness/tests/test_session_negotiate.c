/* SPDX-License-Identifier: MIT */
/* What libmilter makes of an offer: recorded from libmilter 8.17.1 with five kinds of filter. */
#include <string.h>

#include "helper_bytes.h"
#include "session/negotiate.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

enum { REFUSED = 0x7FFFFFFF };

static enum drill_code ask(const struct drill_wants *wants, uint32_t version, uint32_t actions,
                           uint32_t steps, struct drill_agreed *answer, uint32_t *emulated,
                           struct drill_error *err)
{
    struct drill_message offer;
    (void)drill_message_init(&offer, DRILL_TO_MILTER, DRILL_SMFIC_OPTNEG);
    offer.number[0] = version;
    offer.number[1] = actions;
    offer.number[2] = steps;
    return drill_negotiate_libmilter(wants, &offer, answer, emulated, err);
}

static void test_outcomes(void **state)
{
    static const struct drill_wants filters[] = {
        {"all", 1, 6, 0x00, 0}, /* every callback */
        {"clamav-milter", 1, 6, 0x31, 0x342},
        {"eom", 1, 6, 0x00, 0x37F}, /* only xxfi_eom */
        {"nr-hdr", 1, 6, 0x00, 0x80},
        {"nr", 1, 6, 0x00, 0xFF080},
        {"leadspc", 1, 6, 0x00, 0x100000},
    };
    static const struct {
        uint32_t version, actions, steps;
        uint32_t answer[6]; /* the protocol word of each filter */
    } rows[] = {
        {6, 0x1FF, 0x1FFFFF, {0, 0x342, 0x37F, 0x480, 0xFF480, 0x100400}},
        {6, 0xFF, 0x42, {0, 0x42, REFUSED, 0, 0, REFUSED}},
        {2, 0xFF, 0x42, {0, 0x42, REFUSED, 0, 0, REFUSED}},
        {2, 0x1FF, 0x7F, {0, 0x42, 0x7F, 0, 0, REFUSED}},
        {2, 0x3F, 0x7F, {0, 0x42, 0x7F, 0, 0, REFUSED}},
        {6, 0xFF, 0, {0, REFUSED, REFUSED, 0, 0, REFUSED}},
        {6, 0, 0x1FFFFF, {0, REFUSED, 0x37F, 0x480, 0xFF480, 0x100400}}, /* 0 is 0x0F */
        {7, 0x1FF, 0x1FFFFF, {0, 0x342, 0x37F, 0x480, 0xFF480, 0x100400}},
        {1, 0x1FF, 0x1FFFFF, {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
        {0, 0x1FF, 0x1FFFFF, {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
        {0xFFFFFFFF, 0x1FF, 0x1FFFFF, {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
        {0x80000006, 0x1FF, 0x1FFFFF, {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t f = 0; f < ROWS(filters); f++) {
            struct drill_agreed answer;
            struct drill_error err;
            uint32_t emulated;
            enum drill_code rc = ask(&filters[f], rows[i].version, rows[i].actions, rows[i].steps,
                                     &answer, &emulated, &err);
            if (rows[i].answer[f] == REFUSED) {
                assert_int_equal(rc, DRILL_ERR_VALUE);
                continue;
            }
            assert_int_equal(rc, DRILL_OK);
            assert_int_equal(answer.version, rows[i].version < 6 ? rows[i].version : 6);
            assert_int_equal(answer.actions, filters[f].actions);
            assert_int_equal(answer.protocol, rows[i].answer[f]);
            assert_int_equal(emulated, filters[f].protocol & 0xFF080 & ~rows[i].steps);
        }
    }
}

static void test_actions_must_be_offered(void **state)
{
    const struct drill_wants change_from = {"x", 1, 6, 0x40, 0};
    struct drill_agreed answer;
    struct drill_error err;
    uint32_t emulated;
    (void)state;
    assert_int_equal(ask(&change_from, 2, 0x3F, 0x7F, &answer, &emulated, &err), DRILL_ERR_VALUE);
    assert_string_equal(err.text,
                        "x: st_optionneg[1]: 0x3f does not fulfill action requirements 0x40");
    assert_int_equal(answer.actions, 0);
    assert_int_equal(ask(&change_from, 2, 0xFF, 0x7F, &answer, &emulated, &err), DRILL_OK);
}

static void test_log_lines(void **state)
{
    const struct drill_wants eom = {"eom", 12, 6, 0, 0x37F}, nameless = {NULL, 0, 6, 0, 0};
    struct drill_message offer;
    struct drill_agreed answer;
    struct drill_error err;
    uint32_t emulated;
    (void)state;
    (void)ask(&eom, 6, 0xFF, 0x42, &answer, &emulated, &err);
    assert_string_equal(err.text,
                        "eom: st_optionneg[12]: 0x42 does not fulfill protocol requirements 0x7f");
    assert_int_equal(answer.protocol, 0x42);
    (void)ask(&nameless, 1, 0xFF, 0x42, &answer, &emulated, &err);
    assert_string_equal(err.text, "milter: st_optionneg[0]: protocol version too old 1 < 2");
    (void)ask(&nameless, 0xFFFFFFFF, 0xFF, 0x42, &answer, &emulated, &err);
    assert_string_equal(err.text, "milter: st_optionneg[0]: protocol version too old -1 < 2");
    (void)drill_message_decode(DRILL_TO_MILTER, 'O', BYTES("\0\0\0\6\0\0\0\xff"), &offer);
    assert_int_equal(drill_negotiate_libmilter(&nameless, &offer, &answer, &emulated, &err),
                     DRILL_ERR_VALUE);
    assert_string_equal(err.text, "milter: st_optionneg[0]: len too short 8 < 12");
}

/* Bits that the library keeps for itself are not taken from an offer. */
static void test_internal_bits_are_masked(void **state)
{
    const struct drill_wants mds = {"x", 1, 6, 0, DRILL_SMFIP_MDS_256K};
    struct drill_agreed answer;
    struct drill_error err;
    uint32_t emulated;
    (void)state;
    assert_int_equal(ask(&mds, 6, 0x1FF, 0x101FFFFF, &answer, &emulated, &err), DRILL_ERR_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_actions_must_be_offered),
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_internal_bits_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
