#include "cli/send_preflight.h"
#include "cli/send_go.h"
#include "cli/send_sign.h"
#include "dns/mx.h"
#include "dns/ptr.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_record.h"
#include "mailauth/dmarc_walk.h"
#include "mailauth/spf.h"
#include "message/alignment.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PREFLIGHT_ARENA_BYTES = 160 << 20,
    PREFLIGHT_MS = 60 * 1000,
    PREFLIGHT_QUESTIONS = 200,
    PREFLIGHT_ADDRESSES_MAX = 8,
};

enum weight { FINE, WARNING, UNKNOWN, ERROR };
static const char *const weights[] = {"ok", "warning", "unknown", "error"};

struct look {
    struct cli_send *run;
    struct arena *arena;
    struct dns_resolver *resolver;
    struct dns_budget budget;
    struct message_alignment domains;
    str sender; /* of the envelope */
    struct address addresses[PREFLIGHT_ADDRESSES_MAX];
    size_t address_count;
    bool ours; /* they are this machine's: --mx */
    bool spf_speaks, dkim_speaks;
    size_t errors;
    err e; /* a cancellation or a limit of ours */
};

/* ---- telling ---------------------------------------------------------------------------- */

static void tell(struct look *l, enum weight weight, const char *check, str text, str record)
{
    l->errors += weight == ERROR;
    if (l->run->cli->json) {
        cli_print_json(json_pack("{ss,ss,ss,so,so}", "event", "preflight", "check", check, "weight",
                                 weights[weight], "text", cli_json_str(text), "publish",
                                 record.len ? cli_json_str(record) : json_null()));
        return;
    }
    if (weight == FINE && (l->run->cli->quiet || l->run->cli->verbose == 0))
        return;
    fprintf(stderr, "%-7s %s: ", weights[weight], check);
    cli_print_clean(stderr, text);
    if (record.len > 0) {
        fputs("\n        publish: ", stderr);
        cli_print_clean(stderr, record);
    }
    fputc('\n', stderr);
}

static struct mailauth_ask ask_of(struct look *l)
{
    return (struct mailauth_ask){l->arena, l->resolver, &l->budget, l->budget.until,
                                 clock_real_ms()};
}

/* ---- whose addresses -------------------------------------------------------------------- */

/* The address that packets to the outside leave by: nothing is sent for that. */
static bool own_address(int family, struct address *ret_address)
{
    struct sockaddr_storage here;
    struct address far;
    socklen_t len = sizeof here;
    str to = family == AF_INET ? S("192.0.2.1") : S("2001:db8::1");
    if (address_parse(to, 53, &far) != NULL)
        return false;
    struct sockaddr_storage there;
    socklen_t there_len = address_to_kernel(&far, &there);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && connect(fd, (struct sockaddr *)&there, there_len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&here, &len) == 0;
    if (fd >= 0)
        close(fd);
    if (found)
        *ret_address = address_from_kernel(&here, len);
    return found;
}

static err find_addresses(struct look *l)
{
    const struct config_hop *hop = &l->run->options.hop;
    struct dns_host host;
    if (l->run->mx) {
        l->ours = true;
        for (int i = 0; i < 2; i++)
            l->address_count +=
                own_address(i ? AF_INET6 : AF_INET, &l->addresses[l->address_count]);
        return NULL;
    }
    if (hop->unix_socket || hop->host.len == 0 || l->run->queue)
        return NULL;
    if (address_parse_ip(hop->host, &l->addresses[0]) == NULL) {
        l->address_count = 1;
        return NULL;
    }
    err_forget();
    TRY(dns_host_addresses(l->resolver, &l->budget, hop->host, DNS_HOST_OF_ROUTE, l->arena, &host,
                           l->budget.until));
    for (size_t i = 0; host.status == DNS_OK && i < host.count; i++)
        if (l->address_count < PREFLIGHT_ADDRESSES_MAX)
            l->addresses[l->address_count++] = host.addresses[i];
    return NULL;
}

/* ---- SPF -------------------------------------------------------------------------------- */

