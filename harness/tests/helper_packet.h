/* SPDX-License-Identifier: MIT */
/*
 * Captures made in the test: TCP segments of one connection, in IP, in a link layer, in a
 * container.
 *
 *     helper_capture_begin(&c);           set its fields first: all zero is pcap, little endian
 *     helper_line_syn(&line, &c);
 *     helper_line_say(&line, &c, 0, BYTES("..."));       side 0 connects
 *     helper_line_put(&line, &c, 0, 17, 0, BYTES("..."));  at that position, whatever was before
 *     helper_capture_end(&c);
 */
#ifndef DRILL_TESTS_HELPER_PACKET_H
#define DRILL_TESTS_HELPER_PACKET_H

#include "base/arena.h"

enum helper_form { HELPER_PCAP, HELPER_PCAP_NANO, HELPER_PCAPNG };
enum { HELPER_FIN = 1, HELPER_SYN = 2, HELPER_RST = 4, HELPER_ACK = 16 };

struct helper_capture {
    enum helper_form form;
    bool big;           /* byte order of the container */
    uint32_t link;      /* LINKTYPE_*; 0 is NULL, loopback */
    uint32_t block;     /* pcapng: 6, 3 (simple) or 2 (obsolete); 0 is 6 */
    uint32_t interface; /* pcapng: of the packets that follow */
    uint8_t resolution; /* pcapng: if_tsresol; 0: none, microseconds */
    bool v6, extended;  /* IPv6; IPv4 with options, IPv6 with extension headers */
    bool fragment;      /* the packet is one */
    unsigned vlans;     /* Ethernet: tags */
    size_t snap;        /* bytes kept of a packet; 0: all */
    uint64_t time;      /* of the next packet, microseconds; goes on by 10: too little for after= */
    struct drill_buf out;
};

struct helper_line {
    uint16_t port[2];
    uint32_t first[2]; /* sequence number of position 0 */
    uint32_t at[2];    /* position of what is said next */
    uint32_t ack[2];   /* position of the other side that a side acknowledges */
};

void helper_capture_begin(struct helper_capture *c);
/* pcapng: another section, or another interface with its link type and resolution. */
void helper_capture_section(struct helper_capture *c);
void helper_capture_interface(struct helper_capture *c);
void helper_capture_end(struct helper_capture *c);

/* SYN, SYN and ACK, from both sides' `first` - 1. */
void helper_line_syn(struct helper_line *l, struct helper_capture *c);
/* The next bytes of a side, acknowledging all of the other's. */
void helper_line_say(struct helper_line *l, struct helper_capture *c, int side,
                     struct drill_span bytes);
/* A segment at a position of its own; nothing of `l` changes. */
void helper_line_put(const struct helper_line *l, struct helper_capture *c, int side, uint32_t at,
                     uint8_t flags, struct drill_span bytes);
/* FIN or RST behind what was said. */
void helper_line_end(const struct helper_line *l, struct helper_capture *c, int side,
                     uint8_t flags);

#endif
