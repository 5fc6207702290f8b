/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "cli/record.h"

static void on_alarm(int number)
{
    (void)number;
}

/* A signal that comes between the look at `stop` and the wait would be slept over: once a second
 * there is another look. */
static void prepare_signals(void)
{
    const struct itimerval second = {{1, 0}, {1, 0}};
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_alarm;
    (void)sigaction(SIGALRM, &sa, NULL);
    (void)setitimer(ITIMER_REAL, &second, NULL);
}

static bool grace_is_over(void *ctx)
{
    const struct cli_record *r = ctx;
    return drill_net_now(r->net) >= r->until;
}

static void say_where(const struct cli_record *r)
{
    char text[300];
    struct drill_address bound;
    drill_net_listener_address(r->listener, &bound);
    if (r->inject_file) {
        cli_complain("--inject: %llu in %llu connections get the faults of %s: mail will fail",
                     (unsigned long long)r->inject.of, (unsigned long long)r->inject.in,
                     r->inject_file);
    }
    cli_complain("listening on %s", drill_address_format(&bound, text, sizeof(text)));
}

static void say_summary(const struct cli_record *r)
{
    const struct drill_files_stats *f = drill_scribe_stats(r->scribe);
    const struct drill_feed_stats *s = drill_feed_stats(r->feed);
    (void)printf("%llu connections (%llu at once): %llu recorded, %llu not wanted, %llu not or not "
                 "wholly written, %llu removed for newer ones; %s holds %llu bytes\n",
                 (unsigned long long)s->connections, (unsigned long long)s->most,
                 (unsigned long long)f->recorded, (unsigned long long)f->dropped,
                 (unsigned long long)(f->lost + s->lost), (unsigned long long)f->rotated, r->out,
                 (unsigned long long)f->bytes);
    if (r->inject_file) {
        (void)printf("%llu faults injected\n", (unsigned long long)s->injected);
    }
}

/* Until a signal; then nothing new is taken, and what stands may end by itself for a while. Freeing
 * the forward ends the rest, and completes each file. */
static void record(struct cli_record *r)
{
    prepare_signals();
    say_where(r);
    (void)drill_net_run(r->net, cli_interrupted, NULL);
    drill_forward_drain(r->forward);
    r->until = drill_net_now(r->net) + r->grace;
    (void)drill_net_run(r->net, grace_is_over, r);
    drill_forward_free(r->forward);
    r->forward = NULL;
    drill_scribe_end(r->scribe);
    say_summary(r);
}

static void run(struct cli_record *r)
{
    if (drill_scribe_is_child(r->scribe)) {
        drill_scribe_serve(r->scribe);
    } else {
        record(r);
    }
}

int cmd_record(int argc, char **argv)
{
    struct drill_arena arena;
    bool help = false;
    int code = EXIT_USAGE;
    cli_arena_init(&arena);
    struct cli_record *r = drill_arena_take(&arena, sizeof(*r));
    if (!r) {
        cli_complain("no memory");
    } else {
        cli_options_init(&r->options, &arena);
        if (cli_record_options(r, argc, argv, &help) && !help) {
            if (cli_record_open(r)) {
                run(r);
                code = EXIT_AS_EXPECTED;
            }
            cli_record_close(r);
        }
        code = help ? EXIT_AS_EXPECTED : code;
    }
    drill_arena_fini(&arena);
    return code;
}