static str spf_record(struct look *l, const char *ip, bool six)
{
    if (l->run->mx || l->run->options.hop.host.len == 0)
        return arena_printf(l->arena, "%.*s. TXT \"v=spf1 %s:%s -all\"", STR_ARG(l->domains.sender),
                            six ? "ip6" : "ip4", ip);
    return arena_printf(
        l->arena, "%.*s. TXT \"v=spf1 a:%.*s -all\" (or the include: that its operator names)",
        STR_ARG(l->domains.sender), STR_ARG(l->run->options.hop.host));
}

static void judge_spf(struct look *l, const struct address *ip, const struct mailauth_spf *spf)
{
    char text[ADDRESS_CHARS];
    address_format_ip(ip, text);
    str domain = l->domains.sender, result = mailauth_result_name(spf->result);
    bool six = ip->family == ADDRESS_IP6;
    if (spf->result == MAILAUTH_PASS) {
        l->spf_speaks |= l->domains.sender_agrees;
        tell(l, FINE, "SPF", arena_printf(l->arena, "%s may send for %.*s", text, STR_ARG(domain)),
             (str){0});
    } else if (spf->result == MAILAUTH_TEMPERROR) {
        tell(l, UNKNOWN, "SPF",
             arena_printf(l->arena, "the DNS could not say for %.*s", STR_ARG(domain)), (str){0});
    } else if (spf->result == MAILAUTH_NONE) {
        tell(l, ERROR, "SPF", arena_printf(l->arena, "%.*s has no policy", STR_ARG(domain)),
             spf_record(l, text, six));
    } else if (spf->result == MAILAUTH_PERMERROR) {
        tell(l, ERROR, "SPF",
             arena_printf(l->arena, "the policy of %.*s is broken: %.*s", STR_ARG(domain),
                          STR_ARG(spf->reason)),
             (str){0});
    } else {
        tell(l, l->ours ? ERROR : WARNING, "SPF",
             arena_printf(l->arena, "the policy of %.*s says %.*s of %s", STR_ARG(domain),
                          STR_ARG(result), text),
             l->ours ? arena_printf(l->arena, "%s:%s in the policy of %.*s", six ? "ip6" : "ip4",
                                    text, STR_ARG(domain))
                     : S("what the server's operator names, if it sends by other addresses"));
    }
}

static err look_at_spf(struct look *l)
{
    bool private = false;
    if (l->domains.sender.len == 0)
        return NULL; /* the null sender: the server's own name speaks */
    for (size_t i = 0; i < l->address_count; i++) {
        const struct address *ip = &l->addresses[i];
        struct mailauth_ask ask = ask_of(l);
        struct mailauth_spf spf;
        struct mailauth_spf_args args = {.identity = MAILAUTH_SPF_MAIL_FROM,
                                         .ip = ip,
                                         .helo = l->run->options.hello,
                                         .sender = l->sender};
        private |= address_is_private(ip);
        if (address_is_private(ip) && l->run->dns_zone == NULL)
            continue;
        TRY(mailauth_spf_check(&ask, &args, NULL, &spf));
        judge_spf(l, ip, &spf);
    }
    if (l->address_count == 0 || (private && l->run->dns_zone == NULL))
        tell(l, UNKNOWN, "SPF",
             private ? S("the way out has a private address here: by which one the world sees us "
                         "is not known")
                     : S("it is not known by which address the mail leaves"),
             (str){0});
    return NULL;
}

/* ---- DKIM ------------------------------------------------------------------------------- */

static str key_line(struct look *l, const struct cli_send_sign_key *key)
{
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, 16 << 10);
    err e = mailauth_dkim_private_zone_line(key->private, key->selector, key->domain, &line);
    if (e)
        err_forget();
    return arena_str(l->arena, str_trim(buf_str(&line)));
}

/* What is published has the same p= as ours. */
static err is_ours(struct look *l, const struct cli_send_sign_key *key, str published,
                   bool *ret_ours)
{
    CLEANUP(buf_release) struct buf text;
    struct mailauth_dkim_record mine, theirs;
    buf_init(&text, 16 << 10);
    TRY(mailauth_dkim_private_record(key->private, &text));
    mailauth_dkim_record_read(buf_str(&text), l->arena, &mine);
    mailauth_dkim_record_read(published, l->arena, &theirs);
    *ret_ours = theirs.wrong.len == 0 && !theirs.revoked && str_eq(mine.key, theirs.key);
    return NULL;
}

