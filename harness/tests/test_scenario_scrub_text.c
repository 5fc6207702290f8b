/* SPDX-License-Identifier: MIT */
/* Texts that a scrubbed copy once told something by, or that it broke. */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "scenario/scrub_ops.h"

#include <stdio.h>
#include <string.h>

static const struct drill_scrub_config config = {
    .key = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)},
};

enum { ROOM = 1024 };

enum how { TEXT, FILTER, RECEIVED, REPLY, ARGUMENT, TYPE, NAME, SIGNATURE };

static void apply(struct drill_scrubber *s, enum how how, struct drill_span in, uint8_t *out)
{
    switch (how) {
    case TEXT: drill_scrub_text(s, in, out, 0); break;
    case FILTER: drill_scrub_text(s, in, out, DRILL_SCRUB_FILTER); break;
    case RECEIVED: drill_scrub_header(s, drill_span_str("Received"), in, out, 0); break;
    case REPLY: drill_scrub_reply(s, in, out); break;
    case ARGUMENT: drill_scrub_argument(s, in, out); break;
    case TYPE: drill_scrub_header(s, drill_span_str("Content-Type"), in, out, 0); break;
    case NAME: drill_scrub_name(s, in, out); break;
    case SIGNATURE: drill_scrub_header(s, drill_span_str("DKIM-Signature"), in, out, 0); break;
    }
}

/* As long as it was, one of three that can be looked at together. */
static const char *scrubbed_with(enum how how, const char *text, unsigned taken)
{
    static char out[3][ROOM];
    static unsigned turn;
    struct drill_arena arena;
    char *to = out[turn++ % 3];
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena, .taken = taken};
    memset(to, 0, ROOM);
    assert_true(strlen(text) < ROOM);
    apply(&s, how, drill_span_str(text), (uint8_t *)to);
    assert_int_equal(strlen(to), strlen(text));
    drill_arena_fini(&arena);
    return to;
}

static const char *scrubbed(enum how how, const char *text)
{
    return scrubbed_with(how, text, 0);
}

/* "user", "help" and "service" are words of filters and of SMTP, and names of mailboxes. */
static void test_a_local_part_is_no_known_word(void **state)
{
    static const struct {
        enum how how;
        const char *text;
        size_t at; /* of the address */
    } cases[] = {
        {FILTER, "550 user@firma-abc.zz: user unknown", 4},
        {FILTER, "spf=pass smtp.mailfrom=user@firma-abc.zz", 23},
        {FILTER, "pass envelope-from=user@firma-abc.zz", 19},
        {RECEIVED, "by x for <user@firma-abc.zz>", 10},
        {ARGUMENT, "ORCPT=rfc822;user@firma-abc.zz", 13},
    };
    (void)state;
    char want[40];
    (void)snprintf(want, sizeof(want), "%s", scrubbed(TEXT, "user@firma-abc.zz"));
    assert_memory_not_equal(want, "user", 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *out = scrubbed(cases[i].how, cases[i].text);
        assert_memory_equal(out + cases[i].at, want, strlen(want));
    }
    assert_string_equal(scrubbed(FILTER, "user unknown"), "user unknown");
    assert_memory_equal(scrubbed(FILTER, "smtp.mailfrom=user@firma-abc.zz"), "smtp.mailfrom=", 14);
    const char *verp = scrubbed(FILTER, "bounce-user=firma-abc.zz@b.zz");
    assert_memory_not_equal(verp + 7, "user", 4);
}

static void test_xtext_has_an_address(void **state)
{
    (void)state;
    const char *want = scrubbed(TEXT, "bob@firma-abc.zz");
    const char *out = scrubbed(ARGUMENT, "AUTH=bob+40firma-abc.zz");
    assert_memory_equal(out, "AUTH=", 5);
    assert_memory_equal(out + 5, want, 3);
    assert_memory_equal(out + 8, "+40", 3);
    assert_string_equal(out + 11, want + 4);
    assert_string_equal(scrubbed(ARGUMENT, "ORCPT=rfc822;bob+cab@firma-abc.zz") + 13,
                        scrubbed(TEXT, "bob+cab@firma-abc.zz"));
    out = scrubbed(ARGUMENT, "SIZE=12345 AUTH=<> RET=HDRS");
    assert_string_equal(out, "SIZE=12345 AUTH=<> RET=HDRS");
}

