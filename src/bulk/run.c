#include "bulk/run.h"
#include "base/mem.h"
#include "bulk/outlook.h"
#include "bulk/pace.h"
#include "bulk/remains.h"
#include <stdio.h>

enum {
    PARCEL_ARENA_BYTES_MAX =
        BULK_LIST_ROW_ARENA_BYTES_MAX + BULK_LETTER_ARENA_BYTES_MAX + (8 << 20),
    WATCH_MS = 200,
    WAITING_MS = 5000, /* how often it is written down what is waited for */
};

/* One mail on its way, and all that it needs. There are two for each connection: the envelope of
 * the second one goes out with the end of the first. */
struct parcel {
    struct client_mail mail;
    struct bulk_run *run;
    struct parcel *next; /* in the list of free ones, or in the stock */
    struct shaper_grant grant;
    struct envelope envelope;
    struct envelope_rcpt rcpt;
    struct smtp_verdict verdict;
    struct arena *arena;
    struct buf content;
    struct template_value *slots;
    struct bulk_chosen chosen;
    uint64_t key;
    uint8_t group;
    char once[BULK_TOKEN_KEY_CHARS];
};

/* One way of several, and those who send by it. */
struct lane {
    struct bulk_run *run;
    size_t way;
    int connected;  /* of those who wait, so many have a connection */
    uint64_t tried; /* mails, since its connections were begun */
    bool not_now;   /* the server's last word to a connection or login */
};

struct bulk_run {
    const struct bulk_run_options *options;
    struct bulk_tally *tally;
    struct arena *arena;
    struct template_names *names;
    struct bulk_choose *choose;
    struct bulk_letter *letter;
    struct bulk_journal *journal;
    struct bulk_seen *seen;
    struct bulk_pace pace;
    struct bulk_ways *ways;
    struct lane lanes[BULK_WAYS_MAX];
    struct parcel *parcels, *unused;
    struct parcel *stock; /* made, and to go by whichever way has room */
    uint64_t *under_way;  /* a key for each parcel; 0: none */
    size_t parcel_count, split_slot;
    struct bulk_remains remains;
    int pass;
    uint64_t chosen, sent, later, doubt; /* of this run; the last two of this pass */
    bool keeps_no_keys;                  /* the server, as a held-back mail has shown */
    bool list_over;
    int64_t start_ms;
    struct bulk_outlook outlook;
    char waiting[BULK_PACE_WORDS]; /* as it is written down */
    int64_t waiting_ms;
    char failure[BULK_RUN_WHY_BYTES], trouble[BULK_RUN_WHY_BYTES];
    char no_server[BULK_RUN_WHY_BYTES];
    enum bulk_run_end end;
    void (*watch)(void *arg, const struct bulk_run_look *);
    void *watch_arg;
};

static void fail(struct bulk_run *r, err e, const char *what)
{
    char words[BULK_RUN_WHY_BYTES - 60];
    if (e == NULL || r->failure[0])
        return;
    err_words(e, words, sizeof words);
    snprintf(r->failure, sizeof r->failure, "%.40s: %s", what, words);
    bulk_pace_halt_now(&r->pace, BULK_PACE_CANCELED, "failed");
}

/* ---- rows that get nothing ----------------------------------------------------------------- */

static void leave_out(struct bulk_run *r, const struct bulk_chosen *c, enum bulk_reason reason,
                      str detail)
{
    if (r->pass > 1)
        return;
    r->tally->reasons[reason]++;
    bool silent = reason == BULK_NOT_IN_SEGMENT || reason == BULK_NOT_IN_SAMPLE ||
                  (reason == BULK_DUPLICATE && r->tally->before > 0); /* most had it before */
    if (!silent)
        fail(r, bulk_remains_leave_out(&r->remains, &c->row, bulk_hygiene_name(reason), detail),
             "left-out.csv");
}

/* ---- the next mail ------------------------------------------------------------------------- */

static bool is_under_way(const struct bulk_run *r, uint64_t key, const struct parcel *self)
{
    for (size_t i = 0; i < r->parcel_count; i++)
        if (r->under_way[i] == key && &r->parcels[i] != self)
            return true;
    return false;
}

static void set_key(struct bulk_run *r, struct parcel *p, uint64_t key)
{
    p->key = key;
    r->under_way[p - r->parcels] = key;
}

