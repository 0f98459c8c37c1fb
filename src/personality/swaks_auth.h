/* personality/swaks_auth.h -- logging in, with each type that both sides have until one works */
#pragma once
#include "personality/swaks_talk.h"

enum swaks_auth_result {
    SWAKS_AUTH_DONE,
    SWAKS_AUTH_NO_COMMON, /* none of the types is offered */
    SWAKS_AUTH_REFUSED,   /* all that were tried */
};

/* offered: the server's types, between blanks. */
enum swaks_auth_result personality_swaks_auth_run(struct swaks_talk *, str offered, deadline until);
