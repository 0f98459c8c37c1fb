#include "mailauth/dmarc_report.h"
#include "mailauth/dmarc_domain.h"
#include "message/text.h"
#include <assert.h>

/* ---- texts ---- */

/* XML 1.0 section 2.2; blanks of all kinds become one. */
static bool is_xml_char(uint32_t c)
{
    return (c >= 0x20 && c <= 0xd7ff && c != 0x7f) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

static str spell_char(str one, bool good, uint32_t code)
{
    static const struct {
        char c;
        const char *spelled;
    } names[] = {
        {'&',  "&amp;" },
        {'<',  "&lt;"  },
        {'>',  "&gt;"  },
        {'"',  "&quot;"},
        {'\'', "&apos;"},
        {'\n', " "     },
        {'\r', " "     },
        {'\t', " "     }
    };
    for (size_t i = 0; good && i < ARRAY_LEN(names); i++)
        if (code == (uint32_t)names[i].c)
            return str_of(names[i].spelled);
    return good && is_xml_char(code) ? one : S("?");
}

static err add_text(str text, struct buf *out)
{
    size_t start = out->len;
    while (text.len > 0 && out->len - start < MAILAUTH_DMARC_REPORT_TEXT_BYTES_MAX) {
        str before = text;
        uint32_t code = 0;
        bool good = message_text_next(&text, &code);
        TRY(buf_add(out, spell_char(str_slice(before, 0, before.len - text.len), good, code)));
    }
    return NULL;
}

static err add_element(int indent, const char *name, str text, struct buf *out)
{
    TRY(buf_addf(out, "%*s<%s>", indent, "", name));
    TRY(add_text(text, out));
    return buf_addf(out, "</%s>\n", name);
}

static err add_if(int indent, const char *name, str text, struct buf *out)
{
    return text.len ? add_element(indent, name, text, out) : NULL;
}

static err add_number(int indent, const char *name, uint64_t number, struct buf *out)
{
    return buf_addf(out, "%*s<%s>%llu</%s>\n", indent, "", name, (unsigned long long)number, name);
}

/* ---- the head ---- */

static err add_metadata(const struct mailauth_dmarc_report *r, struct buf *out)
{
    TRY(buf_add(out, S("  <report_metadata>\n")));
    TRY(add_element(4, "org_name", r->org_name, out));
    TRY(add_element(4, "email", r->email, out));
    TRY(add_if(4, "extra_contact_info", r->extra_contact, out));
    TRY(add_element(4, "report_id", r->id, out));
    TRY(buf_add(out, S("    <date_range>\n")));
    TRY(add_number(6, "begin", (uint64_t)r->begin_s, out));
    TRY(add_number(6, "end", (uint64_t)r->end_s, out));
    TRY(buf_add(out, S("    </date_range>\n")));
    for (size_t i = 0; i < r->error_count; i++)
        TRY(add_element(4, "error", r->errors[i], out));
    return buf_add(out, S("  </report_metadata>\n"));
}

static err add_fo(unsigned fo, struct buf *out)
{
    static const char words[] = "01ds";
    bool first = true;
    TRY(buf_add(out, S("    <fo>")));
    for (unsigned i = 0; i < sizeof words - 1; i++) {
        if (!(fo & 1U << i))
            continue;
        TRY(buf_addf(out, "%s%c", first ? "" : ":", words[i]));
        first = false;
    }
    return buf_add(out, S("</fo>\n"));
}

static err add_policy_value(const char *name, const struct mailauth_dmarc_record *record,
                            bool is_below, bool exists, struct buf *out)
{
    const char *tag;
    return add_element(4, name,
                       mailauth_dmarc_record_policy_name(
                           mailauth_dmarc_record_policy(record, is_below, exists, &tag)),
                       out);
}

/* Tags that are not there are told as what stands in for them. */
static err add_policy(const struct mailauth_dmarc_report *r, struct buf *out)
{
    const struct mailauth_dmarc_record *record = r->record;
    TRY(buf_add(out, S("  <policy_published>\n")));
    TRY(add_element(4, "domain", r->domain, out));
    TRY(add_element(4, "discovery_method", r->by_list ? S("psl") : S("treewalk"), out));
    TRY(add_element(4, "adkim", record->adkim_strict ? S("s") : S("r"), out));
    TRY(add_element(4, "aspf", record->aspf_strict ? S("s") : S("r"), out));
    TRY(add_policy_value("p", record, false, true, out));
    TRY(add_policy_value("sp", record, true, true, out));
    TRY(add_policy_value("np", record, true, false, out));
    TRY(add_fo(record->fo, out));
    return buf_add(out, S("  </policy_published>\n"));
}

/* ---- a row ---- */

/* IPv6 in full: the older schema knows no other form. */
static err add_source(const struct address *source, struct buf *out)
{
    char text[ADDRESS_CHARS];
    if (source->family != ADDRESS_IP6) {
        address_format_ip(source, text);
        return add_element(6, "source_ip", str_of(text), out);
    }
    TRY(buf_add(out, S("      <source_ip>")));
    for (size_t i = 0; i < sizeof source->ip; i += 2)
        TRY(buf_addf(out, "%s%x", i ? ":" : "", source->ip[i] << 8 | source->ip[i + 1]));
    return buf_add(out, S("</source_ip>\n"));
}

static str override_name(enum mailauth_dmarc_override type)
{
    static const char *const names[] = {"local_policy", "mailing_list", "trusted_forwarder",
                                        "policy_test_mode", "other"};
    return str_of(names[type]);
}

static err add_evaluated(const struct mailauth_dmarc_row *row, struct buf *out)
{
    TRY(buf_add(out, S("      <policy_evaluated>\n")));
    TRY(add_element(8, "disposition", mailauth_dmarc_record_policy_name(row->disposition), out));
    TRY(add_element(8, "dkim", row->dkim_aligned ? S("pass") : S("fail"), out));
    TRY(add_element(8, "spf", row->spf_aligned ? S("pass") : S("fail"), out));
    for (size_t i = 0; i < row->reason_count; i++) {
        TRY(buf_add(out, S("        <reason>\n")));
        TRY(add_element(10, "type", override_name(row->reasons[i].type), out));
        TRY(add_if(10, "comment", row->reasons[i].comment, out));
        TRY(buf_add(out, S("        </reason>\n")));
    }
    return buf_add(out, S("      </policy_evaluated>\n"));
}

static err add_identifiers(const struct mailauth_dmarc_row *row, struct buf *out)
{
    TRY(buf_add(out, S("    <identifiers>\n")));
    TRY(add_if(6, "envelope_to", row->envelope_to, out));
    TRY(add_element(6, "envelope_from", row->envelope_from, out));
    TRY(add_element(6, "header_from", row->header_from, out));
    return buf_add(out, S("    </identifiers>\n"));
}

/* The schema has no softfail for DKIM and no policy for SPF. */
static str dkim_result(enum mailauth_result result)
{
    return mailauth_result_name(result == MAILAUTH_SOFTFAIL ? MAILAUTH_FAIL : result);
}

static str spf_result(enum mailauth_result result)
{
    return mailauth_result_name(result == MAILAUTH_POLICY ? MAILAUTH_NEUTRAL : result);
}

static err add_results(const struct mailauth_dmarc_row *row, struct buf *out)
{
    TRY(buf_add(out, S("    <auth_results>\n")));
    for (size_t i = 0; i < row->dkim_count; i++) {
        TRY(buf_add(out, S("      <dkim>\n")));
        TRY(add_element(8, "domain", row->dkim[i].domain, out));
        TRY(add_element(8, "selector", row->dkim[i].selector, out));
        TRY(add_element(8, "result", dkim_result(row->dkim[i].result), out));
        if (row->dkim[i].partial)
            TRY(add_element(8, "human_result", S("l= leaves a part of the body unsigned"), out));
        TRY(buf_add(out, S("      </dkim>\n")));
    }
    TRY(buf_add(out, S("      <spf>\n")));
    TRY(add_element(8, "domain", row->spf.domain, out));
    TRY(add_element(8, "scope", S("mfrom"), out));
    TRY(add_element(8, "result", spf_result(row->spf.result), out));
    return buf_add(out, S("      </spf>\n    </auth_results>\n"));
}

static err add_row(const struct mailauth_dmarc_row *row, struct buf *out)
{
    TRY(buf_add(out, S("  <record>\n    <row>\n")));
    TRY(add_source(&row->source, out));
    TRY(add_number(6, "count", row->count, out));
    TRY(add_evaluated(row, out));
    TRY(buf_add(out, S("    </row>\n")));
    TRY(add_identifiers(row, out));
    TRY(add_results(row, out));
    return buf_add(out, S("  </record>\n"));
}

/* ---- what others call ---- */

/* All of it, or nothing. */
static err add_whole(err e, const struct buf *part, struct buf *out)
{
    return e ? e : buf_add(out, buf_str(part));
}

static err add_head(const struct mailauth_dmarc_report *r, struct buf *out)
{
    TRY(buf_add(out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                       "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n")));
    TRY(add_metadata(r, out));
    return add_policy(r, out);
}