/* Is it this recipient's turn? Not when he had it, is having it, or waits for another pass. */
static bool is_wanted(struct bulk_run *r, struct parcel *p)
{
    enum bulk_seen_state state;
    err e = bulk_seen_get(r->seen, p->key, &state);
    p->mail.needs_once = false;
    if (e) {
        fail(r, e, "who has had it");
        return false;
    }
    if (state == BULK_SEEN_DONE || is_under_way(r, p->key, p)) {
        if (r->pass == 1)
            leave_out(r, &p->chosen, BULK_DUPLICATE, (str){0});
        return false;
    }
    if (state == BULK_SEEN_DOUBT) {
        p->mail.needs_once = !r->options->in_doubt_send;
        return !(p->mail.needs_once && r->keeps_no_keys);
    }
    return r->pass == 1 || state == BULK_SEEN_LATER;
}

static int split_of(struct bulk_run *r, const struct parcel *p)
{
    int parts = r->options->split;
    return parts ? (int)((p->key >> 20) % (uint64_t)parts) + 1 : 0;
}

static uint8_t group_of(struct bulk_run *r, struct parcel *p, int split)
{
    char number[16];
    size_t before = r->tally->group_count;
    str name = {0};
    if (split) {
        snprintf(number, sizeof number, "%d", split);
        name = str_of(number);
    } else if (r->options->split_by.len) {
        name = template_value_as_text(&p->slots[r->split_slot], p->arena);
    } else {
        return 0;
    }
    uint8_t group = bulk_tally_group(r->tally, name);
    if (r->tally->group_count != before && r->journal)
        fail(r, bulk_folder_write_groups(r->options->folder, r->tally), "groups");
    return group;
}

static err write_mail(struct bulk_run *r, struct parcel *p)
{
    int split = split_of(r, p);
    struct bulk_letter_row row = {.slots = p->slots,
                                  .slot_count = r->names->count,
                                  .address = &p->chosen.address,
                                  .key = p->once,
                                  .split = split,
                                  .now_ms = clock_real_ms()};
    buf_clear(&p->content);
    bulk_token_key(r->options->letter.campaign, p->chosen.address.folded, p->once);
    p->group = group_of(r, p, split);
    TRY(bulk_letter_write(r->letter, &row, p->arena, &p->content));
    return r->options->finish ? r->options->finish(r->options->finish_arg, &p->content) : NULL;
}

static void address_mail(struct bulk_run *r, struct parcel *p)
{
    const struct bulk_address *a = &p->chosen.address;
    p->rcpt = (struct envelope_rcpt){.address = a->text, .destination = a->domain};
    p->envelope = (struct envelope){.sender = r->options->letter.sender,
                                    .origin = ORIGIN_LOCAL,
                                    .flow = r->options->choose.flow,
                                    .rcpts = &p->rcpt,
                                    .rcpt_count = 1};
    p->verdict = (struct smtp_verdict){0};
    struct client_mail *m = &p->mail;
    bool needs_once = m->needs_once;
    *m = (struct client_mail){.envelope = &p->envelope,
                              .content = buf_str(&p->content),
                              .once = str_of(p->once),
                              .needs_once = needs_once,
                              .before_end = m->before_end,
                              .verdicts = &p->verdict,
                              .arena = p->arena};
}

/* The next row that gets a mail, in p. False: there is none. */
static bool choose(struct bulk_run *r, struct parcel *p)
{
    while (r->pace.halt == BULK_PACE_GO && !r->list_over) {
        arena_clear(p->arena);
        err e = bulk_choose_next(r->choose, p->arena, p->slots, &p->chosen);
        if (e) {
            fail(r, e, "list");
            return false;
        }
        if (p->chosen.row.end) {
            r->list_over = true;
            return false;
        }
        r->tally->rows += r->pass == 1;
        if (p->chosen.reason != BULK_KEPT) {
            leave_out(r, &p->chosen, p->chosen.reason, p->chosen.detail);
            continue;
        }
        set_key(r, p, bulk_seen_key(r->options->letter.campaign, p->chosen.address.folded));
        if (!is_wanted(r, p))
            continue;
        e = write_mail(r, p);
        if (e == NULL)
            return true;
        char why[300];
        err_words(e, why, sizeof why);
        leave_out(r, &p->chosen, BULK_UNREADABLE, str_of(why));
        err_forget();
    }
    return false;
}

