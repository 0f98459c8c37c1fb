#include "inbound/report_sample.h"
#include "base/mem.h"
#include "mailauth/dmarc_domain.h"
#include "message/header.h"
#include "report/day.h"
#include <string.h>

static const struct report_day_window window = {INBOUND_REPORT_FIRST_MS, INBOUND_REPORT_SPREAD_MS};

bool inbound_report_sample_excluded(const struct config_reports *c, str domain)
{
    for (size_t i = 0; i < c->exclude_count; i++)
        if (mailauth_dmarc_domain_is_below(domain, c->exclude[i]))
            return true;
    return false;
}

/* ---- what kind of message ---- */

static str field_of(str header, str name)
{
    struct message_field f;
    return message_header_find(header, name, &f) ? str_trim(f.value) : (str){0};
}

/* "Report Domain:" begins the subject of each aggregate report (RFC 9990 section 3.5.2). */
static bool says_it_is_a_report(str header)
{
    return str_starts_nocase(field_of(header, S("Subject")), S("Report Domain:")) ||
           str_starts_nocase(field_of(header, S("Content-Type")), S("multipart/report"));
}

/* No failure report on what nobody wrote: it would come back to us as the next one. */
static bool is_automatic(const struct inbound_report_seen *seen)
{
    str said = field_of(seen->header, S("Auto-Submitted"));
    return seen->judgement->peer.sender.len == 0 || says_it_is_a_report(seen->header) ||
           (said.len > 0 && !str_starts_nocase(said, S("no")));
}

static bool is_wanted(const struct mailauth_dmarc_uris *uris)
{
    for (size_t i = 0; i < uris->count; i++)
        if (uris->items[i].address.len > 0)
            return true;
    return false;
}

static str provider_of(const struct mailauth_dmarc_uris *uris)
{
    for (size_t i = 0; i < uris->count; i++)
        if (uris->items[i].address.len > 0)
            return uris->items[i].domain;
    return (str){0};
}

/* ---- when a failure is one (RFC 9989 section 4.7, fo=) ---- */

static bool has_failed_signature(const struct mailauth_judgement *j)
{
    for (size_t i = 0; i < j->dkim.count; i++)
        if (j->dkim.results[i].result != MAILAUTH_PASS)
            return true;
    return false;
}

/* For RFC 6591's Auth-Failure; empty: the owner does not want to hear of it. */
static str failure_of(const struct mailauth_judgement *j)
{
    unsigned fo = j->dmarc.record->fo;
    if ((fo & MAILAUTH_DMARC_FO_ALL) && j->dmarc.result == MAILAUTH_FAIL)
        return S("dmarc");
    if ((fo & MAILAUTH_DMARC_FO_ANY) && !(j->dmarc.dkim_aligned && j->dmarc.spf_aligned))
        return S("dmarc");
    if ((fo & MAILAUTH_DMARC_FO_DKIM) && has_failed_signature(j))
        return S("signature");
    bool spf_failed = j->spf.result != MAILAUTH_PASS && j->spf.result != MAILAUTH_NONE;
    return (fo & MAILAUTH_DMARC_FO_SPF) && spf_failed ? S("spf") : (str){0};
}

static void weigh(const struct inbound_report_seen *seen, struct inbound_report_sample *s)
{
    const struct mailauth_judgement *j = seen->judgement;
    const struct config_reports *c = &seen->config->mailauth.reports;
    const struct mailauth_dmarc_record *record = j->dmarc.record;
    bool report = j->dmarc.result == MAILAUTH_PASS && says_it_is_a_report(seen->header);
    if (record == NULL || record->text.len == 0 ||
        inbound_report_sample_excluded(c, j->dmarc.policy_domain))
        return;
    s->counts = c->aggregate != REPORTING_OFF && is_wanted(&record->rua) && !report;
    s->fails = c->failure != REPORTING_OFF && is_wanted(&record->ruf) && !is_automatic(seen);
    s->failure = s->fails ? failure_of(j) : (str){0};
    s->fails = s->failure.len > 0;
}

/* ---- texts ---- */

static str clean(str text, struct arena *arena)
{
    str cut = str_slice(text, 0, INBOUND_REPORT_DOMAIN_BYTES_MAX);
    char *out = arena_alloc(arena, cut.len + 1);
    for (size_t i = 0; i < cut.len; i++) {
        unsigned char c = (unsigned char)cut.ptr[i];
        out[i] = c <= ' ' || c == 127 ? '?' : cut.ptr[i];
    }
    return (str){out, cut.len};
}

static str dkim_lines(const struct mailauth_dmarc_row *row, struct arena *arena)
{
    str lines = {0};
    for (size_t i = 0; i < row->dkim_count; i++) {
        const struct mailauth_dmarc_dkim *d = &row->dkim[i];
        str result = mailauth_result_name(d->result), domain = clean(d->domain, arena),
            selector = clean(d->selector, arena);
        lines = arena_printf(arena, "%.*s%.*s %.*s %.*s%s\n", STR_ARG(lines), STR_ARG(result),
                             STR_ARG(domain), STR_ARG(selector), d->partial ? " partial" : "");
    }
    return lines;
}

