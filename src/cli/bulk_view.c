#include "cli/bulk_view.h"
#include "base/table.h"
#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_MS = 250, PLAIN_MS = 10 * 1000, WAITING_MS = 600 * 1000, BAR_CELLS = 20 };

void cli_bulk_view_init(struct cli_bulk_view *v, const struct cli *cli)
{
    *v = (struct cli_bulk_view){.terminal = isatty(STDERR_FILENO) != 0,
                                .color = cli_color(STDERR_FILENO),
                                .quiet = cli->quiet || cli->json,
                                .shown_ms = clock_steady_ms()};
}

static void print_time(FILE *out, double seconds)
{
    long long s = (long long)seconds;
    if (s >= 2 * 86400)
        fprintf(out, "%lldd%02lldh", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        fprintf(out, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else
        fprintf(out, "%lldm%02llds", s / 60, s % 60);
}

/* Rows of the list are as good as bytes: what is left takes as long as what was done, unless a
 * limit makes it longer. */
static void print_left(const struct bulk_run_look *l)
{
    if (l->progress <= 0.001 || l->progress >= 1 || l->pass > 1)
        return;
    double ms = (double)l->elapsed_ms * (1 - l->progress) / l->progress;
    if ((double)l->left_ms > ms || l->left_ms > 60 * 1000)
        ms = (double)l->left_ms;
    fputs("  left ", stderr);
    print_time(stderr, ms / 1000);
}

/* Once, before anything else: what limits it, and the time that it takes therefore. */
static void print_limits(struct cli_bulk_view *v, const struct bulk_run_look *l)
{
    str line, rest = str_of(l->limits);
    v->limits_told = true;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        fputs("limits: ", stderr);
        cli_print_clean(stderr, line);
        fputc('\n', stderr);
    }
}

static void print_counts(const struct cli_bulk_view *v, const struct bulk_run_look *l)
{
    const struct bulk_tally_counts *c = &l->tally->all;
    fprintf(stderr, "%3.0f%%  %llu sent  %llu refused  %.0f/s", 100 * l->progress,
            (unsigned long long)c->sent, (unsigned long long)c->refused, v->rate);
    print_left(l);
    if (l->waiting)
        fprintf(stderr, "  %s", l->waiting);
}

static void print_bar(const struct cli_bulk_view *v, const struct bulk_run_look *l)
{
    int cells = (int)(BAR_CELLS * l->progress);
    fputs(v->color ? "\r\033[K[\033[32m" : "\r\033[K[", stderr);
    for (int i = 0; i < BAR_CELLS; i++) {
        if (i == cells && v->color)
            fputs("\033[0m", stderr);
        fputc(i < cells ? '#' : '.', stderr);
    }
    fputs(v->color ? "\033[0m] " : "] ", stderr);
}

static void measure(struct cli_bulk_view *v, const struct bulk_run_look *l)
{
    int64_t now = clock_steady_ms(), ms = now - v->shown_ms;
    v->rate = ms > 0 ? (double)(l->sent_now - v->shown_sent) * 1000 / (double)ms : 0;
    v->shown_sent = l->sent_now;
    v->shown_ms = now;
}

/* A wait of days is not worth a line every ten seconds. */
static int64_t line_every_ms(const struct cli_bulk_view *v, const struct bulk_run_look *l)
{
    bool same = l->waiting && l->sent_now == v->shown_sent &&
                hash_fixed(str_slice(str_of(l->waiting), 0, 40)) == v->waited_for;
    return v->terminal ? TERMINAL_MS : same ? WAITING_MS : PLAIN_MS;
}

void cli_bulk_view_look(void *view, const struct bulk_run_look *l)
{
    struct cli_bulk_view *v = view;
    int64_t since = clock_steady_ms() - v->shown_ms;
    if (!v->quiet && !v->limits_told && l->limits)
        print_limits(v, l);
    if (v->quiet || since < line_every_ms(v, l))
        return;
    v->waited_for = l->waiting ? hash_fixed(str_slice(str_of(l->waiting), 0, 40)) : 0;
    measure(v, l);
    if (v->terminal)
        print_bar(v, l);
    print_counts(v, l);
    if (l->trouble && l->tally->all.refused + l->tally->all.later > 0) {
        fputs("  last: ", stderr);
        cli_print_clean(stderr, str_slice(str_of(l->trouble), 0, 60));
    }
    fputs(v->terminal ? "" : "\n", stderr);
    v->line_open = v->terminal;
    fflush(stderr);
}

void cli_bulk_view_end(struct cli_bulk_view *v)
{
    if (v->line_open)
        fputc('\n', stderr);
    v->line_open = false;
}

/* ---- the summary -------------------------------------------------------------------------- */

static json_t *counts_json(const struct bulk_tally_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "tried", (json_int_t)c->tried, "sent",
                     (json_int_t)c->sent, "refused", (json_int_t)c->refused, "deferred",
                     (json_int_t)c->later);
}