static void put_in_stock(struct bulk_run *r, struct parcel *p)
{
    p->next = r->stock;
    r->stock = p;
}

static void give_back(struct bulk_run *r, struct parcel *p)
{
    set_key(r, p, 0);
    p->next = r->unused;
    r->unused = p;
}

/* One mail more is made. False: there are no more. */
static bool fill_stock(struct bulk_run *r)
{
    struct parcel *p = r->unused;
    if ((r->options->limit && r->chosen >= r->options->limit) || r->list_over)
        return false;
    ASSERT(p != NULL);
    r->chosen++;
    r->unused = p->next;
    if (!choose(r, p)) {
        r->chosen--;
        give_back(r, p);
        return false;
    }
    put_in_stock(r, p);
    return true;
}

/* Pace, then the way; nothing waits in between, so what is counted is what goes. */
static bool may_go(struct lane *lane, struct parcel *p, int64_t *ret_wait_ms)
{
    struct bulk_run *r = lane->run;
    char words[BULK_WAYS_WORDS];
    if (!bulk_pace_ready(&r->pace, ret_wait_ms))
        return false;
    err e = bulk_ways_take(r->ways, lane->way, &p->grant, ret_wait_ms, words);
    if (e)
        fail(r, e, "what was sent cannot be counted");
    if (e || *ret_wait_ms > 0) {
        if (e == NULL && words[0])
            bulk_pace_say(&r->pace, words);
        return false;
    }
    bulk_pace_count(&r->pace);
    return true;
}

static struct client_mail *from_stock(struct bulk_run *r)
{
    struct parcel *p = r->stock;
    r->stock = p->next;
    address_mail(r, p);
    return &p->mail;
}

/* False: no more. Who has a connection is counted, for whoever has none leaves a turn to him: a
 * server that is slow with us is not asked for more connections than it has given. */
static bool wait_for_turn(struct lane *lane, bool connected, int64_t wait_ms)
{
    lane->connected += connected;
    bool goes_on = bulk_pace_await(&lane->run->pace, wait_ms);
    lane->connected -= connected;
    return goes_on;
}

static struct client_mail *next_mail(void *arg, bool connected)
{
    struct lane *lane = arg;
    struct bulk_run *r = lane->run;
    int64_t wait_ms;
    while (r->pace.halt == BULK_PACE_GO && !fiber_canceled() &&
           !bulk_ways_is_shut(r->ways, lane->way)) {
        if (r->stock == NULL && !fill_stock(r))
            return NULL;
        struct parcel *p = r->stock; /* NULL: somebody else took it while we read */
        bool first = connected || lane->connected == 0;
        wait_ms = BULK_PACE_LOOK_MS;
        if (p && first && may_go(lane, p, &wait_ms))
            return from_stock(r);
        if (p && !wait_for_turn(lane, connected, wait_ms))
            return NULL;
    }
    return NULL;
}

/* The same while another one is under way, so nothing may wait here, not for the DNS either. */
static struct client_mail *next_mail_now(void *arg)
{
    struct lane *lane = arg;
    struct bulk_run *r = lane->run;
    int64_t wait_ms;
    if (r->options->choose.check_mx || r->pace.halt != BULK_PACE_GO ||
        bulk_ways_is_shut(r->ways, lane->way) || (r->stock == NULL && !fill_stock(r)) ||
        !may_go(lane, r->stock, &wait_ms))
        return NULL;
    return from_stock(r);
}

/* ---- what became of it ---------------------------------------------------------------------- */

static struct bulk_entry entry_of(const struct parcel *p, enum bulk_entry_kind kind, int code)
{
    return (struct bulk_entry){.kind = kind,
                               .code = (uint16_t)code,
                               .group = p->group,
                               .key = p->key,
                               .at_s = (uint32_t)(clock_real_ms() / 1000)};
}

static err note(struct bulk_run *r, const struct parcel *p, enum bulk_entry_kind kind, int code,
                uint64_t *ret_place)
{
    struct bulk_entry entry = entry_of(p, kind, code);
    TRY(bulk_journal_add(r->journal, &entry, ret_place));
    bulk_tally_entry(r->tally, &entry);
    return NULL;
}

