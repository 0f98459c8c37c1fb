/* oauth/device.h -- when to ask, and when to give up: the device's side of RFC 8628 section 3.5
 *
 * Pure state: times go in, times come out. Who waits and asks is oauth/login.h.
 */
#pragma once
#include "oauth/answer.h"

enum oauth_device_state {
    OAUTH_DEVICE_WAITING, /* ask again at next_ms */
    OAUTH_DEVICE_DONE,
    OAUTH_DEVICE_EXPIRED,
    OAUTH_DEVICE_DENIED,
    OAUTH_DEVICE_FAILED, /* refused for another reason */
};

struct oauth_device {
    enum oauth_device_state state;
    int64_t interval_ms, next_ms, ends_ms; /* on the steady clock */
};

void oauth_device_begin(struct oauth_device *, const struct oauth_device_answer *, int64_t now_ms);
/* What was answered to a question; a refusal of kind OAUTH_NOT_REFUSED is a token. */
void oauth_device_heard(struct oauth_device *, const struct oauth_refusal *, int64_t now_ms);
/* Nothing was: a timeout or a broken connection, after which one asks half as often. */
void oauth_device_unheard(struct oauth_device *, int64_t now_ms);