static void summary_json(str campaign, const char *state, const char *why,
                         const struct bulk_tally *t)
{
    json_t *left_out = json_object(), *groups = json_array(), *all = counts_json(&t->all);
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        if (t->reasons[i])
            json_object_set_new(left_out, bulk_hygiene_name((enum bulk_reason)i),
                                json_integer((json_int_t)t->reasons[i]));
    for (size_t i = 0; i < t->group_count; i++) {
        json_t *group = counts_json(&t->groups[i]);
        json_object_set_new(group, "segment", cli_json_str(str_of(t->group_names[i])));
        json_array_append_new(groups, group);
    }
    json_object_set_new(all, "campaign", cli_json_str(campaign));
    json_object_set_new(all, "state", json_string(state));
    if (why[0])
        json_object_set_new(all, "why", cli_json_str(str_of(why)));
    json_object_set_new(all, "rows", json_integer((json_int_t)t->rows));
    json_object_set_new(all, "before", json_integer((json_int_t)t->before));
    json_object_set_new(all, "in_doubt", json_integer((json_int_t)t->doubt));
    json_object_set_new(all, "open", json_integer((json_int_t)t->open));
    json_object_set_new(all, "left_out", left_out);
    json_object_set_new(all, "segments", groups);
    cli_print_json(all);
}

static void print_row(const char *name, uint64_t count)
{
    if (count)
        printf("  %-34s %12llu\n", name, (unsigned long long)count);
}

void cli_bulk_view_summary(const struct cli *cli, str campaign, const char *state, const char *why,
                           const struct bulk_tally *t)
{
    if (cli->json) {
        summary_json(campaign, state, why, t);
        return;
    }
    printf("%.*s: %s%s", STR_ARG(campaign), state, why[0] ? ": " : "");
    cli_print_clean(stdout, str_of(why));
    printf("\n  %-34s %12llu\n", "sent", (unsigned long long)t->all.sent);
    print_row("of these before this run", t->before < t->all.sent ? t->before : t->all.sent);
    print_row("refused for good", t->all.refused);
    print_row("refused for now, still open", t->open);
    print_row("in doubt: sent, and no reply came", t->doubt);
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        print_row(bulk_hygiene_words((enum bulk_reason)i), t->reasons[i]);
    for (size_t i = 0; i < t->group_count; i++)
        printf("  segment %-26s %12llu sent %8llu refused\n", t->group_names[i],
               (unsigned long long)t->groups[i].sent, (unsigned long long)t->groups[i].refused);
    for (size_t i = 0; i < t->reply_count && i < 5; i++) {
        printf("  %8llu x ", (unsigned long long)t->replies[i].count);
        cli_print_clean(stdout, str_of(t->replies[i].text));
        putchar('\n');
    }
}

void cli_bulk_view_dry(const struct cli *cli, str campaign, const struct bulk_tally *t)
{
    if (cli->json) {
        summary_json(campaign, "nothing was sent", "", t);
        return;
    }
    printf("%.*s: nothing was sent\n  %-34s %12llu\n", STR_ARG(campaign), "would be sent",
           (unsigned long long)t->all.tried);
    for (size_t i = 0; i < t->group_count; i++)
        printf("    segment %-24s %12llu\n", t->group_names[i],
               (unsigned long long)t->groups[i].tried);
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        print_row(bulk_hygiene_words((enum bulk_reason)i), t->reasons[i]);
}
