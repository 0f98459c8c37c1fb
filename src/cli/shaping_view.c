#include "cli/shaping_view.h"
#include "cli/cli.h"
#include <string.h>

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static long long number_of(const json_t *line, const char *name)
{
    return (long long)json_integer_value(json_object_get(line, name));
}

static void print_text(const json_t *line, const char *name)
{
    cli_print_clean(stdout, str_of(text_of(line, name)));
}

static void show_limits(const json_t *line)
{
    const char *key;
    json_t *limit;
    json_object_foreach(json_object_get(line, "limits"), key, limit)
    {
        const json_t *value = json_object_get(limit, "value");
        printf("  %-24s ", key);
        if (json_is_string(value))
            cli_print_clean(stdout, str_of(json_string_value(value)));
        else
            printf("%lld", (long long)json_integer_value(value));
        fputs("  (", stdout);
        print_text(limit, "origin");
        puts(")");
    }
}

static void show_quota(const json_t *line)
{
    const char *key;
    json_t *use;
    json_object_foreach(json_object_get(line, "quota"), key, use)
    {
        long long used = number_of(use, "used"), limit = number_of(use, "limit");
        printf("  %-24s %lld of %lld used, %lld left", key, used, limit,
               limit > used ? limit - used : 0);
        if (json_object_get(use, "quarter_limit"))
            printf("; %lld of %lld in the last quarter of it", number_of(use, "quarter_used"),
                   number_of(use, "quarter_limit"));
        putchar('\n');
    }
}

static void show_gate(const json_t *line, const char *name, const char *meaning)
{
    const json_t *gate = json_object_get(line, name);
    if (gate == NULL)
        return;
    printf("  %s since %s, ", meaning, text_of(gate, "since"));
    if (strcmp(text_of(gate, "state"), "probing") == 0)
        puts("a probe is under way");
    else
        printf("a probe at %s\n", text_of(gate, "until"));
}

static void show_lane(const json_t *line)
{
    print_text(line, "site");
    fputs(" from ", stdout);
    print_text(line, "egress");
    printf(": %lld connections", number_of(line, "connections"));
    if (number_of(line, "connections_max") > 0)
        printf(" of %lld that it takes", number_of(line, "connections_max"));
    printf(", %lld idle; %lld messages accepted, %lld not\n", number_of(line, "idle"),
           number_of(line, "accepted"), number_of(line, "not_accepted"));
    if (number_of(line, "learned_per_hour") > 0)
        printf("  %-24s %lld/h  (learned from its replies)\n", "pace",
               number_of(line, "learned_per_hour"));
    show_gate(line, "blocked", "paused, it refuses this egress,");
    show_gate(line, "down", "paused, it is down,");
    if (text_of(line, "said")[0]) {
        printf("  it said at %s: ", text_of(line, "said_at"));
        print_text(line, "said");
        putchar('\n');
    }
}

static void show_meter(const json_t *line)
{
    printf("%s ", text_of(line, "scope"));
    print_text(line, "name");
    printf(": %lld connections\n", number_of(line, "connections"));
    show_gate(line, "login", "login refused,");
    if (text_of(line, "login_said")[0]) {
        fputs("  it said: ", stdout);
        print_text(line, "login_said");
        putchar('\n');
    }
}

void cli_shaping_view_show(const json_t *line)
{
    const char *kind = text_of(line, "kind");
    if (strcmp(kind, "lane") == 0)
        show_lane(line);
    else if (strcmp(kind, "meter") == 0)
        show_meter(line);
    else {
        print_text(line, "site");
        puts(":");
    }
    show_limits(line);
    show_quota(line);
}
