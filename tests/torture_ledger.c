#include "base/mem.h"
#include "base/rand.h"
#include "queue/index.h"
#include "tests/torture.h"

enum {
    BODY_BYTES_MAX = 512 * 1024,
    TAKE_TRIES_MAX = 200,
    CALLS_ALLOWED = 600, /* for an empty spool; the rest is by its size */
    FILE_CALLS_ALLOWED = 60,
    BYTES_A_CALL = 512,
    BYTES_READ_TIMES = 8,
    KEYS_EACH = 4, /* of so many messages all but one have a key */
};

/* ---- names and bodies ------------------------------------------------------------------------ */

static str destination_of(int message, int delivery, char text[32])
{
    return (str){text, (size_t)snprintf(text, 32, "m%d.d%d.test", message, delivery)};
}

/* Two numbers behind two letters: "m17.d2.test". */
static bool numbers_of(str name, int *ret_message, int *ret_delivery)
{
    str first, second;
    uint64_t message, delivery;
    str_split(name, '.', &first, &second);
    str_split(second, '.', &second, &name);
    if (!str_to_u64(str_from(first, 1), TORTURE_MESSAGES_MAX - 1, &message) ||
        !str_to_u64(str_from(second, 1), TORTURE_MANY - 1, &delivery))
        return false;
    *ret_message = (int)message;
    *ret_delivery = (int)delivery;
    return true;
}

str torture_body(int message, uint32_t size)
{
    static struct {
        char *bytes;
        uint32_t size;
    } kept[TORTURE_MESSAGES_MAX]; /* to the end of the process: they are asked for again and again
                                   */
    if (kept[message].size >= size)
        return (str){kept[message].bytes, size};
    ASSERT(size <= BODY_BYTES_MAX);
    kept[message].bytes = mem_resize(kept[message].bytes, size);
    kept[message].size = size;
    uint64_t x = (uint64_t)message * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (uint32_t i = 0; i < size; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        kept[message].bytes[i] = (char)(x >> 56);
    }
    return (str){kept[message].bytes, size};
}

static str prefix_of(int message, char text[48])
{
    return (str){text, (size_t)snprintf(text, 48, "Received: number %d\r\n", message)};
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void hear(void *arg, const struct event *e)
{
    struct torture_run *r = arg;
    r->stops += e->kind == EVENT_QUEUE_STOPPED;
    r->resumes += e->kind == EVENT_QUEUE_RESUMED;
    r->quarantined += e->kind == EVENT_QUARANTINED;
}

static unsigned commits; /* from the start of the run, so that a replay does the same */

/* Every second commit is made by its own fiber. */
static bool may_block(void) { return commits++ % 2; }

void torture_run_open(struct torture_run *r)
{
    commits = 0;
    *r = (struct torture_run){.fs = sim_fs_open()};
    r->sink = (struct event_sink){hear, r};
    r->ledger =
        mem_alloc(sizeof *r->ledger + TORTURE_MESSAGES_MAX * sizeof(struct torture_message));
    r->ledger->count = 0;
    sim_fs_direct(r->fs, rand_below(2)); /* the log is written in one way or the other */
    sim_fs_use(r->fs);
}

void torture_run_close(struct torture_run *r)
{
    sim_fs_use(NULL);
    sim_fs_close(r->fs);
    mem_free(r->ledger);
}

static err open_queue(const struct event_sink *sink, struct queue **ret_queue)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN,
                                    .once_window_ms = TORTURE_KEYS_MS,
                                    .once_keys_max = TORTURE_MESSAGES_MAX,
                                    .events = sink,
                                    .may_block = may_block};
    return queue_open(&options, ret_queue);
}

err torture_queue_open(struct torture_run *r)
{
    TRY(open_queue(&r->sink, &r->queue));
    queue_attach(r->queue, 0, &r->schedule);
    return NULL;
}

void torture_queue_close(struct torture_run *r)
{
    struct queue *q = r->queue;
    schedule_close(r->schedule);
    queue_close(q);
    r->schedule = NULL;
    r->queue = NULL;
}

struct torture_ledger *torture_ledger_copy(const struct torture_ledger *l)
{
    size_t size = sizeof *l + (size_t)l->count * sizeof l->messages[0];
    return memcpy(mem_alloc(size), l, size);
}