static err before_end(struct client_mail *mail, deadline until)
{
    struct parcel *p = CONTAINER_OF(mail, struct parcel, mail);
    uint64_t place;
    err e = bulk_seen_set(p->run->seen, p->key, BULK_SEEN_DOUBT);
    if (e == NULL)
        e = note(p->run, p, BULK_ENTRY_TRY, 0, &place);
    if (e == NULL)
        e = bulk_journal_sync(p->run->journal, place, until);
    if (e && e->kind != ERR_CANCELED && e->kind != ERR_TIMEOUT)
        fail(p->run, e, "journal");
    return e;
}

static void settle(struct bulk_run *r, struct parcel *p, enum bulk_entry_kind kind, int code)
{
    enum bulk_seen_state state = kind == BULK_ENTRY_LATER ? BULK_SEEN_LATER : BULK_SEEN_DONE;
    r->sent += kind == BULK_ENTRY_SENT;
    r->later += kind == BULK_ENTRY_LATER;
    fail(r, bulk_seen_set(r->seen, p->key, state), "who has had it");
    fail(r, note(r, p, kind, code, NULL), "journal");
}

static void tell_trouble(struct bulk_run *r, const struct parcel *p)
{
    const struct smtp_verdict *v = &p->verdict;
    if (v->decided && !p->mail.held_back) {
        bulk_tally_reply(r->tally, v->reply.code, v->reply.enhanced, v->reply.text);
        snprintf(r->trouble, sizeof r->trouble, "%.*s: %d %.*s %.*s",
                 STR_ARG(str_slice(p->rcpt.address, 0, 80)), v->reply.code,
                 STR_ARG(v->reply.enhanced), STR_ARG(str_slice(v->reply.text, 0, 200)));
    } else if (p->mail.why[0]) {
        snprintf(r->trouble, sizeof r->trouble, "%.*s", BULK_RUN_WHY_BYTES - 1, p->mail.why);
    }
}

/* What a server said to a connection or a login stands for all that are still to come. */
static void tell_server(struct bulk_run *r, const struct parcel *p)
{
    snprintf(r->no_server, sizeof r->no_server, "%.*s", BULK_RUN_WHY_BYTES - 1, p->mail.why);
    if (p->mail.why[0])
        snprintf(r->trouble, sizeof r->trouble, "%s", r->no_server);
}

