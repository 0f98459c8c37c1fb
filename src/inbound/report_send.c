#include "inbound/report_own.h"
#include "report/address.h"
#include "runtime/fault.h"

enum { FILE_DOMAIN_BYTES = 150 }; /* of a name that has 255 */

/* One report. */
struct sending {
    struct inbound_report *report;
    const struct config *config;
    const struct inbound_report_head *head;
    struct arena *arena;
    int64_t now_ms;
    deadline until;
    str id;                            /* the report's */
    struct inbound_report_mail *mails; /* what is known of each address */
    size_t mail_count;
    struct {
        str address;
        uint64_t bytes_max; /* 0: none was said */
    } to[INBOUND_REPORT_STORE_MAILS_MAX];
    size_t to_count;
    bool unknown;    /* of one address the DNS did not say whether it may be used */
    struct buf file; /* the report, packed; empty: not yet */
};

static str day_of(const struct sending *s)
{
    char text[REPORT_DAY_CHARS];
    report_day_format(s->head->day, text);
    return arena_str(s->arena, str_of(text));
}

/* ---- what was done ---- */

static err note(struct sending *s, struct inbound_report_mail *m)
{
    m->report = s->head->id;
    return inbound_report_claim_note(s->report, s->id, m, s->until);
}

static err refuse(struct sending *s, str address, str why)
{
    struct inbound_report_mail m = {.recipient = address,
                                    .state = INBOUND_REPORT_MAIL_REFUSED,
                                    .note = why,
                                    .time_ms = s->now_ms};
    TRY(note(s, &m));
    report_tell(s->report->options.events, EVENT_REPORT_DROPPED, address, (str){0},
                s->head->messages, "aggregate report of %.*s for %.*s: %.*s",
                STR_ARG(s->head->domain), STR_ARG(day_of(s)), STR_ARG(why));
    return NULL;
}

static const struct inbound_report_mail *known_mail(const struct sending *s, str address)
{
    for (size_t i = 0; i < s->mail_count; i++)
        if (str_eq(s->mails[i].recipient, address))
            return &s->mails[i];
    return NULL;
}

static err load_mails(struct sending *s)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w =
        inbound_report_work_new(s->report->store, inbound_report_work_mails);
    w->report = s->head->id;
    TRY(inbound_report_work_do(&w, s->until));
    s->mails = ARENA_ARRAY(s->arena, struct inbound_report_mail, w->mail_count + 1);
    s->mail_count = w->mail_count;
    for (size_t i = 0; i < w->mail_count; i++) {
        s->mails[i] = w->mails[i];
        s->mails[i].recipient = arena_str(s->arena, w->mails[i].recipient);
        s->mails[i].queue_id = arena_str(s->arena, w->mails[i].queue_id);
        s->mails[i].note = (str){0};
    }
    return NULL;
}

/* ---- where it goes ---- */

static void add_address(struct sending *s, const struct mailauth_dmarc_uri *uri, str address)
{
    for (size_t i = 0; i < s->to_count; i++)
        if (str_eq(s->to[i].address, address))
            return;
    if (s->to_count == INBOUND_REPORT_STORE_MAILS_MAX)
        return;
    s->to[s->to_count].address = address;
    s->to[s->to_count++].bytes_max = uri->sized ? uri->bytes : 0;
}

static err add_allowed(struct sending *s, const struct mailauth_dmarc_uri *asked,
                       const struct mailauth_dmarc_external *e)
{
    str address;
    if (e->verdict == MAILAUTH_DMARC_EXTERNAL_UNKNOWN) {
        s->unknown = true;
        return NULL;
    }
    bool refused = e->verdict == MAILAUTH_DMARC_EXTERNAL_REFUSED;
    if (refused || !report_address_read(asked, s->arena, &address)) {
        if (known_mail(s, asked->address) || s->mail_count >= INBOUND_REPORT_STORE_MAILS_MAX)
            return NULL;
        return refuse(s, asked->address, refused ? e->reason : S("the address cannot be used"));
    }
    for (size_t i = 0; i < e->uris.count; i++)
        if (report_address_read(&e->uris.items[i], s->arena, &address))
            add_address(s, &e->uris.items[i], address);
    return NULL;
}

