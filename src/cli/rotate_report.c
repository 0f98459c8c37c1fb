#include "cli/rotate_report.h"
#include "base/clock.h"
#include "cli/when.h"

enum { TXT_STRING_BYTES_MAX = 255 };

/* ---- words ----------------------------------------------------------------------------------- */

static const char *command_of(const struct cli_rotate *r)
{
    return arena_chars(r->arena,
                       arena_printf(r->arena, "smtptool dkim rotate %.*s", STR_ARG(r->domain)));
}

static void print_selectors(const struct cli_rotate_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : i + 1 == count ? " and " : ", ", stdout);
        cli_print_clean(stdout, keys[i].selector);
    }
}

static void print_txt(str name, str text)
{
    printf("%.*s. IN TXT", STR_ARG(name));
    while (text.len > 0) {
        str part = str_slice(text, 0, TXT_STRING_BYTES_MAX);
        printf(" \"%.*s\"", STR_ARG(part));
        text = str_from(text, part.len);
    }
    putchar('\n');
}

static const char *answer_words(const struct cli_rotate_key *k,
                                enum account_rotation_records records)
{
    if (records == ACCOUNT_ROTATION_MIXED && k->record.len == 0)
        return "still there";
    static const char *const words[] = {
        [ACCOUNT_ROTATION_UNKNOWN] = "could not be asked",
        [ACCOUNT_ROTATION_LIVE] = "published",
        [ACCOUNT_ROTATION_GONE] = "not there",
        [ACCOUNT_ROTATION_MIXED] = "something else is there",
    };
    return words[records];
}

/* Who was asked for each record, and what he said. */
static void print_looks(const struct cli_rotate *r, const struct cli_rotate_key *keys, size_t count,
                        const struct cli_live_question *q)
{
    for (size_t i = 0; i < count && r->questions && !r->cli->quiet; i++)
        for (size_t j = 0; j < q[i].said_count; j++) {
            const struct cli_live_said *said = &q[i].said[j];
            printf("  %.*s: %s", STR_ARG(keys[i].selector),
                   answer_words(&keys[i],
                                cli_rotate_keys_judge_answer(&keys[i], &said->answer, r->arena)));
            if (said->answer.status == DNS_OK)
                printf(", TTL %u s", said->answer.ttl);
            printf(" (asked: %.*s)\n", STR_ARG(said->who));
        }
    for (size_t i = 0; i < count && r->questions; i++)
        if (q[i].source == CLI_LIVE_RESOLVER && !r->options->live.resolver) {
            puts("  no name server of the zone could be asked itself (is port 53 closed to the "
                 "outside?),\n  and the resolver's word does not count: --resolver lets it");
            return;
        }
}

static void print_until(const struct cli_rotate *r)
{
    char at[CLI_WHEN_BYTES], length[CLI_LENGTH_BYTES];
    cli_when_local(r->state->until_ms, at);
    cli_when_length(r->state->until_ms - r->now_ms, length);
    if (r->state->until_ms > r->now_ms)
        printf("until %s (%s from now)", at, length);
    else
        printf("until %s (it is over)", at);
}

/* ---- one phase ------------------------------------------------------------------------------- */

static void report_publish(const struct cli_rotate *r)
{
    printf("%.*s: step 1 of 4: the new keys are made; nothing is signed with them yet\n",
           STR_ARG(r->domain));
    puts("publish these records, beside the old ones:");
    for (size_t i = 0; i < r->fresh_count; i++)
        print_txt(r->fresh[i].name, r->fresh[i].record);
    puts("now:");
    print_looks(r, r->fresh, r->fresh_count, r->questions);
    printf("waits for: every name server of the zone to have them\n"
           "next, then or at any time: %s (--wait waits)\n",
           command_of(r));
}

static void report_spread(const struct cli_rotate *r)
{
    printf("%.*s: step 2 of 4: the new keys are published\n", STR_ARG(r->domain));
    print_looks(r, r->fresh, r->fresh_count, r->questions);
    printf("waits for: caches to forget that they were not there, ");
    print_until(r);
    if (r->look.negative_ttl > 0 && !r->questions[0].negative_known)
        printf("\n  (the zone has no SOA record that could be had: %d s are assumed)",
               CLI_LIVE_NEGATIVE_S);
    printf("\nnext, then: %s (--wait waits)\n", command_of(r));
}

static void report_switch(const struct cli_rotate *r)
{
    printf("%.*s: step 3 of 4: the new keys are in their place", STR_ARG(r->domain));
    if (r->not_told[0]) {
        printf(", but the server could not be told:\n  ");
        cli_print_clean(stdout, str_of(r->not_told));
        puts("\nuntil it is, it may sign with the old ones; both are published");
    } else {
        puts("; the server has yet to be told");
    }
    printf("next: %s\n", command_of(r));
}

static void report_keep(const struct cli_rotate *r)
{
    char since[CLI_WHEN_BYTES];
    cli_when_local(r->state->since_ms, since);
    printf("%.*s: step 4 of 4: ", STR_ARG(r->domain));
    print_selectors(r->fresh, r->fresh_count);
    printf(" sign since %s%s\n", since,
           r->no_server ? " (no server runs with this configuration: the next one that starts)"
                        : "");
    printf("waits for: mail under way that was signed by ");
    print_selectors(r->old, r->old_count);
    printf(", ");
    print_until(r);
    if (r->not_told[0]) {
        printf("\n  and for the server, which could not be told: ");
        cli_print_clean(stdout, str_of(r->not_told));
    }
    printf("\nleave the old records as they are until then; next, then: %s\n", command_of(r));
}