/* ---- committing ------------------------------------------------------------------------------ */

static size_t fill_rcpts(struct arena *arena, int message, const struct torture_plan *p,
                         struct envelope_rcpt **ret_rcpts)
{
    int deliveries = p->many ? TORTURE_MANY : p->deliveries;
    struct envelope_rcpt *all =
        ARENA_ARRAY(arena, struct envelope_rcpt, (size_t)deliveries * p->rcpts);
    size_t count = 0;
    for (int d = 0; d < deliveries; d++)
        for (int i = 0; i < p->rcpts; i++, count++) {
            char name[32];
            all[count].destination = arena_str(arena, destination_of(message, d, name));
            all[count].address =
                arena_printf(arena, "r%d@%.*s", i, STR_ARG(all[count].destination));
        }
    *ret_rcpts = all;
    return count;
}

static int note_message(struct torture_ledger *l, const struct torture_plan *p)
{
    ASSERT(l->count < TORTURE_MESSAGES_MAX);
    struct torture_message *m = &l->messages[l->count];
    *m = (struct torture_message){.size = p->size,
                                  .many = p->many,
                                  .reports = -1,
                                  .delivery_count = p->many ? 1 : p->deliveries};
    for (int d = 0; d < m->delivery_count; d++)
        m->deliveries[d].rcpt_count = p->rcpts;
    return l->count++;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static uint32_t about(int message) { return (uint32_t)message * 2654435761u; }

static enum queue_once_answer claim_key(struct queue *q, int message,
                                        struct queue_once_claim **ret_claim,
                                        struct queue_once_known *ret_known)
{
    uint8_t name[QUEUE_ONCE_NAME_BYTES + 1];
    snprintf((char *)name, sizeof name, "key %08x", (unsigned)message);
    return queue_once_claim(q, name, ret_claim, ret_known);
}

static void give_key(struct torture_run *r, int message, struct queue_draft *draft)
{
    struct queue_once_claim *claim = NULL;
    struct queue_once_known known;
    if (message < r->keyed_from || message % KEYS_EACH == KEYS_EACH - 1)
        return;
    enum queue_once_answer answer = claim_key(r->queue, message, &claim, &known);
    if (answer != QUEUE_ONCE_NEW) { /* there may be no room for it while things fail */
        ASSERT(answer == QUEUE_ONCE_FULL);
        return;
    }
    queue_once_set(claim, about(message));
    r->ledger->messages[message].keyed = true;
    r->ledger->messages[message].accepted_ms = clock_real_ms();
    queue_draft_once(draft, &claim);
}

static deadline patience(const struct torture_run *r)
{
    return r->patience_ms ? deadline_after(r->patience_ms) : DEADLINE_NEVER;
}

/* Any err but these two means: it has not happened and will not. */
static bool is_open(err e) { return e->kind == ERR_TIMEOUT || e->kind == ERR_CANCELED; }

bool torture_commit(struct torture_run *r, const struct torture_plan *p)
{
    char prefix[48];
    int i = note_message(r->ledger, p);
    struct arena *arena = arena_open(4 << 20);
    struct envelope e = {.sender = S("a@x.test"), .accepted_at_ms = clock_real_ms()};
    struct queue_draft *draft = NULL;
    queue_id id;
    int resumes = r->resumes;
    bool stopped = r->stops > r->resumes;
    e.rcpt_count = fill_rcpts(arena, i, p, &e.rcpts);
    err failed = queue_draft_open(r->queue, &draft);
    if (failed == NULL)
        give_key(r, i, draft);
    if (failed == NULL)
        failed = queue_draft_write(draft, torture_body(i, p->size), patience(r));
    if (failed == NULL)
        failed = queue_commit(r->queue, &draft, &e, prefix_of(i, prefix), &id, patience(r));
    queue_draft_abandon(&draft);
    arena_close(arena);
    if (failed == NULL)
        r->ledger->messages[i].fate = TORTURE_ACCEPTED;
    else if (!is_open(failed))
        r->ledger->messages[i].fate = TORTURE_REFUSED;
    r->too_early += failed == NULL && stopped && r->resumes == resumes;
    r->accepted += failed == NULL;
    r->refused += failed != NULL;
    err_forget();
    return failed == NULL;
}

/* ---- settling -------------------------------------------------------------------------------- */

static struct queue_delivery *take(struct torture_run *r, str destination)
{
    for (int i = 0; i < TAKE_TRIES_MAX; i++) {
        struct queue_delivery *d = schedule_next_for(r->schedule, destination);
        if (d)
            return d;
        err e = fiber_sleep(deadline_after(5));
        if (e)
            return NULL;
    }
    return NULL;
}

/* The first so many waiting ones are to finish. Returns how many do. */
static size_t choose(struct torture_delivery *d, const struct torture_settlement *s, int first,
                     struct queue_outcome *outcomes)
{
    static const uint8_t states[] = {QUEUE_WAITING, QUEUE_DONE, QUEUE_FAILED, QUEUE_EXPIRED};
    size_t count = 0;
    for (int i = 0; i < d->rcpt_count && s->outcome != TORTURE_DEFER; i++) {
        if (d->rcpts[i] != TORTURE_WAITING || count == (size_t)s->rcpts)
            continue;
        outcomes[count++] = (struct queue_outcome){(uint16_t)(first + i), states[s->outcome]};
        d->rcpts[i] = TORTURE_SETTLING;
    }
    return count;
}

/* What was being settled: done, or as it was before. */
static void note_outcomes(struct torture_delivery *d, enum torture_rcpt now)
{
    for (int i = 0; i < d->rcpt_count; i++)
        if (d->rcpts[i] == TORTURE_SETTLING)
            d->rcpts[i] = (uint8_t)now;
}

static void note_answer(struct torture_run *r, const struct torture_settlement *s, int dsn, err e,
                        const struct queue_settlement *asked)
{
    struct torture_delivery *d = &r->ledger->messages[s->message].deliveries[s->delivery];
    if (e && is_open(e))
        return;
    note_outcomes(d, e ? TORTURE_WAITING : TORTURE_FINISHED);
    if (dsn >= 0)
        r->ledger->messages[dsn].fate = e ? TORTURE_REFUSED : TORTURE_ACCEPTED;
    if (e)
        return;
    d->attempts++;
    d->due_ms = asked->due_ms;
    d->state_known = true;
}

bool torture_settle(struct torture_run *r, const struct torture_settlement *s)
{
    char name[32], dsn_name[32], dsn_rcpt[48];
    struct torture_message *m = &r->ledger->messages[s->message];
    struct queue_delivery *d = take(r, destination_of(s->message, s->delivery, name));
    if (d == NULL)
        return false;
    struct queue_outcome outcomes[TORTURE_RCPTS_MAX];
    int first = s->delivery * m->deliveries[0].rcpt_count, dsn = -1;
    struct queue_settlement asked = {.outcomes = outcomes,
                                     .due_ms = clock_real_ms() + s->due_in_ms,
                                     .tried = true,
                                     .reply = S("451 said so")};
    struct envelope_rcpt to = {0};
    struct envelope e = {.rcpts = &to, .rcpt_count = 1, .origin = ORIGIN_DSN};
    struct queue_new_message report = {&e, (str){0}};
    if (s->outcome >= TORTURE_BOUNCE) {
        dsn = note_message(r->ledger, &(struct torture_plan){s->dsn_size, 1, 1, false});
        r->ledger->messages[dsn].reports = (int16_t)s->message;
        r->ledger->messages[dsn].reports_delivery = (int16_t)s->delivery;
        to.destination = destination_of(dsn, 0, dsn_name);
        to.address.ptr = dsn_rcpt;
        to.address.len = (size_t)snprintf(dsn_rcpt, sizeof dsn_rcpt, "r0@%s", dsn_name);
        report.content = torture_body(dsn, s->dsn_size);
        asked.dsns = &report;
        asked.dsn_count = 1;
    }
    m->deliveries[s->delivery].state_known = false;
    asked.outcome_count = choose(&m->deliveries[s->delivery], s, first, outcomes);
    err failed = queue_settle(r->queue, &d, &asked, patience(r));
    note_answer(r, s, dsn, failed, &asked);
    err_forget();
    return failed == NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

struct found { /* of one message */
    bool there;
    uint16_t deliveries;
    uint8_t waiting[TORTURE_DELIVERIES_MAX]; /* a bit for each recipient */
};

struct judgment {
    const struct torture_claim *claim;
    struct torture_verdict *verdict;
    struct queue *queue;
    struct found found[TORTURE_MESSAGES_MAX];
    struct torture_harm harm;
    int wrong;
};

static void wrong(struct judgment *j, const char *invariant, int message, const char *what)
{
    bool of_message = strcmp(invariant, "I1") == 0 || strcmp(invariant, "I3") == 0 ||
                      strcmp(invariant, "I5") == 0;
    if (j->claim->ret_harm && of_message) {
        j->harm.messages += !j->harm.harmed[message];
        j->harm.harmed[message] = true;
        return;
    }
    if (j->wrong++ < 8)
        printf("    WRONG %s: message %d: %s; replay: %s\n", invariant, message, what,
               j->claim->replay);
}

static void judge_body(struct judgment *j, int message, struct queue_message *m)
{
    static char got[BODY_BYTES_MAX];
    char prefix[48];
    size_t done = 0, count = 1;
    const struct torture_message *want = &j->claim->ledger->messages[message];
    err e = NULL;
    if (m->size != want->size) {
        wrong(j, "I2", message, "another size");
        return;
    }
    if (m->prefix.len > 0 && !str_eq(m->prefix, prefix_of(message, prefix)))
        wrong(j, "I2", message, "another trace field");
    while (done < want->size && count > 0 && e == NULL) {
        e = queue_message_read(m, done, got + done, want->size - done, &count, DEADLINE_NEVER);
        done += e ? 0 : count;
    }
    j->verdict->bodies++;
    if (!str_eq((str){got, done}, torture_body(message, want->size)))
        wrong(j, "I2", message, "other bytes");
}

/* The recipients of an envelope: each is one of ours, each once. */
static uint8_t waiting_of(struct judgment *j, int message, int delivery, struct queue_message *m)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < m->envelope->rcpt_count; i++) {
        str address = m->envelope->rcpts[i].address;
        int of_message = -1, of_delivery = -1;
        uint64_t rcpt = TORTURE_RCPTS_MAX;
        str name = str_from(address, str_find(address, '@') + 1);
        bool good = numbers_of(name, &of_message, &of_delivery) &&
                    str_to_u64(str_slice(address, 1, str_find(address, '@') - 1),
                               TORTURE_RCPTS_MAX - 1, &rcpt);
        if (!good || of_message != message || of_delivery != delivery || bits >> rcpt & 1)
            wrong(j, "I2", message, "a recipient that is not its own");
        else
            bits = (uint8_t)(bits | 1 << rcpt);
    }
    return bits;
}

