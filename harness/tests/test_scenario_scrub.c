/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "scenario/scrub_ops.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct drill_scrub_config config = {
    .key = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)},
    .prefix = {(const uint8_t *)"copy", 4},
};

enum { ROOM = 4096 };

/* ---- pieces ---- */

/* The replacement of a text, with a NUL; as long as it was, and nothing written behind it. */
static const char *scrubbed(const char *text, unsigned flags)
{
    static char out[ROOM + 1];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    size_t len = strlen(text);
    assert_true(len < ROOM);
    memset(out, 0, sizeof(out));
    drill_scrub_text(&s, drill_span_str(text), (uint8_t *)out, flags);
    assert_false(s.no_memory);
    assert_int_equal(strlen(out), len);
    drill_arena_fini(&arena);
    return out;
}

static const char *header(const char *name, const char *value)
{
    static char out[ROOM + 1];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    memset(out, 0, sizeof(out));
    drill_scrub_header(&s, drill_span_str(name), drill_span_str(value), (uint8_t *)out, 0);
    assert_int_equal(strlen(out), strlen(value));
    drill_arena_fini(&arena);
    return out;
}

static void ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    if (n < m || strcmp(text + n - m, end) != 0) {
        fail_msg("`%s` does not end with `%s`", text, end);
    }
}

static void test_a_word_keeps_its_classes(void **state)
{
    static const char in[] = "Strasse12\xc3\xbc\xe4Q \t-\n";
    const char *out = scrubbed(in, 0);
    (void)state;
    for (size_t i = 0; in[i]; i++) {
        uint8_t was = (uint8_t)in[i], now = (uint8_t)out[i];
        assert_int_equal(drill_scrub_is_letter(was), drill_scrub_is_letter(now));
        assert_int_equal(drill_scrub_is_digit(was), drill_scrub_is_digit(now));
        assert_int_equal(was >= 'A' && was <= 'Z', now >= 'A' && now <= 'Z');
        assert_int_equal(was >= 0x80, now >= 0x80);
        assert_true(drill_scrub_is_word(was) ? was != now || was == 0xc3 : was == now);
    }
}

static void test_words_of_three_are_one_to_one(void **state)
{
    char seen[26 * 26][3] = {{0}};
    (void)state;
    for (int i = 0; i < 26 * 26; i++) {
        char in[] = {(char)('a' + i / 26), (char)('a' + i % 26), 0};
        memcpy(seen[i], scrubbed(in, 0), 3);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(seen[i], seen[j]);
        }
    }
}

static void test_case_does_not_matter(void **state)
{
    char lower[100];
    (void)state;
    (void)snprintf(lower, sizeof(lower), "%s", scrubbed("juliane@firma-abc.zz", 0));
    const char *upper = scrubbed("JULIANE@FIRMA-ABC.ZZ", 0);
    assert_true(drill_span_equal_nocase(drill_span_str(lower), drill_span_str(upper)));
    for (const char *c = upper; *c; c++) {
        assert_false(*c >= 'a' && *c <= 'z');
    }
}

/* ---- hosts ---- */

static void test_domains_of_every_length(void **state)
{
    (void)state;
    for (size_t len = 4; len < 80; len++) {
        char name[100];
        memset(name, 'x', sizeof(name));
        for (size_t i = 60; i < len - 3; i += 60) {
            name[len - i] = '.';
        }
        memcpy(name + len - 3, ".zz", 4);
        const char *out = scrubbed(name, DRILL_SCRUB_HOST);
        const char *dot = strrchr(out, '.');
        size_t top = strlen(dot);
        bool reserved = strstr(".example.com.example.net.example.org", dot) ||
                        strcmp(dot, ".example") == 0 || strcmp(dot, ".test") == 0;
        assert_true(len < 6 ? top == 2 : reserved);
    }
}

static void test_subdomains_stay_subdomains(void **state)
{
    static const char *const cases[][2] = {
        {"firma-abc.zz", "mail.firma-abc.zz"},
        {"laden.co.zz", "shop.laden.co.zz"},
        {"kurz.zz", "a.b.kurz.zz"},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char whole[100];
        (void)snprintf(whole, sizeof(whole), ".%s", scrubbed(cases[i][0], DRILL_SCRUB_HOST));
        ends_with(scrubbed(cases[i][1], DRILL_SCRUB_HOST), whole);
    }
}