static err find_addresses(struct sending *s, const struct mailauth_dmarc_record *record)
{
    struct dns_budget budget;
    dns_budget_init(&budget, INBOUND_REPORT_DNS_QUESTIONS, INBOUND_REPORT_DNS_MS);
    struct mailauth_ask ask = {s->arena, s->report->options.dns, &budget,
                               dns_budget_deadline(&budget, s->until), s->now_ms};
    struct mailauth_dmarc_walks walks;
    mailauth_dmarc_walk_init(&walks, &ask, NULL);
    for (size_t i = 0; i < record->rua.count; i++) {
        struct mailauth_dmarc_external external;
        if (record->rua.items[i].address.len == 0)
            continue;
        TRY(mailauth_dmarc_external_check(&walks, s->head->domain, &record->rua.items[i],
                                          &external));
        TRY(add_allowed(s, &record->rua.items[i], &external));
    }
    return NULL;
}

/* ---- the mail ---- */

static struct inbound_report_letter letter_of(const struct sending *s, str to)
{
    const struct config_reports *c = &s->config->mailauth.reports;
    return (struct inbound_report_letter){.head = s->head,
                                          .receiver = s->config->hostname,
                                          .org = c->org,
                                          .from = c->from,
                                          .contact = c->contact,
                                          .id = s->id,
                                          .to = to,
                                          .now_ms = s->now_ms};
}

static err pack(struct sending *s)
{
    struct inbound_report_letter letter = letter_of(s, (str){0});
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w =
        inbound_report_work_new(s->report->store, inbound_report_work_pack);
    if (s->file.len > 0)
        return NULL;
    inbound_report_work_letter(w, &letter);
    TRY(inbound_report_work_do(&w, s->until));
    return buf_add(&s->file, buf_str(&w->file));
}

/* The content stays in the work. */
static err write_mail(struct sending *s, str to, struct inbound_report_work **ret_work)
{
    struct inbound_report_letter letter = letter_of(s, to);
    TRY(pack(s));
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w =
        inbound_report_work_new(s->report->store, inbound_report_work_write);
    inbound_report_work_letter(w, &letter);
    TRY(buf_add(&w->file, buf_str(&s->file)));
    TRY(inbound_report_work_do(&w, s->until));
    *ret_work = w;
    w = NULL;
    return NULL;
}

/* ---- giving it away ---- */

static err tell_sent(struct sending *s, struct inbound_report_mail *m)
{
    m->state = INBOUND_REPORT_MAIL_SENT;
    TRY(note(s, m));
    report_tell(s->report->options.events, EVENT_REPORT_SENT, m->recipient, m->queue_id,
                s->head->messages, "aggregate report of %.*s for %.*s", STR_ARG(s->head->domain),
                STR_ARG(day_of(s)));
    return NULL;
}

/* First it is said under which name it will be in the queue, then it is there, then that it is. */
static err queue_it(struct sending *s, struct inbound_report_mail *m, str content)
{
    struct inbound_report_post post = {
        .config = s->config,
        .to = m->recipient,
        .content = content,
        .message_id =
            arena_printf(s->arena, "<%.*s@%.*s>", STR_ARG(s->id), STR_ARG(s->config->hostname))};
    CLEANUP(queue_draft_abandon) struct queue_draft *draft = NULL;
    queue_id id;
    TRY(inbound_report_post_open(s->report, &post, &draft, s->until));
    id = queue_draft_id(draft);
    m->queue_id = arena_str(s->arena, str_of(id.text));
    m->state = INBOUND_REPORT_MAIL_CLAIMED;
    TRY(note(s, m));
    TRY(fault_point("report.claimed"));
    TRY(inbound_report_post_commit(s->report, &post, &draft, &id, s->until));
    TRY(fault_point("report.queued"));
    return tell_sent(s, m);
}

