/* SPDX-License-Identifier: MIT */
/* Containers and link layers: the same connection in each of them reads the same. */
#include "tests/import_case.h"

static const char whole[] = OFFERED "> helo name=\"x\"\n< continue\n> quit\n# the MTA ended: FIN\n";

static void talk(struct helper_capture *c)
{
    struct helper_line l = case_open(c);
    helper_line_say(&l, c, 0, HELO);
    helper_line_say(&l, c, 1, CONTINUE);
    helper_line_say(&l, c, 0, QUIT);
    helper_line_end(&l, c, 0, HELPER_FIN);
    helper_line_end(&l, c, 1, HELPER_FIN);
}

static void reads(struct helper_capture c)
{
    struct case_import t;
    helper_capture_begin(&c);
    talk(&c);
    case_read(&t, &c, 0);
    case_noted(&t, 0, "");
    assert_int_equal(t.im.count, 1);
    case_is(&t, 0, whole);
    case_end(&t);
    helper_capture_end(&c);
}

static void test_each_container(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        reads((struct helper_capture){.form = HELPER_PCAP, .big = big, .link = 1});
        reads((struct helper_capture){.form = HELPER_PCAP_NANO, .big = big, .link = 1});
        for (uint32_t block = 0; block < 4; block++) {
            if (block != 1) {
                reads((struct helper_capture){
                    .form = HELPER_PCAPNG, .big = big, .link = 1, .block = block});
            }
        }
    }
}

static void test_each_link_layer(void **state)
{
    static const uint32_t links[] = {0, 1, 12, 14, 101, 108, 113, 276, 228};
    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        for (int v6 = 0; v6 < 2; v6++) {
            reads(
                (struct helper_capture){.link = v6 && links[i] == 228 ? 229 : links[i], .v6 = v6});
            reads((struct helper_capture){.link = links[i], .v6 = v6, .extended = true});
        }
    }
    reads((struct helper_capture){.link = 1, .vlans = 1});
    reads((struct helper_capture){.link = 1, .vlans = 2, .v6 = true});
}

static void first_is(struct helper_capture c, const char *recorded)
{
    struct case_import t;
    struct drill_import_written w;
    helper_capture_begin(&c);
    talk(&c);
    case_read(&t, &c, 0);
    assert_true(drill_import_write(case_talk(&t, 0), "talk", true, &t.arena, NULL, &w));
    struct drill_span line =
        drill_span_sub(drill_buf_span(&w.text), 0, drill_span_find(drill_buf_span(&w.text), '\n'));
    helper_assert_bytes(line, drill_span_str(recorded), recorded);
    drill_import_written_fini(&w);
    case_end(&t);
    helper_capture_end(&c);
}

static void test_times(void **state)
{
    static const char noon[] =
        "drill 1 \"imported: an MTA, 0 messages, no verdict\" recorded=\"2026-11-20T12:00:00Z\"";
    (void)state;
    first_is((struct helper_capture){.link = 1}, noon);
    first_is((struct helper_capture){.link = 1,
                                     .form = HELPER_PCAP_NANO,
                                     .time = UINT64_C(1795176000999900)},
             noon);
    first_is((struct helper_capture){.link = 1, .form = HELPER_PCAPNG}, noon);
    first_is((struct helper_capture){.link = 1, .form = HELPER_PCAPNG, .resolution = 9}, noon);
    first_is((struct helper_capture){.link = 1, .form = HELPER_PCAPNG, .resolution = 3}, noon);
    first_is((struct helper_capture){.link = 1, .form = HELPER_PCAPNG, .resolution = 0x80 | 20},
             noon);
    first_is(
        (struct helper_capture){.link = 1, .time = UINT64_C(951782399000000)},
        "drill 1 \"imported: an MTA, 0 messages, no verdict\" recorded=\"2000-02-28T23:59:59Z\"");
    first_is(
        (struct helper_capture){.link = 1, .time = UINT64_C(951782400000000)},
        "drill 1 \"imported: an MTA, 0 messages, no verdict\" recorded=\"2000-02-29T00:00:00Z\"");
    first_is(
        (struct helper_capture){.link = 1, .form = HELPER_PCAPNG, .block = 3},
        "drill 1 \"imported: an MTA, 0 messages, no verdict\" recorded=\"1970-01-01T00:00:00Z\"");
}

static void test_interfaces_and_sections_have_their_own_link_types(void **state)
{
    struct helper_capture c = {.form = HELPER_PCAPNG, .link = 1};
    struct case_import t;
    (void)state;
    helper_capture_begin(&c);
    struct helper_line l = case_open(&c);
    c.link = 113;
    c.interface = 1;
    helper_capture_interface(&c);
    helper_line_say(&l, &c, 0, HELO);
    c.big = true;
    c.link = 101;
    c.interface = 0;
    helper_capture_section(&c);
    helper_capture_interface(&c);
    helper_line_say(&l, &c, 1, CONTINUE);
    c.interface = 7;
    helper_line_say(&l, &c, 0, QUIT);
    case_read(&t, &c, 0);
    case_noted(&t, 1, "interface 7");
    case_is(&t, 0, OFFERED "> helo name=\"x\"\n< continue\n");
    case_end(&t);
    helper_capture_end(&c);
}

