/* outcome/wait.h -- how long a reply asks us to wait: "try again in 5 minutes"
 *
 * There is no code for it; servers say it in their own words. A number with a unit counts only
 * behind a word that asks for patience, so "tried for 5 days" or "10 messages in 60 seconds" do
 * not.
 */
#pragma once
#include "outcome/words.h"

enum { OUTCOME_WAIT_SECONDS_MAX = 24 * 3600 }; /* more than a day is not believed */

/* In seconds; 0: no time is named. */
uint32_t outcome_wait_of(const struct outcome_words *);