static void judge_state(struct judgment *j, int message, int delivery, struct queue_delivery *d)
{
    const struct torture_delivery *want = &j->claim->ledger->messages[message].deliveries[delivery];
    if (!want->state_known)
        return;
    struct queue_state state = queue_delivery_state(j->queue, d);
    if (state.attempts != want->attempts || state.due_ms != want->due_ms)
        wrong(j, "I3", message, "its attempts or its time are not what was acknowledged");
}

static void judge_delivery(struct judgment *j, struct queue_delivery *d, struct arena *arena)
{
    int message = -1, delivery = -1;
    struct queue_message m;
    bool ours = numbers_of(queue_delivery_destination(d), &message, &delivery) &&
                message < j->claim->ledger->count;
    if (!ours) {
        wrong(j, "I2", message, "a destination that was not sent to");
        return;
    }
    const struct torture_message *want = &j->claim->ledger->messages[message];
    struct found *found = &j->found[message];
    found->there = true;
    found->deliveries++;
    if (delivery >= want->delivery_count)
        return; /* one of many: the first stands for all */
    d->taken = true;
    err e = queue_message_open(j->queue, d, arena, &m, DEADLINE_NEVER);
    if (e == NULL) {
        found->waiting[delivery] = waiting_of(j, message, delivery, &m);
        judge_body(j, message, &m);
        judge_state(j, message, delivery, d);
        queue_message_close(&m);
    } else if (e->kind == ERR_DAMAGED && j->claim->ret_harm) {
        wrong(j, "I1", message, "it is damaged");
        j->harm.held++;
    } else {
        wrong(j, "I2", message, "it cannot be opened");
    }
    d->taken = false;
    arena_reset(arena);
}