static void test_codes_in_front_of_a_reply(void **state)
{
    static const char *const stay[] = {"5.7.1", "550 5.7.1", "451-4.10.223", "550"};
    (void)state;
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "%s Juliane", stay[i]);
        assert_memory_equal(scrubbed(REPLY, text), text, strlen(stay[i]) + 1);
        assert_string_equal(scrubbed(REPLY, stay[i]), stay[i]);
    }
    assert_memory_not_equal(scrubbed(REPLY, "550 1.2.3.4 is listed") + 4, "1.2.3", 5);
    assert_memory_not_equal(scrubbed(REPLY, "12.34.56 x"), "12.34", 5);
}

static void test_names_of_parameters_and_charsets_stay(void **state)
{
    (void)state;
    const char *out = scrubbed(TYPE, "a/b; filename*0*=iso-8859-1'de'Report%FC.pdf; filename*1=x");
    assert_non_null(strstr(out, "; filename*0*=iso-8859-1'"));
    assert_non_null(strstr(out, ".pdf; filename*1="));
    assert_null(strstr(out, "Report"));
    out = scrubbed(TEXT, "J%C3%BCrgen%E2%82%AC");
    assert_true(out[2] == 'C' && (out[3] == '4' || out[3] == '5'));
    assert_true(out[5] == 'B' && out[6] != 'C');
    assert_true(out[12] == 'E' && out[15] == '8' && out[18] == 'A');
}

static void test_names_that_may_be_anything(void **state)
{
    (void)state;
    assert_string_equal(scrubbed(NAME, "X-Firma_1.2"), "X-Firma_1.2");
    assert_string_equal(scrubbed(NAME, "from:to\r\n\t:cc"), "from:to\r\n\t:cc");
    assert_string_equal(scrubbed(NAME, "bob@kurz.zz"), scrubbed(TEXT, "bob@kurz.zz"));
    assert_null(strstr(scrubbed(NAME, "Betr\xc3\xa4ge"), "Betr"));
    const char *out = scrubbed(SIGNATURE, "v=1; a=rsa-sha256; c=relaxed/simple; q=dns/txt; l=99;");
    assert_string_equal(out, "v=1; a=rsa-sha256; c=relaxed/simple; q=dns/txt; l=99;");
    out = scrubbed(SIGNATURE, "c=Juliane; h=bob@kurz.zz; l=Juliane");
    assert_null(strstr(out, "Juliane"));
    assert_null(strstr(out, "bob"));
}

/* Signs are characters there; the escape sequences themselves must stay what they are. */
static void test_charsets_with_shifts(void **state)
{
    static const char text[] =
        "a \x1b$B%+%?%+%J%$%$\x1b(B b \x1b(I1234\x1b(J \x1b$)C \x0e;y=C\x0f ~\x1b";
    static const char sign[] = "%+?$;=";
    const char *out = scrubbed(TEXT, text);
    (void)state;
    for (size_t i = 0; text[i]; i++) {
        bool inside = (i >= 5 && i < 17) || (i >= 26 && i < 30) || (i >= 40 && i < 44);
        if (inside) {
            assert_true(out[i] != text[i] && !strchr(sign, out[i]));
        } else if (!drill_scrub_is_letter((uint8_t)text[i]) || i > 17) {
            assert_true(out[i] == text[i] || drill_scrub_is_letter((uint8_t)text[i]));
        }
    }
    assert_memory_equal(out + 2, "\x1b$B", 3);
    assert_memory_equal(out + 5, out + 9, 2); /* the same character, the same replacement */
    assert_memory_equal(out + 17, "\x1b(B ", 4);
    assert_memory_equal(out + 23, "\x1b(I", 3);
    assert_memory_equal(out + 30, "\x1b(J \x1b$)C \x0e", 10);
    assert_string_equal(scrubbed(TEXT, "\x1b"), "\x1b");
    assert_memory_equal(scrubbed(TEXT, "\x1b$B%+\r\n%+"), "\x1b$B", 3);
    assert_string_equal(scrubbed(TEXT, "\x1b$B%+\r\n%+") + 5, "\r\n%+");
}

