/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/nearest.h"

#define FORMS \
    "inet:PORT@HOST, inet6:PORT@HOST, unix:/PATH, /PATH, HOST:PORT, [IPV6]:PORT or sim:MODEL"

/* What is being parsed, for messages. */
struct address_text {
    const char *whole;
    struct drill_address *out;
    struct drill_error *err;
};

static enum drill_code address_syntax(const struct address_text *t, const char *what)
{
    return drill_error_set(t->err, DRILL_ERR_SYNTAX, "address \"%.80s\": %s; write " FORMS,
                           t->whole, what);
}

static enum drill_code address_value(const struct address_text *t, const char *what)
{
    return drill_error_set(t->err, DRILL_ERR_VALUE, "address \"%.80s\": %s", t->whole, what);
}

static bool is_digits(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

static enum drill_code take_port(const struct address_text *t, struct drill_span s)
{
    uint32_t port = 0;
    if (!is_digits(s)) {
        return address_syntax(t, "the port must be a number");
    }
    for (size_t i = 0; i < s.len && port <= UINT16_MAX; i++) {
        port = port * 10 + (uint32_t)(s.ptr[i] - '0');
    }
    if (port > UINT16_MAX) {
        return address_value(t, "a port is at most 65535");
    }
    t->out->port = (uint16_t)port;
    return DRILL_OK;
}

static bool is_host_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
}

/* Which family a numeric host has; AF_UNSPEC: a name. A zone (%eth0) is not looked at. */
static int literal_family(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, bytes) == 1) {
        return AF_INET;
    }
    return strchr(host, ':') ? AF_INET6 : AF_UNSPEC;
}

static bool is_ipv6(const char *host)
{
    char bare[INET6_ADDRSTRLEN + 1];
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t len = strcspn(host, "%");
    if (len >= sizeof(bare)) {
        return false;
    }
    memcpy(bare, host, len);
    bare[len] = '\0';
    return inet_pton(AF_INET6, bare, bytes) == 1;
}

/* `s` may stand in brackets. family AF_UNSPEC: a literal decides. */
static enum drill_code take_host(const struct address_text *t, struct drill_span s)
{
    struct drill_address *a = t->out;
    bool bracketed = s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']';
    if (bracketed) {
        s = drill_span_sub(s, 1, s.len - 2);
    }
    if (s.len == 0) {
        return address_syntax(t, "the host is missing");
    }
    if (s.len >= sizeof(a->host)) {
        return address_value(t, "a host name has at most 255 characters");
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_host_byte(s.ptr[i])) {
            return address_value(t,
                                 "a host has letters, digits, \".\", \"-\", \"_\" and \":\" only");
        }
    }
    memcpy(a->host, s.ptr, s.len);
    a->host[s.len] = '\0';
    int family = literal_family(a->host);
    if ((bracketed || family == AF_INET6) && !is_ipv6(a->host)) {
        return address_value(t, "the host is not an IPv6 address");
    }
    if (a->family == AF_INET && family == AF_INET6) {
        return address_value(t, "inet is IPv4; for an IPv6 host write inet6:PORT@HOST");
    }
    if (a->family == AF_INET6 && family == AF_INET) {
        return address_value(t, "inet6 is IPv6; for an IPv4 host write inet:PORT@HOST");
    }
    if (a->family == AF_UNSPEC) {
        a->family = family;
    }
    return DRILL_OK;
}

static size_t find_last(struct drill_span s, uint8_t byte)
{
    size_t i = s.len;
    while (i > 0 && s.ptr[i - 1] != byte) {
        i--;
    }
    return i > 0 ? i - 1 : s.len;
}