static void look_around(struct judgment *j)
{
    struct queue_entry *all[TORTURE_MESSAGES_MAX], *e;
    size_t count = 0;
    struct order_place place = order_begin(&j->queue->messages, 0);
    struct arena *arena = arena_open(8 << 20);
    while (count < ARRAY_LEN(all) && (e = order_next(&j->queue->messages, &place)) != NULL)
        all[count++] = e;
    for (size_t i = 0; i < count; i++)
        for (uint16_t d = 0; d < all[i]->delivery_count; d++)
            if (!(all[i]->deliveries[d].flags & QUEUE_FINISHED))
                judge_delivery(j, &all[i]->deliveries[d], arena);
    arena_close(arena);
}

static void judge_rcpts(struct judgment *j, int message, int delivery)
{
    const struct torture_delivery *want = &j->claim->ledger->messages[message].deliveries[delivery];
    for (int i = 0; i < want->rcpt_count; i++) {
        bool waits = j->found[message].waiting[delivery] >> i & 1;
        if (want->rcpts[i] == TORTURE_WAITING && !waits)
            wrong(j, "I1", message, "a recipient that waits is gone");
        if (want->rcpts[i] == TORTURE_FINISHED && waits)
            wrong(j, "I3", message, "a recipient that was finished waits again");
    }
}

