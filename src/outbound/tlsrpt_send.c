#include "dns/host.h"
#include "outbound/letter.h"
#include "outbound/tlsrpt_own.h"
#include "report/address.h"
#include "tlspolicy/report_mail.h"
#include "tlspolicy/report_record.h"

enum { ARENA_BYTES = 64 << 20, FILE_DOMAIN_BYTES = 150 };

/* One report. */
struct sending {
    struct outbound_tlsrpt *reports;
    const struct config *config;
    struct outbound_tlsrpt_head head;
    struct arena *arena;
    int64_t now_ms;
    deadline until;
    str id;
    struct outbound_tlsrpt_note *notes; /* what is known of each address */
    size_t note_count;
    struct outbound_tlsrpt_job *written; /* NULL: not yet */
    size_t tried;
    bool again; /* to somebody it could not be given now */
};

static str day_of(const struct sending *s)
{
    char text[REPORT_DAY_CHARS];
    report_day_format(s->head.day, text);
    return arena_str(s->arena, str_of(text));
}

/* ---- what was done ---- */

static err note(struct sending *s, str uri, bool sent, str text)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j =
        outbound_tlsrpt_job_new(s->reports->store, outbound_tlsrpt_job_note);
    j->head.id = s->head.id;
    j->report_id = arena_str(j->arena, s->id);
    j->note = (struct outbound_tlsrpt_note){arena_str(j->arena, uri), arena_str(j->arena, text),
                                            s->now_ms, sent};
    return outbound_tlsrpt_job_do(&j, s->until);
}

static err drop(struct sending *s, str uri, str why)
{
    report_tell(s->reports->options.events, EVENT_REPORT_DROPPED, uri, (str){0}, s->head.sessions,
                "TLS report of %.*s for %.*s: %.*s", STR_ARG(s->head.domain), STR_ARG(day_of(s)),
                STR_ARG(why));
    return note(s, uri, false, why);
}

static void tell(struct sending *s, enum event_kind kind, str uri, str queued_as, str how)
{
    report_tell(s->reports->options.events, kind, uri, queued_as, s->head.sessions,
                "TLS report of %.*s for %.*s: %.*s", STR_ARG(s->head.domain), STR_ARG(day_of(s)),
                STR_ARG(how));
}

static bool is_known(const struct sending *s, str uri)
{
    for (size_t i = 0; i < s->note_count; i++)
        if (str_eq(s->notes[i].uri, uri))
            return true;
    return false;
}

static err load_notes(struct sending *s)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j =
        outbound_tlsrpt_job_new(s->reports->store, outbound_tlsrpt_job_notes);
    j->head.id = s->head.id;
    TRY(outbound_tlsrpt_job_do(&j, s->until));
    s->notes = ARENA_ARRAY(s->arena, struct outbound_tlsrpt_note, j->note_count + 1);
    s->note_count = j->note_count;
    for (size_t i = 0; i < j->note_count; i++)
        s->notes[i].uri = arena_str(s->arena, j->notes[i].uri);
    return NULL;
}

/* ---- the report ---- */

static err write_report(struct sending *s)
{
    if (s->written)
        return NULL;
    const struct config_tls_reports *c = &s->config->tls_reports;
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j =
        outbound_tlsrpt_job_new(s->reports->store, outbound_tlsrpt_job_write);
    j->head = s->head;
    j->head.domain = arena_str(j->arena, s->head.domain);
    j->report_id = arena_str(j->arena, s->id);
    j->org = arena_str(j->arena, c->org);
    j->contact = arena_str(j->arena, c->contact);
    TRY(outbound_tlsrpt_job_do(&j, s->until));
    s->written = j;
    j = NULL;
    return NULL;
}

static struct tlspolicy_report facts_of(const struct sending *s)
{
    int64_t day_s = REPORT_DAY_MS / 1000;
    return (struct tlspolicy_report){
        .id = s->id, .begin_s = s->head.day * day_s, .end_s = s->head.day * day_s + day_s - 1};
}

/* ---- by mail ---- */

static str domain_of(str address) { return str_from(address, str_find_last(address, '@') + 1); }

