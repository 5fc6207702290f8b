/* SPDX-License-Identifier: MIT */
/* What the files of the transcript share: values that go to files while they come. Internal. */
#ifndef DRILL_SCENARIO_TRANSCRIPT_PARTS_H
#define DRILL_SCENARIO_TRANSCRIPT_PARTS_H

#include "scenario/transcript.h"

/* transcript.c: a line of the recording, or a part of one; without it the recording is not
 * complete. */
void drill_transcript_say(struct drill_transcript *t, const char *text);
void drill_transcript_say_bytes(struct drill_transcript *t, struct drill_span bytes);

/* transcript_large.c: a value of a whole message to its file, its slice to the line. */
void drill_transcript_keep(struct drill_transcript *t, const struct drill_message *m,
                           struct drill_span bytes);
/* The line of a frame that came in pieces; and of one that was torn. */
void drill_transcript_streamed(struct drill_transcript *t, const struct drill_seen *s);
void drill_transcript_torn(struct drill_transcript *t, const struct drill_seen *s);
void drill_transcript_append(struct drill_transcript *t, enum drill_beside_kind kind,
                             struct drill_span bytes);

/* transcript_mail.c: the message's file, from whole messages and from pieces of large ones. */
void drill_transcript_mail(struct drill_transcript *t, const struct drill_message *m);
void drill_transcript_mail_body(struct drill_transcript *t);   /* a body begins, or goes on */
void drill_transcript_mail_header(struct drill_transcript *t); /* a header begins */
void drill_transcript_mail_field(struct drill_transcript *t, struct drill_span bytes);
/* A header that was cut off: x stands for the bytes of its frame that never came, so that the
 * message is as long as it was, and fails as it did. */
void drill_transcript_mail_fill(struct drill_transcript *t, uint64_t missing);
void drill_transcript_mail_over(struct drill_transcript *t); /* what comes is of another message */

#endif
