/* SPDX-License-Identifier: MIT */
#include "scenario/import_log.h"

#include <string.h>

/* What is left to read of contents, and the payload that it becomes. Nothing grows in between but
 * for a few bytes, so the payload's room is known at the start. */
struct reading {
    struct drill_span in;
    struct drill_writer out;
};

typedef bool (*reader)(struct reading *r, struct drill_log_frame *f);

static bool take(struct drill_span *in, const char *text)
{
    size_t n = strlen(text);
    if (in->len < n || memcmp(in->ptr, text, n) != 0) {
        return false;
    }
    *in = drill_span_sub(*in, n, in->len);
    return true;
}

/* Takes `text` from the end. */
static bool take_end(struct drill_span *in, const char *text)
{
    size_t n = strlen(text);
    if (in->len < n || memcmp(in->ptr + in->len - n, text, n) != 0) {
        return false;
    }
    in->len -= n;
    return true;
}

/* All before the first (or last) `mark`, which is taken, too. */
static bool take_until(struct drill_span *in, const char *mark, bool last, struct drill_span *out)
{
    size_t n = strlen(mark), found = in->len;
    for (size_t i = 0; i + n <= in->len; i++) {
        if (memcmp(in->ptr + i, mark, n) == 0) {
            found = i;
            if (!last) {
                break;
            }
        }
    }
    if (found == in->len) {
        return false;
    }
    *out = drill_span_sub(*in, 0, found);
    *in = drill_span_sub(*in, found + n, in->len);
    return true;
}

static bool number(struct drill_span *in, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    size_t n = 0;
    while (n < in->len && in->ptr[n] >= '0' && in->ptr[n] <= '9') {
        v = v * 10 + (uint64_t)(in->ptr[n] - '0');
        if (v > max) {
            return false;
        }
        n++;
    }
    *in = drill_span_sub(*in, n, in->len);
    *out = v;
    return n > 0;
}

/* ---- fields ---- */

/* \u{1f600} as UTF-8. */
static bool unicode(struct drill_span *in, struct drill_writer *w)
{
    uint32_t v = 0;
    size_t n = 0;
    if (!take(in, "{")) {
        return false;
    }
    for (; n < in->len && n < 6 && in->ptr[n] != '}'; n++) {
        uint8_t c = in->ptr[n], d = (uint8_t)(c | 0x20);
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                                                : 16;
        if (digit == 16) {
            return false;
        }
        v = v * 16 + digit;
    }
    *in = drill_span_sub(*in, n, in->len);
    if (n == 0 || v > 0x10ffff || !take(in, "}")) {
        return false;
    }
    if (v < 0x80) {
        drill_write_u8(w, (uint8_t)v);
        return true;
    }
    int more = v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
    static const uint8_t lead[4] = {0, 0xc0, 0xe0, 0xf0};
    drill_write_u8(w, (uint8_t)(lead[more] | v >> (6 * more)));
    while (more-- > 0) {
        drill_write_u8(w, (uint8_t)(0x80 | (v >> (6 * more) & 0x3f)));
    }
    return true;
}

/* A Rust debug string behind its opening quote, up to the closing one, which is taken; its NUL is
 * written. */
static bool debug_string(struct drill_span *in, struct drill_writer *w)
{
    static const char from[] = "nrt0\"'\\", to[] = "\n\r\t\0\"'\\";
    while (in->len) {
        uint8_t c = in->ptr[0];
        *in = drill_span_sub(*in, 1, in->len);
        if (c == '"') {
            drill_write_u8(w, 0);
            return true;
        }
        if (c != '\\') {
            drill_write_u8(w, c);
            continue;
        }
        if (!in->len) {
            return false;
        }
        c = in->ptr[0];
        *in = drill_span_sub(*in, 1, in->len);
        const char *known = memchr(from, c, sizeof(from) - 1);
        if (known) {
            drill_write_u8(w, (uint8_t)to[known - from]);
        } else if (c != 'u' || !unicode(in, w)) {
            return false;
        }
    }
    return false;
}