/* "host:port", "[v6]:port". */
static enum drill_code take_host_port(const struct address_text *t, struct drill_span s)
{
    size_t colon = find_last(s, ':');
    if (colon == s.len) {
        return address_syntax(t, "a port is missing");
    }
    struct drill_span host = drill_span_sub(s, 0, colon);
    if (drill_span_find(host, ':') < host.len && host.ptr[0] != '[') {
        return address_syntax(t, "an IPv6 host before a port stands in brackets");
    }
    enum drill_code code = take_port(t, drill_span_sub(s, colon + 1, s.len));
    return code == DRILL_OK ? take_host(t, host) : code;
}

/* Behind "inet:" and "inet6:": port@host, port, or Postfix's host:port. */
static enum drill_code take_inet(const struct address_text *t, struct drill_span s)
{
    size_t at = drill_span_find(s, '@');
    if (at < s.len) {
        enum drill_code code = take_port(t, drill_span_sub(s, 0, at));
        return code == DRILL_OK ? take_host(t, drill_span_sub(s, at + 1, s.len)) : code;
    }
    if (is_digits(s)) {
        return take_port(t, s);
    }
    return take_host_port(t, s);
}

static enum drill_code take_path(const struct address_text *t, struct drill_span s)
{
    struct drill_address *a = t->out;
    a->kind = DRILL_ADDRESS_UNIX;
    a->family = AF_UNIX;
    if (s.len == 0) {
        return address_syntax(t, "the path is missing");
    }
    if (s.len >= sizeof(a->path) || s.len >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return address_value(t, "the path of a UNIX socket has at most 107 bytes");
    }
    memcpy(a->path, s.ptr, s.len);
    a->path[s.len] = '\0';
    return DRILL_OK;
}

static enum drill_code take_model(const struct address_text *t, struct drill_span s)
{
    struct drill_address *a = t->out;
    a->kind = DRILL_ADDRESS_SIM;
    if (s.len == 0) {
        return address_syntax(t, "the model is missing");
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (!is_host_byte(c) || c == ':' || c == '%') {
            return address_value(t,
                                 "a model's name has letters, digits, \".\", \"-\" and \"_\" only");
        }
    }
    if (s.len >= sizeof(a->model)) {
        return address_value(t, "a model's name has at most 63 characters");
    }
    memcpy(a->model, s.ptr, s.len);
    a->model[s.len] = '\0';
    return DRILL_OK;
}

static enum drill_code take_by_scheme(const struct address_text *t, const char *scheme,
                                      struct drill_span rest)
{
    if (strcmp(scheme, "unix") == 0 || strcmp(scheme, "local") == 0) {
        return take_path(t, rest);
    }
    if (strcmp(scheme, "sim") == 0) {
        return take_model(t, rest);
    }
    t->out->family = strcmp(scheme, "inet6") == 0 ? AF_INET6 : AF_INET;
    return take_inet(t, rest);
}

/* No scheme of ours: "host:port", or a mistake that is worth a better word. */
static enum drill_code take_bare(const struct address_text *t, struct drill_span s,
                                 const char *const *schemes, size_t count)
{
    size_t colon = drill_span_find(s, ':');
    struct drill_span rest = drill_span_sub(s, colon + 1, s.len);
    bool bracketed = s.len && s.ptr[0] == '[';
    if (!bracketed && colon < s.len && !is_digits(rest)) {
        const char *near = drill_nearest(drill_span_sub(s, 0, colon), schemes, count);
        if (near) {
            char what[64];
            (void)snprintf(what, sizeof(what), "did you mean \"%s:\"?", near);
            return address_syntax(t, what);
        }
    }
    if (is_digits(s)) {
        return address_syntax(t, "a port alone is \"inet:PORT\", or has a host");
    }
    return take_host_port(t, s);
}

