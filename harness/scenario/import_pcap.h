/* SPDX-License-Identifier: MIT */
/*
 * pcap and pcapng, as tcpdump, dumpcap and Wireshark write them -> milter conversations.
 *
 * The containers are a few fixed structures, and a reader here must be pure (bytes in, no file, no
 * clock) and every allocation of it able to fail under a fuzzer, so this is our own reader and not
 * libpcap. Sources: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng (the IETF's descriptions of
 * the formats), the link-layer header types of tcpdump.org, RFC 791, 8200 and 9293.
 *
 * Three layers, one file each: blocks to packets (import_pcap.c), a packet to a TCP segment
 * (import_packet.c), segments to conversations (import_tcp.c).
 */
#ifndef DRILL_SCENARIO_IMPORT_PCAP_H
#define DRILL_SCENARIO_IMPORT_PCAP_H

#include "scenario/import.h"

/* One packet as it was captured. */
struct drill_packet {
    uint64_t number; /* in the file, from 1, as tcpdump and Wireshark count */
    uint64_t offset; /* in the file */
    uint64_t time;   /* microseconds since 1970; 0: unknown */
    uint32_t link;   /* LINKTYPE_* */
    struct drill_span bytes;
};

/* One end of a connection; an IPv4 address stands in the first 4 bytes. */
struct drill_packet_end {
    uint8_t address[16];
    uint8_t size; /* 4 or 16 */
    uint16_t port;
};

enum { DRILL_TCP_FIN = 1, DRILL_TCP_SYN = 2, DRILL_TCP_RST = 4, DRILL_TCP_ACK = 16 };

struct drill_packet_tcp {
    uint64_t number, offset, time; /* of its packet */
    struct drill_packet_end from, to;
    uint32_t seq, ack;
    uint8_t flags;
    struct drill_span data; /* what was captured of it */
    uint32_t length;        /* what was sent: more than data.len when the packet was cut short */
};

enum drill_packet_kind {
    DRILL_PACKET_TCP,
    DRILL_PACKET_OTHER,    /* ARP, UDP ...: none of our business */
    DRILL_PACKET_FRAGMENT, /* of an IP datagram: not put together, no TCP of today sends them */
    DRILL_PACKET_SHORT,    /* cut within its headers, or these contradict each other */
    DRILL_PACKET_LINK      /* a link type that is not known here */
};

enum drill_packet_kind drill_packet_read(const struct drill_packet *packet,
                                         struct drill_packet_tcp *out);

/* By its first bytes. */
bool drill_import_is_capture(struct drill_span file);

/* Which connections are wanted. */
struct drill_import_pick {
    uint16_t port; /* of the milter; 0: every connection that looks like milter */
};

/* Adds a talk for each connection that is wanted. False when the bytes are no capture at all, which
 * is noted; what is wrong further on is noted, too. */
bool drill_import_pcap(struct drill_import *im, struct drill_span file,
                       const struct drill_import_pick *pick);

/* ---- between import_pcap.c and import_tcp.c ---- */

struct drill_tcp_table;

struct drill_tcp_table *drill_tcp_new(struct drill_import *im,
                                      const struct drill_import_pick *pick);
void drill_tcp_segment(struct drill_tcp_table *t, const struct drill_packet_tcp *segment);
/* The capture has ended: what waited for missing segments is delivered, the talks are kept. */
void drill_tcp_finish(struct drill_tcp_table *t);

#endif
