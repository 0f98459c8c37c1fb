#include "tlspolicy/sts_fetch.h"
#include "dns/host.h"
#include "tlspolicy/target.h"

static const char policy_path[] = "/.well-known/mta-sts.txt";

static struct tlspolicy_sts_fetched failed(enum tlspolicy_result result, str reason)
{
    return (struct tlspolicy_sts_fetched){.result = result, .reason = reason};
}

/* "text/plain", parameters behind it or not. */
static bool is_plain_text(str type)
{
    str media, parameters;
    str_split(type, ';', &media, &parameters);
    return str_eq_nocase(str_trim(media), S("text/plain"));
}

static struct tlspolicy_sts_fetched read_policy(str body, struct arena *arena)
{
    struct tlspolicy_sts_fetched f = {.result = TLSPOLICY_SUCCESS, .body = body};
    err e = tlspolicy_sts_policy_parse(body, arena, &f.policy);
    if (e == NULL)
        return f;
    f = failed(TLSPOLICY_STS_POLICY_INVALID, arena_str(arena, e->text));
    err_forget();
    return f;
}

struct tlspolicy_sts_fetched tlspolicy_sts_fetch_judge(const struct tlspolicy_fetcher_answer *a,
                                                       struct arena *arena)
{
    if (a->result == TLSPOLICY_FETCHER_UNTRUSTED)
        return failed(TLSPOLICY_STS_WEBPKI_INVALID, a->reason);
    if (a->result != TLSPOLICY_FETCHER_ANSWERED)
        return failed(TLSPOLICY_STS_POLICY_FETCH_ERROR, a->reason);
    if (a->status / 100 == 3)
        return failed(TLSPOLICY_STS_POLICY_FETCH_ERROR, S("a redirect, which is not followed"));
    if (a->status != 200)
        return failed(TLSPOLICY_STS_POLICY_FETCH_ERROR,
                      arena_printf(arena, "HTTP status %d", a->status));
    if (!is_plain_text(a->type))
        return failed(TLSPOLICY_STS_POLICY_FETCH_ERROR, S("the file is not text/plain"));
    return read_policy(a->body, arena);
}

static err fetch_from(const struct tlspolicy_sts_fetch_options *o, str name,
                      const struct dns_host *host, struct arena *arena,
                      struct tlspolicy_sts_fetched *ret_fetched, deadline until)
{
    struct tlspolicy_fetcher_request request = {name, str_of(policy_path), host->addresses,
                                                host->count};
    struct tlspolicy_fetcher_answer answer;
    TRY(o->fetcher->fetch(o->fetcher, &request, arena, &answer, until));
    *ret_fetched = tlspolicy_sts_fetch_judge(&answer, arena);
    return NULL;
}

err tlspolicy_sts_fetch(const struct tlspolicy_sts_fetch_options *o, str domain,
                        struct arena *arena, struct tlspolicy_sts_fetched *ret_fetched,
                        deadline until)
{
    struct dns_host host;
    str name = arena_printf(arena, "mta-sts.%.*s", STR_ARG(domain));
    until = deadline_sooner(until, deadline_after(TLSPOLICY_FETCHER_MS_MAX));
    TRY(dns_host_addresses(o->resolver, NULL, name, DNS_HOST_OF_MX, arena, &host, until));
    if (host.status != DNS_OK) {
        *ret_fetched = failed(
            TLSPOLICY_STS_POLICY_FETCH_ERROR,
            arena_printf(arena, "%.*s: %s", STR_ARG(name), dns_answer_status_name(host.status)));
        return NULL;
    }
    if (!o->allow_private && !tlspolicy_target_all_public(host.addresses, host.count)) {
        *ret_fetched =
            failed(TLSPOLICY_STS_POLICY_FETCH_ERROR,
                   arena_printf(arena, "%.*s has an address that is not public", STR_ARG(name)));
        return NULL;
    }
    return fetch_from(o, name, &host, arena, ret_fetched, until);
}
