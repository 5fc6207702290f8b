/* SPDX-License-Identifier: MIT */
/*
 * bench_net_bare PORT FILE SESSIONS: what a milter session costs at least. Nothing but blocking
 * system calls that write prebuilt bytes: FILE holds what an MTA sends in one session; a macro
 * frame and the command behind it leave in one write, then one reply is read. Prints sessions a
 * second.
 *
 * ci/bench holds `milterdrill run --repeat` against it, with the same bytes to the same filter.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

enum { MAX_BYTES = 1 << 20, MAX_WRITES = 4096, HEAD = 5 };

struct session {
    uint8_t bytes[MAX_BYTES];
    struct {
        size_t at, len;
        bool reply;
    } writes[MAX_WRITES];
    size_t count;
};

static bool has_reply(uint8_t code)
{
    return code != 'D' && code != 'A' && code != 'Q' && code != 'K';
}

/* Cuts the bytes into writes; false when they are not whole frames, or too many. */
static bool cut(struct session *s, size_t len)
{
    size_t at = 0, began = 0;
    while (at + HEAD <= len) {
        uint32_t size = drill_be32(s->bytes + at);
        uint8_t code = s->bytes[at + 4];
        if (size == 0 || size > len - at - 4 || s->count == MAX_WRITES) {
            return false;
        }
        at += 4 + (size_t)size;
        if (code != 'D') {
            s->writes[s->count].at = began;
            s->writes[s->count].len = at - began;
            s->writes[s->count++].reply = has_reply(code);
            began = at;
        }
    }
    return at == len && began == len && s->count > 0;
}

static bool load(struct session *s, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    if (!file) {
        return false;
    }
    len = fread(s->bytes, 1, sizeof s->bytes, file);
    fclose(file);
    return cut(s, len);
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t did = write(fd, bytes, len);
        if (did <= 0) {
            return false;
        }
        bytes += did;
        len -= (size_t)did;
    }
    return true;
}

/* One read takes a whole reply in nearly all cases. */
static bool read_reply(int fd)
{
    uint8_t buf[4096];
    size_t have = 0, want = 4;
    while (have < want) {
        ssize_t did = read(fd, buf + have, sizeof buf - have);
        if (did <= 0) {
            return false;
        }
        have += (size_t)did;
        if (have >= 4) {
            want = 4 + (size_t)drill_be32(buf);
        }
        if (want > sizeof buf) {
            return false;
        }
    }
    return true;
}

static bool play(const struct session *s, const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    for (size_t i = 0; good && i < s->count; i++) {
        good = write_all(fd, s->bytes + s->writes[i].at, s->writes[i].len) &&
               (!s->writes[i].reply || read_reply(fd));
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static struct session session;
    struct sockaddr_in to;
    long sessions = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    double began = now();
    if (argc < 2) {
        printf("bench_net_bare: run by ci/bench, which gives it a filter and the bytes\n");
        return 0;
    }
    if (sessions <= 0 || !load(&session, argv[2])) {
        fprintf(stderr, "usage: bench_net_bare PORT FILE SESSIONS (FILE: whole frames)\n");
        return 2;
    }
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (long i = 0; i < sessions; i++) {
        if (!play(&session, &to)) {
            fprintf(stderr, "bench_net_bare: session %ld did not go through\n", i + 1);
            return 1;
        }
    }
    printf("%.0f sessions/s\n", (double)sessions / (now() - began));
    return 0;
}
