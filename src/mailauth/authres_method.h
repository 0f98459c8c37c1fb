/* mailauth/authres_method.h -- the results that a server has to tell, each with its properties
 * (RFC 8601 section 2.7, RFC 9989 section 9.1, RFC 8617 section 5.1)
 *
 * Every function adds one result and leaves out what is empty. They may be used several times, as
 * for several signatures.
 */
#pragma once
#include "mailauth/authres.h"
#include "mailauth/dmarc.h"

struct mailauth_authres_spf {
    enum mailauth_result result;
    str reason;
    str mailfrom; /* "local@domain" or the domain; empty with a null path */
    str helo;     /* with a null path: what was checked instead */
};

struct mailauth_authres_dkim {
    enum mailauth_result result;
    str reason;
    str domain, identity, selector, algorithm; /* d= i= s= a= */
    str signature; /* b=: its first characters tell several apart (RFC 6008) */
};

struct mailauth_authres_arc {
    enum mailauth_result result;
    str reason;
    str oldest_pass; /* "0": RFC 8617 section 5.2 */
    str remote_ip;
};

void mailauth_authres_method_spf(struct mailauth_authres *, struct arena *,
                                 const struct mailauth_authres_spf *);
void mailauth_authres_method_dkim(struct mailauth_authres *, struct arena *,
                                  const struct mailauth_authres_dkim *);
void mailauth_authres_method_dmarc(struct mailauth_authres *, struct arena *,
                                   const struct mailauth_dmarc *);
void mailauth_authres_method_arc(struct mailauth_authres *, struct arena *,
                                 const struct mailauth_authres_arc *);
void mailauth_authres_method_iprev(struct mailauth_authres *, struct arena *, enum mailauth_result,
                                   str ip);
void mailauth_authres_method_auth(struct mailauth_authres *, struct arena *, enum mailauth_result,
                                  str login);
