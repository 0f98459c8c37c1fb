#include "bulk/report.h"
#include "template/escape.h"

enum { CHART_WIDTH = 960, CHART_HEIGHT = 180, BAR_WIDTH = 400 };

static const char style[] =
    "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;"
    "color:#222;background:#fff}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em 1.2em .2em 0;"
    "border-bottom:1px solid #ddd}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".sent{fill:#2a7d4f}.refused{fill:#b3392f}.later{fill:#c98a1b}"
    "svg text{font:12px system-ui,sans-serif;fill:#555}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181a1b}td,th{border-color:#444}"
    "svg text{fill:#aaa}}</style>";

static err add_text(struct buf *out, str text)
{
    return template_escape_add(ESCAPE_HTML, text, out);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static err add_row(struct buf *out, const char *name, uint64_t count, uint64_t whole)
{
    return buf_addf(out, "<tr><td>%s</td><td class=n>%llu</td><td class=n>%.2f %%</td></tr>\n",
                    name, (unsigned long long)count, percent(count, whole));
}

static err add_summary(const struct bulk_tally *t, struct buf *out)
{
    uint64_t whole = t->all.sent + t->all.refused + t->open + t->doubt;
    TRY(buf_add(out, S("<h2>Recipients</h2>\n<table>\n")));
    TRY(add_row(out, "taken by the server", t->all.sent, whole));
    TRY(add_row(out, "refused for good", t->all.refused, whole));
    TRY(add_row(out, "refused for now, still open", t->open, whole));
    TRY(add_row(out, "in doubt: sent, and no reply came", t->doubt, whole));
    return buf_add(out, S("</table>\n"));
}

static err add_reasons(const struct bulk_tally *t, struct buf *out)
{
    if (bulk_tally_left_out(t) == 0)
        return NULL;
    TRY(buf_add(out, S("<h2>Rows that got nothing</h2>\n<table>\n")));
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        if (t->reasons[i])
            TRY(add_row(out, bulk_hygiene_words((enum bulk_reason)i), t->reasons[i], t->rows));
    return buf_add(out, S("</table>\n"));
}

/* ---- charts -------------------------------------------------------------------------------- */

static err add_bar(struct buf *out, const char *kind, size_t at, size_t bars, uint64_t value,
                   uint64_t below, uint64_t most)
{
    double width = (double)CHART_WIDTH / (double)bars;
    double height = (double)CHART_HEIGHT * (double)value / (double)most;
    double foot = (double)CHART_HEIGHT * (double)below / (double)most;
    if (value == 0)
        return NULL;
    return buf_addf(out, "<rect class=%s x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                    kind, (double)at * width, CHART_HEIGHT + 10 - foot - height, width * 0.9,
                    height);
}

static err add_legend(struct buf *out)
{
    return buf_add(out,
                   S("<p class=legend><svg width=12 height=12><rect class=sent width=12 "
                     "height=12 /></svg> taken by the server &nbsp; <svg width=12 height=12>"
                     "<rect class=refused width=12 height=12 /></svg> refused for good</p>\n"));
}

static err add_time_chart(const struct bulk_tally *t, struct buf *out)
{
    uint64_t most = 1;
    if (t->first_s == 0)
        return NULL;
    size_t bars = (t->last_s - t->first_s) / t->bucket_s + 1;
    for (size_t i = 0; i < bars && i < BULK_TALLY_BUCKETS; i++)
        if (t->sent_at[i] + t->refused_at[i] > most)
            most = t->sent_at[i] + t->refused_at[i];
    TRY(buf_addf(out,
                 "<h2>Over time</h2>\n<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"mails over "
                 "time\">\n",
                 CHART_WIDTH, CHART_HEIGHT + 40));
    for (size_t i = 0; i < bars && i < BULK_TALLY_BUCKETS; i++) {
        TRY(add_bar(out, "sent", i, bars, t->sent_at[i], 0, most));
        TRY(add_bar(out, "refused", i, bars, t->refused_at[i], t->sent_at[i], most));
    }
    TRY(buf_addf(out,
                 "<text x=0 y=\"%d\">%u s a bar; the highest %llu mails, %.1f a second</text>\n"
                 "</svg>\n",
                 CHART_HEIGHT + 32, t->bucket_s, (unsigned long long)most,
                 (double)most / t->bucket_s));
    return add_legend(out);
}

static err add_group(const struct bulk_tally *t, size_t i, uint64_t most, struct buf *out)
{
    const struct bulk_tally_counts *c = &t->groups[i];
    double unit = (double)BAR_WIDTH / (double)most;
    TRY(buf_add(out, S("<tr><td>")));
    TRY(add_text(out, str_of(t->group_names[i])));
    TRY(buf_addf(out,
                 "</td><td class=n>%llu</td><td class=n>%llu</td><td class=n>%.2f %%</td><td>"
                 "<svg width=\"%d\" height=14><rect class=sent width=\"%.1f\" height=14 />"
                 "<rect class=refused x=\"%.1f\" width=\"%.1f\" height=14 /></svg></td></tr>\n",
                 (unsigned long long)c->sent, (unsigned long long)c->refused,
                 percent(c->refused, c->sent + c->refused), BAR_WIDTH, (double)c->sent * unit,
                 (double)c->sent * unit, (double)c->refused * unit));
    return NULL;
}

static err add_groups(const struct bulk_tally *t, struct buf *out)
{
    uint64_t most = 1;
    if (t->group_count == 0)
        return NULL;
    for (size_t i = 0; i < t->group_count; i++)
        if (t->groups[i].sent + t->groups[i].refused > most)
            most = t->groups[i].sent + t->groups[i].refused;
    TRY(buf_add(out, S("<h2>Segments</h2>\n<table>\n<tr><th>segment</th><th class=n>taken</th>"
                       "<th class=n>refused</th><th class=n>refused share</th><th></th></tr>\n")));
    for (size_t i = 0; i < t->group_count; i++)
        TRY(add_group(t, i, most, out));
    return buf_add(out, S("</table>\n"));
}

static err add_replies(const struct bulk_tally *t, struct buf *out)
{
    if (t->reply_count == 0)
        return NULL;
    TRY(buf_add(out, S("<h2>What servers said</h2>\n<table>\n")));
    for (size_t i = 0; i < t->reply_count; i++) {
        TRY(buf_addf(out, "<tr><td class=n>%llu</td><td>",
                     (unsigned long long)t->replies[i].count));
        TRY(add_text(out, str_of(t->replies[i].text)));
        TRY(buf_add(out, S("</td></tr>\n")));
    }
    return buf_add(out, S("</table>\n"));
}

err bulk_report_write(const struct bulk_report *r, const struct bulk_tally *t, struct buf *out)
{
    char date[CLOCK_RFC3339_BYTES];
    clock_rfc3339(r->now_ms, date);
    TRY(buf_add(out, S("<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n"
                       "<meta name=viewport content=\"width=device-width\">\n<title>")));
    TRY(add_text(out, r->campaign));
    TRY(buf_addf(out, "</title>\n%s\n<h1>", style));
    TRY(add_text(out, r->campaign));
    TRY(buf_addf(out, "</h1>\n<p>%.16s UTC: ", date));
    TRY(add_text(out, r->state));
    TRY(buf_add(out, S("</p>\n")));
    TRY(add_summary(t, out));
    TRY(add_time_chart(t, out));
    TRY(add_groups(t, out));
    TRY(add_reasons(t, out));
    TRY(add_replies(t, out));
    return buf_add(out, S("</html>\n"));
}
