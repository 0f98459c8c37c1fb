/* outbound/judge.h -- what the verdict on a recipient means, in the words of outcome/
 *
 * For events, retries and the shaper. When nobody answered our own words are judged.
 */
#pragma once
#include "outbound/offer.h"
#include "outcome/reply.h"
#include "shaping/shaper.h"

/* NULL: it has no class, as trouble of our own (4.3.z) or what has no words. Each verdict is judged
 * once, and what it means stays with the recipient until outbound_offer_set() gives it another. */
const struct outcome *outbound_judge(struct outbound_offer_rcpt *);

/* What an attempt by one way came to, of these recipients. The text points into a verdict. */
struct shaper_result outbound_judge_all(struct outbound_offer_rcpt *rcpts, const size_t *indexes,
                                        size_t count);
