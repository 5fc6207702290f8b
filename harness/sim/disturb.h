/* SPDX-License-Identifier: MIT */
/*
 * How a connection in the simulator differs from one that carries all at once: what arrives comes
 * in other chunks, or the connection is lost at one byte.
 *
 * A chunk ends at an offset of the stream. Behind it the reader finds nothing more, as when the
 * next segment is late; the next chunk comes when both sides have done all that they can, and no
 * time has gone by. The bytes are in the receiving system all the same: to close over them is to
 * close over unread input, and an RST or FIN that was sent after them is seen after them.
 *
 * A connection is lost when the byte at the offset is sent: the bytes before it arrive, it and all
 * after it do not, and from then on both sides are alone.
 */
#ifndef DRILL_SIM_DISTURB_H
#define DRILL_SIM_DISTURB_H

#include "wire/proto.h"

enum drill_disturb_chunks {
    DRILL_DISTURB_WHOLE, /* as much as there is */
    DRILL_DISTURB_BYTES, /* one byte each, up to DRILL_DISTURB_MOST of a stream; then as RANDOM */
    DRILL_DISTURB_ONCE,  /* two chunks: before and from `place` */
    DRILL_DISTURB_RANDOM /* sizes by `seed`: mostly a few bytes, sometimes thousands */
};

enum drill_disturb_loss {
    DRILL_DISTURB_KEEP,
    DRILL_DISTURB_FIN,    /* both sides see a FIN, and an RST if they write all the same */
    DRILL_DISTURB_RST,    /* both see an RST */
    DRILL_DISTURB_SILENCE /* what is written vanishes until the window is full; no end is seen */
};

#define DRILL_DISTURB_MOST ((uint64_t)1 << 20)

struct drill_disturb_place {
    uint32_t connection; /* of the play, from 1 */
    enum drill_dir dir;
    uint64_t at; /* offset in the stream of that connection and direction */
};

struct drill_disturb {
    enum drill_disturb_chunks chunks;
    enum drill_disturb_loss loss;
    struct drill_disturb_place place; /* of the split (ONCE), or where the connection is lost */
    uint64_t seed;                    /* RANDOM */
    /* Told all bytes as they are written (but for those that are lost). May be NULL. */
    void (*wrote)(void *ctx, const struct drill_disturb_place *place, struct drill_span bytes);
    void *ctx;
};

/* Where the chunk ends that begins at `from`: more than `from->at`, UINT64_MAX: not at all. */
uint64_t drill_disturb_stop(const struct drill_disturb *d, const struct drill_disturb_place *from);
/* The offset at which that stream is lost; UINT64_MAX: it is not. */
uint64_t drill_disturb_cut(const struct drill_disturb *d, uint32_t connection, enum drill_dir dir);

#endif
