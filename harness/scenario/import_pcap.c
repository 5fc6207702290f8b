/* SPDX-License-Identifier: MIT */
#include "scenario/import_pcap.h"

#include <string.h>

enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    BLOCK_MIN = 12, /* type, length, length again */
    INTERFACES = 256,
    PACKET_MAX = 1 << 18 /* tcpdump's own limit (MAXIMUM_SNAPLEN) */
};

#define BLOCK_SECTION       0x0a0d0d0aU
#define BLOCK_INTERFACE     1U
#define BLOCK_OLD_PACKET    2U
#define BLOCK_SIMPLE_PACKET 3U
#define BLOCK_PACKET        6U

struct interface {
    uint16_t link;
    uint32_t snaplen;
    uint64_t ticks;  /* a second */
    uint64_t offset; /* seconds added to each time (if_tsoffset) */
};

struct capture {
    struct drill_import *im;
    struct drill_tcp_table *tcp;
    struct drill_span file;
    size_t at;
    bool little;
    uint64_t packets;
    uint64_t fragments, shorts, links; /* packets that could not be read */
    uint64_t first_fragment, first_short, first_link;
    uint32_t unknown_link;
    struct interface interfaces[INTERFACES];
    uint32_t interface_count;
};

static uint32_t get32(const struct capture *c, const uint8_t *p)
{
    return c->little
               ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0]
               : drill_be32(p);
}

static uint16_t get16(const struct capture *c, const uint8_t *p)
{
    return (uint16_t)(c->little ? p[1] << 8 | p[0] : p[0] << 8 | p[1]);
}

static void count(uint64_t *n, uint64_t *first, uint64_t offset)
{
    if ((*n)++ == 0) {
        *first = offset;
    }
}

static void packet(struct capture *c, uint32_t link, uint64_t time, struct drill_span bytes)
{
    struct drill_packet_tcp segment;
    struct drill_packet p = {
        .number = ++c->packets, .offset = c->at, .time = time, .link = link, .bytes = bytes};
    switch (drill_packet_read(&p, &segment)) {
    case DRILL_PACKET_TCP: drill_tcp_segment(c->tcp, &segment); break;
    case DRILL_PACKET_OTHER: break;
    case DRILL_PACKET_FRAGMENT: count(&c->fragments, &c->first_fragment, c->at); break;
    case DRILL_PACKET_SHORT: count(&c->shorts, &c->first_short, c->at); break;
    case DRILL_PACKET_LINK:
        c->unknown_link = link;
        count(&c->links, &c->first_link, c->at);
        break;
    }
}

static void tell_skipped(const struct capture *c)
{
    if (c->fragments) {
        drill_import_note(c->im, c->first_fragment, 0,
                          "%llu fragments of IP datagrams are left out, this is the first",
                          (unsigned long long)c->fragments);
    }
    if (c->shorts) {
        drill_import_note(c->im, c->first_short, 0,
                          "%llu packets are cut or broken within their headers and left out, this "
                          "is the first; capture with -s 0",
                          (unsigned long long)c->shorts);
    }
    if (c->links) {
        drill_import_note(c->im, c->first_link, 0,
                          "%llu packets are of a link type that is not known (%u) and left out, "
                          "this is the first; known are Ethernet, loopback, Linux cooked, raw IP",
                          (unsigned long long)c->links, c->unknown_link);
    }
}

/* ---- pcap ---- */

static void read_pcap(struct capture *c, bool nano)
{
    struct drill_span f = c->file;
    uint32_t link = get32(c, f.ptr + 20) & 0xffff; /* above: FCS length and the like */
    c->at = PCAP_HEADER;
    while (f.len - c->at >= PCAP_RECORD) {
        const uint8_t *p = f.ptr + c->at;
        uint32_t seconds = get32(c, p), fraction = get32(c, p + 4), size = get32(c, p + 8);
        if (size > PACKET_MAX) {
            drill_import_note(c->im, c->at, 0,
                              "packet %llu claims %u bytes, no capture has such; the rest of the "
                              "file is not read",
                              (unsigned long long)c->packets + 1, size);
            return;
        }
        size_t left = f.len - c->at - PCAP_RECORD;
        if (size > left) {
            drill_import_note(c->im, c->at, 0, "packet %llu is cut: %u bytes announced, %zu there",
                              (unsigned long long)c->packets + 1, size, left);
            size = (uint32_t)left;
        }
        packet(c, link, (uint64_t)seconds * 1000000 + (nano ? fraction / 1000 : fraction),
               drill_span_of(p + PCAP_RECORD, size));
        c->at += PCAP_RECORD + size;
    }
    if (c->at < f.len) {
        drill_import_note(c->im, c->at, 0,
                          "the capture ends within a packet's header: 16 bytes expected, %zu there",
                          f.len - c->at);
    }
}

