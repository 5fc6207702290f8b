/* SPDX-License-Identifier: MIT */
#include "wire/foreign.h"

#define START(text) text, sizeof(text) - 1

enum { CALLS = true, ANSWERS = false };

static const char plain_port[] =
    "the peer expects TLS on this port: turn TLS off for the milter, or speak TLS here";
static const char probe[] = "a health check or scanner: point it at another port";

/*
 * Seen in the logs of MTAs and milters: "UNKN" aio-stalwart#82; "GET " authentication_milter#36 and
 * rspamd#3222; "POST" haraka-plugin-rspamd#6; "Hi T" rspamd#3083; 16 03 01, 03 00 00 2F and
 * FF 00 64 00 authentication_milter#36; "post" PostSRSd#185; "*2" rspamd#3125. The others are the
 * first bytes that the named protocols prescribe. The first row that fits counts.
 */
static const struct drill_foreign table[] = {
    {START("UNKN"), ANSWERS, "clamd's command port",
     "point the milter address at clamav-milter's MilterSocket"},
    {START("GET "), CALLS, "an HTTP client", probe},
    {START("HEAD"), CALLS, "an HTTP client", probe},
    {START("POST"), CALLS, "an HTTP client",
     "point it at the filter's HTTP port, not at its milter port"},
    {START("PRI "), CALLS, "an HTTP/2 client", probe},
    {START("HTTP"), ANSWERS, "an HTTP server",
     "point the milter address at the filter's milter port"},
    {START("Hi T"), CALLS, "a monitoring probe (\"Hi There\")",
     "let it check the port without sending"},
    {START("EHLO"), CALLS, "an SMTP client", "this is a milter port, mail goes to the MTA"},
    {START("HELO"), CALLS, "an SMTP client", "this is a milter port, mail goes to the MTA"},
    {START("220 "), ANSWERS, "an SMTP or FTP server",
     "point the milter address at the filter, not at a mail server"},
    {START("220-"), ANSWERS, "an SMTP or FTP server",
     "point the milter address at the filter, not at a mail server"},
    {START("554 "), ANSWERS, "an SMTP server",
     "point the milter address at the filter, not at a mail server"},
    {START("* OK"), ANSWERS, "an IMAP server", "point the milter address at the filter"},
    {START("+OK "), ANSWERS, "a POP3 server", "point the milter address at the filter"},
    {START("SSH-"), ANSWERS, "an SSH server", "check the port number"},
    {START("-ERR"), ANSWERS, "a Redis or POP3 server", "check the port number"},
    {START("*1\r\n"), CALLS, "a Redis client", "point it at Redis, not at the milter port"},
    {START("*2\r\n"), CALLS, "a Redis client", "point it at Redis, not at the milter port"},
    {START("*3\r\n"), CALLS, "a Redis client", "point it at Redis, not at the milter port"},
    {START("requ"), CALLS, "a Postfix policy client",
     "milters go into smtpd_milters, not into check_policy_service"},
    {START("acti"), ANSWERS, "a Postfix policy server",
     "policy servers go into check_policy_service, not into smtpd_milters"},
    {START("PROX"), CALLS, "a load balancer's PROXY header",
     "milters do not read it: turn the PROXY protocol off"},
    {START("\r\n\r\n"), CALLS, "a load balancer's PROXY header (version 2)",
     "milters do not read it: turn the PROXY protocol off"},
    {START("post"), ANSWERS, "the milter's own log text",
     "let the milter log to syslog, not to its standard streams"},
    {START("\x16\x03\x00"), CALLS, "a TLS client", plain_port},
    {START("\x16\x03\x01"), CALLS, "a TLS client", plain_port},
    {START("\x16\x03\x03"), CALLS, "a TLS client", plain_port},
    {START("\x15\x03\x00"), ANSWERS, "a TLS server's alert", plain_port},
    {START("\x15\x03\x01"), ANSWERS, "a TLS server's alert", plain_port},
    {START("\x15\x03\x03"), ANSWERS, "a TLS server's alert", plain_port},
    {START("\x03\x00\x00"), CALLS, "an RDP port scan", probe},
    {START("\xff\x00\x64\x00"), CALLS, "a port scan", probe},
    {START("\xff\xff\xff\xff"), CALLS, "a length of -1",
     "an integer underflow in the peer, or a deliberate probe"},
};

const struct drill_foreign *drill_foreign_find(struct drill_span first)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct drill_span start = drill_span_of(table[i].start, table[i].start_len);
        if (first.len >= 4 && drill_span_equal(start, drill_span_sub(first, 0, start.len))) {
            return &table[i];
        }
    }
    return NULL;
}

const struct drill_foreign *drill_foreign_length(uint32_t length)
{
    uint8_t bytes[4];
    drill_put_be32(bytes, length);
    const struct drill_foreign *hit = drill_foreign_find(drill_span_of(bytes, 4));
    if (!hit) {
        drill_put_be32(bytes, length + 1);
        hit = drill_foreign_find(drill_span_of(bytes, 4));
    }
    return hit;
}