static err queue_it(struct sending *s, str uri, str to, str content)
{
    struct outbound_letter letter = {
        .config = s->config,
        .to = to,
        .content = content,
        .message_id = arena_printf(s->arena, "<%.*s@%.*s>", STR_ARG(s->id),
                                   STR_ARG(domain_of(s->config->tls_reports.from))),
        .tls_optional = true};
    struct queue *queue = s->reports->options.queue;
    CLEANUP(queue_draft_abandon) struct queue_draft *draft = NULL;
    TRY(outbound_letter_open(queue, &letter, &draft, s->until));
    queue_id id = queue_draft_id(draft);
    str how = arena_printf(s->arena, "queued as %s", id.text);
    TRY(note(s, uri, true, how)); /* first: what is not sent then is missed, and never repeated */
    TRY(outbound_letter_commit(queue, &letter, &draft, &id, s->until));
    tell(s, EVENT_REPORT_SENT, to, str_of(id.text), how);
    return NULL;
}

static err send_mail(struct sending *s, const struct mailauth_dmarc_uri *uri)
{
    str to;
    struct buf content;
    if (!report_address_read(uri, s->arena, &to))
        return drop(s, uri->text, S("the address cannot be used"));
    struct tlspolicy_report facts = facts_of(s);
    struct tlspolicy_report_mail mail = {.report = &facts,
                                         .domain = s->head.domain,
                                         .submitter = domain_of(s->config->tls_reports.from),
                                         .from = s->config->tls_reports.from,
                                         .to = to,
                                         .file = buf_str(&s->written->packed),
                                         .now_ms = s->now_ms};
    buf_init(&content, 2 * TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX);
    err e = tlspolicy_report_mail_write(&mail, &content);
    if (e == NULL)
        e = queue_it(s, uri->text, to, buf_str(&content));
    else if (e->kind == ERR_CONFIG)
        e = drop(s, uri->text, S("the address cannot stand in a mail"));
    buf_release(&content);
    return e;
}

/* ---- by HTTPS ---- */

/* "https://host/path": no user, and no port but its own. */
static bool read_url(str url, struct arena *arena, struct tlspolicy_fetcher_request *r)
{
    char name[DNS_NAME_CHARS];
    if (!str_skip_nocase(&url, S("https://")))
        return false;
    size_t slash = str_find(url, '/');
    str host = str_slice(url, 0, slash == STR_NONE ? url.len : slash),
        rest = str_from(url, host.len);
    size_t fragment = str_find(rest, '#');
    rest = str_slice(rest, 0, fragment == STR_NONE ? rest.len : fragment);
    if (str_ends_nocase(host, S(":443")))
        host.len -= 4;
    if (!dns_name_canonical(host, name) || !dns_name_is_host(str_of(name)))
        return false;
    r->host = arena_str(arena, str_of(name));
    r->path = rest.len > 0 ? rest : S("/");
    return true;
}

static err judge_answer(struct sending *s, str uri, const struct tlspolicy_fetcher_answer *a)
{
    bool answered = a->result == TLSPOLICY_FETCHER_ANSWERED;
    str how = answered ? arena_printf(s->arena, "HTTP status %d", a->status) : a->reason;
    if (answered && a->status / 100 == 2) {
        TRY(note(s, uri, true, how));
        tell(s, EVENT_REPORT_SENT, uri, (str){0}, how);
        return NULL;
    }
    bool final = (answered && a->status / 100 == 4) || a->result == TLSPOLICY_FETCHER_FORBIDDEN;
    if (final)
        return drop(s, uri, how);
    s->again = true;
    return NULL;
}

static err post(struct sending *s, str uri, struct tlspolicy_fetcher_request *r)
{
    struct dns_host host;
    struct tlspolicy_fetcher_answer answer;
    struct tlspolicy_fetcher *web = s->reports->options.web;
    TRY(dns_host_addresses(s->reports->options.dns, NULL, r->host, DNS_HOST_OF_MX, s->arena, &host,
                           deadline_sooner(s->until, deadline_after(OUTBOUND_TLSRPT_DNS_MS))));
    if (host.status != DNS_OK) {
        s->again = true;
        return NULL;
    }
    r->addresses = host.addresses;
    r->count = host.count;
    r->post = buf_str(&s->written->packed);
    r->post_type = S("application/tlsrpt+gzip");
    TRY(web->fetch(web, r, s->arena, &answer,
                   deadline_sooner(s->until, deadline_after(TLSPOLICY_FETCHER_MS_MAX))));
    return judge_answer(s, uri, &answer);
}

static err send_post(struct sending *s, str uri)
{
    struct tlspolicy_fetcher_request request = {0};
    if (s->reports->options.web == NULL)
        return drop(s, uri, S("nothing is sent by HTTPS here"));
    if (!read_url(uri, s->arena, &request))
        return drop(s, uri, S("the URL cannot be used"));
    return post(s, uri, &request);
}

