#include "shaping/shaper.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/list.h"
#include "base/clock.h"
#include "runtime/fiber.h"
#include <pthread.h>
struct shaper_lane { char name[300]; struct shaper *s; int busy, idle, max; int64_t closed_until; int64_t pause; struct list line; };
struct shaper { pthread_mutex_t lock; struct table lanes; const struct event_sink *events; };
struct shaper_seat { struct shaper *s; struct shaper_way w[15]; struct shaper_lane *lane[15]; char *acc[15]; size_t n; void (*called)(void*); void *arg; struct list node; bool reserved; struct shaper_lane *rl; int rw; };
static str key(const void *o) { return str_of(((const struct shaper_lane *)o)->name); }
void shaper_open(const struct shaper_options *o, struct shaper **r) { struct shaper *s = MEM_NEW(struct shaper); pthread_mutex_init(&s->lock, NULL); table_init(&s->lanes, key); s->events = o->events; *r = s; }
void shaper_close(struct shaper *s) { if (!s) return; size_t p = 0; struct shaper_lane *l; while ((l = table_next(&s->lanes, &p))) { table_remove(&s->lanes, key(l)); mem_free(l);} table_release(&s->lanes); mem_free(s); }
void shaper_set_limits(struct shaper *s, const struct shaping_limits *l) { (void)s; (void)l; }
static void call_next(struct shaper_lane *l);
void shaper_run(void *a) { struct shaper *s = a; while (!fiber_sleep(deadline_after(1000))) { pthread_mutex_lock(&s->lock); size_t p = 0; struct shaper_lane *l; while ((l = table_next(&s->lanes, &p))) call_next(l); pthread_mutex_unlock(&s->lock); } }
void shaper_seat_open(struct shaper *s, const struct shaper_seat_options *o, struct shaper_seat **r) { struct shaper_seat *t = MEM_NEW(struct shaper_seat); t->s = s; t->n = o->way_count; t->called = o->called; t->arg = o->arg; pthread_mutex_lock(&s->lock); for (size_t i = 0; i < t->n; i++) { t->w[i] = o->ways[i]; struct shaper_lane *l = table_find(&s->lanes, o->ways[i].site); if (!l) { l = MEM_NEW(struct shaper_lane); (void)str_to_chars(o->ways[i].site, l->name, 300); l->s = s; l->max = 20; list_init(&l->line); table_add(&s->lanes, l);} t->lane[i] = l; } pthread_mutex_unlock(&s->lock); *r = t; }
static void leave(struct shaper_seat *t) { list_remove(&t->node); if (t->reserved) { t->reserved = false; t->rl->busy--; call_next(t->rl); } }
void shaper_seat_close(struct shaper_seat *t) { if (!t) return; pthread_mutex_lock(&t->s->lock); leave(t); pthread_mutex_unlock(&t->s->lock); mem_free(t); }
static bool room(struct shaper_lane *l) { return l->closed_until <= clock_steady_ms() && l->busy < (l->pause ? 1 : l->max); }
static void call_next(struct shaper_lane *l) { while (room(l) && !list_empty(&l->line)) { struct shaper_seat *t = LIST_OF(list_take_first(&l->line), struct shaper_seat, node); t->reserved = true; t->rl = l; for (size_t i = 0; i < t->n; i++) if (t->lane[i] == l) t->rw = (int)i; l->busy++; t->called(t->arg); } }
bool shaper_take(struct shaper_seat *t, size_t n, uint8_t only, struct shaper_grant *g, struct shaper_wait *w) { (void)n; bool ok = false; pthread_mutex_lock(&t->s->lock); *g = (struct shaper_grant){.shaper = t->s}; if (t->reserved && (!only || t->rw + 1 == only)) { t->reserved = false; g->lane = t->rl; g->way = t->w[t->rw].number; ok = true; } for (size_t i = 0; !ok && i < t->n; i++) { struct shaper_lane *l = t->lane[i]; if (only && t->w[i].number != only) continue; if (room(l) && list_empty(&l->line)) { l->busy++; g->lane = l; g->way = t->w[i].number; ok = true; } } pthread_mutex_unlock(&t->s->lock); (void)w; return ok; }
void shaper_wait(struct shaper_seat *t, size_t n, uint8_t only) { (void)n; (void)only; pthread_mutex_lock(&t->s->lock); if (!list_linked(&t->node) && !t->reserved) { list_add_last(&t->lane[0]->line, &t->node); call_next(t->lane[0]); } pthread_mutex_unlock(&t->s->lock); }
void shaper_leave(struct shaper_seat *t) { pthread_mutex_lock(&t->s->lock); leave(t); pthread_mutex_unlock(&t->s->lock); }
void shaper_end(struct shaper_grant *g, const struct shaper_result *r) { pthread_mutex_lock(&g->shaper->lock); struct shaper_lane *l = g->lane; l->busy--; if (r->login_refused) { l->pause = l->pause ? l->pause * 2 : SHAPER_LOGIN_PROBE_MS; if (l->closed_until <= clock_steady_ms()) { l->closed_until = clock_steady_ms() + l->pause; event_emit(g->shaper->events, &(struct event){.kind = EVENT_ROUTE_PAUSED, .destination = str_of(l->name), .reason = r->text}); } } else l->pause = 0; call_next(l); pthread_mutex_unlock(&g->shaper->lock); g->lane = NULL; }
void shaper_return(struct shaper_grant *g) { pthread_mutex_lock(&g->shaper->lock); g->lane->busy--; call_next(g->lane); pthread_mutex_unlock(&g->shaper->lock); g->lane = NULL; }
void shaper_count_idle(struct shaper_lane *l, int c) { pthread_mutex_lock(&l->s->lock); l->idle += c; pthread_mutex_unlock(&l->s->lock); }
bool shaper_seat_state(struct shaper_seat *s, struct shaper_wait *w) { (void)s; w->why = SHAPER_LINE; return false; }
bool shaper_is_crowded(struct shaper_lane *l) { pthread_mutex_lock(&l->s->lock); bool c = l->idle > 0 && l->busy + l->idle > l->max; pthread_mutex_unlock(&l->s->lock); return c; }