static void test_what_is_reserved_and_taken_is_not_used(void **state)
{
    static const struct {
        const char *in;
        unsigned taken;
        const char *out; /* how it begins, or, with a dot in front, ends */
    } cases[] = {
        {"10.20.30.4", 0, "192.0.2."},
        {"10.20.30.4", DRILL_SCRUB_NET_1, "24"},
        {"10.20.30.40", DRILL_SCRUB_NET_1, "203.0.113."},
        {"100.200.30.40", DRILL_SCRUB_NET_2, "198.51.100."},
        {"100.200.30.40", DRILL_SCRUB_NET_2 | DRILL_SCRUB_NET_3, "24"},
        {"2a00:1450::200e", 0, "2001:db8::"},
        {"2a00:1450::200e", DRILL_SCRUB_NET_V6, "3fff:fff::"},
        {"mail-holding-ag.zz", DRILL_SCRUB_COM | DRILL_SCRUB_NET, ".example.org"},
        {"mail-holding-ag.zz", DRILL_SCRUB_COM | DRILL_SCRUB_NET | DRILL_SCRUB_ORG, ".example"},
        {"holding-ag1.zz", DRILL_SCRUB_EXAMPLE, ".invalid"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *out = scrubbed_with(TEXT, cases[i].in, cases[i].taken), *want = cases[i].out;
        size_t n = strlen(want);
        assert_memory_equal(want[0] == '.' ? out + strlen(out) - n : out, want, n);
    }
}

static unsigned seen(const char *text)
{
    uint8_t out[ROOM];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    drill_scrub_text(&s, drill_span_str(text), out, DRILL_SCRUB_HOST);
    drill_arena_fini(&arena);
    return s.seen;
}

static void test_what_is_reserved_is_seen(void **state)
{
    (void)state;
    assert_int_equal(seen("10.1.2.3 kurz.zz xexample.com"), 0);
    assert_int_equal(seen("a@example.com"), DRILL_SCRUB_COM);
    assert_int_equal(seen("mx.EXAMPLE.net"), DRILL_SCRUB_NET);
    assert_int_equal(seen("http://x.example.org/ y.example"),
                     DRILL_SCRUB_ORG | DRILL_SCRUB_EXAMPLE);
    assert_int_equal(seen("192.0.2.1, 203.0.113.9 [198.51.100.77]"),
                     DRILL_SCRUB_NET_1 | DRILL_SCRUB_NET_2 | DRILL_SCRUB_NET_3);
    assert_int_equal(seen("2001:DB8::1"), DRILL_SCRUB_NET_V6);
}

/* Reserved addresses that have no other network of their length. */
static void test_no_address_becomes_itself(void **state)
{
    static const char *const nets[] = {"0.0.0.", "3fff::", "::", "100::"};
    (void)state;
    for (int i = 0; i < 40; i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "%s%d", nets[i % 4], i / 4);
        if (strcmp(text, "::1") != 0) {
            assert_string_not_equal(scrubbed(TEXT, text), text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_local_part_is_no_known_word),
        cmocka_unit_test(test_xtext_has_an_address),
        cmocka_unit_test(test_codes_in_front_of_a_reply),
        cmocka_unit_test(test_names_of_parameters_and_charsets_stay),
        cmocka_unit_test(test_names_that_may_be_anything),
        cmocka_unit_test(test_charsets_with_shifts),
        cmocka_unit_test(test_what_is_reserved_and_taken_is_not_used),
        cmocka_unit_test(test_what_is_reserved_is_seen),
        cmocka_unit_test(test_no_address_becomes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
