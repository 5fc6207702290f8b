/* SPDX-License-Identifier: MIT */
/* Doubly linked rings without allocation. A link that is in no list points to itself. */
#ifndef DRILL_NET_LINK_H
#define DRILL_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct drill_link {
    struct drill_link *prev, *next;
};

#define DRILL_LINK_OWNER(link, type, member) \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void drill_link_init(struct drill_link *l)
{
    l->prev = l;
    l->next = l;
}

static inline bool drill_link_alone(const struct drill_link *l)
{
    return l->next == l;
}

static inline void drill_link_remove(struct drill_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    drill_link_init(l);
}

static inline void drill_link_append(struct drill_link *list, struct drill_link *l)
{
    l->prev = list->prev;
    l->next = list;
    list->prev->next = l;
    list->prev = l;
}

#endif
