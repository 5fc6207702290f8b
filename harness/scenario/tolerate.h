/* SPDX-License-Identifier: MIT */
/*
 * How the values of a recording are compared when it is played again: which of them differ by
 * nature from run to run. Everything that is not named here is compared byte for byte.
 *
 *   shape   (shape.h) queue ids, dates, hosts: header values that a milter adds or changes, reasons
 *           of quarantine; the values of the headers Date, Message-Id, Received, Return-Path,
 *           Received-SPF, DKIM-Signature, ARC-*, Authentication-Results, Resent-Date,
 *           Resent-Message-Id, X-...-Id and X-...-Date; the macros i, v, {msg_id} and {daemon_*}
 *   reply   (shape.h) the text of `replycode`
 *   any     must be there and may say anything: j, {if_*}, {client_*} and _, and of `connect` host,
 *           port, address and inet or inet6: who replays a recording to an MTA is another client;
 *           {mail_host}, {mail_mailer}, {rcpt_host} and {rcpt_mailer}: the MTA's routing
 *   free    is not compared at all and may be missing: {tls_version}, {cipher}, {cipher_bits},
 *           {cert_*}, {auth_*}, and the arguments of `mail` and `rcpt`, which are the SMTP client's
 */
#ifndef DRILL_SCENARIO_TOLERATE_H
#define DRILL_SCENARIO_TOLERATE_H

#include "scenario/ast.h"

enum drill_rule {
    DRILL_RULE_EXACT,
    DRILL_RULE_SHAPE,
    DRILL_RULE_REPLY,
    DRILL_RULE_ANY,
    DRILL_RULE_FREE
};

/* The rule of a field of a message; `name`: of a header message, else empty. */
enum drill_rule drill_tolerate(enum drill_dir dir, uint8_t code, const struct drill_field *field,
                               struct drill_span name);
/* A header that one MTA adds, or shows to a milter, and another does not: Received, Return-Path,
 * Delivered-To, X-Original-To, Received-SPF, Authentication-Results; and Message-Id and Date, which
 * Postfix adds below the others for clients of its own network. */
bool drill_tolerate_trace(struct drill_span name);
/* Whether a value follows its rule: `want` is what was recorded. */
bool drill_tolerate_bytes(enum drill_rule rule, struct drill_span want, struct drill_span have);

#endif