err mailauth_dmarc_report_begin(const struct mailauth_dmarc_report *r, struct buf *out)
{
    CLEANUP(buf_release) struct buf part;
    buf_init(&part, MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX);
    return add_whole(add_head(r, &part), &part, out);
}

err mailauth_dmarc_report_row(const struct mailauth_dmarc_row *row, struct buf *out)
{
    CLEANUP(buf_release) struct buf part;
    buf_init(&part, MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX);
    return add_whole(add_row(row, &part), &part, out);
}

err mailauth_dmarc_report_end(struct buf *out) { return buf_add(out, S("</feedback>\n")); }

/* Section 3.1.4: the higher, the sooner it is told. */
static int rank(const struct mailauth_dmarc_dkim *d, const struct mailauth_dmarc *dmarc)
{
    if (d->result != MAILAUTH_PASS)
        return 0;
    if (str_eq_nocase(d->domain, dmarc->author))
        return 3;
    return mailauth_dmarc_domain_is_below(d->domain, dmarc->organizational) ? 2 : 1;
}

static void take_signatures(const struct mailauth_dmarc *dmarc,
                            const struct mailauth_dmarc_input *in, struct mailauth_dmarc_row *row)
{
    for (int wanted = 3; wanted >= 0; wanted--)
        for (size_t i = 0; i < in->dkim_count; i++)
            if (row->dkim_count < MAILAUTH_DMARC_REPORT_SIGNATURES_MAX &&
                rank(&in->dkim[i], dmarc) == wanted)
                row->dkim[row->dkim_count++] = in->dkim[i];
}

bool mailauth_dmarc_report_row_of(const struct mailauth_dmarc *dmarc,
                                  const struct mailauth_dmarc_input *in,
                                  const struct address *source, str envelope_from, str envelope_to,
                                  struct mailauth_dmarc_row *ret_row)
{
    bool internet = source->family == ADDRESS_IP4 || source->family == ADDRESS_IP6;
    if (!internet || (dmarc->result != MAILAUTH_PASS && dmarc->result != MAILAUTH_FAIL))
        return false;
    *ret_row = (struct mailauth_dmarc_row){.source = *source,
                                           .count = 1,
                                           .disposition = dmarc->disposition,
                                           .dkim_aligned = dmarc->dkim_aligned,
                                           .spf_aligned = dmarc->spf_aligned,
                                           .header_from = dmarc->author,
                                           .envelope_from = envelope_from,
                                           .envelope_to = envelope_to,
                                           .spf = in->spf};
    take_signatures(dmarc, in, ret_row);
    if (dmarc->softened)
        ret_row->reasons[ret_row->reason_count++] =
            (struct mailauth_dmarc_reason){MAILAUTH_DMARC_OVERRIDE_TEST_MODE, {0}};
    return true;
}
