/* SPDX-License-Identifier: MIT */
/*
 * What Postfix tells its SMTP client. Sources: src/smtpd/smtpd.c (smtpd_proto, helo_cmd, mail_cmd,
 * rcpt_cmd, data_cmd, common_post_message_handling, check_milter_reply), src/milter/milter8.c
 * (milter8_comm_error, milter8_conf_error).
 */
#include "session/postfix.h"

static struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

bool drill_postfix_refuses(struct drill_span reply)
{
    return reply.len > 0 && reply.ptr[0] != 'H';
}

/* check_milter_reply. */
struct drill_span drill_postfix_line(struct drill_span reply)
{
    return reply.len > 0 && reply.ptr[0] == 'S' ? text("421 4.7.0 Server closing connection")
                                                : reply;
}

bool drill_postfix_is_421(struct drill_span line)
{
    return drill_mta_line_code(line) == 421;
}

struct drill_span drill_postfix_default(const struct drill_mta *mta, bool set_up_wrongly)
{
    struct drill_span wrong = text("451 4.3.5 Server configuration problem - try again later");
    switch (mta->settings->on_error) {
    case DRILL_SMFIR_ACCEPT: return drill_span_of(NULL, 0);
    case DRILL_SMFIR_QUARANTINE: return text("H");
    case DRILL_SMFIR_REJECT: return set_up_wrongly ? wrong : text("550 5.5.0 Service unavailable");
    case DRILL_SMFIR_SHUTDOWN:
        if (!drill_postfix_is_3_11(mta)) {
            return wrong; /* "unrecognized default action" */
        }
        return set_up_wrongly ? text("421 4.3.5 Server configuration problem - try again later")
                              : text("421 4.7.1 Service unavailable - try again later");
    default:
        return set_up_wrongly ? wrong : text("451 4.7.1 Service unavailable - try again later");
    }
}

static void tell(struct drill_mta *mta, uint8_t stage, const char *line, bool final)
{
    drill_mta_session_tell(mta, stage, text(line), final);
}

/* `before`, the server's name, `after`. */
static void tell_named(struct drill_mta *mta, uint8_t stage, const char *before, const char *after)
{
    const struct drill_span parts[3] = {text(before), mta->settings->server_name, text(after)};
    drill_mta_session_tell(mta, stage, drill_mta_session_join(mta, parts, 3), false);
}

static enum drill_go greet(struct drill_mta *mta, struct drill_span line)
{
    if (drill_postfix_is_421(line)) {
        tell_named(mta, DRILL_SMFIC_CONNECT, "421 ", " Service unavailable - try again later");
        return DRILL_GO_BYE;
    }
    if (line.len && line.ptr[0] == '5') {
        tell_named(mta, DRILL_SMFIC_CONNECT, "554 ", " ESMTP not accepting connections");
    } else {
        tell_named(mta, DRILL_SMFIC_CONNECT, "220 ", " ESMTP Postfix");
    }
    return DRILL_GO_ON;
}

static enum drill_go pass_helo(struct drill_mta *mta, struct drill_span line)
{
    if (drill_postfix_is_421(line)) {
        drill_mta_session_tell(mta, DRILL_SMFIC_HELO, line, false);
        return DRILL_GO_BYE;
    }
    tell_named(mta, DRILL_SMFIC_HELO, "250 ", "");
    return DRILL_GO_ON;
}

/* A refusal that stands for the session. */
static enum drill_go refuse(struct drill_mta *mta, uint8_t stage, struct drill_span line)
{
    bool over = drill_postfix_is_421(line);
    drill_postfix_note(mta, stage, "milter-reject", line);
    drill_mta_session_tell(mta, stage, line, over || stage != DRILL_SMFIC_RCPT);
    if (over) {
        return DRILL_GO_BYE;
    }
    return stage == DRILL_SMFIC_RCPT ? DRILL_GO_ON : DRILL_GO_NEXT;
}

void drill_postfix_hold(struct drill_mta *mta)
{
    const uint32_t here = mta->cursor.message_number, number = mta->own.smtp.message_number;
    const struct drill_mod *last = mta->mods_last;
    bool asked = last && last->message == number && last->code == DRILL_SMFIR_QUARANTINE;
    struct drill_message hold;
    if (mta->own.flags & POSTFIX_HOLD || asked) {
        mta->own.flags |= POSTFIX_HOLD;
        return;
    }
    mta->own.flags |= POSTFIX_HOLD;
    (void)drill_message_init(&hold, DRILL_TO_MTA, DRILL_SMFIR_QUARANTINE);
    hold.payload = drill_span_str("milter triggers HOLD action");
    mta->cursor.message_number = number;
    drill_mta_modified(mta, &hold, (uint32_t)hold.payload.len);
    mta->cursor.message_number = here;
}

