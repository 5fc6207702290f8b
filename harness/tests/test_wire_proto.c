/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "helper_bytes.h"
#include "wire/proto.h"

/* Held against the real thing where it is installed (libmilter-dev). */
#if defined(__has_include)
#if __has_include(<libmilter/mfapi.h>) && __has_include(<libmilter/mfdef.h>)
#define HAVE_LIBMILTER 1
#endif
#endif

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static struct drill_span word_of(const char *text)
{
    return drill_span_str(text);
}

static const struct {
    enum drill_dir dir;
    char code;
    const char *name;
    const char *word;
    enum drill_shape shape;
    uint8_t since;
} messages[] = {
    {DRILL_TO_MILTER, 'O', "SMFIC_OPTNEG", "optneg", DRILL_SHAPE_OPTNEG, 1},
    {DRILL_TO_MILTER, 'D', "SMFIC_MACRO", "macro", DRILL_SHAPE_MACRO, 1},
    {DRILL_TO_MILTER, 'C', "SMFIC_CONNECT", "connect", DRILL_SHAPE_CONNECT, 1},
    {DRILL_TO_MILTER, 'H', "SMFIC_HELO", "helo", DRILL_SHAPE_STR, 1},
    {DRILL_TO_MILTER, 'M', "SMFIC_MAIL", "mail", DRILL_SHAPE_STR_STRS, 1},
    {DRILL_TO_MILTER, 'R', "SMFIC_RCPT", "rcpt", DRILL_SHAPE_STR_STRS, 1},
    {DRILL_TO_MILTER, 'T', "SMFIC_DATA", "data", DRILL_SHAPE_NONE, 4},
    {DRILL_TO_MILTER, 'N', "SMFIC_EOH", "eoh", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MILTER, 'U', "SMFIC_UNKNOWN", "unknown", DRILL_SHAPE_STR, 3},
    {DRILL_TO_MILTER, 'L', "SMFIC_HEADER", "header", DRILL_SHAPE_STR_STR, 1},
    {DRILL_TO_MILTER, 'B', "SMFIC_BODY", "body", DRILL_SHAPE_BYTES, 1},
    {DRILL_TO_MILTER, 'E', "SMFIC_BODYEOB", "bodyeob", DRILL_SHAPE_BYTES, 1},
    {DRILL_TO_MILTER, 'A', "SMFIC_ABORT", "abort", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MILTER, 'Q', "SMFIC_QUIT", "quit", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MILTER, 'K', "SMFIC_QUIT_NC", "quit_nc", DRILL_SHAPE_NONE, 6},
    {DRILL_TO_MTA, 'O', "SMFIR_OPTNEG", "optneg", DRILL_SHAPE_OPTNEG, 1},
    {DRILL_TO_MTA, '+', "SMFIR_ADDRCPT", "addrcpt", DRILL_SHAPE_STR, 1},
    {DRILL_TO_MTA, '-', "SMFIR_DELRCPT", "delrcpt", DRILL_SHAPE_STR, 1},
    {DRILL_TO_MTA, '2', "SMFIR_ADDRCPT_PAR", "addrcpt_par", DRILL_SHAPE_STR_OPT, 6},
    {DRILL_TO_MTA, '4', "SMFIR_SHUTDOWN", "shutdown", DRILL_SHAPE_NONE, 0},
    {DRILL_TO_MTA, 'a', "SMFIR_ACCEPT", "accept", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 'b', "SMFIR_REPLBODY", "replbody", DRILL_SHAPE_BYTES, 1},
    {DRILL_TO_MTA, 'c', "SMFIR_CONTINUE", "continue", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 'd', "SMFIR_DISCARD", "discard", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 'e', "SMFIR_CHGFROM", "chgfrom", DRILL_SHAPE_STR_OPT, 6},
    {DRILL_TO_MTA, 'f', "SMFIR_CONN_FAIL", "conn_fail", DRILL_SHAPE_NONE, 0},
    {DRILL_TO_MTA, 'h', "SMFIR_ADDHEADER", "addheader", DRILL_SHAPE_STR_STR, 1},
    {DRILL_TO_MTA, 'i', "SMFIR_INSHEADER", "insheader", DRILL_SHAPE_BE32_STR_STR, 2},
    {DRILL_TO_MTA, 'l', "SMFIR_SETSYMLIST", "setsymlist", DRILL_SHAPE_NONE, 6},
    {DRILL_TO_MTA, 'm', "SMFIR_CHGHEADER", "chgheader", DRILL_SHAPE_BE32_STR_STR, 1},
    {DRILL_TO_MTA, 'p', "SMFIR_PROGRESS", "progress", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 'q', "SMFIR_QUARANTINE", "quarantine", DRILL_SHAPE_STR, 2},
    {DRILL_TO_MTA, 'r', "SMFIR_REJECT", "reject", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 's', "SMFIR_SKIP", "skip", DRILL_SHAPE_NONE, 6},
    {DRILL_TO_MTA, 't', "SMFIR_TEMPFAIL", "tempfail", DRILL_SHAPE_NONE, 1},
    {DRILL_TO_MTA, 'y', "SMFIR_REPLYCODE", "replycode", DRILL_SHAPE_TEXT, 1},
};