static void test_ipv4_of_every_length(void **state)
{
    static const char *const cases[] = {"1.2.3.4",       "10.2.3.4",       "10.20.3.4",
                                        "10.20.30.4",    "10.20.30.40",    "100.20.30.40",
                                        "100.200.30.40", "100.200.150.40", "100.200.150.250",
                                        "8.8.8.8",       "255.255.255.255"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[4];
        const char *out = scrubbed(cases[i], 0);
        assert_string_not_equal(out, cases[i]);
        assert_int_equal(inet_pton(AF_INET, out, bytes), 1);
        assert_true(bytes[0] == 192 || bytes[0] == 198 || bytes[0] == 203 || bytes[0] == 0 ||
                    bytes[0] >= 240);
    }
    assert_string_equal(scrubbed("127.0.0.1", 0), "127.0.0.1");
    assert_string_not_equal(scrubbed("1.2.3.400", 0), "1.2.3.400");
}

static void test_ipv6_of_every_length(void **state)
{
    static const char full[] = "2a01:4f8:c0c:1234:5678:9abc:def0:1234";
    (void)state;
    for (size_t groups = 1; groups < 8; groups++) {
        for (size_t digits = 1; digits <= 4; digits++) {
            char in[60] = "fe80::";
            for (size_t g = 1; g < groups; g++) {
                (void)snprintf(in + strlen(in), 8, "%.*s%s", (int)digits, "abcd",
                               g + 1 < groups ? ":" : "");
            }
            uint8_t bytes[16];
            const char *out = scrubbed(in, 0);
            if (inet_pton(AF_INET6, out, bytes) != 1 || strcmp(in, out) == 0) {
                fail_msg("%s became %s", in, out);
            }
        }
    }
    uint8_t bytes[16];
    assert_int_equal(inet_pton(AF_INET6, scrubbed(full, 0), bytes), 1);
    assert_memory_equal(bytes, "\x20\x01\x0d\xb8", 4);
    assert_string_equal(scrubbed("[::1]", 0), "[::1]");
    assert_int_equal(strncmp(scrubbed("::ffff:10.20.30.40", 0), "::ffff:", 7), 0);
    assert_string_not_equal(scrubbed("12:34:56", 0), "12:34:56");
}

/* ---- texts ---- */

static void test_one_domain_wherever_it_stands(void **state)
{
    static const char *const texts[] = {"bounce-bob=firma-abc.zz@lists.kurz.zz",
                                        "<a href=\"http://firma-abc.zz/x\">",
                                        "http://kurz.zz/u?m=eva.maier%40firma-abc.zz",
                                        "x@[IPv6:2001:db8::1] firma-abc.zz,",
                                        "bob%firma-abc.zz@relay.kurz.zz",
                                        "\"bob x\"@firma-abc.zz",
                                        "bob&#64;firma-abc.zz"};
    char domain[100];
    (void)state;
    (void)snprintf(domain, sizeof(domain), "%s", scrubbed("firma-abc.zz", 0));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *out = scrubbed(texts[i], DRILL_SCRUB_HTML);
        if (!strstr(out, domain) || strstr(out, "firma")) {
            fail_msg("%s became %s, without %s", texts[i], out, domain);
        }
    }
}

/* A local part with a dot looks like a domain, in an address and as a value in a query. */
static void test_one_local_part_wherever_it_stands(void **state)
{
    char local[100];
    (void)state;
    (void)snprintf(local, sizeof(local), "%s", scrubbed("eva.maier@firma-abc.zz", 0));
    *strchr(local, '@') = '\0';
    assert_non_null(strstr(scrubbed("http://kurz.zz/u?m=eva.maier%40firma-abc.zz", 0), local));
    assert_non_null(strstr(scrubbed("http://kurz.zz/u?a=1&m=eva.maier@firma-abc.zz", 0), local));
    assert_non_null(strstr(scrubbed("bounce-eva.maier=firma-abc.zz@kurz.zz", 0), local));
    assert_non_null(strstr(scrubbed("\"eva.maier\"@kurz.zz", 0), local));
}

static void test_encoded_words_stay_encoded_words(void **state)
{
    char name[100];
    (void)state;
    (void)snprintf(name, sizeof(name), "=?utf-8?Q?%s_=C3=BC?=", scrubbed("Juliane", 0));
    const char *out = scrubbed("=?utf-8?Q?Juliane_=C3=BC?=", 0);
    assert_memory_equal(out, name, strlen("=?utf-8?Q?Juliane_=C"));
    out = scrubbed("=?ISO-8859-1?b?SnVsaWFuZQ==?=", 0);
    assert_memory_equal(out, "=?ISO-8859-1?b?", 15);
    ends_with(out, "==?=");
    assert_null(strstr(out, "SnVsaW"));
    assert_null(strstr(scrubbed("=?utf-8?x?Juliane?= =?Juliane", 0), "Juliane"));
}