/* The process smtpd finds out that cleanup has shut down their connection. */
static void find_poison(struct drill_mta *mta)
{
    if (mta->own.flags & POSTFIX_POISONED) {
        mta->own.flags &= ~(uint32_t)POSTFIX_POISONED;
        mta->own.reply = drill_postfix_default(mta, false);
        drill_postfix_warn(mta, DRILL_SMFIC_MAIL,
                           "can't read SMFIC_MAIL reply packet header: Broken pipe");
    }
}

static enum drill_go pass_mail(struct drill_mta *mta)
{
    mta->own.flags &= ~(uint32_t)POSTFIX_MESSAGE;
    find_poison(mta);
    struct drill_span reply = mta->own.reply;
    if (drill_postfix_refuses(reply)) {
        return refuse(mta, DRILL_SMFIC_MAIL, drill_postfix_line(reply));
    }
    if (reply.ptr) {
        drill_postfix_hold(mta);
        drill_postfix_note(mta, DRILL_SMFIC_MAIL, "milter-hold",
                           text("milter triggers HOLD action"));
    }
    tell(mta, DRILL_SMFIC_MAIL, "250 2.1.0 Ok", false);
    return DRILL_GO_ON;
}

/* check_milter_reply: what holds the session at RCPT or DATA holds the message that is open. */
static void hold_if_so(struct drill_mta *mta)
{
    if (mta->own.reply.ptr) {
        drill_postfix_hold(mta);
    }
}

static enum drill_go pass_rcpt(struct drill_mta *mta)
{
    if (drill_postfix_refuses(mta->own.reply)) {
        return refuse(mta, DRILL_SMFIC_RCPT, drill_postfix_line(mta->own.reply));
    }
    hold_if_so(mta);
    mta->rcpts_taken++;
    mta->rcpts_told++;
    tell(mta, DRILL_SMFIC_RCPT, "250 2.1.5 Ok", false);
    return DRILL_GO_ON;
}

/* Without a recipient that was taken, the refusal of the last is the outcome; a client that says
 * DATA all the same is told so. */
static enum drill_go pass_data(struct drill_mta *mta)
{
    if (mta->rcpts_taken == 0) {
        bool refused = mta->own.smtp.rcpt > 0 && mta->told_last;
        if (refused) {
            mta->told_last->final = true;
        }
        tell(mta, DRILL_SMFIC_DATA, "554 5.5.1 Error: no valid recipients", !refused);
        return DRILL_GO_NEXT;
    }
    if (drill_postfix_refuses(mta->own.reply)) {
        return refuse(mta, DRILL_SMFIC_DATA, drill_postfix_line(mta->own.reply));
    }
    hold_if_so(mta);
    tell(mta, DRILL_SMFIC_DATA, "354 End data with <CR><LF>.<CR><LF>", false);
    return DRILL_GO_ON;
}

static enum drill_go pass_message(struct drill_mta *mta)
{
    uint8_t id[16];
    struct drill_writer w = drill_writer_of(id, sizeof(id));
    drill_postfix_queue_id(&mta->own.smtp, &w);
    const struct drill_span parts[2] = {text("250 2.0.0 Ok: queued as "), drill_writer_span(&w)};
    drill_mta_session_tell(mta, DRILL_SMFIC_BODYEOB, drill_mta_session_join(mta, parts, 2), true);
    return DRILL_GO_ON;
}

enum drill_go drill_postfix_pass(struct drill_mta *mta)
{
    struct drill_span reply = mta->own.reply;
    struct drill_span line =
        drill_postfix_refuses(reply) ? drill_postfix_line(reply) : drill_span_of(NULL, 0);
    switch (mta->own.smtp.at) {
    case DRILL_AT_CONNECT: return greet(mta, line);
    case DRILL_AT_HELO: return pass_helo(mta, line);
    case DRILL_AT_MAIL: return pass_mail(mta);
    case DRILL_AT_RCPT: return pass_rcpt(mta);
    case DRILL_AT_DATA: return pass_data(mta);
    default: return pass_message(mta);
    }
}