static void test_every_code_has_its_letter_word_and_shape(void **state)
{
    size_t commands;
    size_t replies;
    (void)state;
    (void)drill_proto_messages(DRILL_TO_MILTER, &commands);
    (void)drill_proto_messages(DRILL_TO_MTA, &replies);
    assert_int_equal(commands, 15);
    assert_int_equal(commands + replies, ROWS(messages));
    for (size_t i = 0; i < ROWS(messages); i++) {
        const struct drill_proto_message *m =
            drill_proto_find(messages[i].dir, (uint8_t)messages[i].code);
        assert_non_null(m);
        assert_int_equal(m->code, messages[i].code);
        assert_string_equal(m->name, messages[i].name);
        assert_string_equal(m->word, messages[i].word);
        assert_int_equal(m->shape, messages[i].shape);
        assert_int_equal(m->since, messages[i].since);
        assert_ptr_equal(drill_proto_word(messages[i].dir, word_of(messages[i].word)), m);
        assert_string_equal(drill_proto_name(messages[i].dir, m->code), m->name);
    }
}

static void test_other_codes_and_words_are_unknown(void **state)
{
    size_t known = 0;
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        known += drill_proto_find(DRILL_TO_MILTER, (uint8_t)code) != NULL;
        known += drill_proto_find(DRILL_TO_MTA, (uint8_t)code) != NULL;
    }
    assert_int_equal(known, 36);
    assert_null(drill_proto_find(DRILL_TO_MILTER, 'c'));
    assert_null(drill_proto_name(DRILL_TO_MTA, 'C'));
    assert_null(drill_proto_word(DRILL_TO_MILTER, word_of("continue")));
    assert_null(drill_proto_word(DRILL_TO_MILTER, word_of("hel")));
    assert_null(drill_proto_word(DRILL_TO_MILTER, word_of("")));
}

/* How many strings a shape has, and so how many names. */
static size_t strings_of(enum drill_shape shape)
{
    switch (shape) {
    case DRILL_SHAPE_NONE:
    case DRILL_SHAPE_OPTNEG:
    case DRILL_SHAPE_MACRO: return 0;
    case DRILL_SHAPE_BYTES:
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_TEXT: return 1;
    case DRILL_SHAPE_STR_STRS:
    case DRILL_SHAPE_STR_STR:
    case DRILL_SHAPE_BE32_STR_STR:
    case DRILL_SHAPE_STR_OPT:
    case DRILL_SHAPE_CONNECT: return 2;
    }
    return 3;
}

static void test_every_string_has_a_field_name(void **state)
{
    (void)state;
    for (int dir = DRILL_TO_MILTER; dir <= DRILL_TO_MTA; dir++) {
        size_t count;
        const struct drill_proto_message *m = drill_proto_messages((enum drill_dir)dir, &count);
        for (size_t i = 0; i < count; i++) {
            size_t strings = strings_of(m[i].shape);
            assert_int_equal(m[i].field[0] != NULL, strings > 0);
            assert_int_equal(m[i].field[1] != NULL, strings > 1);
        }
    }
}

