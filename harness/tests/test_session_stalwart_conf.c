/* SPDX-License-Identifier: MIT */
/* Stalwart's MtaMilter object in all the forms in which people have it. */
#include <stdio.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/stalwart_conf.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct conf {
    struct drill_arena arena;
    struct drill_settings settings;
    struct drill_error err;
    char note[300];
};

static enum drill_code take(struct conf *c, const char *text, int which)
{
    const struct drill_profile *p = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"));
    struct drill_span exact = helper_exact(drill_span_str(text));
    drill_arena_init(&c->arena, NULL, 0);
    p->defaults(&c->settings);
    drill_error_clear(&c->err);
    enum drill_code rc = drill_stalwart_conf(exact, which, &c->settings, &c->arena, c->note,
                                             sizeof(c->note), &c->err);
    helper_exact_free(exact);
    return rc;
}

static void done(struct conf *c)
{
    drill_arena_fini(&c->arena);
}

static void test_a_bare_object(void **state)
{
    struct conf c;
    (void)state;
    assert_int_equal(
        take(&c,
             "{\"@type\": \"MtaMilter\", \"id\": \"clamav\", \"description\": null,\n"
             " \"hostname\": \"127.0.0.1\", \"port\": 7357, \"enable\": true,\n"
             " \"protocolVersion\": \"v2\", \"flagsAction\": 255, \"flagsProtocol\": null,\n"
             " \"timeoutConnect\": 30000, \"timeoutCommand\": \"45s\",\n"
             " \"timeoutData\": \"90000\", \"maxResponseSize\": 1048576,\n"
             " \"tempFailOnError\": false, \"stages\": {\"data\": true, \"rcpt\": true,"
             " \"mail\": false},\n"
             " \"useTls\": true, \"allowInvalidCerts\": true}\n",
             -1),
        DRILL_OK);
    assert_string_equal(c.note, "");
    helper_assert_bytes(c.settings.hostname, BYTES("127.0.0.1"), "hostname");
    helper_assert_bytes(c.settings.id, BYTES("clamav"), "id");
    assert_int_equal(c.settings.port, 7357);
    assert_int_equal(c.settings.version, 2);
    assert_int_equal(c.settings.actions, 255);
    assert_int_equal(c.settings.protocol, 0x42); /* the default */
    assert_int_equal(c.settings.timeout_connect, 30000000);
    assert_int_equal(c.settings.timeout_command, 45000000);
    assert_int_equal(c.settings.timeout_data, 90000000);
    assert_int_equal(c.settings.max_response, 1048576);
    assert_false(c.settings.temp_fail_on_error);
    assert_int_equal(c.settings.stages, DRILL_RUN_DATA | DRILL_RUN_RCPT);
    assert_true(c.settings.use_tls);
    assert_true(c.settings.allow_invalid_certs);
    assert_true(c.settings.enabled);
    done(&c);
}

static void test_which_one_of_several(void **state)
{
    static const char list[] = "[{\"port\": 1, \"enable\": false},\n"
                               " {\"port\": 2, \"enable\": \"listener == 'smtps'\"},\n"
                               " {\"port\": 3, \"enable\": \"listener != 'smtps'\"},\n"
                               " {\"port\": 4}]";
    static const char jmap[] =
        "{\"methodResponses\": [[\"x:MtaMilter/query\", {\"ids\": [\"a\"]}, \"c0\"],\n"
        "[\"x:MtaMilter/get\", {\"accountId\": \"d\", \"list\": [{\"id\": \"a\", \"port\": 5}]}, "
        "\"c1\"]], \"sessionState\": \"x\"}";
    static const struct {
        const char *text;
        int which;
        uint16_t port; /* 0: refused */
    } rows[] = {
        {list, -1, 3},
        {list, 0, 1},
        {list, 1, 2},
        {list, 3, 4},
        {list, 4, 0},
        {"[]", -1, 0},
        {"[{\"port\": 9, \"enable\": false}]", -1, 9},
        {jmap, -1, 5},
        {jmap, 1, 0},
        {"{\"list\": [{\"port\": 6}]}", -1, 6},
        {"[[]]", -1, 0},
        {"{\"methodResponses\": []}", -1, 0},
        {"{\"methodResponses\": [[\"error\", {\"type\": \"forbidden\"}, \"c0\"]]}", -1, 0},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf c;
        assert_int_equal(take(&c, rows[i].text, rows[i].which),
                         rows[i].port ? DRILL_OK : DRILL_ERR_VALUE);
        if (rows[i].port) {
            assert_int_equal(c.settings.port, rows[i].port);
        } else {
            assert_string_not_equal(c.err.text, "");
        }
        done(&c);
    }
}

static void test_enable(void **state)
{
    static const struct {
        const char *value;
        bool enabled, noted;
    } rows[] = {
        {"true", true, false},
        {"false", false, false},
        {"\"true\"", true, false},
        {"\"false\"", false, false},
        {"\"listener == 'smtp'\"", true, false},
        {"\"listener=='submission'\"", false, false},
        {"\"listener != \\\"smtp\\\"\"", false, false},
        {"\"is_empty(authenticated_as)\"", true, true},
        {"\"listener == 'smtp' || listener == 'x'\"", true, true},
        {"{\"match\": [{\"if\": \"listener == 'x'\", \"then\": \"true\"}], \"else\": \"false\"}",
         false, false},
        {"{\"match\": [{\"if\": \"listener == 'smtp'\", \"then\": true}], \"else\": false}", true,
         false},
        {"{\"match\": {\"0\": {\"if\": \"listener == 'smtp'\", \"then\": \"false\"}}, \"else\": "
         "\"true\"}",
         false, false},
        {"{\"match\": [{\"if\": \"remote_ip == '1'\", \"then\": \"false\"}], \"else\": \"false\"}",
         true, true},
        {"{\"else\": \"false\"}", false, false},
        {"{}", true, true},
        {"17", true, true},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[300];
        struct conf c;
        (void)snprintf(text, sizeof(text), "{\"enable\": %s}", rows[i].value);
        assert_int_equal(take(&c, text, -1), DRILL_OK);
        if (c.settings.enabled != rows[i].enabled || (c.note[0] != '\0') != rows[i].noted) {
            fail_msg("%s: %d, note: %s", rows[i].value, c.settings.enabled, c.note);
        }
        done(&c);
    }
}

