/* tests/sim/letter.h -- a mail as it is drawn: its addresses, its content */
#pragma once
#include "tests/sim/stage.h"

enum { SIM_LETTER_BYTES_MAX = 3 << 20 };

struct sim_letter {
    struct sim_mail *mail;
    bool esmtp;     /* parameters are given */
    bool eight_bit; /* BODY=8BITMIME */
    bool keyed;     /* of one recipient, under a key: it may be sent again (XONCE) */
};

/* Through a listener with this role; without esmtp nobody asks for notifications. */
void sim_letter_draw(struct sim_letter *, struct sim_stage *, enum envelope_origin, bool esmtp);
/* It keeps its first recipient alone, and gets a key. */
void sim_letter_give_key(struct sim_letter *);
/* " NOTIFY=SUCCESS,DELAY", or empty. */
str sim_letter_notify(const struct sim_address *, struct arena *);