static void test_headers_by_their_names(void **state)
{
    static const char date[] = " Mon, 2 Nov 2026 10:11:12 +0100 (CET)\r\n";
    (void)state;
    assert_string_equal(header("date", date), date);
    assert_string_not_equal(header("X-Date", date), date);
    assert_null(strstr(header("Date", "Monday with Juliane"), "Juliane"));
    assert_string_equal(header("Content-Type", "text/plain; charset=\"iso-8859-1\""),
                        "text/plain; charset=\"iso-8859-1\"");
    const char *out =
        header("Content-Type", "multipart/mixed; boundary=\"Juliane;1\"; x-a=Juliane");
    assert_memory_equal(out, "multipart/mixed; boundary=\"", 27);
    assert_null(strstr(out, "Juliane"));
    out = header("Content-Disposition", "attachment; filename=\"Juliane.pdf\"");
    assert_memory_equal(out, "attachment; filename=\"", 22);
    ends_with(out, ".pdf\"");
    out = header("DKIM-Signature", "v=1; a=rsa-sha256; d=firma-abc.zz; h=from:to; b=abcd");
    assert_memory_equal(out, "v=1; a=rsa-sha256; d=", 21);
    assert_non_null(strstr(out, "; h=from:to; b="));
    out = header("Received",
                 "from juliane by x (Postfix) with ESMTPS id 1; Mon, 2 Nov 2026 10:11:12 +0100");
    assert_non_null(strstr(out, " (Postfix) with ESMTPS id "));
    ends_with(out, "; Mon, 2 Nov 2026 10:11:12 +0100");
    assert_null(strstr(out, "juliane"));
}

static void test_replies_and_arguments(void **state)
{
    static uint8_t out[ROOM];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    (void)state;
    drill_scrub_reply(&s, drill_span_str("550-5.7.1 Juliane\r\n550 5.7.1 x"), out);
    assert_memory_equal(out, "550-5.7.1 ", 10);
    assert_memory_equal(out + 17, "\r\n550 5.7.1 ", 12);
    drill_scrub_argument(&s, drill_span_str("SIZE=12345"), out);
    assert_memory_equal(out, "SIZE=12345", 10);
    drill_scrub_argument(&s, drill_span_str("NOTIFY=SUCCESS,DELAY"), out);
    assert_memory_equal(out, "NOTIFY=SUCCESS,DELAY", 20);
    drill_scrub_argument(&s, drill_span_str("ENVID=SUCCESS"), out);
    assert_memory_equal(out, "ENVID=", 6);
    assert_memory_not_equal(out + 6, "SUCCESS", 7);
    drill_arena_fini(&arena);
}

/* ---- mail ---- */

static const char mail[] =
    "From: Juliane <juliane@firma-abc.zz>\r\nSubject: =?utf-8?B?SnVsaWFuZQ==?=\r\n folded\r\n"
    "Content-Type: multipart/mixed;\r\n\tboundary=\"=_Grenze.zz\"\r\n\r\npreamble\r\n"
    "--=_Grenze.zz\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: "
    "quoted-printable\r\n\r\n"
    "<p class=3D\"geheim\">juliane@fir=\r\nma-abc.zz &amp; J=C3=BCrgen</p>\r\n"
    "--=_Grenze.zz\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "anVsaWFuZUBmaXJt\r\nYS1hYmMuenoK\r\n"
    "--=_Grenze.zz\r\nContent-Type: message/rfc822\r\n\r\nTo: "
    "juliane@firma-abc.zz\r\n\r\nGeheim\r\n"
    "--=_Grenze.zz--\r\nGeheimes Ende\r\n";

static char *scrub_message(const char *text, size_t len)
{
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    char *in = malloc(len + 1), *out = malloc(len + 1);
    assert_non_null(in);
    assert_non_null(out);
    memcpy(in, text, len);
    memset(out, '#', len);
    out[len] = '\0';
    drill_scrub_message(&s, drill_span_of(in, len), (uint8_t *)out);
    assert_int_equal(out[len], '\0');
    free(in);
    drill_arena_fini(&arena);
    return out;
}