/* ---- pcapng ---- */

static uint64_t ticks_of(uint8_t resolution)
{
    uint64_t ticks = 1;
    unsigned power = resolution & 0x7f;
    bool binary = (resolution & 0x80) != 0;
    if (power > (binary ? 62 : 18)) {
        return 1000000;
    }
    for (unsigned i = 0; i < power; i++) {
        ticks *= binary ? 2 : 10;
    }
    return ticks;
}

static uint64_t micros(const struct interface *i, uint64_t stamp)
{
    uint64_t seconds = stamp / i->ticks, rest = stamp % i->ticks;
    /* A rest may have 62 bits: scaled so that the product fits. */
    uint64_t ticks = i->ticks;
    while (ticks > UINT64_C(1) << 43) {
        ticks >>= 1;
        rest >>= 1;
    }
    return (seconds + i->offset) * 1000000 + rest * 1000000 / ticks;
}

/* if_tsresol (9) and if_tsoffset (14) among the options. */
static void interface_options(const struct capture *c, struct interface *i, struct drill_span opts)
{
    size_t at = 0;
    while (opts.len - at >= 4) {
        uint16_t code = get16(c, opts.ptr + at), size = get16(c, opts.ptr + at + 2);
        const uint8_t *value = opts.ptr + at + 4;
        size_t padded = ((size_t)size + 3) & ~(size_t)3;
        if (code == 0 || padded > opts.len - at - 4) {
            return;
        }
        if (code == 9 && size >= 1) {
            i->ticks = ticks_of(value[0]);
        } else if (code == 14 && size == 8) {
            uint64_t a = get32(c, value), b = get32(c, value + 4);
            i->offset = c->little ? b << 32 | a : a << 32 | b;
        }
        at += 4 + padded;
    }
}

static void interface_block(struct capture *c, struct drill_span body)
{
    if (body.len < 8 || c->interface_count == INTERFACES) {
        drill_import_note(c->im, c->at, 0, "an interface of the capture is not read: %s",
                          body.len < 8 ? "its block is too short" : "there are over 256");
        return;
    }
    struct interface *i = &c->interfaces[c->interface_count++];
    i->link = get16(c, body.ptr);
    i->snaplen = get32(c, body.ptr + 4);
    i->ticks = 1000000;
    i->offset = 0;
    interface_options(c, i, drill_span_sub(body, 8, body.len));
}

/* A packet's bytes begin at `data` of the block. */
static void block_packet(struct capture *c, uint32_t id, uint64_t stamp, uint32_t size,
                         struct drill_span body, size_t data)
{
    if (id >= c->interface_count) {
        c->packets++;
        drill_import_note(c->im, c->at, 0,
                          "packet %llu came by interface %u, which the file does not describe",
                          (unsigned long long)c->packets, id);
        return;
    }
    if (size > body.len - data) {
        drill_import_note(c->im, c->at, 0, "packet %llu is cut: %u bytes announced, %zu there",
                          (unsigned long long)c->packets + 1, size, body.len - data);
        size = (uint32_t)(body.len - data);
    }
    const struct interface *i = &c->interfaces[id];
    packet(c, i->link, stamp ? micros(i, stamp) : 0, drill_span_of(body.ptr + data, size));
}

static void packet_block(struct capture *c, uint32_t type, struct drill_span body)
{
    const uint8_t *p = body.ptr;
    if (body.len < (type == BLOCK_SIMPLE_PACKET ? 4U : 20U)) {
        c->packets++;
        drill_import_note(c->im, c->at, 0, "the block of packet %llu is too short",
                          (unsigned long long)c->packets);
        return;
    }
    if (type == BLOCK_SIMPLE_PACKET) {
        uint32_t size = get32(c, p), snap = c->interface_count ? c->interfaces[0].snaplen : 0;
        size = snap && snap < size ? snap : size;
        /* Padding is not data: the block's own size cannot tell. */
        block_packet(c, 0, 0, size, body, 4);
        return;
    }
    uint32_t id = type == BLOCK_PACKET ? get32(c, p) : get16(c, p);
    uint64_t stamp = (uint64_t)get32(c, p + 4) << 32 | get32(c, p + 8);
    block_packet(c, id, stamp, get32(c, p + 12), body, 20);
}