static uint32_t flag(struct drill_span name, const struct drill_proto_bit *bits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* "SMFIF_ADDHDRS", "SMFIP_NOHELO": the log has what is behind the prefix. */
        if (drill_span_equal(name, drill_span_str(bits[i].name + 6))) {
            return bits[i].bit;
        }
    }
    return 0;
}

static bool flags(struct drill_span list, const struct drill_proto_bit *bits, size_t count,
                  uint32_t *out)
{
    *out = 0;
    while (list.len) {
        struct drill_span name;
        if (!take_until(&list, " ", false, &name)) {
            name = list;
            list.len = 0;
        }
        uint32_t bit = flag(name, bits, count);
        *out |= bit;
        if (name.len && !bit) {
            return false;
        }
    }
    return true;
}

/* ---- frames: each reads what stands behind the start of its form ---- */

static bool nothing(struct reading *r, struct drill_log_frame *f)
{
    (void)f;
    return r->in.len == 0;
}

static bool optneg(struct reading *r, struct drill_log_frame *f)
{
    size_t actions = 0, steps = 0;
    const struct drill_proto_bit *action = drill_proto_actions(&actions);
    const struct drill_proto_bit *bit = drill_proto_steps(&steps);
    struct drill_span a, p;
    uint64_t version;
    uint32_t have[2];
    (void)f;
    if (!number(&r->in, UINT32_MAX, &version) || !take(&r->in, ", actions: [") ||
        !take_until(&r->in, "], options: [", false, &a) || !take_end(&r->in, "])")) {
        return false;
    }
    p = r->in;
    if (!flags(a, action, actions, &have[0]) || !flags(p, bit, steps, &have[1])) {
        return false;
    }
    drill_write_be32(&r->out, (uint32_t)version);
    drill_write_be32(&r->out, have[0]);
    drill_write_be32(&r->out, have[1]);
    return true;
}

static bool macros(struct reading *r, struct drill_log_frame *f)
{
    uint64_t code;
    (void)f;
    if (!number(&r->in, 255, &code) || !take(&r->in, ", params: ") || !take_end(&r->in, ")")) {
        return false;
    }
    drill_write_u8(&r->out, (uint8_t)code);
    while (r->in.len) {
        if (!take(&r->in, "(\"") || !debug_string(&r->in, &r->out) || !take(&r->in, ", \"") ||
            !debug_string(&r->in, &r->out) || !take(&r->in, ")")) {
            return false;
        }
    }
    return true;
}

static bool connect(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span address;
    uint64_t port;
    (void)f;
    if (!debug_string(&r->in, &r->out) || !take(&r->in, ", port: ") ||
        !number(&r->in, 65535, &port) || !take(&r->in, ", address: ") || !take_end(&r->in, ")")) {
        return false;
    }
    address = r->in;
    bool v6 = drill_span_find(address, ':') < address.len;
    drill_write_u8(&r->out, v6 ? DRILL_FAMILY_INET6 : DRILL_FAMILY_INET);
    drill_write_be16(&r->out, (uint16_t)port);
    drill_write_str(&r->out, address);
    return true;
}

static bool quoted(struct reading *r, struct drill_log_frame *f)
{
    (void)f;
    return debug_string(&r->in, &r->out) && r->in.len == 0;
}

/* MAIL and RCPT: <a>, params:  SIZE=1 BODY=8BITMIME) */
static bool envelope(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span address, arg;
    (void)f;
    if (!take_end(&r->in, ")") || !take_until(&r->in, ", params: ", true, &address)) {
        return false;
    }
    drill_write_str(&r->out, address);
    while (r->in.len) {
        if (!take_until(&r->in, " ", false, &arg)) {
            arg = r->in;
            r->in.len = 0;
        }
        if (arg.len) {
            drill_write_str(&r->out, arg);
        }
    }
    return true;
}

