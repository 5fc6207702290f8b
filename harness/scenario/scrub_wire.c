/* SPDX-License-Identifier: MIT */
/* What crosses the wire beside mail: macros, arguments, replies, payloads, frames. */
#include "scenario/scrub_ops.h"

#include "wire/frame.h"
#include "wire/message.h"

#include <string.h>

enum { FRAME_HEAD = 5 }; /* length word and code */

static void copy(struct drill_span in, uint8_t *out)
{
    if (in.len) {
        memcpy(out, in.ptr, in.len);
    }
}

static bool all_digits(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!drill_scrub_is_digit(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

/* ---- macros ---- */

/* Macros whose values tell of programs and protocols, and how they are read. All others are
 * text. */
static const struct {
    const char *name;
    unsigned flags;
} macros[] = {
    {"v", DRILL_SCRUB_SMTP | DRILL_SCRUB_DIGITS},
    {"j", DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST},
    {"_", DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST},
    {"r", DRILL_SCRUB_SMTP},
    {"{daemon_name}", DRILL_SCRUB_SMTP | DRILL_SCRUB_DIGITS},
    {"{daemon_addr}", DRILL_SCRUB_SMTP},
    {"{daemon_port}", DRILL_SCRUB_DIGITS},
    {"{client_port}", DRILL_SCRUB_DIGITS},
    {"{client_resolve}", DRILL_SCRUB_SMTP},
    {"{client_connections}", DRILL_SCRUB_DIGITS},
    {"{client_name}", DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST},
    {"{client_ptr}", DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST},
    {"{if_name}", DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST},
    {"{auth_type}", DRILL_SCRUB_SMTP | DRILL_SCRUB_DIGITS},
    {"{auth_ssf}", DRILL_SCRUB_DIGITS},
    {"{cipher_bits}", DRILL_SCRUB_DIGITS},
    {"{verify}", DRILL_SCRUB_SMTP},
    {"{mail_host}", DRILL_SCRUB_HOST},
    {"{rcpt_host}", DRILL_SCRUB_HOST},
    {"{mail_mailer}", DRILL_SCRUB_SMTP},
    {"{rcpt_mailer}", DRILL_SCRUB_SMTP},
    {"{nrcpts}", DRILL_SCRUB_DIGITS},
    {"{nbadrcpts}", DRILL_SCRUB_DIGITS},
    {"{ntries}", DRILL_SCRUB_DIGITS},
    {"{msg_size}", DRILL_SCRUB_DIGITS},
};

void drill_scrub_macro(struct drill_scrubber *s, struct drill_span name, struct drill_span value,
                       uint8_t *out)
{
    unsigned flags = 0;
    if (drill_span_equal(name, drill_span_str("{cipher}")) ||
        drill_span_equal(name, drill_span_str("{tls_version}"))) {
        drill_scrub_name(s, value, out);
        return;
    }
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        if (drill_span_equal(name, drill_span_str(macros[i].name))) {
            flags = macros[i].flags;
        }
    }
    drill_scrub_text(s, value, out, flags);
}

/* ---- SMTP ---- */

static void argument(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    struct drill_span size = drill_span_str("SIZE=");
    struct drill_span number = drill_span_sub(in, size.len, in.len);
    if (drill_span_equal_nocase(drill_span_sub(in, 0, size.len), size) && all_digits(number)) {
        copy(in, out);
        return;
    }
    size_t equals = drill_span_find(in, '=');
    struct drill_span key = drill_span_sub(in, 0, equals);
    static const char *const worded[] = {"BODY", "RET", "NOTIFY", "ORCPT"};
    bool words = false;
    for (size_t i = 0; i < sizeof(worded) / sizeof(worded[0]); i++) {
        words = words || drill_span_equal_nocase(key, drill_span_str(worded[i]));
    }
    drill_scrub_text(s, key, out, DRILL_SCRUB_SMTP);
    if (equals < in.len) {
        out[equals] = '=';
        drill_scrub_text(s, drill_span_sub(in, equals + 1, in.len), out + equals + 1,
                         DRILL_SCRUB_XTEXT | (words ? (unsigned)DRILL_SCRUB_SMTP : 0));
    }
}

/* What a milter gives with an address may be several in one string. */
void drill_scrub_argument(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    for (size_t at = 0; at < in.len;) {
        struct drill_span one = drill_span_sub(in, at, in.len);
        one.len = drill_span_find(one, ' ');
        argument(s, one, out + at);
        at += one.len;
        if (at < in.len) {
            out[at++] = ' ';
        }
    }
}

/* "5.7.1", and a blank or nothing behind it: its length, or 0 (RFC 3463 2). */
static size_t status_length(struct drill_span in)
{
    size_t at = 0, dots = 0;
    while (at < in.len && (drill_scrub_is_digit(in.ptr[at]) || in.ptr[at] == '.')) {
        dots += in.ptr[at++] == '.';
    }
    bool ends = at == in.len || in.ptr[at] <= ' ';
    return dots == 2 && at >= 5 && at <= 8 && in.ptr[1] == '.' && ends ? at : 0;
}

/* "550" and a sign, "5.7.1": so many bytes of the line stay. */
static size_t codes_length(struct drill_span line)
{
    if (line.len < 3 || !all_digits(drill_span_sub(line, 0, 3))) {
        return status_length(line);
    }
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-') {
        return line.ptr[3] < ' ' ? 3 : 0;
    }
    size_t code = line.len > 3 ? 4 : 3;
    return code + status_length(drill_span_sub(line, code, line.len));
}