static void test_bits_are_single_and_add_up_to_the_versions_masks(void **state)
{
    static const uint32_t acts[] = {0, 0x0f, 0x3f, 0x3f, 0x3f, 0x3f, 0x1ff, 0x1ff};
    static const uint32_t steps[] = {0, 0x3f, 0x7f, 0x17f, 0x37f, 0x37f, 0x1fffff, 0x1fffff};
    size_t count;
    uint32_t all = 0;
    (void)state;
    for (uint32_t version = 0; version < ROWS(acts); version++) {
        assert_int_equal(drill_proto_actions_of(version), acts[version]);
        assert_int_equal(drill_proto_steps_of(version), steps[version]);
    }
    const struct drill_proto_bit *bits = drill_proto_steps(&count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bits[i].bit & (bits[i].bit - 1), 0);
        all |= bits[i].bit;
    }
    assert_int_equal(count, 23);
    assert_int_equal(all, 0x301fffff);
    bits = drill_proto_actions(&count);
    assert_int_equal(count, 9);
    assert_string_equal(bits[1].name, "SMFIF_CHGBODY");
    assert_string_equal(bits[1].word, "chgbody");
}

static void test_stages_are_numbered_and_name_commands(void **state)
{
    size_t count;
    const struct drill_proto_stage *stages = drill_proto_stages(&count);
    (void)state;
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) {
        const struct drill_proto_message *m = drill_proto_find(DRILL_TO_MILTER, stages[i].code);
        assert_int_equal(stages[i].number, i);
        assert_non_null(m);
        assert_string_equal(m->word, stages[i].word);
    }
    assert_int_equal(DRILL_STAGE_EOM, 5);
    assert_int_equal(DRILL_STAGE_EOH, 6);
}

static void check_letters(const char *letters)
{
    for (; *letters; letters++) {
        assert_non_null(drill_proto_find(DRILL_TO_MILTER, (uint8_t)*letters));
    }
}

static const struct drill_proto_macro *macro(const char *name)
{
    size_t count;
    const struct drill_proto_macro *rows = drill_proto_macros(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    fail_msg("no macro %s", name);
    return NULL;
}

static void test_macros_are_named_as_on_the_wire(void **state)
{
    size_t count;
    const struct drill_proto_macro *rows = drill_proto_macros(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].name);
        assert_true(len == 1 || (rows[i].name[0] == '{' && rows[i].name[len - 1] == '}'));
        assert_ptr_equal(macro(rows[i].name), &rows[i]);
        check_letters(rows[i].stalwart);
        check_letters(rows[i].sendmail);
        check_letters(rows[i].postfix);
    }
    assert_string_equal(macro("i")->stalwart, "");
    assert_string_equal(macro("i")->sendmail, "M");
    assert_string_equal(macro("{client_addr}")->stalwart, "C");
    assert_string_equal(macro("v")->postfix, "C");
}

#ifdef HAVE_LIBMILTER
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#define SAME(name) assert_int_equal(DRILL_##name, name)

