#include "inbound/report_own.h"
#include "message/arf.h"
#include "message/id.h"
#include "report/address.h"
#include <string.h>

enum { HOUR_MS = 3600 * 1000, CONTENT_BYTES_MAX = 256 << 10 };

/* ---- how many ---- */

static struct inbound_report_hour *count_of(struct inbound_report *r, str domain)
{
    for (size_t i = 0; i < r->hour_count; i++)
        if (str_eq(str_of(r->hours[i].domain), domain))
            return &r->hours[i];
    if (r->hour_count == INBOUND_REPORT_HOURS_MAX)
        return NULL;
    struct inbound_report_hour *h = &r->hours[r->hour_count];
    h->count = 0;
    if (!str_to_chars(domain, h->domain, sizeof h->domain))
        return NULL;
    r->hour_count++;
    return h;
}

/* True, and counted: one more may go out in this hour. */
static bool may_send(struct inbound_report *r, const struct config *c, str domain, int64_t now_ms)
{
    if (r->hour != now_ms / HOUR_MS) {
        r->hour = now_ms / HOUR_MS;
        r->hour_count = 0;
        r->hour_total = 0;
    }
    struct inbound_report_hour *h = count_of(r, domain);
    if (h == NULL || h->count >= c->mailauth.reports.failures_per_hour ||
        r->hour_total >= INBOUND_REPORT_FAILURES_HOUR_MAX)
        return false;
    h->count++;
    r->hour_total++;
    return true;
}

/* ---- the mail ---- */

struct failing {
    struct inbound_report *report;
    const struct config *config;
    const struct inbound_report_sample *sample;
    struct arena *arena;
    deadline until;
    char unique[MESSAGE_UNIQUE_CHARS];
};

static str alignment_of(const struct inbound_report_sample *s)
{
    return s->dkim_aligned && s->spf_aligned ? S("dkim, spf")
           : s->dkim_aligned                 ? S("dkim")
           : s->spf_aligned                  ? S("spf")
                                             : S("none");
}

static str delivery_of(const struct inbound_report_sample *s)
{
    return s->disposition == MAILAUTH_DMARC_REJECT       ? S("reject")
           : s->disposition == MAILAUTH_DMARC_QUARANTINE ? S("other")
                                                         : S("delivered");
}

static struct message_arf *arf_of(const struct failing *f)
{
    const struct inbound_report_sample *s = f->sample;
    struct message_arf *a = ARENA_NEW(f->arena, struct message_arf);
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(s->now_ms, date);
    a->feedback_type = S("auth-failure");
    a->user_agent = S("smtptool/" SMTPTOOL_VERSION);
    a->version = S("1");
    a->original_mail_from = s->sender;
    a->arrival_date = arena_str(f->arena, str_of(date));
    a->reporting_mta = arena_printf(f->arena, "dns; %.*s", STR_ARG(f->config->hostname));
    a->source_ip = s->source;
    a->authentication_results = s->results;
    a->auth_failure = s->failure;
    a->identity_alignment = alignment_of(s);
    a->delivery_result = delivery_of(s);
    a->reported_domain = s->header_from;
    return a;
}

static err write_content(const struct failing *f, str to, struct buf *out)
{
    const struct inbound_report_sample *s = f->sample;
    struct message_arf_letter letter = {
        .report = arf_of(f),
        .from = f->config->mailauth.reports.from,
        .to = to,
        .subject = arena_printf(f->arena, "DMARC failure report of %.*s", STR_ARG(s->header_from)),
        .text = arena_printf(f->arena,
                             "A message that says it is from %.*s failed an authentication check "
                             "here. Its header is attached.",
                             STR_ARG(s->header_from)),
        .unique = str_of(f->unique),
        .hostname = f->config->hostname,
        .now_ms = clock_real_ms(),
        .original = s->header,
        .header_only = true,
    };
    return message_arf_build(&letter, out);
}

static err give(const struct failing *f, str to, str content)
{
    CLEANUP(queue_draft_abandon) struct queue_draft *draft = NULL;
    struct inbound_report *r = f->report;
    queue_id id;
    str path, domain = f->sample->header_from;
    if (f->config->mailauth.reports.failure == REPORTING_DRY_RUN) {
        str name = arena_printf(f->arena, "failure-%s.eml", f->unique);
        TRY(inbound_report_post_save(r, name, content, f->arena, &path, f->until));
        report_tell(r->options.events, EVENT_REPORT_WRITTEN, to, (str){0}, 1,
                    "failure report of %.*s: %.*s", STR_ARG(domain), STR_ARG(path));
        return NULL;
    }
    struct inbound_report_post post = {
        .config = f->config,
        .to = to,
        .content = content,
        .message_id = arena_printf(f->arena, "<%s@%.*s>", f->unique, STR_ARG(f->config->hostname))};
    TRY(inbound_report_post_open(r, &post, &draft, f->until));
    TRY(inbound_report_post_commit(r, &post, &draft, &id, f->until));
    report_tell(r->options.events, EVENT_REPORT_SENT, to, str_of(id.text), 1,
                "failure report of %.*s", STR_ARG(domain));
    return NULL;
}

/* ---- whether and to whom ---- */

static err give_to(struct failing *f, str to)
{
    CLEANUP(buf_release) struct buf content;
    buf_init(&content, CONTENT_BYTES_MAX);
    message_id_unique(clock_real_ms(), f->unique);
    TRY(write_content(f, to, &content));
    return give(f, to, buf_str(&content));
}

/* The first address that may be used: one message, one report. */
static err find_address(struct failing *f, const struct mailauth_dmarc_uris *ruf, str *ret_to)
{
    struct dns_budget budget;
    dns_budget_init(&budget, INBOUND_REPORT_DNS_QUESTIONS, INBOUND_REPORT_FAILURE_DNS_MS);
    struct mailauth_ask ask = {f->arena, f->report->options.dns, &budget,
                               dns_budget_deadline(&budget, f->until), clock_real_ms()};
    struct mailauth_dmarc_walks walks;
    mailauth_dmarc_walk_init(&walks, &ask, NULL);
    for (size_t i = 0; i < ruf->count && ret_to->len == 0; i++) {
        struct mailauth_dmarc_external external;
        str address;
        if (!report_address_read(&ruf->items[i], f->arena, &address))
            continue;
        TRY(mailauth_dmarc_external_check(&walks, f->sample->domain, &ruf->items[i], &external));
        if (external.verdict == MAILAUTH_DMARC_EXTERNAL_OWN ||
            external.verdict == MAILAUTH_DMARC_EXTERNAL_ALLOWED)
            *ret_to = address;
    }
    return NULL;
}

static err fail(struct failing *f)
{
    struct mailauth_dmarc_record record;
    str to = {0};
    if (mailauth_dmarc_record_parse(f->sample->policy, f->arena, &record))
        return NULL;
    TRY(find_address(f, &record.ruf, &to));
    return to.len > 0 ? give_to(f, to) : NULL;
}

err inbound_report_failure_send(struct inbound_report *r, const struct config *c,
                                const struct inbound_report_sample *sample, deadline until)
{
    struct failing f = {.report = r, .config = c, .sample = sample, .until = until};
    if (c->mailauth.reports.failure == REPORTING_OFF ||
        !may_send(r, c, sample->domain, clock_real_ms()))
        return NULL;
    f.arena = arena_open(INBOUND_REPORT_ARENA_BYTES);
    err e = fail(&f);
    arena_close(f.arena);
    return e;
}
