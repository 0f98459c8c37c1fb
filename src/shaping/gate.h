/* shaping/gate.h -- a way that is shut for a while, and opened again by one probe
 *
 * For sites that block us or are down, and for logins that were refused. Shut, nothing goes; when
 * the pause is over one message goes as a probe, and what becomes of it opens the gate or shuts it
 * for the next longer pause. How long the pauses have become is forgotten when all has been well
 * for the longest one. Plain data; the caller gives the time, steady or real.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shaping_gate_plan {
    const int32_t *seconds; /* of the first pause, the second … the last for all further ones */
    size_t count;
};
/* 5, 15, 60 minutes: a block is often lifted within the hour, and trying more often prolongs it. */
extern const struct shaping_gate_plan shaping_gate_blocked;
/* 30 s doubling to 15 minutes: a server that restarts is soon back. */
extern const struct shaping_gate_plan shaping_gate_down;
/* 15 minutes doubling to 4 hours: more tries with a wrong secret lock an account. */
extern const struct shaping_gate_plan shaping_gate_login;

enum shaping_gate_state { SHAPING_GATE_OPEN, SHAPING_GATE_SHUT, SHAPING_GATE_PROBING };
struct shaping_gate {
    enum shaping_gate_state state;
    uint8_t level; /* of pauses so far */
    int64_t since_ns, until_ns;
};

/* What would one message be told? A shut gate whose pause is over lets one through, as a probe. */
enum shaping_gate_answer { SHAPING_GATE_GO, SHAPING_GATE_WAIT, SHAPING_GATE_PROBE };
enum shaping_gate_answer shaping_gate_ask(const struct shaping_gate *, int64_t now_ns);
void shaping_gate_probe(struct shaping_gate *); /* it goes */
/* Shut it for the plan's next pause, and at least until then. Shut already: only the time may grow;
 * what was on its way when the gate was shut is no further refusal. */
void shaping_gate_shut(struct shaping_gate *, const struct shaping_gate_plan *, int64_t now_ns,
                       int64_t at_least_until_ns);
/* The probe came to nothing either way: another may go at once. */
void shaping_gate_unprobe(struct shaping_gate *);
void shaping_gate_open(struct shaping_gate *, int64_t now_ns);
/* Open, and so long that its pauses are forgotten. */
bool shaping_gate_plain(struct shaping_gate *, const struct shaping_gate_plan *, int64_t now_ns);
