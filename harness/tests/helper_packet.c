/* SPDX-License-Identifier: MIT */
#include "tests/helper_packet.h"

#include <string.h>

#include "tests/helper_bytes.h"

static void put(struct drill_buf *b, const void *bytes, size_t len)
{
    assert_true(drill_buf_append(b, drill_span_of(bytes, len)));
}

static void put_number(struct drill_buf *b, uint64_t v, size_t size, bool big)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[big ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
    }
    put(b, bytes, size);
}

/* ---- containers ---- */

static void put_block(struct helper_capture *c, uint32_t type, struct drill_span body)
{
    size_t padded = (body.len + 3) & ~(size_t)3;
    put_number(&c->out, type, 4, c->big);
    put_number(&c->out, padded + 12, 4, c->big);
    put(&c->out, body.ptr, body.len);
    put(&c->out, "\0\0\0", padded - body.len);
    put_number(&c->out, padded + 12, 4, c->big);
}

void helper_capture_section(struct helper_capture *c)
{
    struct drill_buf body;
    drill_buf_init(&body, NULL);
    put_number(&body, 0x1a2b3c4d, 4, c->big);
    put_number(&body, 1, 2, c->big);
    put_number(&body, 0, 2, c->big);
    put_number(&body, UINT64_MAX, 8, c->big);
    put_block(c, 0x0a0d0d0a, drill_buf_span(&body));
    drill_buf_fini(&body);
}

void helper_capture_interface(struct helper_capture *c)
{
    struct drill_buf body;
    drill_buf_init(&body, NULL);
    put_number(&body, c->link, 2, c->big);
    put_number(&body, 0, 2, c->big);
    put_number(&body, c->snap, 4, c->big);
    if (c->resolution) {
        put_number(&body, 9, 2, c->big);
        put_number(&body, 1, 2, c->big);
        put_number(&body, c->resolution, 1, c->big);
        put_number(&body, 0, 3, c->big);
        put_number(&body, 0, 4, c->big);
    }
    put_block(c, 1, drill_buf_span(&body));
    drill_buf_fini(&body);
}

void helper_capture_begin(struct helper_capture *c)
{
    drill_buf_init(&c->out, NULL);
    c->time = c->time ? c->time : UINT64_C(1795176000000000); /* 2026-11-20T12:00:00Z */
    if (c->form == HELPER_PCAPNG) {
        helper_capture_section(c);
        helper_capture_interface(c);
        return;
    }
    put_number(&c->out, c->form == HELPER_PCAP ? 0xa1b2c3d4 : 0xa1b23c4d, 4, c->big);
    put_number(&c->out, 2, 2, c->big);
    put_number(&c->out, 4, 2, c->big);
    put_number(&c->out, 0, 8, c->big);
    put_number(&c->out, c->snap ? c->snap : 262144, 4, c->big);
    put_number(&c->out, c->link, 4, c->big);
}

void helper_capture_end(struct helper_capture *c)
{
    drill_buf_fini(&c->out);
}

static uint64_t stamp(const struct helper_capture *c)
{
    uint64_t ticks = c->resolution & 0x80 ? UINT64_C(1) << (c->resolution & 0x7f) : 1;
    if (!c->resolution) {
        return c->time;
    }
    for (unsigned i = 0; !(c->resolution & 0x80) && i < c->resolution; i++) {
        ticks *= 10;
    }
    return c->time / 1000000 * ticks + c->time % 1000000 * ticks / 1000000;
}

static void put_pcapng(struct helper_capture *c, struct drill_span kept, size_t whole)
{
    struct drill_buf body;
    uint32_t block = c->block ? c->block : 6;
    uint64_t time = stamp(c);
    drill_buf_init(&body, NULL);
    if (block != 3) {
        put_number(&body, c->interface, block == 2 ? 2 : 4, c->big);
        put_number(&body, 0, block == 2 ? 2 : 0, c->big);
        put_number(&body, time >> 32, 4, c->big);
        put_number(&body, time & UINT32_MAX, 4, c->big);
        put_number(&body, kept.len, 4, c->big);
    }
    put_number(&body, whole, 4, c->big);
    put(&body, kept.ptr, kept.len);
    put_block(c, block, drill_buf_span(&body));
    drill_buf_fini(&body);
}

static void put_packet(struct helper_capture *c, struct drill_span packet)
{
    struct drill_span kept = drill_span_sub(packet, 0, c->snap ? c->snap : packet.len);
    if (c->form == HELPER_PCAPNG) {
        put_pcapng(c, kept, packet.len);
    } else {
        uint64_t rest = c->time % 1000000;
        put_number(&c->out, c->time / 1000000, 4, c->big);
        put_number(&c->out, c->form == HELPER_PCAP ? rest : rest * 1000, 4, c->big);
        put_number(&c->out, kept.len, 4, c->big);
        put_number(&c->out, packet.len, 4, c->big);
        put(&c->out, kept.ptr, kept.len);
    }
    c->time += 10;
}

