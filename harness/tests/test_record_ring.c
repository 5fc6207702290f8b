/* SPDX-License-Identifier: MIT */
/* Records through memory that two have: order, wholeness, the flags of sleep. */
#include "tests/helper_bytes.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "record/ring.h"

enum { SIZE = 1024, MANY = 50000 };

static struct drill_span nothing(void)
{
    return drill_span_of(NULL, 0);
}

static bool put(struct drill_ring *r, const char *head, const char *rest)
{
    return drill_ring_put(r, drill_span_str(head), drill_span_str(rest));
}

static void expect(struct drill_ring *r, const char *text)
{
    struct drill_span record;
    assert_true(drill_ring_take(r, &record));
    assert_int_equal(record.len, strlen(text));
    assert_memory_equal(record.ptr, text, record.len);
    drill_ring_release(r);
}

static void test_in_their_order(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    struct drill_span record;
    (void)state;
    assert_false(drill_ring_take(r, &record));
    assert_true(put(r, "one", ""));
    assert_true(put(r, "", ""));
    assert_true(put(r, "tw", "o"));
    expect(r, "one");
    expect(r, "");
    assert_true(drill_ring_take(r, &record));
    assert_true(drill_ring_take(r, &record)); /* until it is released */
    expect(r, "two");
    assert_false(drill_ring_take(r, &record));
    drill_ring_free(r);
}

/* Every length at every place, the turn to the beginning included. */
static void test_records_of_every_length_come_whole(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    uint8_t bytes[SIZE];
    struct drill_span record;
    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t step = 0; step < SIZE / 8; step++) {
        for (size_t len = 0; len <= SIZE / 4 - 8; len++) {
            struct drill_span all = drill_span_of(bytes, len);
            assert_true(drill_ring_put(r, drill_span_sub(all, 0, len / 3),
                                       drill_span_sub(all, len / 3, len)));
            assert_true(drill_ring_take(r, &record));
            assert_int_equal(record.len, len);
            assert_memory_equal(record.ptr, bytes, len);
            drill_ring_release(r);
        }
        assert_true(put(r, "", ""));
        expect(r, "");
    }
    drill_ring_free(r);
}

static void test_one_over_a_quarter_is_refused(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    uint8_t bytes[SIZE] = {0};
    (void)state;
    assert_true(drill_ring_put(r, drill_span_of(bytes, SIZE / 4 - 8), nothing()));
    assert_false(drill_ring_put(r, drill_span_of(bytes, SIZE / 4 - 7), nothing()));
    drill_ring_free(r);
}

static void test_a_full_one_takes_nothing_and_loses_nothing(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    char text[24];
    int count = 0;
    (void)state;
    do {
        (void)snprintf(text, sizeof(text), "record %3d", count);
    } while (put(r, text, "") && ++count);
    assert_int_equal(count, SIZE / 24); /* 8 of the mark, 16 of the text */
    for (int i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "record %3d", i);
        expect(r, text);
    }
    assert_true(put(r, "again", ""));
    expect(r, "again");
    drill_ring_free(r);
}

static void test_a_sleeper_is_told_of_once(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    (void)state;
    assert_false(drill_ring_sleeper(r));
    assert_true(drill_ring_sleep(r));
    assert_true(put(r, "a", ""));
    assert_true(drill_ring_sleeper(r));
    assert_false(drill_ring_sleeper(r));
    assert_false(drill_ring_sleep(r)); /* something is there */
    assert_false(drill_ring_sleeper(r));
    drill_ring_free(r);
}

static void test_who_starves_is_told_of_once_there_is_room(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    uint8_t bytes[SIZE] = {0};
    struct drill_span record, large = drill_span_of(bytes, SIZE / 4 - 8);
    (void)state;
    assert_false(drill_ring_starve(r));
    assert_false(drill_ring_starved(r));
    for (int i = 0; i < 4; i++) {
        assert_true(drill_ring_put(r, large, nothing()));
    }
    assert_true(drill_ring_starve(r));
    for (int i = 0; i < 2; i++) {
        assert_false(drill_ring_starved(r));
        assert_true(drill_ring_take(r, &record));
        drill_ring_release(r);
    }
    assert_int_equal(drill_ring_taken(r), SIZE / 2);
    assert_true(drill_ring_starved(r));
    assert_false(drill_ring_starved(r));
    drill_ring_free(r);
}

/* What the other process left there is not believed. */
static void test_memory_that_was_overwritten_is_no_record(void **state)
{
    static const uint64_t lengths[] = {SIZE, SIZE / 4 + 1, UINT64_MAX - 1, UINT64_MAX, 4};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct drill_ring *r = drill_ring_new(SIZE);
        struct drill_span record;
        assert_true(put(r, "abc", ""));
        assert_true(drill_ring_take(r, &record));
        memcpy((uint8_t *)(uintptr_t)record.ptr - sizeof(*lengths), &lengths[i], sizeof(*lengths));
        assert_int_equal(drill_ring_take(r, &record), lengths[i] == 4);
        drill_ring_free(r);
    }
}

/* ---- two processes ---- */

static size_t random_length(struct drill_random *random)
{
    return (size_t)drill_random_below(random, SIZE / 4 - 8);
}

static int take_many(struct drill_ring *r)
{
    struct drill_random random = {.state = 1};
    struct drill_span record;
    for (uint32_t i = 0; i < MANY; i++) {
        while (!drill_ring_take(r, &record)) {
            (void)sched_yield();
        }
        if (record.len != random_length(&random)) {
            return 1;
        }
        for (size_t at = 0; at < record.len; at++) {
            if (record.ptr[at] != (uint8_t)(i + at)) {
                return 2;
            }
        }
        drill_ring_release(r);
    }
    return 0;
}

static void test_what_one_process_puts_the_other_takes(void **state)
{
    struct drill_ring *r = drill_ring_new(SIZE);
    struct drill_random random = {.state = 1};
    uint8_t bytes[SIZE];
    int status = 0;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(take_many(r));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        size_t len = random_length(&random);
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)(i + at);
        }
        while (!drill_ring_put(r, drill_span_of(bytes, len / 2),
                               drill_span_of(bytes + len / 2, len - len / 2))) {
            assert_int_equal(waitpid(child, &status, WNOHANG), 0);
        }
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    drill_ring_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_their_order),
        cmocka_unit_test(test_records_of_every_length_come_whole),
        cmocka_unit_test(test_one_over_a_quarter_is_refused),
        cmocka_unit_test(test_a_full_one_takes_nothing_and_loses_nothing),
        cmocka_unit_test(test_a_sleeper_is_told_of_once),
        cmocka_unit_test(test_who_starves_is_told_of_once_there_is_room),
        cmocka_unit_test(test_memory_that_was_overwritten_is_no_record),
        cmocka_unit_test(test_what_one_process_puts_the_other_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
