/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "helper_bytes.h"
#include "wire/foreign.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* The numbers as they stood in people's logs. */
static void test_numbers_from_logs_are_explained(void **state)
{
    static const struct {
        uint32_t length;
        const char *speaks;
    } rows[] = {
        {1431194446u, "clamd's command port"},
        {1195725856u, "an HTTP client"},
        {1195725855u, "an HTTP client"},
        {1347375956u, "an HTTP client"},
        {1347375955u, "an HTTP client"},
        {1214849108u, "a monitoring probe (\"Hi There\")"},
        {1214849107u, "a monitoring probe (\"Hi There\")"},
        {1162366031u, "an SMTP client"},
        {369295616u, "a TLS client"},
        {50331695u, "an RDP port scan"},
        {1886352244u, "the milter's own log text"},
        {707923209u, "a Redis client"},
        {4278215680u, "a port scan"},
        {4294967295u, "a length of -1"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct drill_foreign *hit = drill_foreign_length(rows[i].length);
        assert_non_null(hit);
        assert_string_equal(hit->speaks, rows[i].speaks);
        assert_true(strlen(hit->advice) > 0);
    }
}

static void test_milter_lengths_are_no_foreign_text(void **state)
{
    static const uint32_t lengths[] = {0, 1, 13, 65536, 1048576, 52428800};
    (void)state;
    for (size_t i = 0; i < ROWS(lengths); i++) {
        assert_null(drill_foreign_length(lengths[i]));
    }
}

static void test_find_needs_four_bytes(void **state)
{
    struct drill_span start = helper_exact(BYTES("\x16\x03\x01"));
    (void)state;
    assert_null(drill_foreign_find(start));
    assert_null(drill_foreign_find(drill_span_of(NULL, 0)));
    assert_non_null(drill_foreign_find(BYTES("\x16\x03\x01\x02")));
    assert_non_null(drill_foreign_find(BYTES("GET / HTTP/1.1")));
    assert_null(drill_foreign_find(BYTES("GETX")));
    helper_exact_free(start);
}

static void test_servers_answer_and_clients_call(void **state)
{
    (void)state;
    assert_false(drill_foreign_find(BYTES("UNKN"))->calls);
    assert_false(drill_foreign_find(BYTES("220 "))->calls);
    assert_true(drill_foreign_find(BYTES("EHLO"))->calls);
    assert_true(drill_foreign_find(BYTES("GET "))->calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_from_logs_are_explained),
        cmocka_unit_test(test_milter_lengths_are_no_foreign_text),
        cmocka_unit_test(test_find_needs_four_bytes),
        cmocka_unit_test(test_servers_answer_and_clients_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