/* ---- into a file ---- */

static err save(struct sending *s, str uri)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(NULL, outbound_tlsrpt_job_save);
    j->path =
        arena_printf(j->arena, "%s/dry-run/tls-%.*s-%.*s.json", s->reports->options.folder,
                     STR_ARG(day_of(s)), STR_ARG(str_slice(s->head.domain, 0, FILE_DOMAIN_BYTES)));
    str path = arena_str(s->arena, j->path);
    TRY(buf_add(&j->json, buf_str(&s->written->json)));
    TRY(outbound_tlsrpt_job_do(&j, s->until));
    TRY(note(s, uri, true, path));
    tell(s, EVENT_REPORT_WRITTEN, uri, (str){0}, path);
    return NULL;
}

/* ---- the whole ---- */

static err serve(struct sending *s, const struct mailauth_dmarc_uri *uri)
{
    if (is_known(s, uri->text) || s->tried++ >= OUTBOUND_TLSRPT_ADDRESSES_MAX)
        return NULL;
    TRY(write_report(s));
    if (s->config->tls_reports.send == REPORTING_DRY_RUN)
        return save(s, uri->text);
    return uri->address.len > 0 ? send_mail(s, uri) : send_post(s, uri->text);
}

/* NULL in *ret_text: nobody wants it. */
static err ask_record(struct sending *s, const char **ret_why, str *ret_text)
{
    struct dns_answer answer;
    str name = arena_printf(s->arena, "_smtp._tls.%.*s", STR_ARG(s->head.domain));
    size_t count = 0;
    *ret_why = "no TLS-RPT record";
    TRY(dns_resolver_ask(s->reports->options.dns, NULL, name, DNS_TXT, s->arena, &answer,
                         deadline_sooner(s->until, deadline_after(OUTBOUND_TLSRPT_DNS_MS))));
    if (answer.status != DNS_OK && answer.status != DNS_NODATA && answer.status != DNS_NXDOMAIN)
        s->again = true;
    for (size_t i = 0; i < answer.count; i++) {
        if (!tlspolicy_report_record_is(answer.records[i].text))
            continue;
        *ret_text = answer.records[i].text;
        count++;
    }
    if (count > 1) { /* RFC 8460 section 3 */
        *ret_text = (str){0};
        *ret_why = "several TLS-RPT records";
    }
    return NULL;
}

static err end(struct sending *s)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j =
        outbound_tlsrpt_job_new(s->reports->store, outbound_tlsrpt_job_settle);
    j->head.id = s->head.id;
    j->state = s->again ? REPORT_DAY_OPEN : REPORT_DAY_DONE;
    j->number = s->again ? s->now_ms + OUTBOUND_TLSRPT_AGAIN_MS : s->head.due_ms;
    return outbound_tlsrpt_job_do(&j, s->until);
}

static err send_all(struct sending *s)
{
    struct tlspolicy_report_record record;
    const char *why;
    str text = {0};
    if (outbound_tlsrpt_sample_excluded(&s->config->tls_reports, s->head.domain))
        return end(s);
    TRY(ask_record(s, &why, &text));
    if (text.len == 0) {
        if (!s->again)
            TRY(note(s, S("-"), false, str_of(why)));
        return end(s);
    }
    if (tlspolicy_report_record_parse(text, s->arena, &record)) {
        TRY(note(s, S("-"), false, S("the TLS-RPT record cannot be read")));
        return end(s);
    }
    TRY(load_notes(s));
    for (size_t i = 0; i < record.count; i++)
        TRY(serve(s, &record.uris[i]));
    return end(s);
}

err outbound_tlsrpt_send(struct outbound_tlsrpt *r, const struct config *c,
                         const struct outbound_tlsrpt_head *head, deadline until)
{
    struct sending s = {
        .reports = r, .config = c, .head = *head, .until = until, .now_ms = clock_real_ms()};
    char id[MESSAGE_DAILY_REPORT_ID_CHARS];
    s.arena = arena_open(ARENA_BYTES);
    message_daily_report_id(s.now_ms, id);
    s.id = head->report_id.len ? head->report_id : str_of(id);
    err e = send_all(&s);
    outbound_tlsrpt_job_cleanup(&s.written);
    arena_close(s.arena);
    return e;
}