/* Why something else was done than was asked for. */
static str reason_lines(const struct inbound_report_seen *seen, struct arena *arena)
{
    const struct mailauth_judgement *j = seen->judgement;
    str lines = j->dmarc.softened ? S("policy_test_mode\n") : (str){0};
    if (j->believed.len > 0)
        return arena_printf(arena, "%.*strusted_forwarder ARC seal of %.*s\n", STR_ARG(lines),
                            STR_ARG(clean(j->believed, arena)));
    bool less = j->dmarc.result == MAILAUTH_FAIL && j->disposition != MAILAUTH_DMARC_NONE &&
                seen->verdict == INBOUND_VERDICT_ACCEPT;
    return less ? arena_printf(arena, "%.*slocal_policy\n", STR_ARG(lines)) : lines;
}

static enum mailauth_dmarc_policy done_with(enum inbound_verdict verdict)
{
    return verdict == INBOUND_VERDICT_REJECT       ? MAILAUTH_DMARC_REJECT
           : verdict == INBOUND_VERDICT_QUARANTINE ? MAILAUTH_DMARC_QUARANTINE
                                                   : MAILAUTH_DMARC_NONE;
}

static void fill_row(const struct inbound_report_seen *seen, const struct mailauth_dmarc_row *row,
                     struct arena *arena, struct inbound_report_sample *s)
{
    char ip[ADDRESS_CHARS];
    address_format_ip(&row->source, ip);
    s->source = arena_str(arena, str_of(ip));
    s->header_from = clean(row->header_from, arena);
    s->envelope_from = clean(row->envelope_from, arena);
    s->spf = arena_printf(arena, "%.*s %.*s", STR_ARG(mailauth_result_name(row->spf.result)),
                          STR_ARG(clean(row->spf.domain, arena)));
    s->dkim = dkim_lines(row, arena);
    s->reasons = reason_lines(seen, arena);
    s->disposition = done_with(seen->verdict);
    s->dkim_aligned = row->dkim_aligned;
    s->spf_aligned = row->spf_aligned;
}

/* "dkim=fail; spf=pass" with our name in front, for Authentication-Results. */
static str results_of(const struct inbound_report_seen *seen, struct arena *arena)
{
    const struct mailauth_judgement *j = seen->judgement;
    return arena_printf(
        arena, "%.*s; dmarc=%.*s header.from=%.*s; spf=%.*s; dkim=%.*s",
        STR_ARG(seen->config->mailauth.id), STR_ARG(mailauth_result_name(j->dmarc.result)),
        STR_ARG(clean(j->dmarc.author, arena)), STR_ARG(mailauth_result_name(j->spf.result)),
        STR_ARG(mailauth_result_name(mailauth_judge_dkim(j))));
}

static void fill_failure(const struct inbound_report_seen *seen, struct arena *arena,
                         struct inbound_report_sample *s)
{
    s->header = str_slice(seen->header, 0, INBOUND_REPORT_HEADER_BYTES_MAX);
    s->sender = str_slice(seen->judgement->peer.sender, 0, INBOUND_REPORT_TEXT_BYTES_MAX);
    s->results = str_slice(results_of(seen, arena), 0, INBOUND_REPORT_TEXT_BYTES_MAX);
}

/* ---- all of it in one piece ---- */

static const size_t texts[] = {
    offsetof(struct inbound_report_sample, domain),
    offsetof(struct inbound_report_sample, policy),
    offsetof(struct inbound_report_sample, provider),
    offsetof(struct inbound_report_sample, source),
    offsetof(struct inbound_report_sample, header_from),
    offsetof(struct inbound_report_sample, envelope_from),
    offsetof(struct inbound_report_sample, spf),
    offsetof(struct inbound_report_sample, dkim),
    offsetof(struct inbound_report_sample, reasons),
    offsetof(struct inbound_report_sample, header),
    offsetof(struct inbound_report_sample, sender),
    offsetof(struct inbound_report_sample, results),
    offsetof(struct inbound_report_sample, failure),
};

static str *text_at(struct inbound_report_sample *s, size_t i)
{
    return (str *)((char *)s + texts[i]);
}

static struct inbound_report_sample *copy_out(struct inbound_report_sample *s)
{
    size_t *bytes = &s->inbox.bytes;
    *bytes = sizeof *s;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *bytes += text_at(s, i)->len;
    struct inbound_report_sample *copy = mem_alloc(*bytes);
    char *at = (char *)(copy + 1);
    *copy = *s;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        str text = *text_at(s, i);
        *text_at(copy, i) = (str){at, text.len};
        at = str_put(at, text);
    }
    return copy;
}

struct inbound_report_sample *inbound_report_sample_make(const struct inbound_report_seen *seen,
                                                         struct arena *scratch)
{
    const struct mailauth_judgement *j = seen->judgement;
    struct inbound_report_sample s = {.now_ms = seen->now_ms, .day = seen->now_ms / REPORT_DAY_MS};
    struct mailauth_dmarc_row *row = ARENA_NEW(scratch, struct mailauth_dmarc_row);
    weigh(seen, &s);
    if ((!s.counts && !s.fails) || !mailauth_judge_row(j, row))
        return NULL;
    s.domain = j->dmarc.policy_domain;
    s.policy = j->dmarc.record->text;
    s.provider = provider_of(&j->dmarc.record->rua);
    s.due_ms = report_day_due_ms(&window, seen->config->hostname, s.domain, s.day);
    fill_row(seen, row, scratch, &s);
    if (s.fails)
        fill_failure(seen, scratch, &s);
    return copy_out(&s);
}
