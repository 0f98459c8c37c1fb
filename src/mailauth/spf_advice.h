/* mailauth/spf_advice.h -- what is wrong with a policy, and what to do about it */
#pragma once
#include "mailauth/spf_tree.h"

/* Fills in the findings of a tree that was read. */
void mailauth_spf_advice_give(struct mailauth_spf_tree *, struct arena *);
