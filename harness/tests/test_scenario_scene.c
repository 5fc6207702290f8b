/* SPDX-License-Identifier: MIT */
/* Setup lines (LANGUAGE.md section 6) made into profiles, settings and traffic. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "scenario/scene.h"

static struct drill_arena arena;
static struct drill_scene scene;
static struct drill_error err;

static int setup(void **state)
{
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_arena_fini(&arena);
    return 0;
}

static const struct drill_file *parse(const char *lines)
{
    static struct drill_errors errors;
    struct drill_buf source;
    drill_buf_init(&source, NULL);
    assert_true(drill_buf_append(&source, drill_span_str("drill 1 \"x\"\n")));
    assert_true(drill_buf_append(&source, drill_span_str(lines)));
    assert_true(drill_buf_append(&source, drill_span_str("> quit\n")));
    struct drill_span copy = drill_arena_copy(&arena, drill_buf_span(&source));
    drill_buf_fini(&source);
    errors.count = 0;
    const struct drill_file *file = drill_parse(copy, "f", NULL, &arena, &errors);
    if (!file) {
        fail_msg("%s: %s", lines, errors.item[0].text);
    }
    return file;
}

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *error)
{
    (void)ctx;
    if (!drill_span_equal(name, drill_span_str("a.eml"))) {
        return drill_error_set(error, DRILL_ERR_NOTFOUND, "no such file");
    }
    *bytes = drill_span_str("Subject: hello\nTo: you\n\nbody\n");
    return DRILL_OK;
}

static const struct drill_loader loader = {load, NULL};

static enum drill_code build(const char *lines)
{
    return drill_scene_build(parse(lines), "f", &loader, NULL, NULL, &arena, &scene, &err);
}

static void is(struct drill_span have, const char *want)
{
    helper_assert_bytes(have, drill_span_str(want), want);
}

static void test_without_lines_all_is_default(void **state)
{
    (void)state;
    assert_int_equal(drill_scene_build(NULL, "f", NULL, NULL, NULL, &arena, &scene, &err), 0);
    assert_string_equal(scene.mta->name, "postfix");
    assert_string_equal(scene.milter->name, "libmilter");
    const struct drill_client *c = scene.traffic;
    is(c->addr, "192.0.2.1");
    assert_int_equal(c->port, 47324);
    assert_int_equal(c->family, DRILL_FAMILY_INET);
    is(c->host, "client.example");
    is(c->helo, "client.example");
    assert_null(c->next);
    is(c->messages->from, "<alice@example.org>");
    is(c->messages->rcpt[0], "<bob@example.com>");
    assert_int_equal(c->messages->rcpts, 1);
    is(c->messages->mail.body, "Hello.\r\n");
    assert_null(c->messages->next);
}

static void test_a_client_line_is_one_more_session(void **state)
{
    (void)state;
    assert_int_equal(
        build("client addr=\"2001:db8::1\" port=25 host=\"h\" helo=\"e\" auth=\"me\" tls=yes\n"
              "client addr=\"/tmp/s\"\nclient addr=\"\" tls=no\n"),
        0);
    const struct drill_client *c = scene.traffic;
    is(c->addr, "2001:db8::1");
    assert_int_equal(c->family, DRILL_FAMILY_INET6);
    assert_int_equal(c->port, 25);
    is(c->host, "h");
    is(c->helo, "e");
    is(c->auth, "me");
    assert_true(c->tls);
    assert_non_null(c->messages);
    assert_int_equal(c->next->family, DRILL_FAMILY_UNIX);
    assert_int_equal(c->next->next->family, DRILL_FAMILY_UNKNOWN);
    assert_false(c->next->next->tls);
    assert_true(scene.secure);
    assert_int_equal(c->extras->act, DRILL_SMTP_SECURE);
    assert_int_equal(c->extras->stage, DRILL_SMFIC_HELO);
    assert_null(c->extras->more);
    assert_null(c->next->extras);
    assert_null(scene.extras); /* the SMTP client knows without */
    assert_null(c->next->next->next);
}

static void test_a_tls_line_is_for_the_milter_connection(void **state)
{
    (void)state;
    assert_int_equal(build("tls cert=self-signed\n"), 0);
    assert_true(scene.tls);
    is(scene.tls_cert, "self-signed");
    assert_int_equal(build("tls\n"), 0);
    assert_true(scene.tls);
    is(scene.tls_cert, "good");
    assert_int_equal(build("client tls=yes\n"), 0);
    assert_false(scene.tls);
}