static bool header(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span name;
    (void)f;
    if (!take_until(&r->in, ": \"", false, &name)) {
        return false;
    }
    drill_write_str(&r->out, name);
    return debug_string(&r->in, &r->out) && take(&r->in, ")") && r->in.len == 0;
}

static bool body(struct reading *r, struct drill_log_frame *f)
{
    uint64_t max = f->code == DRILL_SMFIC_BODY ? DRILL_MAX_DATA : DRILL_IMPORT_BODY_MAX;
    f->body = true;
    return number(&r->in, max, &f->size) && take(&r->in, " bytes") &&
           (take(&r->in, "]") || take(&r->in, "))")) && r->in.len == 0;
}

static bool reply_code(struct reading *r, struct drill_log_frame *f)
{
    (void)f;
    for (int i = 0; i < 3; i++) {
        uint64_t digit;
        if ((i && !take(&r->in, ", ")) || !number(&r->in, 255, &digit)) {
            return false;
        }
        drill_write_u8(&r->out, (uint8_t)digit);
    }
    if (!take(&r->in, "], text: ") || !take_end(&r->in, "))")) {
        return false;
    }
    drill_write_u8(&r->out, ' ');
    drill_write_str(&r->out, r->in);
    return true;
}

static bool added(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span name;
    (void)f;
    if (!take_end(&r->in, "))") || !take_until(&r->in, ": ", false, &name)) {
        return false;
    }
    drill_write_str(&r->out, name);
    drill_write_str(&r->out, r->in);
    return true;
}

static bool indexed(struct reading *r, struct drill_log_frame *f)
{
    uint64_t index;
    if (!number(&r->in, UINT32_MAX, &index) || !take(&r->in, ", ")) {
        return false;
    }
    drill_write_be32(&r->out, (uint32_t)index);
    return added(r, f);
}

static bool one(struct reading *r, struct drill_log_frame *f)
{
    (void)f;
    if (!take_end(&r->in, "))")) {
        return false;
    }
    drill_write_str(&r->out, r->in);
    return true;
}

static bool recipient(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span address;
    if (!take_end(&r->in, "))") || !take_until(&r->in, ", args: ", true, &address)) {
        return false;
    }
    drill_write_str(&r->out, address);
    if (r->in.len) {
        f->code = DRILL_SMFIR_ADDRCPT_PAR;
        drill_write_str(&r->out, r->in);
    }
    return true;
}

/* The log puts brackets around what the milter sent, which has its own as a rule. */
static bool sender(struct reading *r, struct drill_log_frame *f)
{
    struct drill_span address;
    (void)f;
    if (!take_end(&r->in, "))") || !take_until(&r->in, "> ", true, &address)) {
        return false;
    }
    drill_write_str(&r->out, address);
    drill_write_str(&r->out, r->in); /* without it, it is no frame for Stalwart */
    return true;
}

