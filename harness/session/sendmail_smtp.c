/* SPDX-License-Identifier: MIT */
/*
 * What Sendmail tells its SMTP client. Sources: sendmail/srvrsmtp.c (smtp, smtp_data,
 * MILTER_REPLY), sendmail/err.c (fmtmsg: which lines have an address), sendmail/milter.c
 * (MILTER_SET_STATE: what F= makes of a filter in error state).
 */
#include "session/sendmail.h"

static const char TRY_LATER[] = "451 4.3.2 Please try again later";

static struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

bool drill_sendmail_is_421(struct drill_span line)
{
    return drill_mta_line_code(line) == 421;
}

struct drill_span drill_sendmail_closing(struct drill_mta *mta)
{
    const struct drill_span parts[3] = {text("421 4.7.0 "), mta->settings->server_name,
                                        text(" closing connection")};
    return drill_mta_session_join(mta, parts, 3);
}

/* Bytes of "5.7.1 " at the front of s, or 0. */
static size_t enhanced_code(struct drill_span s)
{
    size_t i = 0, dots = 0;
    while (i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (i && s.ptr[i] == '.'))) {
        dots += s.ptr[i++] == '.';
    }
    return dots == 2 && i < s.len && s.ptr[i] == ' ' ? i + 1 : 0;
}

/* fmtmsg puts the address behind the codes of 250, 252, 450, 550 and 553. */
struct drill_span drill_sendmail_line(struct drill_mta *mta, uint8_t stage, struct drill_span line)
{
    const struct drill_mta_cursor *at = &mta->own.smtp;
    uint16_t code = drill_mta_line_code(line);
    bool takes = code == 250 || code == 252 || code == 450 || code == 550 || code == 553;
    if (!takes || line.len < 4 || !at->message ||
        (stage != DRILL_SMFIC_MAIL && stage != DRILL_SMFIC_RCPT)) {
        return line;
    }
    struct drill_span behind = drill_span_sub(line, 4, line.len);
    size_t cut = 4 + enhanced_code(behind);
    const struct drill_span parts[4] = {drill_span_sub(line, 0, cut),
                                        stage == DRILL_SMFIC_MAIL ? at->message->from
                                                                  : drill_mta_session_rcpt(at),
                                        text("... "), drill_span_sub(line, cut, line.len)};
    return drill_mta_session_join(mta, parts, 4);
}

static void tell(struct drill_mta *mta, uint8_t stage, const char *line, bool final)
{
    drill_mta_session_tell(mta, stage, drill_sendmail_line(mta, stage, text(line)), final);
}

/* What F= says of a filter in error state, to a command; no ptr: go on. */
static struct drill_span error_line(struct drill_mta *mta, uint8_t stage)
{
    bool address = stage == DRILL_SMFIC_MAIL || stage == DRILL_SMFIC_RCPT;
    if (mta->own.state != SENDMAIL_ERROR) {
        return drill_span_of(NULL, 0);
    }
    switch (mta->settings->on_error) {
    case DRILL_SMFIR_ACCEPT: return drill_span_of(NULL, 0);
    case DRILL_SMFIR_REJECT:
        return drill_sendmail_line(mta, stage,
                                   text(stage == DRILL_SMFIC_BODYEOB
                                            ? "554 5.7.1 Command rejected"
                                            : "550 5.7.1 Command rejected"));
    case DRILL_SMFIR_SHUTDOWN:
        return address ? text("421 4.3.0 closing connection") : drill_sendmail_closing(mta);
    default: return text(TRY_LATER);
    }
}

/* At the greeting and at HELO an error becomes an answer to all that follows. */
static void find_error(struct drill_mta *mta, bool greeting)
{
    if (mta->own.state != SENDMAIL_ERROR || mta->own.reply.ptr) {
        return;
    }
    switch (mta->settings->on_error) {
    case DRILL_SMFIR_ACCEPT: break;
    case DRILL_SMFIR_REJECT:
        mta->own.reply = text("550 5.0.0 Command rejected");
        mta->own.flags |= greeting ? SENDMAIL_REJECTING : 0;
        break;
    case DRILL_SMFIR_SHUTDOWN: mta->own.flags |= SENDMAIL_CLOSING; break;
    default: mta->own.reply = text(TRY_LATER); break;
    }
}

/* ---- stages ---- */

static enum drill_go greet(struct drill_mta *mta)
{
    find_error(mta, true);
    if (mta->own.flags & SENDMAIL_CLOSING) {
        drill_mta_session_tell(mta, DRILL_SMFIC_CONNECT, drill_sendmail_closing(mta), false);
        return DRILL_GO_BYE;
    }
    bool rejecting = mta->own.flags & SENDMAIL_REJECTING;
    const struct drill_span parts[4] = {
        text(rejecting ? "554 " : "220 "), mta->settings->server_name,
        text(rejecting ? " ESMTP not accepting messages" : " ESMTP Sendmail "),
        rejecting ? text("") : mta->settings->program};
    drill_mta_session_tell(mta, DRILL_SMFIC_CONNECT, drill_mta_session_join(mta, parts, 4), false);
    return DRILL_GO_ON;
}