/* A failure and its report are one: both happened, or neither. Only while the answer is open, as
 * afterwards each goes its own way. */
static void judge_report(struct judgment *j, int dsn)
{
    const struct torture_message *m = &j->claim->ledger->messages[dsn];
    if (m->reports < 0 || m->fate != TORTURE_UNKNOWN)
        return;
    const struct torture_delivery *about =
        &j->claim->ledger->messages[m->reports].deliveries[m->reports_delivery];
    for (int i = 0; i < about->rcpt_count; i++) {
        bool waits = j->found[m->reports].waiting[m->reports_delivery] >> i & 1;
        if (about->rcpts[i] == TORTURE_SETTLING && waits == j->found[dsn].there)
            wrong(j, "I3", dsn, "a failure without its DSN, or a DSN without its failure");
    }
}

static bool all_finished(const struct torture_message *m)
{
    bool waits = m->many; /* of these only one delivery is ever settled */
    for (int d = 0; d < m->delivery_count; d++)
        for (int i = 0; i < m->deliveries[d].rcpt_count; i++)
            waits |= m->deliveries[d].rcpts[i] != TORTURE_FINISHED;
    return !waits;
}

/* I5: a key is known exactly when its mail was accepted, even if that has long gone. */
static void judge_key(struct judgment *j, int i)
{
    const struct torture_message *m = &j->claim->ledger->messages[i];
    struct queue_once_claim *claim = NULL;
    struct queue_once_known known = {.about = about(i)};
    bool over = clock_real_ms() >= m->accepted_ms + TORTURE_KEYS_MS;
    if (!m->keyed || over)
        return;
    bool is_known = claim_key(j->queue, i, &claim, &known) == QUEUE_ONCE_KNOWN;
    queue_once_release(&claim);
    if (m->fate == TORTURE_ACCEPTED && !is_known)
        wrong(j, "I5", i, "it was accepted, and its key is not known");
    if (m->fate == TORTURE_REFUSED && is_known && !j->claim->may_return)
        wrong(j, "I5", i, "it was refused, and its key is known");
    if (m->fate != TORTURE_ACCEPTED && is_known != j->found[i].there)
        wrong(j, "I5", i, "it is not there and its key is, or the other way around");
    if (known.about != about(i))
        wrong(j, "I5", i, "its key is about another message");
    j->verdict->keys += is_known;
}

