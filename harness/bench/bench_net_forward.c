/* SPDX-License-Identifier: MIT */
/*
 * bench_net_forward TO_PORT: net/forward.h alone, without a recorder: what ci/bench shows beside
 * `milterdrill record` and bench_net_relay. Prints the port it listens on, until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/forward.h"

static bool start(struct drill_net *net, const char *port, struct drill_error *err)
{
    char text[64];
    struct drill_address at;
    struct drill_forward_config config;
    memset(&config, 0, sizeof config);
    (void)snprintf(text, sizeof text, "inet:%.5s@127.0.0.1", port);
    if (drill_address_parse(text, &config.milter, err) != DRILL_OK ||
        drill_address_parse("inet:0@127.0.0.1", &at, err) != DRILL_OK) {
        return false;
    }
    config.listener = drill_net_listen(net, &at, err);
    if (!config.listener || !drill_forward_new(net, &config, err)) {
        return false;
    }
    drill_net_listener_address(config.listener, &at);
    printf("%u\n", (unsigned)at.port);
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    struct drill_error err;
    if (argc < 2) {
        printf("bench_net_forward: run by ci/bench, which gives it a milter\n");
        return 0;
    }
    struct drill_net *net = drill_net_new(&err);
    if (!net || !start(net, argv[1], &err)) {
        fprintf(stderr, "bench_net_forward: %s\n", err.text);
        return 1;
    }
    (void)drill_net_raise_files(65536);
    return drill_net_run(net, NULL, NULL) ? 0 : 1;
}
