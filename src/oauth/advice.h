/* oauth/advice.h -- what to do about a refusal: by the provider's own number, else by its kind */
#pragma once
#include "oauth/answer.h"

/* One sentence or two; never empty. */
const char *oauth_advice_of(const struct oauth_refusal *);