static const struct form {
    enum drill_dir dir;
    const char *start;
    uint8_t code;
    reader read;
} forms[] = {
    {DRILL_TO_MILTER, "OPTNEG (version: ", DRILL_SMFIC_OPTNEG, optneg},
    {DRILL_TO_MILTER, "MACRO (code: ", DRILL_SMFIC_MACRO, macros},
    {DRILL_TO_MILTER, "CONNECT (host: \"", DRILL_SMFIC_CONNECT, connect},
    {DRILL_TO_MILTER, "HELO \"", DRILL_SMFIC_HELO, quoted},
    {DRILL_TO_MILTER, "MAIL (from: ", DRILL_SMFIC_MAIL, envelope},
    {DRILL_TO_MILTER, "RCPT (to: ", DRILL_SMFIC_RCPT, envelope},
    {DRILL_TO_MILTER, "DATA", DRILL_SMFIC_DATA, nothing},
    {DRILL_TO_MILTER, "HEADER (", DRILL_SMFIC_HEADER, header},
    {DRILL_TO_MILTER, "EOH", DRILL_SMFIC_EOH, nothing},
    {DRILL_TO_MILTER, "BODY [", DRILL_SMFIC_BODY, body},
    {DRILL_TO_MILTER, "EOB", DRILL_SMFIC_BODYEOB, nothing},
    {DRILL_TO_MILTER, "ABORT", DRILL_SMFIC_ABORT, nothing},
    {DRILL_TO_MILTER, "QUIT_NC", DRILL_SMFIC_QUIT_NC, nothing},
    {DRILL_TO_MILTER, "QUIT", DRILL_SMFIC_QUIT, nothing},
    {DRILL_TO_MTA, "OPTNEG (version: ", DRILL_SMFIC_OPTNEG, optneg},
    {DRILL_TO_MTA, "ACTION (ACCEPT)", DRILL_SMFIR_ACCEPT, nothing},
    {DRILL_TO_MTA, "ACTION (CONTINUE)", DRILL_SMFIR_CONTINUE, nothing},
    {DRILL_TO_MTA, "ACTION (DISCARD)", DRILL_SMFIR_DISCARD, nothing},
    {DRILL_TO_MTA, "ACTION (REJECT)", DRILL_SMFIR_REJECT, nothing},
    {DRILL_TO_MTA, "ACTION (TEMPFAIL)", DRILL_SMFIR_TEMPFAIL, nothing},
    {DRILL_TO_MTA, "ACTION (SHUTDOWN)", DRILL_SMFIR_SHUTDOWN, nothing},
    {DRILL_TO_MTA, "ACTION (CONN_FAIL)", DRILL_SMFIR_CONN_FAIL, nothing},
    {DRILL_TO_MTA, "ACTION (REPLYCODE (code: [", DRILL_SMFIR_REPLYCODE, reply_code},
    {DRILL_TO_MTA, "MODIFICATION (ADD_HEADER (", DRILL_SMFIR_ADDHEADER, added},
    {DRILL_TO_MTA, "MODIFICATION (INSERT_HEADER (index: ", DRILL_SMFIR_INSHEADER, indexed},
    {DRILL_TO_MTA, "MODIFICATION (CHANGE_HEADER (index: ", DRILL_SMFIR_CHGHEADER, indexed},
    {DRILL_TO_MTA, "MODIFICATION (ADD_RCPT (recipient: ", DRILL_SMFIR_ADDRCPT, recipient},
    {DRILL_TO_MTA, "MODIFICATION (DEL_RCPT (recipient: ", DRILL_SMFIR_DELRCPT, one},
    {DRILL_TO_MTA, "MODIFICATION (REPLACE_BODY (", DRILL_SMFIR_REPLBODY, body},
    {DRILL_TO_MTA, "MODIFICATION (CHANGE_FROM (<", DRILL_SMFIR_CHGFROM, sender},
    {DRILL_TO_MTA, "MODIFICATION (QUARANTINE (", DRILL_SMFIR_QUARANTINE, one},
    {DRILL_TO_MTA, "PROGRESS", DRILL_SMFIR_PROGRESS, nothing},
    {DRILL_TO_MTA, "SKIP", DRILL_SMFIR_SKIP, nothing},
    {DRILL_TO_MTA, "SET_SYMBOLS", DRILL_SMFIR_SETSYMLIST, nothing},
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]), GROWTH = 16 };

bool drill_log_frame_read(enum drill_dir dir, struct drill_span contents, struct drill_arena *arena,
                          struct drill_log_frame *out, bool *no_memory)
{
    for (size_t i = 0; i < FORMS; i++) {
        struct reading r = {.in = contents};
        if (forms[i].dir != dir || !take(&r.in, forms[i].start)) {
            continue;
        }
        size_t room = contents.len + GROWTH;
        void *buf = drill_arena_take(arena, room);
        if (!buf) {
            *no_memory = true;
            return false;
        }
        r.out = drill_writer_of(buf, room);
        memset(out, 0, sizeof(*out));
        out->code = forms[i].code;
        if (forms[i].read(&r, out) && !r.out.overflow) {
            out->payload = drill_writer_span(&r.out);
            return true;
        }
    }
    return false;
}