static void test_codes_and_bits_are_those_of_libmilter(void **state)
{
    (void)state;
    SAME(SMFIC_ABORT), SAME(SMFIC_BODY), SAME(SMFIC_CONNECT), SAME(SMFIC_MACRO);
    SAME(SMFIC_BODYEOB), SAME(SMFIC_HELO), SAME(SMFIC_QUIT_NC), SAME(SMFIC_HEADER);
    SAME(SMFIC_MAIL), SAME(SMFIC_EOH), SAME(SMFIC_OPTNEG), SAME(SMFIC_QUIT);
    SAME(SMFIC_RCPT), SAME(SMFIC_DATA), SAME(SMFIC_UNKNOWN);
    SAME(SMFIR_ADDRCPT), SAME(SMFIR_DELRCPT), SAME(SMFIR_ADDRCPT_PAR), SAME(SMFIR_SHUTDOWN);
    SAME(SMFIR_ACCEPT), SAME(SMFIR_REPLBODY), SAME(SMFIR_CONTINUE), SAME(SMFIR_DISCARD);
    SAME(SMFIR_CHGFROM), SAME(SMFIR_CONN_FAIL), SAME(SMFIR_ADDHEADER), SAME(SMFIR_INSHEADER);
    SAME(SMFIR_SETSYMLIST), SAME(SMFIR_CHGHEADER), SAME(SMFIR_PROGRESS), SAME(SMFIR_QUARANTINE);
    SAME(SMFIR_REJECT), SAME(SMFIR_SKIP), SAME(SMFIR_TEMPFAIL), SAME(SMFIR_REPLYCODE);
    SAME(SMFIF_ADDHDRS), SAME(SMFIF_CHGBODY), SAME(SMFIF_ADDRCPT), SAME(SMFIF_DELRCPT);
    SAME(SMFIF_CHGHDRS), SAME(SMFIF_QUARANTINE), SAME(SMFIF_CHGFROM), SAME(SMFIF_ADDRCPT_PAR);
    SAME(SMFIF_SETSYMLIST);
    SAME(SMFIP_NOCONNECT), SAME(SMFIP_NOHELO), SAME(SMFIP_NOMAIL), SAME(SMFIP_NORCPT);
    SAME(SMFIP_NOBODY), SAME(SMFIP_NOHDRS), SAME(SMFIP_NOEOH), SAME(SMFIP_NR_HDR);
    SAME(SMFIP_NOUNKNOWN), SAME(SMFIP_NODATA), SAME(SMFIP_SKIP), SAME(SMFIP_RCPT_REJ);
    SAME(SMFIP_NR_CONN), SAME(SMFIP_NR_HELO), SAME(SMFIP_NR_MAIL), SAME(SMFIP_NR_RCPT);
    SAME(SMFIP_NR_DATA), SAME(SMFIP_NR_UNKN), SAME(SMFIP_NR_EOH), SAME(SMFIP_NR_BODY);
    SAME(SMFIP_HDR_LEADSPC), SAME(SMFIP_MDS_256K), SAME(SMFIP_MDS_1M);
    assert_int_equal(DRILL_STAGE_CONNECT, SMFIM_CONNECT);
    assert_int_equal(DRILL_STAGE_HELO, SMFIM_HELO);
    assert_int_equal(DRILL_STAGE_ENVFROM, SMFIM_ENVFROM);
    assert_int_equal(DRILL_STAGE_ENVRCPT, SMFIM_ENVRCPT);
    assert_int_equal(DRILL_STAGE_DATA, SMFIM_DATA);
    assert_int_equal(DRILL_STAGE_EOM, SMFIM_EOM);
    assert_int_equal(DRILL_STAGE_EOH, SMFIM_EOH);
    assert_int_equal(drill_proto_actions_of(1), SMFI_V1_ACTS);
    assert_int_equal(drill_proto_actions_of(2), SMFI_V2_ACTS);
    assert_int_equal(drill_proto_actions_of(SMFI_PROT_VERSION), SMFI_CURR_ACTS);
    assert_int_equal(drill_proto_steps_of(1), SMFI_V1_PROT);
    assert_int_equal(drill_proto_steps_of(2), SMFI_V2_PROT);
    assert_int_equal(drill_proto_steps_of(SMFI_PROT_VERSION), SMFI_CURR_PROT);
}
#else
static void test_codes_and_bits_are_those_of_libmilter(void **state)
{
    (void)state;
    print_message("libmilter/mfdef.h is not installed\n");
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_letter_word_and_shape),
        cmocka_unit_test(test_other_codes_and_words_are_unknown),
        cmocka_unit_test(test_every_string_has_a_field_name),
        cmocka_unit_test(test_bits_are_single_and_add_up_to_the_versions_masks),
        cmocka_unit_test(test_stages_are_numbered_and_name_commands),
        cmocka_unit_test(test_macros_are_named_as_on_the_wire),
        cmocka_unit_test(test_codes_and_bits_are_those_of_libmilter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
