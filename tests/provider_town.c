#include "tests/provider_town.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/mem.h"

struct connection {
    struct provider_session session;
    struct list idle;
    int64_t idle_since_ms;
};

struct letter {
    struct heap_node due; /* when it may be tried again, or when its conversation goes on */
    uint64_t number, grant;
    int tries;
    struct connection *conn;
    bool open; /* the connection was greeted */
    enum provider_stage stage;
};

struct town {
    struct provider_town_options options;
    const struct provider_town_controller *controller;
    struct provider_town_result *result;
    struct provider *provider;
    struct heap waiting;   /* deferred */
    struct heap under_way; /* by their next step */
    struct list idle;      /* connections, the one used last in front */
    int64_t now_ms;
    uint64_t grants;
};

/* ---- connections ------------------------------------------------------------------------ */

static void hang_up(struct town *t, struct connection *c)
{
    list_remove(&c->idle);
    provider_leave(t->provider, &c->session);
    mem_free(c);
}

static void close_idle(struct town *t, int64_t older_ms)
{
    while (!list_empty(&t->idle)) {
        struct connection *c = LIST_OF(t->idle.prev, struct connection, idle);
        if (t->now_ms - c->idle_since_ms < older_ms)
            return;
        hang_up(t, c);
    }
}

static void put_back(struct town *t, struct connection *c, bool closed)
{
    int64_t most = t->options.messages_per_connection;
    if (closed || (most && c->session.messages >= most)) {
        hang_up(t, c);
        return;
    }
    c->idle_since_ms = t->now_ms;
    list_add_first(&t->idle, &c->idle);
}

static struct connection *get_connection(struct town *t, bool *ret_open)
{
    struct list *idle = list_take_first(&t->idle);
    *ret_open = idle != NULL;
    if (idle)
        return LIST_OF(idle, struct connection, idle);
    struct connection *c = MEM_NEW(struct connection);
    c->session.source = (struct address){
        .family = ADDRESS_IP4, .ip = {127, 0, 0, 1}
    };
    return c;
}

/* ---- messages --------------------------------------------------------------------------- */

static struct letter *letter_of(struct heap_node *node)
{
    return CONTAINER_OF(node, struct letter, due);
}

static int64_t next_arrival_ms(const struct town *t)
{
    if (t->options.per_hour == 0)
        return t->now_ms;
    return (int64_t)t->result->created * 60 * PROVIDER_TOWN_MINUTE_MS / t->options.per_hour;
}

static int64_t next_letter_ms(const struct town *t)
{
    const struct heap_node *first = heap_first(&t->waiting);
    int64_t arrival_ms = next_arrival_ms(t);
    return first && first->key < arrival_ms ? first->key : arrival_ms;
}

static struct letter *take_letter(struct town *t)
{
    struct heap_node *first = heap_first(&t->waiting);
    if (first && first->key <= t->now_ms) {
        heap_remove(&t->waiting, first);
        return letter_of(first);
    }
    struct letter *l = MEM_NEW(struct letter);
    l->number = t->result->created++;
    return l;
}

static void begin(struct town *t)
{
    struct letter *l = take_letter(t);
    l->grant = t->grants++;
    l->tries++;
    if (l->tries > t->result->tries_max)
        t->result->tries_max = l->tries;
    l->conn = get_connection(t, &l->open);
    l->stage = l->open ? PROVIDER_MAIL : PROVIDER_CONNECT;
    heap_add(&t->under_way, &l->due, t->now_ms + t->options.reply_ms);
}

/* The recipient does not exist, or the like: nothing about how fast we go. */
static bool is_final(const struct provider_verdict *v)
{
    return v->why->kind == PROVIDER_RECIPIENTS && v->say.ptr[0] == '5';
}

static void end(struct town *t, struct letter *l, const struct provider_verdict *v)
{
    struct provider_town_outcome outcome = {
        .number = l->grant, .accepted = v->why == NULL, .stage = l->stage};
    struct connection *c = l->conn;
    uint64_t code = 0;
    if (v->why)
        ASSERT(str_to_u64(str_slice(v->say, 0, 3), 599, &code));
    outcome.code = (int)code;
    outcome.text = v->say;
    l->conn = NULL;
    t->controller->told(t->controller->self, t->now_ms, &outcome);
    put_back(t, c, v->close);
    if (v->why && !is_final(v)) {
        heap_add(&t->waiting, &l->due, t->now_ms + t->options.retry_ms);
        return;
    }
    if (v->why)
        t->result->bounced++;
    else
        t->result->accepted++;
    mem_free(l);
}

static void step(struct town *t, struct letter *l)
{
    char what[64] = "";
    if (l->stage == PROVIDER_MAIL)
        snprintf(what, sizeof what, "news@sender.test");
    else if (l->stage == PROVIDER_RCPT)
        snprintf(what, sizeof what, "user%llu@site.test", (unsigned long long)l->number);
    struct provider_verdict v =
        provider_judge(t->provider, &l->conn->session, l->stage, str_of(what), t->now_ms);
    if (v.why || l->stage == PROVIDER_DOT) {
        end(t, l, &v);
        return;
    }
    int64_t body_ms = l->stage == PROVIDER_DATA && v.body_bytes
                          ? t->options.message_bytes * 1000 / v.body_bytes
                          : 0;
    l->stage = l->stage == PROVIDER_HELLO ? PROVIDER_MAIL : l->stage + 1; /* nobody logs in */
    heap_add(&t->under_way, &l->due, t->now_ms + t->options.reply_ms + v.delay_ms + body_ms);
}