static void test_messages_belong_to_the_client_above(void **state)
{
    (void)state;
    assert_int_equal(build("message from=\"<1@x>\"\nmessage from=\"<2@x>\"\nclient\n"
                           "message from=\"<3@x>\" rcpt=\"<a@x>\" rcpt=\"<b@x>\"\n"),
                     0);
    is(scene.traffic->messages->from, "<1@x>");
    is(scene.traffic->messages->next->from, "<2@x>");
    const struct drill_envelope *m = scene.traffic->next->messages;
    is(m->from, "<3@x>");
    assert_int_equal(m->rcpts, 2);
    is(m->rcpt[1], "<b@x>");
    is(drill_mail_find(&m->mail, "From")->value, " 3@x");
    is(drill_mail_find(&m->mail, "To")->value, " a@x");
}

static void test_header_and_body_go_to_the_message_above(void **state)
{
    (void)state;
    assert_int_equal(build("header name=\"To\" value=\"z\"\nheader name=\"X\" value=\"a\" * 3\n"
                           "message\nbody data=\"own\\r\\n\"\n"),
                     0);
    const struct drill_envelope *m = scene.traffic->messages;
    is(drill_mail_find(&m->mail, "To")->value, " z");
    is(drill_mail_find(&m->mail, "X")->value, " aaa");
    is(m->mail.body, "Hello.\r\n");
    is(m->next->mail.body, "own\r\n");
    assert_null(drill_mail_find(&m->next->mail, "X"));
}

static void test_count_makes_copies_of_all_that_is_said(void **state)
{
    size_t clients = 0, messages = 0;
    (void)state;
    assert_int_equal(build("client count=3\nmessage count=2\nheader name=\"X\" value=\"y\"\n"), 0);
    for (const struct drill_client *c = scene.traffic; c; c = c->next) {
        clients++;
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            messages++;
            is(drill_mail_find(&m->mail, "X")->value, " y");
        }
    }
    assert_int_equal(clients, 3);
    assert_int_equal(messages, 6);
}

/* Before the first recipient an argument is the sender's, then the recipient's before it. */
static void test_args_belong_to_the_address_before_them(void **state)
{
    (void)state;
    assert_int_equal(build("message arg=\"SIZE=9\" arg=\"BODY=8BITMIME\" rcpt=\"<a@b>\" "
                           "rcpt=\"<c@d>\" arg=\"NOTIFY=NEVER\"\n"),
                     0);
    const struct drill_envelope *m = scene.traffic->messages;
    is(m->from_args.typed, " SIZE=9 BODY=8BITMIME");
    helper_assert_bytes(m->from_args.wire, BYTES("SIZE=9\0BODY=8BITMIME\0"), "sender");
    is(m->rcpt_args[0].typed, "");
    is(m->rcpt_args[1].typed, " NOTIFY=NEVER");
    helper_assert_bytes(m->rcpt_args[1].wire, BYTES("NOTIFY=NEVER\0"), "recipient");
    assert_int_equal(build("message\n"), 0);
    assert_int_equal(scene.traffic->messages->from_args.wire.len, 0);
    assert_null(scene.traffic->messages->rcpt_args);
}

static void test_a_file_is_the_message(void **state)
{
    (void)state;
    assert_int_equal(build("message file=\"a.eml\"\nheader name=\"To\" value=\"me\"\n"), 0);
    is(scene.traffic->messages->mail.raw, "Subject: hello\r\nTo: me\r\n\r\nbody\r\n");
}

static void test_profiles_and_settings(void **state)
{
    (void)state;
    assert_int_equal(build("mta stalwart version=2 timeoutData=5s protocol=0x42\n"
                           "milter clamav-milter\n"),
                     0);
    assert_int_equal(scene.mta_settings.version, 2);
    assert_int_equal(scene.mta_settings.timeout_data, 5000000);
    assert_int_equal(scene.mta_settings.protocol, 0x42);
    assert_string_equal(scene.milter->name, "clamav-milter");
}

static void test_the_command_line_goes_before_profile_and_after_keys(void **state)
{
    const struct drill_override set = {drill_span_str("version"), drill_span_str("2"), NULL};
    struct drill_settings own;
    struct drill_scene_side mta = {NULL, NULL, &set};
    struct drill_scene_side milter = {
        drill_profile_find(DRILL_SIDE_MILTER, drill_span_str("libmilter")), NULL, NULL};
    const struct drill_file *file =
        parse("mta stalwart version=6 protocol=1\nmilter clamav-milter AddHeader=Replace\n");
    (void)state;
    assert_int_equal(drill_scene_build(file, "f", NULL, &mta, &milter, &arena, &scene, &err), 0);
    assert_int_equal(scene.mta_settings.version, 2);
    assert_int_equal(scene.mta_settings.protocol, 1);
    assert_string_equal(scene.milter->name, "libmilter");
    scene.mta->defaults(&own);
    own.timeout_data = 7;
    mta.settings = &own;
    assert_int_equal(drill_scene_build(file, "f", NULL, &mta, NULL, &arena, &scene, &err), 0);
    assert_int_equal(scene.mta_settings.timeout_data, 7);
    assert_int_equal(scene.mta_settings.protocol, 1);
}

