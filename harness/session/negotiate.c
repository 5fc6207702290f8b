/* SPDX-License-Identifier: MIT */
#include "session/negotiate.h"

enum {
    OFFER_SIZE = 12,
    OLDEST = 2,
    V1_ACTIONS = 0x0F,
    V1_STEPS = 0x3F,
    INTERNAL = 0x70000000 /* SMFI_INTERNAL: bits that libmilter keeps for itself */
};

/* What a filter says by the callbacks that it has; any other bit takes an xxfi_negotiate. */
static const uint32_t CALLBACK_STEPS = DRILL_SMFIP_NOCONNECT | DRILL_SMFIP_NOHELO |
                                       DRILL_SMFIP_NOMAIL | DRILL_SMFIP_NORCPT |
                                       DRILL_SMFIP_NOBODY | DRILL_SMFIP_NOHDRS | DRILL_SMFIP_NOEOH |
                                       DRILL_SMFIP_NOUNKNOWN | DRILL_SMFIP_NODATA;

static const uint32_t NO_REPLY_STEPS =
    DRILL_SMFIP_NR_CONN | DRILL_SMFIP_NR_HELO | DRILL_SMFIP_NR_MAIL | DRILL_SMFIP_NR_RCPT |
    DRILL_SMFIP_NR_DATA | DRILL_SMFIP_NR_UNKN | DRILL_SMFIP_NR_HDR | DRILL_SMFIP_NR_EOH |
    DRILL_SMFIP_NR_BODY;

static const char *name_of(const struct drill_wants *wants)
{
    return wants->name ? wants->name : "milter";
}

static enum drill_code lacks(const struct drill_wants *wants, const char *what, uint32_t offered,
                             uint32_t wanted, struct drill_error *err)
{
    return drill_error_set(
        err, DRILL_ERR_VALUE, "%s: st_optionneg[%u]: 0x%x does not fulfill %s requirements 0x%x",
        name_of(wants), (unsigned)wants->id, (unsigned)offered, what, (unsigned)wanted);
}

enum drill_code drill_negotiate_libmilter(const struct drill_wants *wants,
                                          const struct drill_message *offer,
                                          struct drill_agreed *answer, uint32_t *emulated,
                                          struct drill_error *err)
{
    bool is_short = offer->defect == DRILL_DEFECT_SHORT || offer->defect == DRILL_DEFECT_EMPTY;
    int64_t version = offer->number[0] > INT32_MAX ? (int64_t)offer->number[0] - (1LL << 32)
                                                   : (int64_t)offer->number[0];
    uint32_t actions = offer->number[1] ? offer->number[1] : V1_ACTIONS;
    uint32_t steps = (offer->number[2] ? offer->number[2] : V1_STEPS) & ~(uint32_t)INTERNAL;
    uint32_t wanted = wants->protocol;
    if (wanted & ~CALLBACK_STEPS) {
        wanted |= steps & DRILL_SMFIP_SKIP; /* preset for every xxfi_negotiate */
    }
    *emulated = wanted & NO_REPLY_STEPS & ~steps;
    wanted &= ~*emulated;
    answer->version = version < (int64_t)wants->version ? (uint32_t)version : wants->version;
    answer->actions = wants->actions & actions;
    answer->protocol = wanted & steps;
    if (is_short) {
        return drill_error_set(err, DRILL_ERR_VALUE, "%s: st_optionneg[%u]: len too short %u < %d",
                               name_of(wants), (unsigned)wants->id, (unsigned)offer->payload.len,
                               OFFER_SIZE);
    }
    if (version < OLDEST) {
        answer->version = wants->version;
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "%s: st_optionneg[%u]: protocol version too old %d < %d",
                               name_of(wants), (unsigned)wants->id, (int)version, OLDEST);
    }
    if (wants->actions & ~actions) {
        return lacks(wants, "action", actions, wants->actions, err);
    }
    /* Two requests not to be sent something are dropped where an old MTA does not send it. */
    if (wanted & ~steps) {
        wanted &= ~((DRILL_SMFIP_NODATA | DRILL_SMFIP_NOUNKNOWN) & ~steps);
    }
    if (wanted & ~steps) {
        return lacks(wants, "protocol", steps, wanted, err);
    }
    return DRILL_OK;
}

/* ---- macro lists ---- */

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n';
}

bool drill_negotiate_next_name(struct drill_span *list, struct drill_span *name)
{
    size_t from = 0;
    while (from < list->len && is_separator(list->ptr[from])) {
        from++;
    }
    size_t to = from;
    while (to < list->len && !is_separator(list->ptr[to])) {
        to++;
    }
    *name = drill_span_sub(*list, from, to - from);
    *list = drill_span_sub(*list, to, list->len);
    return name->len > 0;
}