/* ---- layers ---- */

static void put_ethernet(const struct helper_capture *c, struct drill_buf *p, uint16_t type)
{
    put(p, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
    for (unsigned i = 0; i < c->vlans; i++) {
        put_number(p, i ? 0x8100 : c->vlans > 1 ? 0x88a8 : 0x8100, 2, true);
        put_number(p, 7 + i, 2, true);
    }
    put_number(p, type, 2, true);
}

static void put_link(const struct helper_capture *c, struct drill_buf *p)
{
    uint16_t type = c->v6 ? 0x86dd : 0x0800;
    switch (c->link) {
    case 0: put_number(p, c->v6 ? 30 : 2, 4, false); break;
    case 108: put_number(p, c->v6 ? 24 : 2, 4, true); break;
    case 1: put_ethernet(c, p, type); break;
    case 113:
        put(p, "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0", 14);
        put_number(p, type, 2, true);
        break;
    case 276:
        put_number(p, type, 2, true);
        put(p, "\0\0\0\0\0\x01\0\x01\0\x06\x02\0\0\0\0\x01\0\0", 18);
        break;
    default: break;
    }
}

static void put_v4(const struct helper_capture *c, struct drill_buf *p, int side, size_t tcp)
{
    size_t header = c->extended ? 24 : 20;
    put_number(p, 0x40 | header / 4, 1, true);
    put_number(p, 0, 1, true);
    put_number(p, header + tcp, 2, true);
    put_number(p, 1, 2, true);
    put_number(p, c->fragment ? 0x2000 : 0x4000, 2, true);
    put(p, "\x40\x06\0\0", 4);
    put_number(p, side ? 0xc0000209 : 0xc0000205, 4, true); /* 192.0.2.9, .5 */
    put_number(p, side ? 0xc0000205 : 0xc0000209, 4, true);
    put(p, "\x01\x01\x01\0", header - 20);
}

static void put_v6(const struct helper_capture *c, struct drill_buf *p, int side, size_t tcp)
{
    static const uint8_t net[15] = {0x20, 1, 0x0d, 0xb8};
    size_t extensions = c->extended ? 16 : c->fragment ? 8 : 0;
    put_number(p, 0x60000000, 4, true);
    put_number(p, extensions + tcp, 2, true);
    put_number(p, c->extended ? 0 : c->fragment ? 44 : 6, 1, true);
    put_number(p, 64, 1, true);
    put(p, net, sizeof(net));
    put_number(p, side ? 9 : 5, 1, true);
    put(p, net, sizeof(net));
    put_number(p, side ? 5 : 9, 1, true);
    if (c->extended) {
        put(p, "\x3c\0\x01\x04\0\0\0\0\x06\0\x01\x04\0\0\0\0", 16);
    } else if (c->fragment) {
        put(p, "\x06\0\0\x01\0\0\0\x01", 8);
    }
}

/* ---- a connection ---- */

void helper_line_put(const struct helper_line *l, struct helper_capture *c, int side, uint32_t at,
                     uint8_t flags, struct drill_span bytes)
{
    struct drill_buf p;
    drill_buf_init(&p, NULL);
    put_link(c, &p);
    (c->v6 ? put_v6 : put_v4)(c, &p, side, 20 + bytes.len);
    put_number(&p, l->port[side], 2, true);
    put_number(&p, l->port[!side], 2, true);
    put_number(&p, l->first[side] + at, 4, true);
    put_number(&p, flags & HELPER_ACK ? l->first[!side] + l->ack[side] : 0, 4, true);
    put_number(&p, 0x50, 1, true);
    put_number(&p, flags, 1, true);
    put(&p, "\xff\xff\0\0\0\0", 6);
    put(&p, bytes.ptr, bytes.len);
    put_packet(c, drill_buf_span(&p));
    drill_buf_fini(&p);
}

void helper_line_syn(struct helper_line *l, struct helper_capture *c)
{
    helper_line_put(l, c, 0, UINT32_MAX, HELPER_SYN, BYTES(""));
    helper_line_put(l, c, 1, UINT32_MAX, HELPER_SYN | HELPER_ACK, BYTES(""));
}

void helper_line_say(struct helper_line *l, struct helper_capture *c, int side,
                     struct drill_span bytes)
{
    l->ack[side] = l->at[!side];
    helper_line_put(l, c, side, l->at[side], HELPER_ACK, bytes);
    l->at[side] += (uint32_t)bytes.len;
}

void helper_line_end(const struct helper_line *l, struct helper_capture *c, int side, uint8_t flags)
{
    helper_line_put(l, c, side, l->at[side], flags | HELPER_ACK, BYTES(""));
}
