#include "cli/oauth_show.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/when.h"

static json_t *json_time(int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES];
    if (ms == 0)
        return json_null();
    clock_rfc3339(ms, text);
    return json_string(text);
}

static void show_json(str name, const struct oauth_entry *e)
{
    bool renews = e->refresh.len > 0 || e->flow == OAUTH_FLOW_CLIENT;
    cli_print_json(json_pack("{so,so,so,so,so,ss,sb,sb,sb,so,so,so,so,so}", "login",
                             cli_json_str(name), "provider", cli_json_str(e->provider), "client_id",
                             cli_json_str(e->client_id), "user", cli_json_str(e->user), "scopes",
                             cli_json_str(e->granted), "flow", oauth_entry_flow_name(e->flow),
                             "good", !oauth_entry_is_over(e, clock_real_ms()), "renews",
                             renews && !e->login_again, "login_again", e->login_again, "login_at",
                             json_time(e->login_ms), "renewed_at", json_time(e->got_ms), "ends_at",
                             json_time(e->ends_ms), "tried_at", json_time(e->tried_ms), "trouble",
                             cli_json_str(e->trouble)));
}

static void line(const char *label, str text)
{
    printf("  %-9s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void show_state(str name, const struct oauth_entry *e)
{
    char end[CLI_WHEN_BYTES], left[CLI_LENGTH_BYTES];
    int64_t now_ms = clock_real_ms();
    bool over = oauth_entry_is_over(e, now_ms);
    bool renews = (e->refresh.len > 0 || e->flow == OAUTH_FLOW_CLIENT) && !e->login_again;
    cli_when_local(e->ends_ms, end);
    cli_when_length(e->ends_ms - now_ms, left);
    printf("%.*s: ", STR_ARG(name));
    if (over)
        printf(renews ? "ended %s, renewed when it is wanted\n" : "over since %s: log in again\n",
               end);
    else
        printf("good until %s (%s), %s\n", end, left,
               renews ? "renewed by itself" : "then log in again");
}

static void show_time(const char *label, int64_t ms, const char *behind, str words)
{
    char text[CLI_WHEN_BYTES];
    cli_when_local(ms, text);
    printf("  %-9s %s%s", label, text, behind);
    cli_print_clean(stdout, words);
    putchar('\n');
}

void cli_oauth_show_entry(str name, const struct oauth_entry *e, bool json)
{
    if (json) {
        show_json(name, e);
        return;
    }
    show_state(name, e);
    line("provider", e->provider);
    if (e->user.len > 0)
        line("user", e->user);
    line("client", e->client_id);
    line("scopes", e->granted);
    show_time("login", e->login_ms, ", by ", str_of(oauth_entry_flow_name(e->flow)));
    show_time("renewed", e->got_ms, "", (str){0});
    if (e->trouble.len > 0)
        show_time("failed", e->tried_ms, ": ", e->trouble);
}

void cli_oauth_show_provider(const struct oauth_provider *p, bool json)
{
    if (json) {
        cli_print_json(json_pack("{so,so,so,sb,so,so,so}", "provider", cli_json_str(p->key), "name",
                                 cli_json_str(p->name), "scopes", cli_json_str(p->scopes), "device",
                                 p->device.len > 0, "unavailable", cli_json_str(p->unavailable),
                                 "source", cli_json_str(p->source), "date", cli_json_str(p->date)));
        return;
    }
    printf("%-10.*s ", STR_ARG(p->key));
    cli_print_clean(stdout, p->unavailable.len > 0 ? p->unavailable : p->name);
    putchar('\n');
}

void cli_oauth_show_steps(const struct oauth_provider *p)
{
    cli_print_clean(stdout, p->name);
    fputs(", in this order:\n", stdout);
    for (size_t i = 0; i < p->step_count; i++) {
        printf("%3zu. ", i + 1);
        cli_print_clean(stdout, p->steps[i]);
        putchar('\n');
    }
    if (p->step_count == 0) {
        line("1.", S("register a public client (or one with a secret) in the provider's console"));
        line("2.",
             S("allow it the grant authorization_code with the redirect http://127.0.0.1/, any "
               "port, or the device code"));
        line("3.", S("give it the scope that the mail server asks for, and offline_access"));
    }
    line("scopes", p->scopes);
    line("device", p->device.len > 0      ? p->device
                   : p->device_no.len > 0 ? p->device_no
                                          : S("none: use --loopback"));
    if (p->source.len > 0) {
        fputs("  source    ", stdout);
        cli_print_clean(stdout, p->source);
        printf(" (read %.*s)\n", STR_ARG(p->date));
    }
    printf("then: smtptool oauth login NAME --provider %.*s --client-id ID%s\n", STR_ARG(p->key),
           p->device.len > 0 ? "" : " --loopback");
    fflush(stdout);
}

void cli_oauth_show_trial(const struct oauth_login *l)
{
    fputs("The trial went well: the client id", stdout);
    fputs(l->flow == OAUTH_FLOW_LOOPBACK ? ", the redirect and the scopes are right. "
                                         : " and the scopes are right. ",
          stdout);
    fputs("Nothing of it was kept.\n", stdout);
}