void drill_scrub_reply(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    for (size_t at = 0; at < in.len;) {
        struct drill_span line = drill_span_sub(in, at, in.len);
        line.len = drill_span_find(line, '\n');
        size_t codes = codes_length(line);
        copy(drill_span_sub(line, 0, codes), out + at);
        drill_scrub_text(s, drill_span_sub(line, codes, line.len), out + at + codes,
                         DRILL_SCRUB_FILTER);
        at += line.len;
        if (at < in.len) {
            out[at++] = '\n';
        }
    }
}

/* ---- payloads ---- */

/* String for string: `each` gets its number, the string before it, and itself. A rest without its
 * NUL is a string, too. */
static void put_strings(struct drill_scrubber *s, struct drill_span in, uint8_t *out,
                        void (*each)(struct drill_scrubber *s, size_t number,
                                     struct drill_span before, struct drill_span in, uint8_t *out))
{
    struct drill_span before = drill_span_of(NULL, 0);
    size_t number = 0;
    for (size_t at = 0; at < in.len; number++) {
        struct drill_span one = drill_span_sub(in, at, in.len);
        one.len = drill_span_find(one, 0);
        each(s, number, before, one, out + at);
        before = one;
        at += one.len;
        if (at < in.len) {
            out[at++] = 0;
        }
    }
}

static void macro_string(struct drill_scrubber *s, size_t number, struct drill_span before,
                         struct drill_span in, uint8_t *out)
{
    if (number % 2) {
        drill_scrub_macro(s, before, in, out);
    } else {
        drill_scrub_name(s, in, out);
    }
}

static void header_string(struct drill_scrubber *s, size_t number, struct drill_span before,
                          struct drill_span in, uint8_t *out)
{
    if (number == 1) {
        drill_scrub_header(s, before, in, out, 0);
    } else if (number == 0 && in.len < 100 && drill_span_find(in, ' ') == in.len) {
        drill_scrub_name(s, in, out);
    } else {
        drill_scrub_text(s, in, out, 0);
    }
}

static void command_string(struct drill_scrubber *s, size_t number, struct drill_span before,
                           struct drill_span in, uint8_t *out)
{
    (void)before;
    if (number) {
        drill_scrub_argument(s, in, out);
    } else {
        drill_scrub_text(s, in, out, 0);
    }
}

/* Host, NUL, family, port, address: the three bytes behind the first NUL stay. */
static void put_connect(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    size_t host = drill_span_find(in, 0);
    struct drill_span fixed = drill_span_sub(in, host, 4);
    struct drill_span address = drill_span_sub(in, host + 4, in.len);
    drill_scrub_text(s, drill_span_sub(in, 0, host), out, DRILL_SCRUB_HOST | DRILL_SCRUB_SMTP);
    copy(fixed, out + host);
    drill_scrub_text(s, address, out + in.len - address.len, 0);
}

void drill_scrub_payload(struct drill_scrubber *s, enum drill_dir dir, uint8_t code,
                         struct drill_span in, uint8_t *out)
{
    const struct drill_proto_message *known = drill_proto_find(dir, code);
    enum drill_shape shape = known ? known->shape : DRILL_SHAPE_BYTES;
    size_t fixed = shape == DRILL_SHAPE_OPTNEG         ? 12
                   : shape == DRILL_SHAPE_BE32_STR_STR ? 4
                   : shape == DRILL_SHAPE_MACRO        ? 1
                                                       : 0;
    struct drill_span head = drill_span_sub(in, 0, fixed);
    struct drill_span rest = drill_span_sub(in, fixed, in.len);
    copy(head, out);
    out += head.len;
    switch (shape) {
    case DRILL_SHAPE_CONNECT: put_connect(s, rest, out); break;
    case DRILL_SHAPE_MACRO: put_strings(s, rest, out, macro_string); break;
    case DRILL_SHAPE_STR_STR:
    case DRILL_SHAPE_BE32_STR_STR: put_strings(s, rest, out, header_string); break;
    case DRILL_SHAPE_STR_STRS: put_strings(s, rest, out, command_string); break;
    case DRILL_SHAPE_TEXT: drill_scrub_reply(s, rest, out); break;
    case DRILL_SHAPE_NONE:
    case DRILL_SHAPE_BYTES:
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_STR_OPT:
    case DRILL_SHAPE_OPTNEG: drill_scrub_text(s, rest, out, 0); break;
    }
}

void drill_scrub_stream(struct drill_scrubber *s, enum drill_dir dir, struct drill_span in,
                        uint8_t *out)
{
    size_t at = 0;
    while (in.len - at >= FRAME_HEAD) {
        uint32_t length = drill_be32(in.ptr + at);
        uint8_t code = in.ptr[at + 4];
        if (length == 0 || !drill_proto_find(dir, code) || length > UINT32_C(1) << 28) {
            break;
        }
        struct drill_span payload = drill_span_sub(in, at + FRAME_HEAD, length - 1);
        copy(drill_span_sub(in, at, FRAME_HEAD), out + at);
        drill_scrub_payload(s, dir, code, payload, out + at + FRAME_HEAD);
        at += FRAME_HEAD + payload.len;
    }
    drill_scrub_text(s, drill_span_sub(in, at, in.len), out + at, 0);
}