/* A section says its byte order anew, and its interfaces are its own. */
static bool section(struct capture *c, const uint8_t *p, size_t left)
{
    static const uint8_t big[4] = {0x1a, 0x2b, 0x3c, 0x4d}, small[4] = {0x4d, 0x3c, 0x2b, 0x1a};
    if (left < 12 || (memcmp(p + 8, big, 4) != 0 && memcmp(p + 8, small, 4) != 0)) {
        drill_import_note(c->im, c->at, 0,
                          "a section's byte order is neither big nor little endian; the rest of "
                          "the file is not read");
        return false;
    }
    c->little = memcmp(p + 8, small, 4) == 0;
    c->interface_count = 0;
    return true;
}

static void read_pcapng(struct capture *c)
{
    struct drill_span f = c->file;
    while (f.len - c->at >= 8) {
        const uint8_t *p = f.ptr + c->at;
        size_t left = f.len - c->at;
        uint32_t type = get32(c, p); /* a section's type reads the same in both orders */
        if (type == BLOCK_SECTION && !section(c, p, left)) {
            return;
        }
        uint32_t size = get32(c, p + 4);
        if (size < BLOCK_MIN || size % 4 != 0) {
            drill_import_note(c->im, c->at, 0,
                              "a block of %u bytes: it has at least 12, and a multiple of 4; the "
                              "rest of the file is not read",
                              size);
            return;
        }
        bool cut = size > left;
        struct drill_span body = drill_span_of(p + 8, cut ? left - 8 : size - BLOCK_MIN);
        if (cut) {
            drill_import_note(c->im, c->at, 0,
                              "the last block is cut: %u bytes announced, %zu there", size, left);
        }
        if (type == BLOCK_INTERFACE) {
            interface_block(c, body);
        } else if (type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET ||
                   type == BLOCK_OLD_PACKET) {
            packet_block(c, type, body);
        }
        c->at = cut ? f.len : c->at + size;
    }
    if (c->at < f.len) {
        drill_import_note(c->im, c->at, 0, "the capture ends within a block's header");
    }
}

/* ---- both ---- */

enum kind { NOT_A_CAPTURE, PCAP, PCAP_NANO, PCAPNG };

static enum kind kind_of(struct capture *c)
{
    if (c->file.len < 4) {
        return NOT_A_CAPTURE;
    }
    uint32_t magic = drill_be32(c->file.ptr);
    if (magic == BLOCK_SECTION) {
        return PCAPNG;
    }
    c->little = magic == 0xd4c3b2a1U || magic == 0x4d3cb2a1U;
    if (magic == 0xa1b2c3d4U || magic == 0xd4c3b2a1U) {
        return PCAP;
    }
    return magic == 0xa1b23c4dU || magic == 0x4d3cb2a1U ? PCAP_NANO : NOT_A_CAPTURE;
}

bool drill_import_is_capture(struct drill_span file)
{
    struct capture c = {.file = file};
    return kind_of(&c) != NOT_A_CAPTURE;
}

bool drill_import_pcap(struct drill_import *im, struct drill_span file,
                       const struct drill_import_pick *pick)
{
    struct capture *c = drill_arena_take(im->arena, sizeof(*c));
    if (!c) {
        im->no_memory = true;
        return true;
    }
    c->im = im;
    c->file = file;
    enum kind kind = kind_of(c);
    if (kind == NOT_A_CAPTURE) {
        drill_import_note(im, 0, 0, "this is neither pcap nor pcapng by its first bytes");
        return false;
    }
    if (kind != PCAPNG && file.len < PCAP_HEADER) {
        drill_import_note(im, 0, 0, "a pcap file's header has 24 bytes, here are %zu", file.len);
        return false;
    }
    c->tcp = drill_tcp_new(im, pick);
    if (!c->tcp) {
        im->no_memory = true;
        return true;
    }
    if (kind == PCAPNG) {
        read_pcapng(c);
    } else {
        read_pcap(c, kind == PCAP_NANO);
    }
    tell_skipped(c);
    drill_tcp_finish(c->tcp);
    return true;
}