static void test_errors_have_their_place(void **state)
{
    static const struct {
        const char *lines;
        enum drill_code code;
        uint32_t line, column;
    } cases[] = {
        {"mta stalwart nonsense=1\n", DRILL_ERR_NOTFOUND, 2, 14},
        {"mta stalwart timeoutData=soon\n", DRILL_ERR_VALUE, 2, 14},
        {"client\nmessage file=\"b.eml\"\n", DRILL_ERR_NOTFOUND, 3, 9},
        {"header name=\"X\" value=\"aaaa\" * 70000000\n", DRILL_ERR_LIMIT, 2, 23},
        {"message arg=\"A=1\" rcpt=\"<a@b>\" arg=\"A B\"\n", DRILL_ERR_VALUE, 2, 32},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum drill_code code = build(cases[i].lines);
        if (code != cases[i].code || err.line != cases[i].line || err.column != cases[i].column) {
            fail_msg("%s: code %d at %u:%u: %s", cases[i].lines, code, err.line, err.column,
                     err.text);
        }
    }
}

/* However often a large value is copied, the limit holds for all messages together. */
static void test_all_messages_together_are_limited(void **state)
{
    (void)state;
    assert_int_equal(build("header name=\"X\" value=\"a\" * 100000000\n"
                           "header name=\"Y\" value=\"a\" * 100000000\n"
                           "header name=\"Z\" value=\"a\" * 100000000\n"),
                     DRILL_ERR_LIMIT);
}

static bool build_with(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena own;
    drill_arena_init(&own, alloc, 0);
    enum drill_code code = drill_scene_build(ctx, "f", &loader, NULL, NULL, &own, &scene, &err);
    drill_arena_fini(&own);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    return code == DRILL_OK;
}

static void test_each_refused_allocation_is_an_error(void **state)
{
    (void)state;
    helper_every_alloc(
        build_with,
        (void *)(uintptr_t)parse("mta stalwart serverName=\"mx\"\nclient count=40\n"
                                 "message file=\"a.eml\" rcpt=\"<a@x>\" arg=\"A=1\" count=40\n"
                                 "header name=\"X\" value=\"y\" * 9000\nbody data=\"z\" * 9000\n"));
}

/* The other milters of the MTA: those asked before first, each kind in its order. */
static void test_neighbours(void **state)
{
    (void)state;
    assert_int_equal(build("after rspamd\nbefore libmilter eom=reject replbody=\"x\"\n"
                           "milter pmilter\nbefore v2only\n"),
                     DRILL_OK);
    const struct drill_neighbour *n = scene.neighbours;
    assert_string_equal(scene.milter->name, "pmilter");
    assert_true(n && n->before);
    assert_string_equal(n->milter->name, "libmilter");
    assert_int_equal(n->settings.eom_reply, DRILL_SMFIR_REJECT);
    assert_true(drill_span_equal(n->settings.new_body, drill_span_str("x")));
    n = n->next;
    assert_true(n && n->before);
    assert_string_equal(n->milter->name, "v2only");
    n = n->next;
    assert_true(n && !n->before && !n->next);
    assert_string_equal(n->milter->name, "rspamd");
    assert_int_equal(build("before postfix\n"), DRILL_ERR_NOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_neighbours),
        TEST(test_without_lines_all_is_default),
        TEST(test_a_client_line_is_one_more_session),
        TEST(test_a_tls_line_is_for_the_milter_connection),
        TEST(test_messages_belong_to_the_client_above),
        TEST(test_header_and_body_go_to_the_message_above),
        TEST(test_count_makes_copies_of_all_that_is_said),
        TEST(test_args_belong_to_the_address_before_them),
        TEST(test_a_file_is_the_message),
        TEST(test_profiles_and_settings),
        TEST(test_the_command_line_goes_before_profile_and_after_keys),
        TEST(test_errors_have_their_place),
        TEST(test_all_messages_together_are_limited),
        TEST(test_each_refused_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
