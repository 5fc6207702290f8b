/* SPDX-License-Identifier: MIT */
/* Every form of an address, and every way to get one wrong. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "net/address.h"

#define P50 "0123456789012345678901234567890123456789012345678/"
#define H100                                                                                       \
    "h123456789h123456789h123456789h123456789h123456789h123456789h123456789h123456789h123456789h1" \
    "23456789"

static const struct {
    const char *text;
    enum drill_address_kind kind;
    int family;
    const char *name; /* host, path or model */
    uint16_t port;
    const char *format; /* NULL: as text */
} good[] = {
    {"inet:7357@127.0.0.1", DRILL_ADDRESS_INET, AF_INET, "127.0.0.1", 7357, NULL},
    {"inet:0@127.0.0.1", DRILL_ADDRESS_INET, AF_INET, "127.0.0.1", 0, NULL},
    {"inet:65535@localhost", DRILL_ADDRESS_INET, AF_INET, "localhost", 65535, NULL},
    {"inet:7357", DRILL_ADDRESS_INET, AF_INET, "", 7357, NULL},
    {"inet6:7357", DRILL_ADDRESS_INET, AF_INET6, "", 7357, NULL},
    {"inet6:7357@::1", DRILL_ADDRESS_INET, AF_INET6, "::1", 7357, NULL},
    {"inet6:7357@[::1]", DRILL_ADDRESS_INET, AF_INET6, "::1", 7357, "inet6:7357@::1"},
    {"inet6:7357@fe80::1%eth0", DRILL_ADDRESS_INET, AF_INET6, "fe80::1%eth0", 7357, NULL},
    {"inet6:7357@mx.example", DRILL_ADDRESS_INET, AF_INET6, "mx.example", 7357, NULL},
    {"inet:localhost:8891", DRILL_ADDRESS_INET, AF_INET, "localhost", 8891, "inet:8891@localhost"},
    {"inet:127.0.0.1:25", DRILL_ADDRESS_INET, AF_INET, "127.0.0.1", 25, "inet:25@127.0.0.1"},
    {"inet6:[::1]:25", DRILL_ADDRESS_INET, AF_INET6, "::1", 25, "inet6:25@::1"},
    {"mx_1.example.org:25", DRILL_ADDRESS_INET, AF_UNSPEC, "mx_1.example.org", 25, NULL},
    {"127.0.0.1:25", DRILL_ADDRESS_INET, AF_INET, "127.0.0.1", 25, "inet:25@127.0.0.1"},
    {"[::1]:25", DRILL_ADDRESS_INET, AF_INET6, "::1", 25, "inet6:25@::1"},
    {"unix:/run/m.sock", DRILL_ADDRESS_UNIX, AF_UNIX, "/run/m.sock", 0, NULL},
    {"local:/run/m.sock", DRILL_ADDRESS_UNIX, AF_UNIX, "/run/m.sock", 0, "unix:/run/m.sock"},
    {"/run/m.sock", DRILL_ADDRESS_UNIX, AF_UNIX, "/run/m.sock", 0, "unix:/run/m.sock"},
    {"unix:private/m@1:2", DRILL_ADDRESS_UNIX, AF_UNIX, "private/m@1:2", 0, NULL},
    {"unix:/" P50 P50 "123456", DRILL_ADDRESS_UNIX, AF_UNIX, "/" P50 P50 "123456", 0, NULL},
    {"sim:libmilter", DRILL_ADDRESS_SIM, AF_UNSPEC, "libmilter", 0, NULL},
    {"sim:stalwart-0.16", DRILL_ADDRESS_SIM, AF_UNSPEC, "stalwart-0.16", 0, NULL},
};