static void mail_done(void *arg, struct client_mail *mail)
{
    struct lane *lane = arg;
    struct bulk_run *r = lane->run;
    struct parcel *p = CONTAINER_OF(mail, struct parcel, mail);
    int code = p->verdict.decided ? p->verdict.reply.code : 0;
    r->keeps_no_keys = r->keeps_no_keys || mail->held_back;
    if (bulk_ways_end(r->ways, lane->way, &p->grant, mail)) {
        tell_server(r, p);
        lane->not_now = mail->outcome == CLIENT_LATER && mail->refused_code > 0;
        put_in_stock(r, p);
        return;
    }
    lane->tried++;
    if (code / 100 == 2) {
        settle(r, p, BULK_ENTRY_SENT, code);
    } else {
        tell_trouble(r, p);
        bool in_doubt = mail->held_back || (mail->in_doubt && !p->verdict.decided);
        in_doubt = in_doubt || (mail->needs_once && code / 100 != 5); /* nothing new was learned */
        if (code / 100 == 5)
            fail(r, bulk_remains_refuse(&r->remains, p->chosen.row.email, &p->verdict.reply),
                 "refused.csv");
        r->doubt += in_doubt;
        if (!in_doubt)
            settle(r, p, code / 100 == 5 ? BULK_ENTRY_REFUSED : BULK_ENTRY_LATER, code);
    }
    give_back(r, p);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void look(struct bulk_run *r)
{
    struct bulk_run_look l = {.tally = r->tally,
                              .progress = r->choose ? bulk_choose_progress(r->choose) : 0,
                              .pass = r->pass,
                              .sent_now = r->sent,
                              .elapsed_ms = clock_steady_ms() - r->start_ms,
                              .left_ms = r->outlook.left_ms,
                              .limits = r->outlook.text[0] ? r->outlook.text : NULL,
                              .waiting = r->pace.words[0] ? r->pace.words : NULL,
                              .trouble = r->trouble[0] ? r->trouble : NULL};
    if (r->watch)
        r->watch(r->watch_arg, &l);
}

/* For `bulk status`, which is another program. What cannot be written is not told there. */
static void note_waiting(struct bulk_run *r)
{
    int64_t now = clock_steady_ms();
    if (now - r->waiting_ms < WAITING_MS || str_eq(str_of(r->waiting), str_of(r->pace.words)))
        return;
    r->waiting_ms = now;
    snprintf(r->waiting, sizeof r->waiting, "%s", r->pace.words);
    if (bulk_folder_put(r->options->folder, "waiting", str_of(r->waiting)) != NULL)
        err_forget();
}

static void run_watcher(void *arg)
{
    struct bulk_run *r = arg;
    for (int64_t turn = 0; fiber_sleep(deadline_after(WATCH_MS)) == NULL; turn++) {
        fail(r, bulk_journal_flush(r->journal), "journal");
        bulk_pace_look(&r->pace);
        note_waiting(r);
        if (r->pass == 1)
            bulk_outlook_look(&r->outlook, bulk_choose_progress(r->choose));
        look(r);
    }
}

static void take_entry(void *arg, const struct bulk_entry *e)
{
    struct bulk_run *r = arg;
    static const enum bulk_seen_state states[] = {
        [BULK_ENTRY_TRY] = BULK_SEEN_DOUBT,
        [BULK_ENTRY_SENT] = BULK_SEEN_DONE,
        [BULK_ENTRY_REFUSED] = BULK_SEEN_DONE,
        [BULK_ENTRY_LATER] = BULK_SEEN_LATER,
    };
    bulk_tally_entry(r->tally, e);
    if (e->kind > BULK_ENTRY_BEGIN && e->kind < BULK_ENTRY_END)
        fail(r, bulk_seen_set(r->seen, e->key, states[e->kind]), "who has had it");
}

static err open_rows(struct bulk_run *r)
{
    const struct bulk_run_options *o = r->options;
    TRY(bulk_letter_add_fields(r->names));
    TRY(bulk_choose_open(&o->choose, r->names, &r->choose));
    if (o->split_by.len && !template_names_find(r->names, o->split_by, &r->split_slot)) {
        if (r->names->closed)
            return err_new(ERR_CONFIG, "--split by: there is no field \"%.*s\"",
                           STR_ARG(o->split_by));
        TRY(template_names_add(r->names, o->split_by, &r->split_slot));
    }
    return bulk_letter_open(&o->letter, r->names, &r->letter);
}

static err open_journal(struct bulk_run *r)
{
    const struct bulk_run_options *o = r->options;
    char path[BULK_FOLDER_PATH_CHARS];
    TRY(folder_make(o->folder));
    TRY(bulk_folder_read_groups(o->folder, r->tally));
    TRY(bulk_folder_file(o->folder, "journal", path));
    TRY(bulk_journal_open(path, o->letter.campaign, take_entry, r, &r->journal));
    TRY(folder_sync(o->folder));
    r->tally->before = r->tally->all.sent + r->tally->all.refused;
    TRY(bulk_folder_set_control(o->folder, BULK_CONTROL_GO));
    return bulk_remains_open(&r->remains, r->options->folder);
}

static void open_parcels(struct bulk_run *r, size_t count)
{
    r->parcels = mem_alloc(count * sizeof *r->parcels);
    r->under_way = mem_alloc(count * sizeof *r->under_way);
    r->parcel_count = count;
    for (size_t i = 0; i < count; i++) {
        struct parcel *p = &r->parcels[i];
        p->run = r;
        p->arena = arena_open(PARCEL_ARENA_BYTES_MAX);
        p->slots = mem_alloc(TEMPLATE_NAMES_MAX * sizeof *p->slots);
        p->mail.before_end = before_end;
        buf_init(&p->content, BULK_LETTER_BYTES_MAX);
        give_back(r, p);
    }
}

static void release(struct bulk_run *r)
{
    for (size_t i = 0; i < r->parcel_count; i++) {
        arena_close(r->parcels[i].arena);
        mem_free(r->parcels[i].slots);
        buf_release(&r->parcels[i].content);
    }
    mem_free(r->parcels);
    mem_free(r->under_way);
    bulk_ways_close(r->ways);
    bulk_letter_close(r->letter);
    bulk_choose_close(r->choose);
    bulk_journal_close(r->journal);
    bulk_seen_close(r->seen);
    if (r->pace.arena)
        bulk_pace_release(&r->pace);
    bulk_remains_release(&r->remains);
    template_names_close(r->names);
    arena_close(r->arena);
}

/* Those that were refused for now get another chance, later and later. */
static bool wait_for_pass(struct bulk_run *r)
{
    const struct bulk_run_options *o = r->options;
    uint64_t open = r->later + (r->keeps_no_keys ? 0 : r->doubt);
    bool more = open > 0 && r->pass < o->passes && r->pace.halt == BULK_PACE_GO &&
                !(o->limit && r->chosen >= o->limit);
    if (!more)
        return false;
    deadline until = deadline_after(o->pass_wait_ms << (r->pass - 1));
    snprintf(r->pace.words, sizeof r->pace.words, "%llu to be tried again: pass %d in %lld s",
             (unsigned long long)open, r->pass + 1, (long long)deadline_left_ms(until) / 1000);
    while (r->pace.halt == BULK_PACE_GO && !deadline_passed(until)) {
        deadline soon = deadline_after(BULK_PACE_LOOK_MS);
        if (fiber_sleep(deadline_sooner(soon, until)) != NULL)
            return false;
    }
    if (r->pace.halt == BULK_PACE_GO)
        r->pace.words[0] = '\0';
    return r->pace.halt == BULK_PACE_GO;
}

static bool is_left(const struct bulk_run *r)
{
    bool limited = r->options->limit && r->chosen >= r->options->limit;
    return r->stock != NULL || !(r->list_over || limited);
}

/* One that ends before the list does is of no use; the others go on without it. */
static void run_lane(void *arg)
{
    struct lane *lane = arg;
    struct bulk_run *r = lane->run;
    struct client_source source = {next_mail, next_mail_now, mail_done, lane};
    do {
        lane->tried = 0;
        lane->not_now = false;
        (void)client_run_source(&r->options->ways.list[lane->way].client, &source);
    } while (is_left(r) && r->pace.halt == BULK_PACE_GO && !fiber_canceled() &&
             !bulk_ways_is_shut(r->ways, lane->way) && (lane->tried > 0 || lane->not_now));
    if (is_left(r) && r->pace.halt == BULK_PACE_GO) {
        bulk_ways_shut(r->ways, lane->way);
        gate_wake_all(&r->pace.gate);
    }
}

static void run_lanes(struct bulk_run *r)
{
    struct group group;
    group_init(&group);
    bulk_ways_open_all(r->ways);
    for (size_t i = 0; i < r->options->ways.count; i++) {
        r->lanes[i] = (struct lane){.run = r, .way = i};
        fiber_spawn(&group, "bulk way", run_lane, &r->lanes[i]);
    }
    err e = group_wait(&group, DEADLINE_NEVER);
    group_close(&group);
    if (e == NULL && is_left(r) && r->pace.halt == BULK_PACE_GO) {
        r->end = BULK_RUN_NO_SERVER;
        snprintf(r->failure, sizeof r->failure, "%s", r->no_server);
        bulk_pace_halt_now(&r->pace, BULK_PACE_CANCELED, "no server");
    }
    err_forget();
}

static void run_passes(struct bulk_run *r)
{
    for (r->pass = 1;; r->pass++) {
        r->later = r->doubt = 0;
        r->list_over = false;
        run_lanes(r);
        if (!wait_for_pass(r))
            return;
        fail(r, bulk_choose_again(r->choose), "list");
    }
}

static void finish(struct bulk_run *r)
{
    struct bulk_entry last = {.kind = BULK_ENTRY_END, .at_s = (uint32_t)(clock_real_ms() / 1000)};
    if (r->pass >= 1 && r->tally->before > 0) { /* had it before: not twice in the list */
        uint64_t had = r->tally->reasons[BULK_DUPLICATE];
        r->tally->reasons[BULK_DUPLICATE] -= had < r->tally->before ? had : r->tally->before;
    }
    fail(r, bulk_seen_states(r->seen, &r->tally->doubt, &r->tally->open), "who has had it");
    bool whole = r->list_over && r->pace.halt == BULK_PACE_GO && r->tally->open == 0;
    err e = whole ? bulk_journal_add(r->journal, &last, NULL) : NULL;
    bulk_journal_set_crew(r->journal, 1);
    if (e == NULL)
        e = bulk_journal_sync(r->journal, bulk_journal_end(r->journal), DEADLINE_NEVER);
    fail(r, e, "journal");
    fail(r, bulk_remains_flush(&r->remains), "left-out.csv");
    if (r->end != BULK_RUN_NO_SERVER)
        r->end = r->failure[0]                        ? BULK_RUN_FAILED
                 : r->pace.halt == BULK_PACE_PAUSED   ? BULK_RUN_PAUSED
                 : r->pace.halt == BULK_PACE_CANCELED ? BULK_RUN_CANCELED
                                                      : BULK_RUN_DONE;
}

static err open_run(struct bulk_run *r, const volatile int *stop)
{
    const struct bulk_run_options *o = r->options;
    struct bulk_pace_options pace = {.folder = o->folder,
                                     .rate = o->rate,
                                     .wave = o->wave,
                                     .wave_every_ms = o->wave_every_ms,
                                     .pause_on = o->pause_on,
                                     .feedback = o->choose.suppression,
                                     .flow = o->choose.flow,
                                     .stop = stop};
    TRY(bulk_pace_init(&r->pace, &pace, r->tally));
    TRY(open_rows(r));
    TRY(open_journal(r));
    int connections = 0;
    for (size_t i = 0; i < o->ways.count; i++)
        connections += o->ways.list[i].client.policy.connections;
    bulk_journal_set_crew(r->journal, connections);
    open_parcels(r, 2 * (size_t)connections + 1);
    TRY(bulk_ways_open(&o->ways, &r->ways));
    struct bulk_outlook_options outlook = {.ways = r->ways,
                                           .list = o->choose.list.path,
                                           .before = r->tally->before,
                                           .limit = o->limit,
                                           .rate = o->rate,
                                           .wave = o->wave,
                                           .wave_every_ms = o->wave_every_ms};
    return bulk_outlook_begin(&r->outlook, &outlook);
}

static struct bulk_run *make_run(const struct bulk_run_options *options, struct bulk_tally *tally,
                                 const char *seen_folder)
{
    struct bulk_run *r = MEM_NEW(struct bulk_run);
    r->options = options;
    r->tally = tally;
    r->arena = arena_open(8 << 20);
    r->names = template_names_open(r->arena);
    r->seen = bulk_seen_open(seen_folder);
    gate_init(&r->pace.gate); /* a preview has no pace, and may fail, too */
    r->start_ms = clock_steady_ms();
    bulk_remains_init(&r->remains);
    return r;
}

err bulk_run(const struct bulk_run_options *options,
             void (*watch)(void *arg, const struct bulk_run_look *), void *arg,
             const volatile int *stop, struct bulk_tally *ret_tally, enum bulk_run_end *ret_end,
             char ret_why[BULK_RUN_WHY_BYTES])
{
    struct bulk_run *r = make_run(options, ret_tally, options->folder);
    r->watch = watch;
    r->watch_arg = arg;
    err e = open_run(r, stop);
    if (e == NULL) {
        struct group group;
        group_init(&group);
        fiber_spawn(&group, "bulk watch", run_watcher, r);
        run_passes(r);
        group_close(&group);
        finish(r);
        look(r);
        *ret_end = r->end;
        snprintf(ret_why, BULK_RUN_WHY_BYTES, "%s", r->failure[0] ? r->failure : r->pace.words);
    }
    release(r);
    mem_free(r);
    return e;
}

err bulk_run_preview(const struct bulk_run_options *options,
                     bool (*each)(void *arg, const struct bulk_list_row *, str mail,
                                  const char *why),
                     void *arg, struct bulk_tally *ret_tally)
{
    struct bulk_run *r = make_run(options, ret_tally, NULL);
    r->pass = 1;
    err e = open_rows(r);
    if (e == NULL)
        open_parcels(r, 1);
    struct parcel *p = r->unused;
    for (bool more = e == NULL; more;) {
        uint64_t bad = ret_tally->reasons[BULK_UNREADABLE];
        more = choose(r, p);
        if (more)
            e = bulk_seen_set(r->seen, p->key, BULK_SEEN_DONE);
        more = more && e == NULL;
        if (more) {
            r->chosen++;
            if (p->group > 0)
                ret_tally->groups[p->group - 1].tried++;
            more = each(arg, &p->chosen.row, buf_str(&p->content),
                        ret_tally->reasons[BULK_UNREADABLE] > bad ? "rows before it make no mail"
                                                                  : NULL);
        }
    }
    ret_tally->all.tried = r->chosen;
    if (e == NULL && r->failure[0])
        e = err_new(ERR_SYSTEM, "%s", r->failure);
    release(r);
    mem_free(r);
    return e;
}