static err look_at_key(struct look *l, const struct cli_send_sign_key *key)
{
    struct dns_answer answer;
    bool ours = false;
    str name = arena_printf(l->arena, "%.*s._domainkey.%.*s", STR_ARG(key->selector),
                            STR_ARG(key->domain));
    TRY(dns_resolver_ask(l->resolver, &l->budget, name, DNS_TXT, l->arena, &answer,
                         l->budget.until));
    for (size_t i = 0; answer.status == DNS_OK && i < answer.count && !ours; i++)
        TRY(is_ours(l, key, answer.records[i].text, &ours));
    if (ours) {
        l->dkim_speaks |= message_alignment_agree(key->domain, l->domains.from);
        tell(l, FINE, "DKIM", arena_printf(l->arena, "%.*s has our key", STR_ARG(name)), (str){0});
        return NULL;
    }
    bool known =
        answer.status == DNS_OK || answer.status == DNS_NODATA || answer.status == DNS_NXDOMAIN;
    if (!known)
        tell(l, UNKNOWN, "DKIM",
             arena_printf(l->arena, "the DNS could not say for %.*s", STR_ARG(name)), (str){0});
    else
        tell(l, ERROR, "DKIM",
             arena_printf(l->arena, "%.*s %s", STR_ARG(name),
                          answer.status == DNS_OK ? "has another key than the one that signs"
                                                  : "does not exist"),
             key_line(l, key));
    return NULL;
}

static err look_at_keys(struct look *l)
{
    struct cli_send_sign_key keys[CLI_SEND_KEYS_MAX];
    TRY(cli_send_sign_keys(l->run, l->arena, keys));
    for (size_t i = 0; i < l->run->keys.count; i++)
        TRY(look_at_key(l, &keys[i]));
    for (size_t i = 0; i < l->domains.signature_count && l->run->keys.count == 0; i++)
        l->dkim_speaks |= message_alignment_agree(l->domains.signatures[i], l->domains.from);
    return NULL;
}

/* ---- DMARC, MX, PTR --------------------------------------------------------------------- */

static void judge_dmarc(struct look *l, const struct mailauth_dmarc_walk *walk)
{
    str from = l->domains.from;
    if (walk->policy == NULL && walk->unknown.len > 0) {
        tell(l, UNKNOWN, "DMARC",
             arena_printf(l->arena, "the DNS could not say for %.*s", STR_ARG(walk->unknown)),
             (str){0});
    } else if (walk->policy == NULL || walk->policy->record == NULL) {
        tell(
            l, WARNING, "DMARC",
            arena_printf(l->arena, "%.*s has no policy, which large providers want", STR_ARG(from)),
            arena_printf(l->arena,
                         "_dmarc.%.*s. TXT \"v=DMARC1; p=none; rua=mailto:postmaster@%.*s\"",
                         STR_ARG(from), STR_ARG(from)));
    } else if (l->spf_speaks || l->dkim_speaks) {
        tell(l, FINE, "DMARC",
             arena_printf(l->arena, "%s speaks for %.*s", l->dkim_speaks ? "DKIM" : "SPF",
                          STR_ARG(from)),
             (str){0});
    } else {
        enum mailauth_dmarc_policy p = walk->policy->record->p;
        bool known = l->ours || p == MAILAUTH_DMARC_NONE;
        tell(l, p > MAILAUTH_DMARC_NONE && known ? ERROR : WARNING, "DMARC",
             arena_printf(
                 l->arena,
                 "neither SPF nor a signature of ours speaks for %.*s, whose policy is %.*s",
                 STR_ARG(from), STR_ARG(mailauth_dmarc_record_policy_name(p))),
             (str){0});
    }
}

static err look_at_dmarc(struct look *l)
{
    struct mailauth_ask ask = ask_of(l);
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_walk walk;
    char canonical[DNS_NAME_CHARS];
    if (!dns_name_canonical(l->domains.from, canonical))
        return NULL;
    mailauth_dmarc_walk_init(&walks, &ask, NULL);
    TRY(mailauth_dmarc_walk(&walks, arena_str(l->arena, str_of(canonical)), &walk));
    judge_dmarc(l, &walk);
    return NULL;
}