static void report_retire(const struct cli_rotate *r)
{
    printf("%.*s: the old private keys are removed; nobody needs their records any more\n",
           STR_ARG(r->domain));
    print_looks(r, r->old, r->old_count, r->questions + r->fresh_count);
    puts("remove these records, or publish them empty, which says that the keys were revoked:");
    for (size_t i = 0; i < r->old_count; i++)
        print_txt(r->old[i].name, S("v=DKIM1; p="));
    printf("next: %s\n", command_of(r));
}

static void report_none(const struct cli_rotate *r)
{
    printf("%.*s: ", STR_ARG(r->domain));
    if (r->aborted) {
        printf("given up: the new keys are removed; nothing was signed with them.\n"
               "If you have published them, remove the records of ");
        print_selectors(r->fresh, r->fresh_count);
    } else if (r->finished) {
        printf("the rotation is over: ");
        print_selectors(r->fresh, r->fresh_count);
        printf(" sign");
    } else {
        printf("no rotation is under way");
    }
    putchar('\n');
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static json_t *said_json(const struct cli_rotate *r, const struct cli_rotate_key *k,
                         const struct cli_live_question *q)
{
    json_t *list = json_array();
    for (size_t i = 0; i < q->said_count; i++) {
        const struct dns_answer *a = &q->said[i].answer;
        json_array_append_new(
            list,
            json_pack("{so,ss,sI}", "server", cli_json_str(q->said[i].who), "state",
                      cli_rotate_keys_records_name(cli_rotate_keys_judge_answer(k, a, r->arena)),
                      "ttl", (json_int_t)(a->status == DNS_OK ? a->ttl : 0)));
    }
    return list;
}

static json_t *keys_json(const struct cli_rotate *r, const struct cli_rotate_key *keys,
                         size_t count, const struct cli_live_question *q)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{so,so,ss,so,ss,so}", "selector",
                                              cli_json_str(keys[i].selector), "name",
                                              cli_json_str(keys[i].name), "type", "TXT", "value",
                                              cli_json_str(keys[i].record), "state",
                                              cli_rotate_keys_records_name(keys[i].live), "asked",
                                              q ? said_json(r, &keys[i], &q[i]) : json_array()));
    return list;
}

static void add_time(json_t *object, const char *key, int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES];
    if (ms <= 0)
        return;
    clock_rfc3339(ms, text);
    json_object_set_new(object, key, json_string(text));
}

static void report_json(const struct cli_rotate *r)
{
    const struct cli_live_question *q = r->questions;
    json_t *object = json_pack("{so,ss,so,so,sb,sb}", "domain", cli_json_str(r->domain), "phase",
                               account_rotation_phase_name(r->state->phase), "new",
                               keys_json(r, r->fresh, r->fresh_count, q), "old",
                               keys_json(r, r->old, r->old_count, q ? q + r->fresh_count : NULL),
                               "aborted", (int)r->aborted, "finished", (int)r->finished);
    add_time(object, "begun", r->state->begun_ms);
    add_time(object, "since", r->state->since_ms);
    add_time(object, "until", r->state->until_ms);
    if (r->not_told[0])
        json_object_set_new(object, "not_told", cli_json_str(str_of(r->not_told)));
    if (r->state->phase != ACCOUNT_ROTATION_NONE)
        json_object_set_new(object, "next", json_string(command_of(r)));
    cli_print_json(object);
}

/* ---- */

void cli_rotate_report(const struct cli_rotate *r)
{
    static void (*const reports[ACCOUNT_ROTATION_PHASES])(const struct cli_rotate *) = {
        [ACCOUNT_ROTATION_NONE] = report_none,     [ACCOUNT_ROTATION_PUBLISH] = report_publish,
        [ACCOUNT_ROTATION_SPREAD] = report_spread, [ACCOUNT_ROTATION_SWITCH] = report_switch,
        [ACCOUNT_ROTATION_KEEP] = report_keep,     [ACCOUNT_ROTATION_RETIRE] = report_retire,
    };
    if (r->clock_was_back)
        cli_fail("the clock was set back since the last run: what was waited for begins anew");
    if (r->cli->json)
        report_json(r);
    else
        reports[r->state->phase](r);
}

int cli_rotate_report_exit(const struct cli_rotate *r)
{
    bool unknown = r->look.fresh == ACCOUNT_ROTATION_UNKNOWN;
    switch (r->state->phase) {
    case ACCOUNT_ROTATION_PUBLISH:
        return unknown ? CLI_UNKNOWN : CLI_FINDINGS;
    case ACCOUNT_ROTATION_SPREAD:
        return unknown ? CLI_UNKNOWN : CLI_OK;
    case ACCOUNT_ROTATION_SWITCH:
        return CLI_TEMPORARY;
    case ACCOUNT_ROTATION_RETIRE:
        return r->look.old == ACCOUNT_ROTATION_UNKNOWN ? CLI_UNKNOWN : CLI_FINDINGS;
    case ACCOUNT_ROTATION_KEEP:
        return r->not_told[0] ? CLI_TEMPORARY : CLI_OK;
    case ACCOUNT_ROTATION_NONE:
    case ACCOUNT_ROTATION_PHASES:
        break;
    }
    return CLI_OK;
}