static void test_a_message_keeps_its_structure(void **state)
{
    static const char *const secrets[] = {"uliane", "firma",  "eheim",
                                          "Grenze", "anVsaW", "J=C3=BC"};
    static const char *const kept[] = {"From: ",
                                       "\r\nSubject: =?utf-8?B?",
                                       "==?=\r\n ",
                                       "<p class=3D\"",
                                       "@",
                                       " &amp; ",
                                       "</p>\r\n--",
                                       "--\r\n",
                                       "Content-Transfer-Encoding: quoted-printable\r\n\r\n"};
    char *out = scrub_message(mail, sizeof(mail) - 1);
    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        assert_null(strstr(out, secrets[i]));
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        assert_non_null(strstr(out, kept[i]));
    }
    char *from = strstr(out, "<") + 1, *to = strstr(out, "To: ") + 4;
    assert_memory_equal(from, to, strlen("juliane@firma-abc.zz"));
    free(out);
}

/* Whatever is torn: as many bytes, and nothing read or written outside of them. */
static void test_a_message_cut_anywhere(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(mail); len++) {
        char *out = scrub_message(mail, len);
        assert_null(strstr(out, "juliane"));
        assert_null(memchr(out, '#', len));
        free(out);
    }
}

static void test_parts_in_parts_have_an_end(void **state)
{
    static const char one[] = "Content-Type: message/rfc822\n\n";
    enum { DEEP = 100000 };
    size_t n = strlen(one);
    char *in = malloc(DEEP * n);
    (void)state;
    assert_non_null(in);
    for (size_t i = 0; i < DEEP; i++) {
        memcpy(in + i * n, one, n);
    }
    free(scrub_message(in, DEEP * n));
    free(in);
}

/* Names with dots that never end, local parts that lead nowhere, encoded words that open only: a
 * megabyte of each takes no longer than any other text (looking ahead is bounded). */
static void test_looking_ahead_has_an_end(void **state)
{
    static const char *const unending[] = {"a.", "a+", "=?", "=?a?b?", "a=", "<a ", "a:", "%4"};
    enum { LONG = 1 << 20 };
    (void)state;
    for (size_t i = 0; i < sizeof(unending) / sizeof(unending[0]); i++) {
        size_t n = strlen(unending[i]);
        char *in = malloc(LONG);
        assert_non_null(in);
        for (size_t at = 0; at < LONG; at++) {
            in[at] = unending[i][at % n];
        }
        free(scrub_message(in, LONG));
        free(in);
    }
}

/* ---- files ---- */

static const char file_text[] =
    "drill 1 \"Juliane\" tests=milter recorded=\"2026-11-20T12:00:00Z\"\n"
    "# Juliane\nwhy \"Juliane\"\nclient addr=\"10.20.30.40\" helo=\"mail.firma-abc.zz\"\n"
    "message from=\"<juliane@firma-abc.zz>\" file=\"juliane.eml\"\n"
    "> optneg version=6 actions=0x1ff protocol=0x0  # Juliane\n"
    "> connect host=\"mail.firma-abc.zz\" family=inet port=47324 address=\"10.20.30.40\"\n"
    "> macro stage=mail i=\"Juliane\" j=\"mail.firma-abc.zz\" {auth_type}=\"PLAIN\"\n"
    "> mail address=\"<juliane@firma\" + \"-abc.zz>\" arg=\"SIZE=300\"\n< continue\n"
    "> header name=\"Content-Type\" value=\"multipart/mixed; boundary=Grenze\"\n< continue\n"
    "> header name=\"To\" value=\"Juliane, \" * 7000\n< continue\n"
    "> body data=\"--Gren\"\n< continue\n> body data=\"ze\\r\\n\\r\\nJuliane\\r\\n\"\n< continue\n"
    "> body data=file \"juliane.eml\" 6..12\n"
    "> helo data=\"Juliane\\0\"\n> frame code=90 data=hex \"4a 75 6c 69 61 6e 65\"\n"
    "> raw data=\"\\0\\0\\0\\x09Hjuli\"\n> raw data=\"ane\\0\"\n"
    "< replycode text=~\"550 5.7.1 *Juliane*\"\n> quit\n"
    "verdict reject text=\"550 5.7.1 Juliane\"\n# Juliane\n";

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    (void)ctx;
    (void)name;
    (void)err;
    *bytes = drill_span_of(mail, sizeof(mail) - 1);
    return DRILL_OK;
}

static const struct drill_loader loader = {load, NULL};

struct file_case {
    struct drill_errors errors;
    char text[ROOM];
    size_t len;
};

