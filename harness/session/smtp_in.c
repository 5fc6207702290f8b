/* SPDX-License-Identifier: MIT */
#include "session/smtp_in.h"

#include <string.h>

static const uint8_t CRLF[2] = {'\r', '\n'};

void drill_smtp_in_init(struct drill_smtp_in *in)
{
    memset(in, 0, sizeof(*in));
}

size_t drill_smtp_in_room(const struct drill_smtp_in *in)
{
    return sizeof(in->unread) - (in->unread_len - in->unread_at);
}

void drill_smtp_in_add(struct drill_smtp_in *in, struct drill_span bytes)
{
    size_t left = in->unread_len - in->unread_at;
    size_t n = bytes.len < sizeof(in->unread) - left ? bytes.len : sizeof(in->unread) - left;
    memmove(in->unread, in->unread + in->unread_at, left);
    if (n) {
        memcpy(in->unread + left, bytes.ptr, n);
    }
    in->unread_at = 0;
    in->unread_len = left + n;
}

bool drill_smtp_in_pending(const struct drill_smtp_in *in)
{
    return in->unread_at < in->unread_len || drill_smtp_in_torn(in);
}

bool drill_smtp_in_torn(const struct drill_smtp_in *in)
{
    return in->line_len || in->begun;
}

struct drill_span drill_smtp_in_text(const struct drill_smtp_in *in)
{
    return drill_span_of(in->kept, in->kept_len);
}

/* ---- lines ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The line's code, 0 when it has none. */
static uint16_t line_code(struct drill_smtp_in *in, struct drill_span line)
{
    if (line.len < 3 || !is_digit(line.ptr[0]) || !is_digit(line.ptr[1]) ||
        !is_digit(line.ptr[2]) || (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')) {
        in->faults |= DRILL_SMTP_NO_CODE;
        return 0;
    }
    if (line.ptr[0] < '2' || line.ptr[0] > '5' || line.ptr[1] > '5') {
        in->faults |= DRILL_SMTP_NO_CODE;
    }
    return (uint16_t)((line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + line.ptr[2] - '0');
}

static void keep(struct drill_smtp_in *in, struct drill_span s)
{
    size_t n = s.len < sizeof(in->kept) - in->kept_len ? s.len : sizeof(in->kept) - in->kept_len;
    if (n) {
        memcpy(in->kept + in->kept_len, s.ptr, n);
        in->kept_len += n;
    }
}

static void check_bytes(struct drill_smtp_in *in, struct drill_span line)
{
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i];
        if ((c < ' ' && c != '\t') || c > '~') {
            in->faults |= DRILL_SMTP_BAD_BYTE;
        }
    }
}

/* The line without its end, as far as it is held. */
static struct drill_span take_line(struct drill_smtp_in *in)
{
    bool cr = in->line_len && in->last == '\r';
    size_t len = in->line_len - (cr ? 1 : 0);
    if (!cr) {
        in->faults |= DRILL_SMTP_BARE_LF;
    }
    if (in->line_len >= DRILL_SMTP_LINE_MAX) {
        in->faults |= DRILL_SMTP_LONG_LINE;
    }
    in->line_len = 0;
    len = len < DRILL_SMTP_LINE_MAX - 2 ? len : DRILL_SMTP_LINE_MAX - 2;
    return drill_span_of(in->line, len);
}

/* True when the reply is complete with this line. */
static bool end_line(struct drill_smtp_in *in)
{
    struct drill_span line = take_line(in);
    uint16_t code = line_code(in, line);
    bool first = !in->begun;
    check_bytes(in, line);
    if (!first) {
        keep(in, drill_span_of(CRLF, sizeof(CRLF)));
    }
    keep(in, line);
    in->begun = true;
    if (code == 0) {
        return first;
    }
    if (!first && code != in->code) {
        in->faults |= DRILL_SMTP_CODE_SWITCH;
    }
    in->code = code;
    return line.len == 3 || line.ptr[3] == ' ';
}

static void begin_reply(struct drill_smtp_in *in)
{
    in->kept_len = 0;
    in->bytes = 0;
    in->code = 0;
    in->faults = 0;
}

enum drill_smtp_took drill_smtp_in_take(struct drill_smtp_in *in)
{
    if (!in->begun && in->line_len == 0) {
        begin_reply(in);
    }
    while (in->unread_at < in->unread_len) {
        uint8_t c = in->unread[in->unread_at++];
        if (++in->bytes > DRILL_SMTP_REPLY_MAX) {
            in->faults |= DRILL_SMTP_ENDLESS;
            return DRILL_SMTP_GIVE_UP;
        }
        if (c == '\n') {
            if (end_line(in)) {
                in->begun = false;
                return DRILL_SMTP_REPLY;
            }
            continue;
        }
        if (in->line_len < sizeof(in->line)) {
            in->line[in->line_len] = c;
        }
        in->line_len++;
        in->last = c;
    }
    return DRILL_SMTP_MORE;
}

const char *drill_smtp_fault_text(enum drill_smtp_fault fault)
{
    switch (fault) {
    case DRILL_SMTP_NO_CODE: return "a line of the reply has no reply code";
    case DRILL_SMTP_CODE_SWITCH: return "the reply has lines with different codes";
    case DRILL_SMTP_BARE_LF: return "a line of the reply ends in LF without CR";
    case DRILL_SMTP_LONG_LINE: return "a line of the reply is longer than 512 bytes";
    case DRILL_SMTP_BAD_BYTE: return "the reply has a control character or an 8-bit byte";
    case DRILL_SMTP_TORN: return "the connection ended inside the reply";
    case DRILL_SMTP_ENDLESS: return "the reply does not end within 64 KiB";
    case DRILL_SMTP_EARLY: return "the reply came before its command, or without one";
    case DRILL_SMTP_WRONG_CODE: return "the reply's code is none that this command can have";
    case DRILL_SMTP_IN_PLAIN:
        return "bytes in plain stand behind the reply to STARTTLS, where anybody could add them";
    case DRILL_SMTP_BAD_CHALLENGE: return "the challenge of the reply is no base64";
    case DRILL_SMTP_FAULTS: break;
    }
    return "unknown";
}
