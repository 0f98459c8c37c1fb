#include "mailauth/authres_method.h"

enum { SIGNATURE_CHARS = 8 }; /* RFC 6008 section 4 */

static struct mailauth_authres_result *add(struct mailauth_authres *a, struct arena *arena,
                                           str method, enum mailauth_result result, str reason)
{
    struct mailauth_authres_result *r = mailauth_authres_add(a, arena, method, result);
    if (r)
        r->reason = reason;
    return r;
}

void mailauth_authres_method_spf(struct mailauth_authres *a, struct arena *arena,
                                 const struct mailauth_authres_spf *spf)
{
    struct mailauth_authres_result *r = add(a, arena, S("spf"), spf->result, spf->reason);
    mailauth_authres_add_property(r, "smtp", "mailfrom", spf->mailfrom);
    mailauth_authres_add_property(r, "smtp", "helo", spf->helo);
}

void mailauth_authres_method_dkim(struct mailauth_authres *a, struct arena *arena,
                                  const struct mailauth_authres_dkim *dkim)
{
    struct mailauth_authres_result *r = add(a, arena, S("dkim"), dkim->result, dkim->reason);
    mailauth_authres_add_property(r, "header", "d", dkim->domain);
    mailauth_authres_add_property(r, "header", "i", dkim->identity);
    mailauth_authres_add_property(r, "header", "s", dkim->selector);
    mailauth_authres_add_property(r, "header", "a", dkim->algorithm);
    mailauth_authres_add_property(r, "header", "b", str_slice(dkim->signature, 0, SIGNATURE_CHARS));
}

void mailauth_authres_method_dmarc(struct mailauth_authres *a, struct arena *arena,
                                   const struct mailauth_dmarc *dmarc)
{
    bool failed = dmarc->result != MAILAUTH_PASS && dmarc->result != MAILAUTH_NONE;
    struct mailauth_authres_result *r =
        add(a, arena, S("dmarc"), dmarc->result, failed ? dmarc->reason : (str){0});
    mailauth_authres_add_property(r, "header", "from", dmarc->author);
    if (dmarc->record == NULL)
        return;
    mailauth_authres_add_property(r, "polrec", "p",
                                  mailauth_dmarc_record_policy_name(dmarc->record->p));
    if (!str_eq(dmarc->policy_domain, dmarc->author))
        mailauth_authres_add_property(r, "polrec", "domain", dmarc->policy_domain);
}

void mailauth_authres_method_arc(struct mailauth_authres *a, struct arena *arena,
                                 const struct mailauth_authres_arc *arc)
{
    struct mailauth_authres_result *r = add(a, arena, S("arc"), arc->result, arc->reason);
    mailauth_authres_add_property(r, "header", "oldest-pass", arc->oldest_pass);
    mailauth_authres_add_property(r, "smtp", "remote-ip", arc->remote_ip);
}

void mailauth_authres_method_iprev(struct mailauth_authres *a, struct arena *arena,
                                   enum mailauth_result result, str ip)
{
    mailauth_authres_add_property(add(a, arena, S("iprev"), result, (str){0}), "policy", "iprev",
                                  ip);
}

void mailauth_authres_method_auth(struct mailauth_authres *a, struct arena *arena,
                                  enum mailauth_result result, str login)
{
    mailauth_authres_add_property(add(a, arena, S("auth"), result, (str){0}), "smtp", "auth",
                                  login);
}
