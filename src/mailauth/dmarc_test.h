/* mailauth/dmarc_test.h -- a DNS of a few lines for the tests of DMARC */
#pragma once
#include "dns/zone.h"
#include "mailauth/ask.h"

/* Run body(ask, arg) in a fiber that asks this zone; returns how many questions it asked. */
uint64_t mailauth_dmarc_test_on(const char *zone, void (*body)(struct mailauth_ask *, void *arg),
                                void *arg);