static err save_it(struct sending *s, struct inbound_report_mail *m, size_t number, str content)
{
    str path, day = day_of(s);
    str domain = str_slice(s->head->domain, 0, FILE_DOMAIN_BYTES);
    str name = arena_printf(s->arena, "%.*s-%.*s-%lld-%zu.eml", STR_ARG(day), STR_ARG(domain),
                            (long long)s->head->id, number + 1);
    TRY(inbound_report_post_save(s->report, name, content, s->arena, &path, s->until));
    m->state = INBOUND_REPORT_MAIL_WRITTEN;
    m->note = path;
    TRY(note(s, m));
    report_tell(s->report->options.events, EVENT_REPORT_WRITTEN, m->recipient, (str){0},
                s->head->messages, "aggregate report of %.*s for %.*s: %.*s",
                STR_ARG(s->head->domain), STR_ARG(day_of(s)), STR_ARG(path));
    return NULL;
}

static err give(struct sending *s, size_t number, struct inbound_report_mail *m)
{
    CLEANUP(inbound_report_work_cleanup) struct inbound_report_work *w = NULL;
    uint64_t bytes_max = s->to[number].bytes_max;
    err e = write_mail(s, m->recipient, &w);
    if (e && e->kind == ERR_LIMIT)
        return refuse(s, m->recipient, S("the report is too large to be sent"));
    if (e && e->kind == ERR_CONFIG)
        return refuse(s, m->recipient, S("the address cannot stand in a mail"));
    TRY(e);
    m->bytes = (int64_t)w->content.len;
    m->time_ms = s->now_ms;
    if (bytes_max > 0 && w->content.len > bytes_max)
        return refuse(s, m->recipient,
                      arena_printf(s->arena, "its %zu bytes are more than the address takes (%llu)",
                                   w->content.len, (unsigned long long)bytes_max));
    if (s->config->mailauth.reports.aggregate == REPORTING_ON)
        return queue_it(s, m, buf_str(&w->content));
    return save_it(s, m, number, buf_str(&w->content));
}

static err serve(struct sending *s, size_t number)
{
    const struct inbound_report_mail *known = known_mail(s, s->to[number].address);
    struct inbound_report_mail m = {.recipient = s->to[number].address, .time_ms = s->now_ms};
    if (known && known->state != INBOUND_REPORT_MAIL_CLAIMED)
        return NULL;
    if (known) { /* we were stopped between the two notes, or had no answer */
        bool there = false;
        m.queue_id = known->queue_id;
        m.bytes = known->bytes;
        TRY(inbound_report_claim_is_queued(s->report, known->queue_id, &there, s->until));
        if (there)
            return tell_sent(s, &m);
    }
    return give(s, number, &m);
}

/* ---- the whole ---- */

static err end(struct sending *s)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(
        s->report->store, s->unknown ? inbound_report_work_postpone : inbound_report_work_finish);
    w->report = s->head->id;
    w->number = s->now_ms + INBOUND_REPORT_ASK_AGAIN_MS;
    return inbound_report_work_do(&w, s->until);
}

static err send_all(struct sending *s)
{
    struct mailauth_dmarc_record record;
    bool excluded = inbound_report_sample_excluded(&s->config->mailauth.reports, s->head->domain);
    if (excluded || mailauth_dmarc_record_parse(s->head->policy, s->arena, &record))
        return end(s);
    TRY(load_mails(s));
    TRY(find_addresses(s, &record));
    for (size_t i = 0; i < s->to_count; i++)
        TRY(serve(s, i));
    return end(s);
}

err inbound_report_send(struct inbound_report *r, const struct config *c,
                        const struct inbound_report_head *head, deadline until)
{
    struct sending s = {
        .report = r, .config = c, .head = head, .until = until, .now_ms = clock_real_ms()};
    char id[MESSAGE_DAILY_REPORT_ID_CHARS];
    s.arena = arena_open(INBOUND_REPORT_ARENA_BYTES);
    buf_init(&s.file, MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX);
    message_daily_report_id(s.now_ms, id);
    s.id = head->report_id.len ? head->report_id : str_of(id);
    err e = send_all(&s);
    buf_release(&s.file);
    arena_close(s.arena);
    return e;
}
