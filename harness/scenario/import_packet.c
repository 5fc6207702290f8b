/* SPDX-License-Identifier: MIT */
#include "scenario/import_pcap.h"

#include <string.h>

/* www.tcpdump.org/linktypes.html */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_COOKED2 = 276
};

enum { ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86dd };

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* ---- link layer: to the IP packet ---- */

/* `type` and what follows, behind any VLAN tags (802.1Q, 802.1ad, and the 0x9100 of old). */
static enum drill_packet_kind by_ether_type(uint16_t type, struct drill_span *p)
{
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
        if (p->len < 4) {
            return DRILL_PACKET_SHORT;
        }
        type = be16(p->ptr + 2);
        *p = drill_span_sub(*p, 4, p->len);
    }
    return type == ETHER_IPV4 || type == ETHER_IPV6 ? DRILL_PACKET_TCP : DRILL_PACKET_OTHER;
}

static enum drill_packet_kind skip_link(struct drill_span *p, size_t header, size_t type)
{
    if (p->len < header) {
        return DRILL_PACKET_SHORT;
    }
    uint16_t ether = be16(p->ptr + type);
    *p = drill_span_sub(*p, header, p->len);
    return by_ether_type(ether, p);
}

static enum drill_packet_kind to_ip(uint32_t link, struct drill_span *p)
{
    switch (link) {
    case LINK_ETHERNET: return skip_link(p, 14, 12);
    case LINK_COOKED: return skip_link(p, 16, 14);
    case LINK_COOKED2: return skip_link(p, 20, 0);
    case LINK_NULL:
    case LINK_LOOP:
        /* The address family, in the byte order and with the number of the system that captured:
         * the IP version says the same, and is the same everywhere. */
        if (p->len < 4) {
            return DRILL_PACKET_SHORT;
        }
        *p = drill_span_sub(*p, 4, p->len);
        return DRILL_PACKET_TCP;
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6: return DRILL_PACKET_TCP;
    default: return DRILL_PACKET_LINK;
    }
}

/* ---- IP: to the TCP segment ---- */

static enum drill_packet_kind ipv4(struct drill_span *p, struct drill_packet_tcp *s, size_t *length)
{
    if (p->len < 20) {
        return DRILL_PACKET_SHORT;
    }
    const uint8_t *h = p->ptr;
    size_t header = (size_t)(h[0] & 15) * 4, total = be16(h + 2);
    if (h[9] != 6) {
        return DRILL_PACKET_OTHER;
    }
    if ((be16(h + 6) & 0x3fff) != 0) {
        return DRILL_PACKET_FRAGMENT;
    }
    /* 0: the network card cuts it up later (segmentation offload), so it was captured in one. */
    total = total ? total : p->len;
    if (header < 20 || total < header || p->len < header) {
        return DRILL_PACKET_SHORT;
    }
    s->from.size = s->to.size = 4;
    memcpy(s->from.address, h + 12, 4);
    memcpy(s->to.address, h + 16, 4);
    *length = total - header;
    *p = drill_span_sub(*p, header, *length);
    return DRILL_PACKET_TCP;
}

/* Over hop-by-hop, routing, destination options and authentication headers (RFC 8200 4.1). */
static enum drill_packet_kind skip_extensions(struct drill_span *p, uint8_t next, size_t *length)
{
    while (next != 6) {
        bool options = next == 0 || next == 43 || next == 60 || next == 135;
        if (next == 44) {
            return DRILL_PACKET_FRAGMENT;
        }
        if (!options && next != 51) {
            return DRILL_PACKET_OTHER;
        }
        if (p->len < 8) {
            return DRILL_PACKET_SHORT;
        }
        size_t size = options ? ((size_t)p->ptr[1] + 1) * 8 : ((size_t)p->ptr[1] + 2) * 4;
        next = p->ptr[0];
        if (size > p->len || size > *length) {
            return DRILL_PACKET_SHORT;
        }
        *length -= size;
        *p = drill_span_sub(*p, size, p->len);
    }
    return DRILL_PACKET_TCP;
}

static enum drill_packet_kind ipv6(struct drill_span *p, struct drill_packet_tcp *s, size_t *length)
{
    if (p->len < 40) {
        return DRILL_PACKET_SHORT;
    }
    const uint8_t *h = p->ptr;
    uint16_t payload = be16(h + 4);
    s->from.size = s->to.size = 16;
    memcpy(s->from.address, h + 8, 16);
    memcpy(s->to.address, h + 24, 16);
    *length = payload ? payload : p->len - 40; /* 0: as with IPv4 */
    *p = drill_span_sub(*p, 40, *length);
    return skip_extensions(p, h[6], length);
}

static enum drill_packet_kind tcp(struct drill_span p, size_t length, struct drill_packet_tcp *s)
{
    if (p.len < 20) {
        return DRILL_PACKET_SHORT;
    }
    size_t header = (size_t)(p.ptr[12] >> 4) * 4;
    if (header < 20 || header > length) {
        return DRILL_PACKET_SHORT;
    }
    s->from.port = be16(p.ptr);
    s->to.port = be16(p.ptr + 2);
    s->seq = drill_be32(p.ptr + 4);
    s->ack = drill_be32(p.ptr + 8);
    s->flags = p.ptr[13];
    s->data = drill_span_sub(p, header, p.len);
    s->length = (uint32_t)(length - header);
    return DRILL_PACKET_TCP;
}

enum drill_packet_kind drill_packet_read(const struct drill_packet *packet,
                                         struct drill_packet_tcp *out)
{
    struct drill_span p = packet->bytes;
    size_t length = 0;
    memset(out, 0, sizeof(*out));
    enum drill_packet_kind kind = to_ip(packet->link, &p);
    if (kind != DRILL_PACKET_TCP) {
        return kind;
    }
    if (p.len == 0) {
        return DRILL_PACKET_SHORT;
    }
    out->number = packet->number;
    out->offset = packet->offset;
    out->time = packet->time;
    switch (p.ptr[0] >> 4) {
    case 4: kind = ipv4(&p, out, &length); break;
    case 6: kind = ipv6(&p, out, &length); break;
    default: return DRILL_PACKET_OTHER;
    }
    return kind == DRILL_PACKET_TCP ? tcp(p, length, out) : kind;
}