static err look_at_mx(struct look *l)
{
    struct dns_mx mx;
    str domain = l->domains.sender;
    if (domain.len == 0)
        return NULL;
    TRY(dns_mx_hosts(l->resolver, &l->budget, domain, l->arena, &mx, l->budget.until));
    if (mx.status == DNS_OK && mx.count > 0 && !mx.null_mx && !mx.implicit)
        tell(l, FINE, "MX", arena_printf(l->arena, "%.*s takes mail", STR_ARG(domain)), (str){0});
    else if (mx.status == DNS_OK && mx.implicit)
        tell(l, WARNING, "MX",
             arena_printf(l->arena, "%.*s has no MX record; bounces go to the host itself",
                          STR_ARG(domain)),
             arena_printf(l->arena, "%.*s. MX 10 mail.%.*s.", STR_ARG(domain), STR_ARG(domain)));
    else if (mx.status == DNS_OK || mx.status == DNS_NXDOMAIN)
        tell(l, ERROR, "MX",
             arena_printf(l->arena, "%.*s %s, so bounces are lost and many refuse the sender",
                          STR_ARG(domain),
                          mx.status == DNS_OK ? "takes no mail" : "does not exist"),
             arena_printf(l->arena, "%.*s. MX 10 mail.%.*s.", STR_ARG(domain), STR_ARG(domain)));
    else
        tell(l, UNKNOWN, "MX",
             arena_printf(l->arena, "the DNS could not say for %.*s", STR_ARG(domain)), (str){0});
    return NULL;
}

static err look_at_ptr(struct look *l, const struct address *ip)
{
    struct dns_ptr ptr;
    char text[ADDRESS_CHARS];
    address_format_ip(ip, text);
    if (address_is_private(ip) && l->run->dns_zone == NULL)
        return NULL; /* told with SPF */
    TRY(dns_ptr_name(l->resolver, &l->budget, ip, l->arena, &ptr, l->budget.until));
    str hello = l->run->options.hello;
    if (ptr.status == DNS_OK)
        tell(l, str_eq_nocase(ptr.name, hello) ? FINE : WARNING, "PTR",
             arena_printf(l->arena, "%s is %.*s, and we say EHLO %.*s", text, STR_ARG(ptr.name),
                          STR_ARG(hello)),
             (str){0});
    else if (ptr.status == DNS_NXDOMAIN || ptr.status == DNS_NODATA)
        tell(l, ERROR, "PTR",
             arena_printf(l->arena, "%s has no name that agrees; large providers refuse it", text),
             arena_printf(l->arena, "%.*s PTR %.*s. (who gave you the address sets it)",
                          STR_ARG(dns_ptr_reversed(
                              ip, ip->family == ADDRESS_IP4 ? S("in-addr.arpa.") : S("ip6.arpa."),
                              l->arena)),
                          STR_ARG(hello)));
    else
        tell(l, UNKNOWN, "PTR", arena_printf(l->arena, "the DNS could not say for %s", text),
             (str){0});
    return NULL;
}

/* ---- all of it -------------------------------------------------------------------------- */

static err look(struct look *l)
{
    const struct client_mail *mail = &l->run->mails[0];
    dns_budget_init(&l->budget, PREFLIGHT_QUESTIONS, PREFLIGHT_MS);
    l->sender = mail->envelope->sender;
    message_alignment_read(mail->content, l->sender, l->arena, &l->domains);
    TRY(find_addresses(l));
    TRY(look_at_spf(l));
    TRY(look_at_keys(l));
    TRY(look_at_dmarc(l));
    TRY(look_at_mx(l));
    for (size_t i = 0; l->ours && i < l->address_count; i++)
        TRY(look_at_ptr(l, &l->addresses[i]));
    return NULL;
}

static void look_fiber(void *arg)
{
    struct look *l = arg;
    err e = look(l);
    if (e) /* told here: an err ends with its fiber */
        cli_fail_err(e, "--preflight");
    l->errors += e != NULL;
}

err cli_send_preflight(struct cli_send *run)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(PREFLIGHT_ARENA_BYTES);
    struct look *l = ARENA_NEW(arena, struct look);
    l->run = run;
    l->arena = arena;
    TRY(cli_send_go_resolver(run, &l->resolver));
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "preflight", look_fiber, l);
    dns_resolver_close(l->resolver);
    loop_close(loop);
    if (l->errors > 0)
        return err_new(ERR_CONFIG, "--preflight: %zu thing%s to mend first, so it is not sent",
                       l->errors, l->errors == 1 ? "" : "s");
    return NULL;
}