static void test_stages(void **state)
{
    static const struct {
        const char *value;
        uint32_t stages; /* 0: refused */
        bool noted;
    } rows[] = {
        {"[\"connect\", \"ehlo\", \"data\"]", 1 | 2 | 32, false},
        {"{\"mail\": true}", 8, false},
        {"\"rcpt\"", 16, false},
        {"\"rcpt,data\"", 48, false},
        {"{\"match\": [], \"else\": \"[data]\"}", 32, true},
        {"[\"date\"]", 0, false},
        {"[1]", 0, false},
        {"7", 32, true},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[200];
        struct conf c;
        (void)snprintf(text, sizeof(text), "{\"stages\": %s}", rows[i].value);
        assert_int_equal(take(&c, text, -1), rows[i].stages ? DRILL_OK : DRILL_ERR_VALUE);
        if (rows[i].stages) {
            assert_int_equal(c.settings.stages, rows[i].stages);
            assert_int_equal(c.note[0] != '\0', rows[i].noted);
        }
        done(&c);
    }
}

static void test_text_of_the_command_line_tool(void **state)
{
    struct conf c;
    (void)state;
    assert_int_equal(take(&c,
                          "MtaMilter a\n\n{\n  \"hostname\": \"h\",\n  \"port\": 7357\n}\n"
                          "1 object\n",
                          -1),
                     DRILL_OK);
    assert_int_equal(c.settings.port, 7357);
    done(&c);
    assert_int_equal(take(&c,
                          "MtaMilter\n  hostname: h.example\n  port = 7357\n  useTls: true\n"
                          "  timeoutData: 5000\n  stages: data,rcpt\n  enable: listener == 'smtp'\n"
                          "  description:\n",
                          -1),
                     DRILL_OK);
    helper_assert_bytes(c.settings.hostname, BYTES("h.example"), "hostname");
    assert_int_equal(c.settings.port, 7357);
    assert_true(c.settings.use_tls);
    assert_int_equal(c.settings.timeout_data, 5000000);
    assert_int_equal(c.settings.stages, 48);
    assert_true(c.settings.enabled);
    done(&c);
}

static void test_errors_say_where(void **state)
{
    static const struct {
        const char *text;
        enum drill_code code;
        uint32_t line;
        const char *says;
    } rows[] = {
        {"", DRILL_ERR_SYNTAX, 1, "MtaMilter"},
        {"hello\n", DRILL_ERR_SYNTAX, 1, "MtaMilter"},
        {"{\n\"port\" 5}", DRILL_ERR_SYNTAX, 2, "not JSON"},
        {"heading\n{\n\"port\" 5}", DRILL_ERR_SYNTAX, 3, "not JSON"},
        {"{\"port\": 5} x", DRILL_ERR_SYNTAX, 1, "not JSON"},
        {"{\"port\": 5, \"port\": 6}", DRILL_ERR_SYNTAX, 1, "not JSON"},
        {"{\"prot\": 5}", DRILL_ERR_NOTFOUND, 0, "\"port\""},
        {"{\"port\": 70000}", DRILL_ERR_VALUE, 0, "port"},
        {"{\"port\": -1}", DRILL_ERR_VALUE, 0, "port"},
        {"{\"port\": []}", DRILL_ERR_VALUE, 0, "port"},
        {"{\"protocolVersion\": \"v3\"}", DRILL_ERR_VALUE, 0, "protocolVersion"},
        {"{\"timeoutData\": \"soon\"}", DRILL_ERR_VALUE, 0, "timeoutData"},
        {"{\"useTls\": 1}", DRILL_ERR_VALUE, 0, "useTls"},
        {"port: 5\nprot: 6\n", DRILL_ERR_NOTFOUND, 2, "\"port\""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf c;
        assert_int_equal(take(&c, rows[i].text, -1), rows[i].code);
        assert_int_equal(c.err.line, rows[i].line);
        if (!strstr(c.err.text, rows[i].says)) {
            fail_msg("%s: %s", rows[i].text, c.err.text);
        }
        done(&c);
    }
}

static void test_notes_are_cut_to_their_room(void **state)
{
    static const char text[] = "{\"enable\": \"no idea\", \"stages\": 7}";
    struct drill_settings s;
    struct drill_arena arena;
    char note[8];
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"))->defaults(&s);
    assert_int_equal(
        drill_stalwart_conf(drill_span_str(text), -1, &s, &arena, note, sizeof(note), NULL),
        DRILL_OK);
    assert_string_equal(note, "enable:");
    assert_int_equal(drill_stalwart_conf(drill_span_str(text), -1, &s, &arena, NULL, 0, NULL),
                     DRILL_OK);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bare_object),
        cmocka_unit_test(test_which_one_of_several),
        cmocka_unit_test(test_enable),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_text_of_the_command_line_tool),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_notes_are_cut_to_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