/* ---- time ------------------------------------------------------------------------------- */

static void end_minute(struct town *t)
{
    size_t number = (size_t)(t->now_ms / PROVIDER_TOWN_MINUTE_MS) - 1;
    struct provider_town_minute *minute = &t->result->minutes[number];
    int64_t from_ms = (int64_t)number * PROVIDER_TOWN_MINUTE_MS;
    minute->counts = provider_take_counts(t->provider);
    minute->allowed =
        provider_rules_allowed(t->options.rules, from_ms, from_ms + PROVIDER_TOWN_MINUTE_MS);
    provider_counts_add(&t->result->all, &minute->counts);
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* What may begin now begins; returns when to ask again. */
static int64_t begin_all(struct town *t)
{
    const struct provider_town_controller *c = t->controller;
    int64_t when_ms = INT64_MAX;
    while (next_letter_ms(t) <= t->now_ms) {
        if (!c->may_send(c->self, t->now_ms, &when_ms)) {
            ASSERT(when_ms > t->now_ms);
            return when_ms;
        }
        begin(t);
    }
    return next_letter_ms(t);
}

static void advance(struct town *t)
{
    int64_t next_ms = begin_all(t);
    int64_t minute_ms = (t->now_ms / PROVIDER_TOWN_MINUTE_MS + 1) * PROVIDER_TOWN_MINUTE_MS;
    struct heap_node *first = heap_first(&t->under_way);
    next_ms = sooner(next_ms, minute_ms);
    t->now_ms = first ? sooner(next_ms, first->key) : next_ms;
    while ((first = heap_first(&t->under_way)) && first->key <= t->now_ms) {
        heap_remove(&t->under_way, first);
        step(t, letter_of(first));
    }
    close_idle(t, t->options.idle_ms);
    if (t->now_ms == minute_ms)
        end_minute(t);
}

static void clear(struct town *t)
{
    struct heap_node *node;
    while ((node = heap_first(&t->under_way))) {
        heap_remove(&t->under_way, node);
        hang_up(t, letter_of(node)->conn);
        mem_free(letter_of(node));
        t->result->under_way++;
    }
    while ((node = heap_first(&t->waiting))) {
        heap_remove(&t->waiting, node);
        mem_free(letter_of(node));
        t->result->waiting++;
    }
    close_idle(t, 0);
    heap_release(&t->under_way);
    heap_release(&t->waiting);
    provider_close(t->provider);
}

static int64_t or_default(int64_t given, int64_t normal) { return given ? given : normal; }

void provider_town_run(const struct provider_town_options *options,
                       const struct provider_town_controller *controller,
                       struct provider_town_result *ret_result)
{
    struct provider_town_result result = {
        .minute_count = (size_t)(options->lasts_ms / PROVIDER_TOWN_MINUTE_MS)};
    struct town t = {.options = *options, .controller = controller, .result = &result};
    result.minutes = mem_alloc((result.minute_count + 1) * sizeof *result.minutes);
    t.options.reply_ms = or_default(options->reply_ms, 50);
    t.options.retry_ms = or_default(options->retry_ms, PROVIDER_TOWN_MINUTE_MS);
    t.options.idle_ms = or_default(options->idle_ms, 10 * 1000);
    t.options.message_bytes = or_default(options->message_bytes, 10 * 1000);
    t.provider = provider_open(options->rules, 0);
    list_init(&t.idle);
    while (t.now_ms < (int64_t)result.minute_count * PROVIDER_TOWN_MINUTE_MS)
        advance(&t);
    clear(&t);
    *ret_result = result;
}

/* ---- what it came to -------------------------------------------------------------------- */

double provider_town_share(const struct provider_town_result *r, size_t from_minute,
                           size_t until_minute)
{
    double allowed = 0, accepted = 0;
    ASSERT(until_minute <= r->minute_count);
    for (size_t i = from_minute; i < until_minute; i++) {
        allowed += r->minutes[i].allowed;
        accepted += (double)r->minutes[i].counts.accepted;
    }
    return allowed > 0 ? accepted / allowed : 0;
}

int provider_town_minutes_to(const struct provider_town_result *r, size_t from_minute, double share)
{
    for (size_t i = from_minute; i + PROVIDER_TOWN_LOOK_MINUTES <= r->minute_count; i++)
        if (provider_town_share(r, i, i + PROVIDER_TOWN_LOOK_MINUTES) >= share)
            return (int)(i - from_minute);
    return -1;
}

static unsigned long long count(uint64_t n) { return n; }

void provider_town_print(const struct provider_town_result *r, FILE *out)
{
    fprintf(out, "minute,allowed,offered,accepted,throttled,stormed,greylisted,blocked,"
                 "connections\n");
    for (size_t i = 0; i < r->minute_count; i++) {
        const struct provider_counts *c = &r->minutes[i].counts;
        fprintf(out, "%zu,%.2f,%llu,%llu,%llu,%llu,%llu,%llu,%llu\n", i, r->minutes[i].allowed,
                count(c->offered), count(c->accepted), count(provider_throttled(c)),
                count(c->said[PROVIDER_STORM]), count(c->said[PROVIDER_GREYLIST]),
                count(c->said[PROVIDER_BLOCK]), count(c->connections_max));
    }
}