static const struct {
    const char *text;
    enum drill_code code;
    const char *says;
} bad[] = {
    {"", DRILL_ERR_SYNTAX, "it is empty"},
    {"7357", DRILL_ERR_SYNTAX, "a port alone"},
    {"localhost", DRILL_ERR_SYNTAX, "a port is missing"},
    {"localhost:", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"localhost:smtp", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"localhost:25x", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"localhost:-1", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"localhost:65536", DRILL_ERR_VALUE, "at most 65535"},
    {"localhost:99999999999999999999", DRILL_ERR_VALUE, "at most 65535"},
    {":25", DRILL_ERR_SYNTAX, "the host is missing"},
    {"::1:25", DRILL_ERR_SYNTAX, "stands in brackets"},
    {"[::1]", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"[::1:25", DRILL_ERR_VALUE, "a host has letters"},
    {"[mx]:25", DRILL_ERR_VALUE, "not an IPv6 address"},
    {"[]:25", DRILL_ERR_SYNTAX, "the host is missing"},
    {"mx example:25", DRILL_ERR_VALUE, "a host has letters"},
    {"m\033x:25", DRILL_ERR_VALUE, "a host has letters"},
    {H100 H100 H100 ":25", DRILL_ERR_VALUE, "at most 255 characters"},
    {"inet:", DRILL_ERR_SYNTAX, "a port is missing"},
    {"inet:localhost", DRILL_ERR_SYNTAX, "a port is missing"},
    {"inet:25@", DRILL_ERR_SYNTAX, "the host is missing"},
    {"inet:@localhost", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"inet:localhost@25", DRILL_ERR_SYNTAX, "the port must be a number"},
    {"inet:65536@localhost", DRILL_ERR_VALUE, "at most 65535"},
    {"inet:25@::1", DRILL_ERR_VALUE, "inet is IPv4"},
    {"inet:[::1]:25", DRILL_ERR_VALUE, "inet is IPv4"},
    {"inet6:25@127.0.0.1", DRILL_ERR_VALUE, "inet6 is IPv6"},
    {"inet6:25@1:2", DRILL_ERR_VALUE, "not an IPv6 address"},
    {"inet6:::1:25", DRILL_ERR_SYNTAX, "stands in brackets"},
    {"unix:", DRILL_ERR_SYNTAX, "the path is missing"},
    {"unix:/" P50 P50 "1234567", DRILL_ERR_VALUE, "at most 107 bytes"},
    {"uinx:/run/m.sock", DRILL_ERR_SYNTAX, "did you mean \"unix:\"?"},
    {"sim:", DRILL_ERR_SYNTAX, "the model is missing"},
    {"sim:lib milter", DRILL_ERR_VALUE, "a model's name has letters"},
    {"sim:" H100, DRILL_ERR_VALUE, "at most 63 characters"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct drill_address a;
        struct drill_address again;
        struct drill_error err;
        char text[300];
        if (drill_address_parse(good[i].text, &a, &err) != DRILL_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(a.kind, good[i].kind);
        assert_int_equal(a.family, good[i].family);
        assert_int_equal(a.port, good[i].port);
        assert_string_equal(a.kind == DRILL_ADDRESS_INET   ? a.host
                            : a.kind == DRILL_ADDRESS_UNIX ? a.path
                                                           : a.model,
                            good[i].name);
        assert_ptr_equal(drill_address_format(&a, text, sizeof(text)), text);
        assert_string_equal(text, good[i].format ? good[i].format : good[i].text);
        assert_int_equal(drill_address_parse(text, &again, NULL), DRILL_OK);
        assert_memory_equal(&a, &again, sizeof(a));
    }
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct drill_address a;
        struct drill_error err;
        enum drill_code code = drill_address_parse(bad[i].text, &a, &err);
        if (code != bad[i].code || !strstr(err.text, bad[i].says)) {
            fail_msg("\"%s\": %d, %s", bad[i].text, (int)code, code ? err.text : "");
        }
        assert_int_equal(err.code, code);
        if (code == DRILL_ERR_SYNTAX) {
            assert_non_null(strstr(err.text, "unix:/PATH"));
        }
    }
}

/* Whatever the text: no crash, and what parses formats to what parses to the same. */
static void test_mutations(void **state)
{
    static const char letters[] = "inet6unxslocm:/@[]%.-_ 01";
    char text[64];
    (void)state;
    for (size_t g = 0; g < sizeof(good) / sizeof(*good); g++) {
        size_t len = strlen(good[g].text);
        for (size_t at = 0; len < sizeof(text) && at < len; at++) {
            for (size_t c = 0; c < sizeof(letters); c++) {
                struct drill_address a;
                struct drill_address again;
                struct drill_error err;
                char format[300];
                memcpy(text, good[g].text, len + 1);
                text[at] = letters[c];
                if (drill_address_parse(text, &a, &err) == DRILL_OK) {
                    drill_address_format(&a, format, sizeof(format));
                    assert_int_equal(drill_address_parse(format, &again, &err), DRILL_OK);
                    assert_memory_equal(&a, &again, sizeof(a));
                }
            }
        }
    }
}

static size_t resolve(const char *text, bool listening, struct sockaddr_storage *list,
                      enum drill_code expected, struct drill_error *err)
{
    struct drill_address a;
    socklen_t lens[4];
    size_t count = 9;
    assert_int_equal(drill_address_parse(text, &a, err), DRILL_OK);
    assert_int_equal(drill_address_resolve(&a, listening, list, lens, 4, &count, err), expected);
    return count;
}

static void test_resolve(void **state)
{
    struct sockaddr_storage list[4];
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct drill_error err;
    (void)state;
    assert_int_equal(resolve("inet:7357@127.0.0.1", false, list, DRILL_OK, &err), 1);
    memcpy(&in, list, sizeof(in));
    assert_int_equal(in.sin_family, AF_INET);
    assert_int_equal(ntohs(in.sin_port), 7357);
    assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(resolve("inet:7357", true, list, DRILL_OK, &err), 1);
    memcpy(&in, list, sizeof(in));
    assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_ANY);
    assert_int_equal(resolve("inet:7357", false, list, DRILL_OK, &err), 1);
    memcpy(&in, list, sizeof(in));
    assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(resolve("[::1]:25", false, list, DRILL_OK, &err), 1);
    memcpy(&in6, list, sizeof(in6));
    assert_int_equal(in6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(in6.sin6_port), 25);
    assert_int_equal(resolve("/run/x", false, list, DRILL_OK, &err), 1);
    memcpy(&un, list, sizeof(un));
    assert_int_equal(un.sun_family, AF_UNIX);
    assert_string_equal(un.sun_path, "/run/x");
    assert_int_equal(resolve("sim:libmilter", false, list, DRILL_ERR_VALUE, &err), 0);
    /* not a name that any resolver is asked for: the dots make it invalid */
    assert_int_equal(resolve("inet:1@a..b", false, list, DRILL_ERR_NOTFOUND, &err), 0);
    assert_non_null(strstr(err.text, "host \"a..b\" (IPv4): "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
