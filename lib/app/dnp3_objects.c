/* The objects of a DNP3 message: headers with their ranges, and how much data each of their points
 * has, so that the next header can be found. */
#include "lib/app/dnp3.h"

#define FUNCTION_READ 1u

/* Bits of one point of a group and variation; 0: none, or a size stands in front. */
static const struct {
    uint8_t group, variation;
    uint16_t bits;
} sizes[] = {
    {1, 1, 1}, {1, 2, 8}, {2, 1, 8}, {2, 2, 56}, {2, 3, 24}, {3, 1, 2}, {3, 2, 8}, {4, 1, 8},
    {4, 2, 56}, {4, 3, 24}, {10, 1, 1}, {10, 2, 8}, {11, 1, 8}, {11, 2, 56}, {12, 1, 88},
    {12, 2, 88}, {12, 3, 1}, {13, 1, 8}, {13, 2, 56}, {20, 1, 40}, {20, 2, 24}, {20, 3, 40},
    {20, 4, 24}, {20, 5, 32}, {20, 6, 16}, {20, 7, 32}, {20, 8, 16}, {21, 1, 40}, {21, 2, 24},
    {21, 3, 40}, {21, 4, 24}, {21, 5, 88}, {21, 6, 72}, {21, 7, 88}, {21, 8, 72}, {21, 9, 32},
    {21, 10, 16}, {21, 11, 32}, {21, 12, 16}, {22, 1, 40}, {22, 2, 24}, {22, 3, 40}, {22, 4, 24},
    {22, 5, 88}, {22, 6, 72}, {22, 7, 88}, {22, 8, 72}, {23, 1, 40}, {23, 2, 24}, {23, 3, 40},
    {23, 4, 24}, {23, 5, 88}, {23, 6, 72}, {23, 7, 88}, {23, 8, 72}, {30, 1, 40}, {30, 2, 24},
    {30, 3, 32}, {30, 4, 16}, {30, 5, 40}, {30, 6, 72}, {31, 1, 40}, {31, 2, 24}, {31, 3, 88},
    {31, 4, 72}, {31, 5, 32}, {31, 6, 16}, {31, 7, 40}, {31, 8, 72}, {32, 1, 40}, {32, 2, 24},
    {32, 3, 88}, {32, 4, 72}, {32, 5, 40}, {32, 6, 72}, {32, 7, 88}, {32, 8, 120}, {33, 1, 40},
    {33, 2, 24}, {33, 3, 88}, {33, 4, 72}, {33, 5, 40}, {33, 6, 72}, {33, 7, 88}, {33, 8, 120},
    {34, 1, 16}, {34, 2, 32}, {34, 3, 32}, {40, 1, 40}, {40, 2, 24}, {40, 3, 40}, {40, 4, 72},
    {41, 1, 40}, {41, 2, 24}, {41, 3, 40}, {41, 4, 72}, {42, 1, 40}, {42, 2, 24}, {42, 3, 88},
    {42, 4, 72}, {42, 5, 40}, {42, 6, 72}, {42, 7, 88}, {42, 8, 120}, {43, 1, 40}, {43, 2, 24},
    {43, 3, 88}, {43, 4, 72}, {43, 5, 40}, {43, 6, 72}, {43, 7, 88}, {43, 8, 120}, {50, 1, 48},
    {50, 2, 80}, {50, 3, 48}, {50, 4, 88}, {51, 1, 48}, {51, 2, 48}, {52, 1, 16}, {52, 2, 16},
    {60, 1, 0}, {60, 2, 0}, {60, 3, 0}, {60, 4, 0}, {80, 1, 1}, {81, 1, 24}, {86, 2, 8},
    {101, 1, 16}, {101, 2, 32}, {101, 3, 64}, {102, 1, 8}, {121, 1, 56}, {122, 1, 56},
    {122, 2, 104}, {70, 1, 0}, {70, 2, 0}, {70, 3, 0}, {70, 4, 0}, {70, 5, 0}, {70, 6, 0},
    {70, 7, 0}, {70, 8, 0}, {83, 1, 0}, {83, 2, 0}, {85, 1, 0}, {86, 1, 0}, {86, 3, 0},
    {87, 1, 0}, {88, 1, 0}, {90, 1, 0}, {91, 1, 0}, {120, 1, 0}, {120, 2, 0}, {120, 3, 0},
    {120, 4, 0}, {120, 5, 0}, {120, 6, 0}, {120, 7, 0}, {120, 8, 0}, {120, 9, 0}, {120, 10, 0},
    {120, 11, 0}, {120, 12, 0}, {120, 13, 0}, {120, 14, 0}, {120, 15, 0},
};