enum drill_code drill_address_parse(const char *text, struct drill_address *out,
                                    struct drill_error *err)
{
    static const char *const schemes[] = {"inet", "inet6", "unix", "local", "sim"};
    const struct address_text t = {.whole = text, .out = out, .err = err};
    struct drill_span s = drill_span_str(text);
    memset(out, 0, sizeof(*out));
    out->kind = DRILL_ADDRESS_INET;
    out->family = AF_UNSPEC;
    if (s.len == 0) {
        return address_syntax(&t, "it is empty");
    }
    if (s.ptr[0] == '/') {
        return take_path(&t, s);
    }
    size_t colon = drill_span_find(s, ':');
    struct drill_span scheme = drill_span_sub(s, 0, colon);
    for (size_t i = 0; colon < s.len && i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (drill_span_equal(scheme, drill_span_str(schemes[i]))) {
            return take_by_scheme(&t, schemes[i], drill_span_sub(s, colon + 1, s.len));
        }
    }
    return take_bare(&t, s, schemes, sizeof(schemes) / sizeof(*schemes));
}

const char *drill_address_format(const struct drill_address *a, char *buf, size_t cap)
{
    switch (a->kind) {
    case DRILL_ADDRESS_UNIX: (void)snprintf(buf, cap, "unix:%s", a->path); break;
    case DRILL_ADDRESS_SIM: (void)snprintf(buf, cap, "sim:%s", a->model); break;
    case DRILL_ADDRESS_INET:
        if (a->family == AF_UNSPEC) {
            (void)snprintf(buf, cap, "%s:%u", a->host, (unsigned)a->port);
        } else {
            (void)snprintf(buf, cap, "%s:%u%s%s", a->family == AF_INET6 ? "inet6" : "inet",
                           (unsigned)a->port, a->host[0] ? "@" : "", a->host);
        }
        break;
    }
    return buf;
}

static enum drill_code resolve_unix(const struct drill_address *a, struct sockaddr_storage *list,
                                    socklen_t *lens, size_t *count)
{
    struct sockaddr_un un;
    memset(&un, 0, sizeof(un));
    un.sun_family = AF_UNIX;
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", a->path);
    memset(&list[0], 0, sizeof(list[0]));
    memcpy(&list[0], &un, sizeof(un));
    lens[0] = (socklen_t)sizeof(un);
    *count = 1;
    return DRILL_OK;
}

static enum drill_code resolve_inet(const struct drill_address *a, bool listening,
                                    struct sockaddr_storage *list, socklen_t *lens, size_t max,
                                    size_t *count, struct drill_error *err)
{
    struct addrinfo hints;
    struct addrinfo *found = NULL;
    char port[8];
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = a->family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (listening ? AI_PASSIVE : 0);
    (void)snprintf(port, sizeof(port), "%u", (unsigned)a->port);
    int failed = getaddrinfo(a->host[0] ? a->host : NULL, port, &hints, &found);
    if (failed) {
        const char *family = a->family == AF_INET    ? " (IPv4)"
                             : a->family == AF_INET6 ? " (IPv6)"
                                                     : "";
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "host \"%.200s\"%s: %s", a->host, family,
                               gai_strerror(failed));
    }
    for (const struct addrinfo *i = found; i && *count < max; i = i->ai_next) {
        if (i->ai_addrlen <= sizeof(list[0])) {
            memset(&list[*count], 0, sizeof(list[0]));
            memcpy(&list[*count], i->ai_addr, i->ai_addrlen);
            lens[*count] = i->ai_addrlen;
            (*count)++;
        }
    }
    freeaddrinfo(found);
    return DRILL_OK;
}

enum drill_code drill_address_resolve(const struct drill_address *a, bool listening,
                                      struct sockaddr_storage *list, socklen_t *lens, size_t max,
                                      size_t *count, struct drill_error *err)
{
    *count = 0;
    switch (a->kind) {
    case DRILL_ADDRESS_UNIX: return resolve_unix(a, list, lens, count);
    case DRILL_ADDRESS_INET: return resolve_inet(a, listening, list, lens, max, count, err);
    case DRILL_ADDRESS_SIM: break;
    }
    return drill_error_set(err, DRILL_ERR_VALUE,
                           "\"sim:%s\" is a model and has no socket; use --sim", a->model);
}