static enum drill_go pass_helo(struct drill_mta *mta)
{
    const struct drill_client *client = mta->own.smtp.client;
    find_error(mta, false);
    if (mta->own.flags & SENDMAIL_CLOSING) {
        struct drill_span line = mta->own.reply.ptr ? mta->own.reply : drill_sendmail_closing(mta);
        drill_mta_session_tell(mta, DRILL_SMFIC_HELO, line, false);
        return DRILL_GO_BYE;
    }
    const struct drill_span parts[7] = {text("250 "),
                                        mta->settings->server_name,
                                        text(" Hello "),
                                        client->host,
                                        text(client->host.len ? " [" : "["),
                                        client->addr,
                                        text("], pleased to meet you")};
    drill_mta_session_tell(mta, DRILL_SMFIC_HELO, drill_mta_session_join(mta, parts, 7), false);
    return DRILL_GO_ON;
}

static enum drill_go refuse(struct drill_mta *mta, uint8_t stage, struct drill_span line)
{
    bool over = drill_sendmail_is_421(line);
    drill_mta_session_tell(mta, stage, line, over || stage != DRILL_SMFIC_RCPT);
    if (over) {
        return DRILL_GO_BYE;
    }
    return stage == DRILL_SMFIC_RCPT ? DRILL_GO_ON : DRILL_GO_NEXT;
}

static enum drill_go pass_mail(struct drill_mta *mta)
{
    struct drill_span error = error_line(mta, DRILL_SMFIC_MAIL);
    if (mta->own.reply.ptr) {
        return refuse(mta, DRILL_SMFIC_MAIL, mta->own.reply);
    }
    if (error.ptr) {
        return refuse(mta, DRILL_SMFIC_MAIL, error);
    }
    drill_sendmail_begin(mta);
    tell(mta, DRILL_SMFIC_MAIL, "250 2.1.0 Sender ok", false);
    return DRILL_GO_ON;
}

static enum drill_go pass_rcpt(struct drill_mta *mta)
{
    struct drill_span error = error_line(mta, DRILL_SMFIC_RCPT);
    if (error.ptr) {
        return refuse(mta, DRILL_SMFIC_RCPT, error);
    }
    mta->rcpts_taken++;
    mta->rcpts_told++;
    tell(mta, DRILL_SMFIC_RCPT, "250 2.1.5 Recipient ok", false);
    return DRILL_GO_ON;
}

static enum drill_go pass_data(struct drill_mta *mta)
{
    struct drill_span error = error_line(mta, DRILL_SMFIC_DATA);
    if (mta->rcpts_taken == 0) {
        bool refused = mta->own.smtp.rcpt > 0 && mta->told_last;
        if (refused) {
            mta->told_last->final = true;
        }
        tell(mta, DRILL_SMFIC_DATA, "503 5.0.0 Need RCPT (recipient)", !refused);
        return DRILL_GO_NEXT;
    }
    if (error.ptr) {
        return refuse(mta, DRILL_SMFIC_DATA, error);
    }
    tell(mta, DRILL_SMFIC_DATA, "354 Enter mail, end with \".\" on a line by itself", false);
    return DRILL_GO_ON;
}

static enum drill_go pass_message(struct drill_mta *mta)
{
    struct drill_span error = error_line(mta, DRILL_SMFIC_BODYEOB);
    uint8_t id[16];
    struct drill_writer w = drill_writer_of(id, sizeof(id));
    if (error.ptr) {
        return refuse(mta, DRILL_SMFIC_BODYEOB, error);
    }
    drill_sendmail_queue_id(&mta->own.smtp, &w);
    const struct drill_span parts[3] = {text("250 2.0.0 "), drill_writer_span(&w),
                                        text(" Message accepted for delivery")};
    drill_mta_session_tell(mta, DRILL_SMFIC_BODYEOB, drill_mta_session_join(mta, parts, 3), true);
    return DRILL_GO_ON;
}

enum drill_go drill_sendmail_pass(struct drill_mta *mta)
{
    switch (mta->own.smtp.at) {
    case DRILL_AT_CONNECT: return greet(mta);
    case DRILL_AT_HELO: return pass_helo(mta);
    case DRILL_AT_MAIL: return pass_mail(mta);
    case DRILL_AT_RCPT: return pass_rcpt(mta);
    case DRILL_AT_DATA: return pass_data(mta);
    default: return pass_message(mta);
    }
}