static void judge_message(struct judgment *j, int i)
{
    const struct torture_message *m = &j->claim->ledger->messages[i];
    const struct found *found = &j->found[i];
    if (m->fate == TORTURE_REFUSED && found->there && !j->claim->may_return)
        wrong(j, "I3", i, "it was refused, and is there");
    if (m->fate == TORTURE_ACCEPTED)
        for (int d = 0; d < m->delivery_count; d++)
            judge_rcpts(j, i, d);
    if (m->fate == TORTURE_ACCEPTED && all_finished(m) && found->there)
        wrong(j, "I3", i, "all of it was finished, and it is there");
    int deliveries = m->many ? TORTURE_MANY : m->delivery_count;
    if (found->deliveries > deliveries)
        wrong(j, "I3", i, "a delivery is there twice");
    bool part = m->many && found->there && found->deliveries < TORTURE_MANY - 1;
    if (part || (m->fate != TORTURE_ACCEPTED && found->there && found->deliveries != deliveries))
        wrong(j, "I2", i, "not all of its deliveries are there");
    judge_report(j, i);
    judge_key(j, i);
}

/* ---- opening --------------------------------------------------------------------------------- */

struct spool_size {
    uint64_t files, bytes;
    const char *folder;
};

static err add_file(void *arg, const char *name)
{
    struct spool_size *s = arg;
    struct file_facts facts;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    if (file_look(path, &facts) == NULL && facts.regular) {
        s->files++;
        s->bytes += facts.size;
    }
    return NULL;
}

static struct spool_size size_of_spool(void)
{
    static const char *const folders[] = {"/spool/log", "/spool/body", "/spool/quarantine",
                                          "/spool/once"};
    struct spool_size s = {0};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        s.folder = folders[i];
        err e = folder_list(folders[i], add_file, &s);
        if (e)
            err_forget(); /* not there yet */
    }
    return s;
}

static void judge_cost(struct judgment *j, struct sim_fs *fs, const struct spool_size *size,
                       struct sim_fs_cost before)
{
    struct sim_fs_cost cost = sim_fs_cost(fs);
    uint64_t calls = cost.calls - before.calls, bytes = cost.bytes_read - before.bytes_read;
    if (calls > j->verdict->calls)
        j->verdict->calls = calls;
    if (bytes > j->verdict->bytes_read)
        j->verdict->bytes_read = bytes;
    if (calls > CALLS_ALLOWED + size->files * FILE_CALLS_ALLOWED + size->bytes / BYTES_A_CALL)
        wrong(j, "I4", (int)calls, "so many calls to open it");
    if (bytes > (1 << 20) + size->bytes * BYTES_READ_TIMES)
        wrong(j, "I4", (int)(bytes >> 10), "so many KiB read to open it");
}

static void open_and_look(struct judgment *j, struct sim_fs *fs)
{
    struct queue_stats stats;
    struct spool_size size = size_of_spool();
    struct sim_fs_cost before = sim_fs_cost(fs);
    memset(j->found, 0, sizeof j->found);
    err e = open_queue(NULL, &j->queue);
    if (e) {
        char why[256];
        err_describe(e, why, sizeof why);
        wrong(j, "I4", -1, why);
        return;
    }
    judge_cost(j, fs, &size, before);
    look_around(j);
    if (j->claim->opened)
        j->claim->opened(j->claim->arg, j->queue);
    queue_stats(j->queue, &stats);
    if (stats.damaged > 0 && j->claim->ret_harm == NULL)
        wrong(j, "I2", -1, "damage is told where nothing was damaged");
    for (int i = 0; i < j->claim->ledger->count; i++)
        judge_message(j, i);
    queue_close(j->queue);
    if (j->claim->ret_harm == NULL)
        return;
    *j->claim->ret_harm = j->harm;
    j->claim->ret_harm->alarms = stats.damaged;
}

bool torture_judge(struct sim_fs *fs, const struct torture_claim *claim,
                   struct torture_verdict *verdict)
{
    static struct judgment j;
    j = (struct judgment){.claim = claim, .verdict = verdict};
    sim_fs_use(fs);
    open_and_look(&j, fs);
    if (claim->again && j.wrong == 0)
        open_and_look(&j, fs);
    verdict->states++;
    verdict->failed += j.wrong > 0;
    err_forget();
    return j.wrong == 0;
}