static bool scrub_file(void *ctx, const struct drill_alloc *alloc)
{
    struct file_case *c = ctx;
    struct drill_arena arena;
    struct drill_scrubbed out;
    drill_arena_init(&arena, alloc, 0);
    memset(&c->errors, 0, sizeof(c->errors));
    bool ok = drill_scrub(&config, drill_span_str(file_text), "juliane.drill", &loader, &arena,
                          &out, &c->errors);
    if (ok) {
        assert_non_null(out.files);
        assert_null(out.files->next);
        assert_int_equal(out.files->bytes.len, sizeof(mail) - 1);
        helper_assert_bytes(out.files->name, drill_span_str("copy-1.eml"), "name");
        assert_true(out.text.len < ROOM);
        memcpy(c->text, out.text.ptr, out.text.len);
        c->text[out.text.len] = '\0';
        c->len = out.text.len;
    } else {
        assert_true(c->errors.count > 0 && c->errors.item[0].text[0]);
    }
    drill_arena_fini(&arena);
    return ok;
}

static void test_a_file(void **state)
{
    static const char *const kept[] = {"recorded=\"2026-11-20T12:00:00Z\"",
                                       "file=\"copy-1.eml\"",
                                       "port=47324",
                                       "arg=\"SIZE=300\"",
                                       "{auth_type}=\"PLAIN\"",
                                       "\" * 7000",
                                       "data=file \"copy-1.eml\" 6..12",
                                       "text=~\"550 5.7.1 *",
                                       "text=\"550 5.7.1 ",
                                       "\"multipart/mixed; boundary=",
                                       "raw data=\"\\0\\0\\0\\tH",
                                       "code=90 data=hex \""};
    static struct file_case c;
    (void)state;
    assert_true(scrub_file(&c, NULL));
    assert_null(strstr(c.text, "uliane"));
    assert_null(strstr(c.text, "firma"));
    assert_null(strstr(c.text, "Gren"));
    assert_null(strstr(c.text, "4a 75"));
    assert_null(strchr(c.text, '#'));
    assert_null(strstr(c.text, "why"));
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (!strstr(c.text, kept[i])) {
            fail_msg("no `%s` in\n%s", kept[i], c.text);
        }
    }
}

/* A body over several lines is one body: the delimiter in two pieces is the header's boundary. */
static void test_a_body_in_pieces(void **state)
{
    static struct file_case c;
    char boundary[7] = "";
    (void)state;
    assert_true(scrub_file(&c, NULL));
    memcpy(boundary, strstr(c.text, "boundary=") + strlen("boundary="), 6);
    char first[20], second[20];
    (void)snprintf(first, sizeof(first), "\"--%.4s\"", boundary);
    (void)snprintf(second, sizeof(second), "\"%s\\r\\n", boundary + 4);
    assert_non_null(strstr(c.text, first));
    assert_non_null(strstr(c.text, second));
}

static void test_a_file_without_memory(void **state)
{
    static struct file_case c;
    (void)state;
    helper_every_alloc(scrub_file, &c);
}

static void test_errors_are_the_parsers(void **state)
{
    struct drill_arena arena;
    struct drill_scrubbed out;
    static struct drill_errors errors;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    assert_false(drill_scrub(&config, drill_span_str("drill 1 \"x\"\n> hello\n"), "x", &loader,
                             &arena, &out, &errors));
    assert_int_equal(errors.item[0].line, 2);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_word_keeps_its_classes),
        cmocka_unit_test(test_words_of_three_are_one_to_one),
        cmocka_unit_test(test_case_does_not_matter),
        cmocka_unit_test(test_domains_of_every_length),
        cmocka_unit_test(test_subdomains_stay_subdomains),
        cmocka_unit_test(test_ipv4_of_every_length),
        cmocka_unit_test(test_ipv6_of_every_length),
        cmocka_unit_test(test_one_domain_wherever_it_stands),
        cmocka_unit_test(test_one_local_part_wherever_it_stands),
        cmocka_unit_test(test_encoded_words_stay_encoded_words),
        cmocka_unit_test(test_headers_by_their_names),
        cmocka_unit_test(test_replies_and_arguments),
        cmocka_unit_test(test_a_message_keeps_its_structure),
        cmocka_unit_test(test_a_message_cut_anywhere),
        cmocka_unit_test(test_parts_in_parts_have_an_end),
        cmocka_unit_test(test_looking_ahead_has_an_end),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_a_body_in_pieces),
        cmocka_unit_test(test_a_file_without_memory),
        cmocka_unit_test(test_errors_are_the_parsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
