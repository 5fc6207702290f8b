/* SPDX-License-Identifier: MIT */
#include "scenario/tolerate.h"

#include "scenario/shape.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* `word` is the whole name, or ends in `*`: its front. */
static bool is_like(struct drill_span name, const char *word)
{
    struct drill_span want = drill_span_str(word);
    if (want.len && want.ptr[want.len - 1] == '*') {
        want.len--;
        name = drill_span_sub(name, 0, want.len);
    }
    return drill_span_equal_nocase(name, want);
}

static bool is_any(struct drill_span name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_like(name, words[i])) {
            return true;
        }
    }
    return false;
}

static bool ends_in(struct drill_span name, const char *end)
{
    struct drill_span want = drill_span_str(end);
    return name.len > want.len &&
           drill_span_equal_nocase(drill_span_sub(name, name.len - want.len, want.len), want);
}

static enum drill_rule of_header(struct drill_span name)
{
    static const char *const made[] = {
        "Date",           "Message-Id",       "Received", "Return-Path",
        "DKIM-Signature", "Received-SPF",     "ARC-*",    "Authentication-Results",
        "Resent-Date",    "Resent-Message-Id"};
    bool own = is_like(name, "X-*") && (ends_in(name, "-Id") || ends_in(name, "-Date"));
    return own || is_any(name, made, COUNT_OF(made)) ? DRILL_RULE_SHAPE : DRILL_RULE_EXACT;
}

static enum drill_rule of_macro(struct drill_span name)
{
    static const char *const shaped[] = {"i", "v", "{msg_id}", "{daemon_*"};
    static const char *const any[] = {
        "j",           "_",           "{client_*",     "{if_*",
        "{mail_host}", "{rcpt_host}", "{mail_mailer}", "{rcpt_mailer}"};
    static const char *const free[] = {"{tls_version}", "{cipher}", "{cipher_bits}", "{cert_*",
                                       "{auth_*"};
    if (is_any(name, any, COUNT_OF(any))) {
        return DRILL_RULE_ANY;
    }
    if (is_any(name, free, COUNT_OF(free))) {
        return DRILL_RULE_FREE;
    }
    return is_any(name, shaped, COUNT_OF(shaped)) ? DRILL_RULE_SHAPE : DRILL_RULE_EXACT;
}

static enum drill_rule of_command(uint8_t code, const struct drill_field *f, struct drill_span name)
{
    switch (code) {
    case DRILL_SMFIC_MACRO: return f->id == DRILL_FIELD_MACRO ? of_macro(f->key) : DRILL_RULE_EXACT;
    case DRILL_SMFIC_CONNECT: return DRILL_RULE_ANY;
    case DRILL_SMFIC_MAIL:
    case DRILL_SMFIC_RCPT: return f->id == DRILL_FIELD_ARG ? DRILL_RULE_FREE : DRILL_RULE_EXACT;
    case DRILL_SMFIC_HEADER: return f->id == DRILL_FIELD_STR1 ? of_header(name) : DRILL_RULE_EXACT;
    default: return DRILL_RULE_EXACT;
    }
}

static enum drill_rule of_reply(uint8_t code, const struct drill_field *f)
{
    switch (code) {
    case DRILL_SMFIR_REPLYCODE: return DRILL_RULE_REPLY;
    case DRILL_SMFIR_QUARANTINE: return DRILL_RULE_SHAPE;
    case DRILL_SMFIR_ADDHEADER:
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER:
        return f->id == DRILL_FIELD_STR1 ? DRILL_RULE_SHAPE : DRILL_RULE_EXACT;
    default: return DRILL_RULE_EXACT;
    }
}

enum drill_rule drill_tolerate(enum drill_dir dir, uint8_t code, const struct drill_field *field,
                               struct drill_span name)
{
    if (field->id == DRILL_FIELD_DATA || field->id == DRILL_FIELD_BODY) {
        return DRILL_RULE_EXACT; /* no field of the protocol's, or the mail itself */
    }
    return dir == DRILL_TO_MILTER ? of_command(code, field, name) : of_reply(code, field);
}

bool drill_tolerate_trace(struct drill_span name)
{
    static const char *const names[] = {"Received",      "Return-Path",  "Delivered-To",
                                        "X-Original-To", "Received-SPF", "Authentication-Results",
                                        "Message-Id",    "Date"};
    return is_any(name, names, COUNT_OF(names));
}

bool drill_tolerate_bytes(enum drill_rule rule, struct drill_span want, struct drill_span have)
{
    switch (rule) {
    case DRILL_RULE_EXACT: return drill_span_equal(want, have);
    case DRILL_RULE_SHAPE: return drill_shape_same(want, have);
    case DRILL_RULE_REPLY: return drill_shape_reply(want, have);
    case DRILL_RULE_ANY:
    case DRILL_RULE_FREE: return true;
    }
    return false;
}
