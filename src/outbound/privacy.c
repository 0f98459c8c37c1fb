#include "outbound/privacy.h"
#include "base/codec.h"
#include "outbound/tlsrpt.h"

enum { LINES_MAX = TLSPOLICY_REPORT_TALLY_STRINGS_MAX, RECORD_BYTES_MAX = 2048 };

/* ---- the policy, as reports have it ------------------------------------------------------ */

static str record_line(const struct tls_dane_record *r, struct arena *arena)
{
    struct buf line;
    buf_init(&line, RECORD_BYTES_MAX);
    err e = buf_addf(&line, "%d %d %d ", r->usage, r->selector, r->matching);
    if (e == NULL)
        e = codec_hex_encode(str_slice(r->data, 0, RECORD_BYTES_MAX / 4), &line);
    str kept = e ? S("") : arena_str(arena, buf_str(&line));
    buf_release(&line);
    return kept;
}

static void add_records(const struct tlspolicy_dane *dane, struct arena *arena,
                        struct tlspolicy_report_policy *p)
{
    size_t count = dane->count < LINES_MAX ? dane->count : LINES_MAX;
    str *lines = ARENA_ARRAY(arena, str, count + 1);
    for (size_t i = 0; i < count; i++)
        lines[i] = record_line(&dane->records[i], arena);
    p->strings = lines;
    p->string_count = count;
}

static void add_file(const struct tlspolicy_sts_policy *policy, struct arena *arena,
                     struct tlspolicy_report_policy *p)
{
    str *lines = ARENA_ARRAY(arena, str, LINES_MAX), text, line;
    struct buf file;
    buf_init(&file, TLSPOLICY_STS_POLICY_BYTES_MAX);
    err e = tlspolicy_sts_policy_write(policy, &file);
    text = e ? S("") : arena_str(arena, buf_str(&file));
    buf_release(&file);
    err_forget();
    for (; text.len > 0 && p->string_count < LINES_MAX; p->string_count++) {
        str_split(text, '\n', &line, &text);
        lines[p->string_count] = str_trim(line);
    }
    p->strings = lines;
    p->mx = policy->mx;
    p->mx_count = policy->mx_count < LINES_MAX ? policy->mx_count : LINES_MAX;
}

static struct tlspolicy_report_policy policy_of(const struct outbound_privacy *p,
                                                const struct outbound_host *host,
                                                const struct tlspolicy_sts_found *sts)
{
    struct tlspolicy_report_policy policy = {.type = TLSPOLICY_REPORT_NO_POLICY,
                                             .domain = p->domain};
    if (host->decision->source == TLSPOLICY_BY_DANE) {
        policy.type = TLSPOLICY_REPORT_TLSA;
        add_records(host->dane, p->arena, &policy);
    } else if (host->decision->source == TLSPOLICY_BY_STS) {
        policy.type = TLSPOLICY_REPORT_STS;
        add_file(&sts->policy, p->arena, &policy);
    }
    return policy;
}

/* ---- telling ----------------------------------------------------------------------------- */

static void tell(const struct outbound_privacy *p, const struct outbound_host *host,
                 const struct tlspolicy_report_session *s)
{
    struct event e = {.kind = EVENT_TLS_SESSION,
                      .queue_id = p->queue_id,
                      .destination = p->domain,
                      .remote_host = host->name,
                      .remote_ip = s->detail.receiving_ip,
                      .tls_policy = str_of(tlspolicy_report_type_name(s->policy.type)),
                      .tls_result = str_of(tlspolicy_result_name(s->result)),
                      .reason = s->detail.info};
    event_emit(p->events, &e);
    if (p->reports)
        outbound_tlsrpt_count(p->reports, p->config, s);
}

void outbound_privacy_session(const struct outbound_privacy *p, const struct outbound_host *host,
                              const struct tlspolicy_sts_found *sts,
                              const struct outbound_privacy_seen *seen)
{
    char ip[ADDRESS_CHARS];
    if (!seen->told || host->decision == NULL || p->wish == TLSPOLICY_WISH_NO)
        return;
    bool by_policy = host->decision->failure != TLSPOLICY_SUCCESS;
    address_format_ip(&host->address, ip);
    struct tlspolicy_report_session s = {
        .domain = p->domain,
        .ended_ms = clock_real_ms(),
        .policy = policy_of(p, host, sts),
        .result = by_policy ? host->decision->failure : seen->result,
        .detail = {.sending_ip = seen->sending_ip,
                   .receiving_ip = str_of(ip),
                   .mx_host = host->name,
                   .info = by_policy ? host->decision->reason : seen->reason},
    };
    if (by_policy && host->decision->source == TLSPOLICY_NO_POLICY && sts)
        s.detail.info = sts->reason; /* why there is none */
    tell(p, host, &s);
}

void outbound_privacy_passed_over(const struct outbound_privacy *p,
                                  const struct outbound_host *host,
                                  const struct tlspolicy_sts_found *sts)
{
    if (p == NULL || host->decision->failure == TLSPOLICY_SUCCESS || p->wish == TLSPOLICY_WISH_NO)
        return;
    struct tlspolicy_report_session s = {
        .domain = p->domain,
        .ended_ms = clock_real_ms(),
        .policy = policy_of(p, host, sts),
        .result = host->decision->failure,
        .detail = {.mx_host = host->name, .info = host->decision->reason},
    };
    tell(p, host, &s);
}