static bool point_bits(uint8_t group, uint8_t variation, uint32_t *bits)
{
    if (group >= 110 && group <= 115) { /* strings: the variation is their length */
        *bits = variation * 8u;
        return true;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].group == group && sizes[i].variation == variation) {
            *bits = sizes[i].bits;
            return true;
        }
    }
    *bits = 0;
    return !variation; /* variation 0: any, without data */
}

static uint32_t number(struct sek_reader *r, unsigned bytes)
{
    return bytes == 1 ? sek_reader_u8(r) : bytes == 2 ? sek_reader_u16le(r) : sek_reader_u32le(r);
}

/* The range that the qualifier's low bits announce; false when the standard has no such code. */
static bool read_range(struct dnp3_object *o, struct sek_reader *r)
{
    unsigned code = o->qualifier & 15;
    if (code <= 5) {
        unsigned bytes = 1u << code % 3;
        o->start = number(r, bytes);
        o->stop = number(r, bytes);
        o->count = o->stop >= o->start && o->stop - o->start < UINT32_MAX
                       ? o->stop - o->start + 1
                       : 0;
        return o->stop >= o->start;
    }
    if (code >= 7 && code <= 9)
        o->count = number(r, 1u << (code - 7));
    if (code == 11)
        o->count = sek_reader_u8(r);
    return (code >= 6 && code <= 9) || code == 11;
}

/* Past the points of O: an index or a size in front of each, when the qualifier says so. */
static bool skip_points(const struct dnp3_object *o, struct sek_reader *r, uint32_t bits)
{
    unsigned prefix = o->qualifier >> 4 & 7;
    if (prefix == 7)
        return false;
    if (!prefix) {
        uint64_t bytes = ((uint64_t)o->count * bits + 7) / 8;
        sek_reader_skip(r, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes);
        return !r->failed;
    }
    for (uint32_t i = 0; i < o->count && !r->failed; i++) {
        uint32_t v = number(r, 1u << (prefix - 1) % 3);
        sek_reader_skip(r, prefix >= 4 ? v : (bits + 7) / 8);
    }
    return !r->failed;
}

static void read_objects(struct sek_app_state *state, struct dnp3_tx *tx, enum sek_dir dir,
                         struct sek_reader *r)
{
    const struct sek_app_settings *s = state->settings;
    bool data = tx->response || tx->function != FUNCTION_READ;
    uint64_t points = 0;
    for (uint32_t n = 0; sek_reader_left(r); n++) {
        struct dnp3_object o = {.group = sek_reader_u8(r), .variation = sek_reader_u8(r),
                                .qualifier = sek_reader_u8(r)};
        uint32_t bits;
        if (n >= s->dnp3_objects) {
            sek_tx_event(&tx->base, dir, DNP3_EVENT_TOO_MANY_OBJECTS);
            return;
        }
        bool range = read_range(&o, r);
        if (r->failed)
            return;
        sek_buffer_add(state->pool, &tx->objects, &o, sizeof o, 0);
        bool known = point_bits(o.group, o.variation, &bits);
        points += data ? o.count : 0;
        if (!known || !range) {
            sek_tx_event(&tx->base, dir, DNP3_EVENT_UNKNOWN_OBJECT);
            return;
        }
        if (points > s->dnp3_points) {
            sek_tx_event(&tx->base, dir, DNP3_EVENT_TOO_MANY_POINTS);
            return;
        }
        if ((data || o.qualifier >> 4) && !skip_points(&o, r, data ? bits : 0))
            return;
    }
    tx->complete = !r->failed;
}

void dnp3_application(struct sek_app_state *state, struct dnp3_tx *tx, enum sek_dir dir)
{
    struct sek_reader r = sek_reader_make(tx->data.data, tx->data.len);
    tx->control = sek_reader_u8(&r);
    tx->function = sek_reader_u8(&r);
    if (tx->response)
        tx->indications = sek_reader_u16(&r);
    if (!r.failed)
        read_objects(state, tx, dir, &r);
}
