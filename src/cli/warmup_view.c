#include "cli/warmup_view.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/when.h"
#include <string.h>

static const char *const change_names[] = {
    [WARMUP_SET_DAY] = "day",   [WARMUP_SET_CAP] = "cap", [WARMUP_PAUSE] = "pause",
    [WARMUP_RESUME] = "resume", [WARMUP_FINISH] = "done",
};

const char *cli_warmup_view_change_name(enum warmup_change change) { return change_names[change]; }

bool cli_warmup_view_find_change(str name, enum warmup_change *ret_change)
{
    for (size_t i = 0; i < ARRAY_LEN(change_names); i++) {
        if (str_eq(name, str_of(change_names[i]))) {
            *ret_change = (enum warmup_change)i;
            return true;
        }
    }
    return false;
}

bool cli_warmup_view_has_value(enum warmup_change change)
{
    return change == WARMUP_SET_DAY || change == WARMUP_SET_CAP;
}

json_t *cli_warmup_view_json(const struct warmup_facts *f)
{
    json_t *line = json_pack(
        "{so,so,ss,si,si,sI,sI,sI,sI,sI,sI,sI,sb,ss,ss,sI}", "egress", cli_json_str(f->egress),
        "site", cli_json_str(f->site), "state", f->state, "day", f->day, "days", f->days, "cap",
        (json_int_t)f->cap, "sent", (json_int_t)f->sent, "left", (json_int_t)f->left, "replies",
        (json_int_t)f->told, "blocked", (json_int_t)f->blocks, "spam", (json_int_t)f->spam,
        "deferred", (json_int_t)f->deferrals, "stepped_back", f->stepped_back, "overflow",
        f->waits ? "wait" : "next", "outlook", f->outlook, "next_ms", (json_int_t)f->next_ms);
    if (strcmp(f->state, "done") == 0) { /* there is no cap any more */
        json_object_del(line, "cap");
        json_object_del(line, "left");
    }
    return line;
}

static bool fits(str asked, str name) { return asked.len == 0 || str_eq(asked, name); }

json_t *cli_warmup_view_list(struct warmup *w, int64_t now_ms, str egress, str site)
{
    struct warmup_facts f;
    size_t position = 0;
    json_t *list = json_array();
    while (warmup_look(w, now_ms, &position, &f))
        if (fits(egress, f.egress) && fits(site, f.site))
            json_array_append_new(list, cli_warmup_view_json(&f));
    return list;
}

/* ---- the table ---------------------------------------------------------------------------- */

enum { NAME_COLUMNS = 16 };

static int64_t number_of(const json_t *line, const char *name)
{
    return json_integer_value(json_object_get(line, name));
}

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static void print_name(str name)
{
    cli_print_clean(stdout, name);
    for (size_t i = name.len; i < NAME_COLUMNS; i++)
        putchar(' ');
    putchar(' ');
}

static void print_next(const json_t *line)
{
    char text[CLI_LENGTH_BYTES];
    int64_t next_ms = number_of(line, "next_ms");
    if (strcmp(text_of(line, "state"), "paused") == 0) {
        puts("paused");
        return;
    }
    cli_when_length(next_ms - clock_real_ms(), text);
    if (next_ms == 0)
        puts("now");
    else
        printf("in %s\n", text);
}

void cli_warmup_view_head(void)
{
    printf("%-*s %-*s %-9s %11s %11s %11s %8s %5s %8s  %-8s %s\n", NAME_COLUMNS, "egress",
           NAME_COLUMNS, "site", "day", "cap", "sent", "left", "blocked", "spam", "deferred",
           "outlook", "next");
}

void cli_warmup_view_row(const json_t *line)
{
    char day[24];
    bool done = strcmp(text_of(line, "state"), "done") == 0;
    print_name(str_of(text_of(line, "egress")));
    print_name(str_of(text_of(line, "site")));
    snprintf(day, sizeof day, "%lld of %lld", (long long)number_of(line, "day"),
             (long long)number_of(line, "days"));
    if (done)
        printf("%-9s %11s %11lld %11s", "done", "-", (long long)number_of(line, "sent"), "-");
    else
        printf("%-9s %11lld %11lld %11lld", day, (long long)number_of(line, "cap"),
               (long long)number_of(line, "sent"), (long long)number_of(line, "left"));
    printf(" %8lld %5lld %8lld  %-8s ", (long long)number_of(line, "blocked"),
           (long long)number_of(line, "spam"), (long long)number_of(line, "deferred"),
           done ? "-" : text_of(line, "outlook"));
    print_next(line);
}
