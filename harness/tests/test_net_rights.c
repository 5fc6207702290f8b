/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/net.h"
#include "net/rights.h"

static void test_texts(void **state)
{
    struct drill_net_rights r;
    struct drill_error err;
    (void)state;
    assert_int_equal(drill_net_rights_parse(NULL, NULL, &r, &err), DRILL_OK);
    assert_false(r.has_mode || r.has_user || r.has_group);
    assert_int_equal(drill_net_rights_parse("0660", "root:root", &r, &err), DRILL_OK);
    assert_true(r.has_mode && r.has_user && r.has_group);
    assert_int_equal(r.mode, 0660);
    assert_int_equal(r.user, 0);
    assert_int_equal(r.group, 0);
    assert_int_equal(drill_net_rights_parse("7", "1234", &r, &err), DRILL_OK);
    assert_true(r.has_user && !r.has_group);
    assert_int_equal(r.mode, 7);
    assert_int_equal(r.user, 1234);
    assert_int_equal(drill_net_rights_parse(NULL, ":4321", &r, &err), DRILL_OK);
    assert_true(!r.has_mode && !r.has_user && r.has_group);
    assert_int_equal(r.group, 4321);
}

static void test_texts_that_are_wrong(void **state)
{
    static const struct {
        const char *mode, *owner, *says;
    } cases[] = {
        {"", NULL, "octal number"},
        {"0680", NULL, "\"0680\" is no mode"},
        {"1777", NULL, "\"1777\" is no mode"},
        {"77777777777777777777", NULL, "is no mode"},
        {"-1", NULL, "is no mode"},
        {NULL, "", "USER:GROUP"},
        {NULL, ":", "USER:GROUP"},
        {NULL, "no-such-user", "no user \"no-such-user\""},
        {NULL, "root:no-such-group", "no group \"no-such-group\""},
        {NULL, "4294967295", "no user"},
        {NULL, "99999999999999999999", "no user"},
        {NULL, "12x", "no user"},
        {NULL, "a-name-that-is-longer-than-any-name-of-a-user-has-ever-been-here", "USER:GROUP"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct drill_net_rights r;
        struct drill_error err = {.text = ""};
        enum drill_code code = drill_net_rights_parse(cases[i].mode, cases[i].owner, &r, &err);
        if (code == DRILL_OK || !strstr(err.text, cases[i].says)) {
            fail_msg("case %zu: %d \"%s\"", i, (int)code, err.text);
        }
    }
}

static void expect_mode(const char *path, mode_t mode)
{
    struct stat st;
    assert_return_code(lstat(path, &st), errno);
    assert_int_equal(st.st_mode & 07777, mode);
    assert_int_equal(st.st_uid, getuid());
    assert_int_equal(st.st_gid, getgid());
}

/* Whatever the umask. */
static void test_a_socket(void **state)
{
    char dir[] = "/tmp/drill-test-XXXXXX", where[64], owner[40];
    struct drill_address a;
    struct drill_net_rights r;
    struct drill_error err;
    struct drill_net *net = drill_net_new(&err);
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(where, sizeof(where), "unix:%s/m.sock", dir);
    (void)snprintf(owner, sizeof(owner), "%u:%u", (unsigned)getuid(), (unsigned)getgid());
    assert_int_equal(drill_address_parse(where, &a, &err), DRILL_OK);
    mode_t before = umask(0777);
    assert_int_equal(drill_net_rights_parse("0662", owner, &r, &err), DRILL_OK);
    struct drill_net_listener *l = drill_net_listen_with(net, &a, &r, &err);
    assert_non_null(l);
    (void)umask(before);
    expect_mode(where + 5, 0662);
    drill_net_listener_free(l);
    if (getuid() != 0) {
        assert_int_equal(drill_net_rights_parse(NULL, "root", &r, &err), DRILL_OK);
        assert_null(drill_net_listen_with(net, &a, &r, &err));
        assert_non_null(strstr(err.text, "cannot set the owner of unix:"));
    }
    assert_int_equal(access(where + 5, F_OK), -1);
    assert_int_equal(drill_address_parse("inet:0@127.0.0.1", &a, &err), DRILL_OK);
    assert_null(drill_net_listen_with(net, &a, &r, &err));
    assert_int_equal(err.code, DRILL_ERR_VALUE);
    drill_net_free(net);
    assert_return_code(rmdir(dir), errno);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_texts_that_are_wrong),
        cmocka_unit_test(test_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
