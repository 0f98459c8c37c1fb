#include "outbound/tlsrpt_sample.h"
#include "base/mem.h"
#include "mailauth/dmarc_domain.h"
#include "report/day.h"
#include <string.h>

bool outbound_tlsrpt_sample_excluded(const struct config_tls_reports *c, str domain)
{
    for (size_t i = 0; i < c->exclude_count; i++)
        if (mailauth_dmarc_domain_is_below(domain, c->exclude[i]))
            return true;
    return false;
}

/* ---- a policy as text --------------------------------------------------------------------- */

static void add_line(struct buf *out, const char *mark, str text)
{
    size_t size = text.len + 2;
    bool fits =
        str_find(text, '\n') == STR_NONE && out->len + size <= OUTBOUND_TLSRPT_POLICY_BYTES_MAX;
    err e = fits ? buf_addf(out, "%s%.*s\n", mark, STR_ARG(text)) : NULL;
    ASSERT(e == NULL);
}

static void write_policy(const struct tlspolicy_report_policy *p, struct buf *out)
{
    add_line(out, "", str_of(tlspolicy_report_type_name(p->type)));
    for (size_t i = 0; i < p->string_count; i++)
        if (!str_starts(p->strings[i], S("=")))
            add_line(out, "", p->strings[i]);
    for (size_t i = 0; i < p->mx_count; i++)
        add_line(out, "=", p->mx[i]);
}

static size_t count_lines(str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

void outbound_tlsrpt_sample_policy(str text, str domain, struct arena *arena,
                                   struct tlspolicy_report_policy *ret_policy)
{
    size_t room = count_lines(text) + 1;
    str *strings = ARENA_ARRAY(arena, str, room), *mx = ARENA_ARRAY(arena, str, room), line;
    struct tlspolicy_report_policy p = {
        .type = TLSPOLICY_REPORT_NO_POLICY, .domain = domain, .strings = strings, .mx = mx};
    str_split(text, '\n', &line, &text);
    (void)tlspolicy_report_type_parse(line, &p.type); /* ours; else there is none */
    while (text.len > 0) {
        str_split(text, '\n', &line, &text);
        if (str_skip(&line, S("=")))
            mx[p.mx_count++] = line;
        else
            strings[p.string_count++] = line;
    }
    *ret_policy = p;
}

/* ---- a sample ------------------------------------------------------------------------------- */

static str keep(char **room, str text)
{
    str kept = {*room, text.len};
    if (text.len > 0)
        memcpy(*room, text.ptr, text.len);
    *room += text.len;
    return kept;
}

static const struct report_day_window window = {OUTBOUND_TLSRPT_FIRST_MS,
                                                OUTBOUND_TLSRPT_SPREAD_MS};

static str cut(str text) { return str_slice(text, 0, TLSPOLICY_REPORT_TEXT_BYTES_MAX); }

struct outbound_tlsrpt_sample *outbound_tlsrpt_sample_make(const struct config *c,
                                                           const struct tlspolicy_report_session *s)
{
    struct buf policy;
    buf_init(&policy, OUTBOUND_TLSRPT_POLICY_BYTES_MAX);
    write_policy(&s->policy, &policy);
    str domain = str_slice(s->domain, 0, OUTBOUND_TLSRPT_DOMAIN_BYTES_MAX);
    str sending = cut(s->detail.sending_ip), receiving = cut(s->detail.receiving_ip);
    str host = cut(s->detail.mx_host), info = cut(s->detail.info);
    if (s->result == TLSPOLICY_SUCCESS) /* only counted (RFC 8460 section 4.3) */
        sending = receiving = host = info = (str){0};
    size_t bytes = sizeof(struct outbound_tlsrpt_sample) + policy.len + domain.len + sending.len +
                   receiving.len + host.len + info.len;
    struct outbound_tlsrpt_sample *sample = mem_alloc(bytes);
    char *room = (char *)(sample + 1);
    *sample = (struct outbound_tlsrpt_sample){.inbox.bytes = bytes, .result = s->result};
    sample->day = s->ended_ms / REPORT_DAY_MS;
    sample->domain = keep(&room, domain);
    sample->policy = keep(&room, buf_str(&policy));
    sample->sending_ip = keep(&room, sending);
    sample->receiving_ip = keep(&room, receiving);
    sample->mx_host = keep(&room, host);
    sample->info = keep(&room, info);
    sample->due_ms = report_day_due_ms(&window, c->hostname, sample->domain, sample->day);
    buf_release(&policy);
    return sample;
}
