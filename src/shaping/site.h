#pragma once
#include "base/arena.h"
#include "dns/mx.h"
struct shaping_site { str name, provider; };
static inline void shaping_site_of_mx(const struct dns_mx *mx, struct arena *a, struct shaping_site *s)
{ str best = mx->hosts[0].name; for (size_t i = 1; i < mx->count && mx->hosts[i].preference == mx->hosts[0].preference; i++) if (str_compare(mx->hosts[i].name, best) < 0) best = mx->hosts[i].name; s->name = arena_str(a, best); s->provider = (str){0}; }