static void test_packets_that_are_none_of_ours(void **state)
{
    struct helper_capture c = {.link = 1};
    struct case_import t;
    (void)state;
    helper_capture_begin(&c);
    struct helper_line l = case_open(&c);
    c.fragment = true;
    helper_line_put(&l, &c, 0, 17, HELPER_ACK, HELO);
    c.v6 = true;
    helper_line_put(&l, &c, 0, 17, HELPER_ACK, HELO);
    c.v6 = c.fragment = false;
    c.snap = 30;
    helper_line_put(&l, &c, 0, 17, HELPER_ACK, HELO);
    c.snap = 0;
    helper_line_say(&l, &c, 0, QUIT);
    case_read(&t, &c, 0);
    case_noted(&t, 2, "2 fragments");
    assert_non_null(strstr(t.im.notes->next->error.text, "1 packets are cut or broken"));
    case_is(&t, 0, OFFERED "> quit\n");
    case_end(&t);
    helper_capture_end(&c);
}

static void test_an_unknown_link_type_is_named(void **state)
{
    struct helper_capture c = {.link = 147};
    struct case_import t;
    (void)state;
    helper_capture_begin(&c);
    (void)case_open(&c);
    case_read(&t, &c, 0);
    case_noted(&t, 2, "(147)");
    assert_int_equal(t.im.notes->error.offset, 24);
    assert_int_equal(t.im.count, 0);
    case_end(&t);
    helper_capture_end(&c);
}

static void test_what_is_no_capture_is_refused(void **state)
{
    static const char *const bad[] = {"", "abc", "drill 1 \"x\"\n", "\xa1\xb2\xc3\xd4 too short"};
    const struct drill_import_pick pick = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct case_import t;
        case_begin(&t);
        assert_false(drill_import_pcap(&t.im, drill_span_str(bad[i]), &pick));
        case_noted(&t, 1, "pcap");
        case_end(&t);
    }
}

/* A file that lies about sizes: what stands before the lie is kept. */
static void test_impossible_sizes_end_the_reading(void **state)
{
    struct helper_capture c = {.link = 1};
    struct case_import t;
    (void)state;
    helper_capture_begin(&c);
    struct helper_line l = case_open(&c);
    size_t at = c.out.len;
    helper_line_say(&l, &c, 0, HELO);
    memset(c.out.ptr + at + 8, 0xff, 4);
    case_read(&t, &c, 0);
    case_noted(&t, 1, "4294967295 bytes");
    assert_int_equal(t.im.notes->error.offset, at);
    case_is(&t, 0, OFFERED);
    case_end(&t);
    helper_capture_end(&c);
}

static void cut_everywhere(struct helper_capture c)
{
    const struct drill_import_pick pick = {0};
    helper_capture_begin(&c);
    talk(&c);
    for (size_t len = 0; len < c.out.len; len++) {
        struct case_import t;
        struct drill_span part = helper_exact(drill_span_sub(drill_buf_span(&c.out), 0, len));
        case_begin(&t);
        (void)drill_import_pcap(&t.im, part, &pick);
        if (t.im.count) {
            struct drill_import_written w;
            assert_true(drill_import_write(case_talk(&t, 0), "talk", true, &t.arena, NULL, &w));
            drill_import_written_fini(&w);
        } else {
            assert_true(t.im.noted > 0);
        }
        case_end(&t);
        helper_exact_free(part);
    }
    helper_capture_end(&c);
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    cut_everywhere((struct helper_capture){.link = 1});
    cut_everywhere((struct helper_capture){.link = 276, .v6 = true, .extended = true});
    cut_everywhere((struct helper_capture){.form = HELPER_PCAPNG, .link = 1, .resolution = 9});
    cut_everywhere((struct helper_capture){.form = HELPER_PCAPNG, .link = 1, .block = 3});
}

/* Every packet cut to every length: headers are never read past their end. */
static void test_every_snap_length(void **state)
{
    (void)state;
    for (size_t snap = 1; snap < 100; snap++) {
        struct helper_capture c = {.link = 1, .snap = snap, .v6 = true, .extended = true};
        struct case_import t;
        helper_capture_begin(&c);
        talk(&c);
        case_read(&t, &c, 7357);
        case_end(&t);
        helper_capture_end(&c);
    }
}

static bool with_alloc(void *ctx, const struct drill_alloc *alloc)
{
    const struct helper_capture *c = ctx;
    const struct drill_import_pick pick = {0};
    struct drill_arena arena;
    struct drill_import im;
    drill_arena_init(&arena, alloc, 0);
    arena.lean = true; /* more and smaller blocks, so more places to fail */
    drill_import_init(&im, &arena);
    (void)drill_import_pcap(&im, drill_buf_span(&c->out), &pick);
    bool ok = !im.no_memory && im.count == 1;
    if (im.count) {
        struct drill_import_written w;
        ok = drill_import_write(im.talks, "talk", true, &arena, alloc, &w) && ok;
        drill_import_written_fini(&w);
    }
    drill_arena_fini(&arena);
    return ok;
}

static void test_every_allocation_may_fail(void **state)
{
    struct helper_capture c = {.link = 1};
    (void)state;
    helper_capture_begin(&c);
    struct helper_line l = case_open(&c);
    helper_line_put(&l, &c, 0, 17 + 7, HELPER_ACK, QUIT); /* one that waits */
    for (int i = 0; i < 200; i++) {
        helper_line_put(&l, &c, 0, 17 + 100 + 2 * (uint32_t)i, HELPER_ACK, BYTES("x"));
    }
    helper_line_say(&l, &c, 0, HELO);
    helper_every_alloc(with_alloc, &c);
    helper_capture_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_container),
        cmocka_unit_test(test_each_link_layer),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_interfaces_and_sections_have_their_own_link_types),
        cmocka_unit_test(test_packets_that_are_none_of_ours),
        cmocka_unit_test(test_an_unknown_link_type_is_named),
        cmocka_unit_test(test_what_is_no_capture_is_refused),
        cmocka_unit_test(test_impossible_sizes_end_the_reading),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_snap_length),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
