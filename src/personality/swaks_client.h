/* personality/swaks_client.h -- whom a server shall take us for: XCLIENT and the PROXY protocol */
#pragma once
#include "personality/swaks_plan.h"

must_use err personality_swaks_client_xclient(struct swaks_plan *);
must_use err personality_swaks_client_proxy(struct swaks_plan *);
