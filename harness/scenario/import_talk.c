/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "scenario/import.h"

void drill_import_init(struct drill_import *im, struct drill_arena *arena)
{
    im->arena = arena;
    im->talks = NULL;
    im->talks_end = &im->talks;
    im->count = 0;
    im->notes = NULL;
    im->notes_end = &im->notes;
    im->noted = 0;
    im->no_memory = false;
}

struct drill_import_talk *drill_import_talk_new(struct drill_import *im)
{
    struct drill_import_talk *talk = drill_arena_take(im->arena, sizeof(*talk));
    if (!talk) {
        im->no_memory = true;
        return NULL;
    }
    talk->events_end = &talk->events;
    return talk;
}

void drill_import_keep(struct drill_import *im, struct drill_import_talk *talk)
{
    *im->talks_end = talk;
    im->talks_end = &talk->next;
    im->count++;
}

struct drill_import_event *drill_import_add(struct drill_import *im, struct drill_import_talk *talk,
                                            enum drill_import_kind kind, enum drill_dir dir,
                                            uint64_t time)
{
    struct drill_import_event *e = drill_arena_take(im->arena, sizeof(*e));
    if (!e) {
        im->no_memory = true;
        return NULL;
    }
    e->kind = kind;
    e->dir = dir;
    e->time = time;
    *talk->events_end = e;
    talk->events_end = &e->next;
    return e;
}

void drill_import_note(struct drill_import *im, uint64_t offset, uint32_t line, const char *fmt,
                       ...)
{
    char text[DRILL_ERROR_TEXT];
    va_list args;
    if (im->noted++ >= DRILL_IMPORT_NOTES) {
        return;
    }
    struct drill_import_note *note = drill_arena_take(im->arena, sizeof(*note));
    if (!note) {
        im->no_memory = true;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)drill_error_set(&note->error, DRILL_ERR_VALUE, "%s", text);
    note->error.offset = line ? UINT64_MAX : offset;
    note->error.line = line;
    *im->notes_end = note;
    im->notes_end = &note->next;
}

/* Days to a date of the proleptic Gregorian calendar: years of 400, 100, 4 and 1, from March, so
 * that a leap day is the last of its year. */
static void date_of(uint64_t days, unsigned out[3])
{
    uint64_t n = days + 719468; /* 1970-01-01 from 0000-03-01 */
    uint64_t era = n / 146097, day = n % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153;
    out[0] = (unsigned)(era * 400 + year + (month >= 10));
    out[1] = (unsigned)(month < 10 ? month + 3 : month - 9);
    out[2] = (unsigned)(day - (153 * month + 2) / 5 + 1);
}

bool drill_import_time(uint64_t micros, char out[24])
{
    unsigned d[3];
    uint64_t seconds = micros / 1000000;
    if (micros == 0 || seconds >= UINT64_C(253402300800)) { /* year 10000 */
        return false;
    }
    date_of(seconds / 86400, d);
    unsigned rest = (unsigned)(seconds % 86400);
    (void)snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", d[0] % 10000, d[1] % 100, d[2] % 100,
                   rest / 3600, rest / 60 % 60, rest % 60);
    return true;
}
