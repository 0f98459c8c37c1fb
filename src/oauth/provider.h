/* oauth/provider.h -- who gives out tokens: a table that ships, or whoever has a discovery document
 *
 * What ships is share/oauth.yaml with the operator's own file over it (config/share.h). A provider
 * that is not there is named by its issuer's URL and describes itself (OpenID Connect Discovery).
 */
#pragma once
#include "config/errors.h"
#include "oauth/answer.h"

enum {
    OAUTH_PROVIDERS_MAX = 200,
    OAUTH_PROVIDER_TEXT_BYTES_MAX = 600,
    OAUTH_PROVIDER_STEPS_MAX = 20,
    OAUTH_PROVIDER_HOSTS_MAX = 20,
};

struct oauth_provider {
    str key, name;   /* of a discovered one both are the issuer */
    str unavailable; /* not empty: why it has no tokens for SMTP; then most is empty */
    str issuer;
    str authorize, token, device, revoke; /* may be empty but for the first two */
    str tenant;                           /* what "{tenant}" stands for when nobody says */
    str scopes, app_scopes;
    str redirect;  /* the name of this machine that its redirects may have; empty: 127.0.0.1 */
    str extra;     /* "a=b&c=d" behind the authorization URL */
    bool basic;    /* the client's secret goes as HTTP Basic */
    str device_no; /* why it has no device flow for mail */
    str mechanism;
    str source, date;
    str steps[OAUTH_PROVIDER_STEPS_MAX], hosts[OAUTH_PROVIDER_HOSTS_MAX];
    size_t step_count, host_count;
};

struct oauth_providers {
    struct oauth_provider *list;
    size_t count;
};

/* An empty folder: only what ships. Blocks. False: the operator's file has mistakes. */
bool oauth_provider_read_all(str folder, struct arena *, struct config_errors *,
                             struct oauth_providers *ret_providers);
const struct oauth_provider *oauth_provider_find(const struct oauth_providers *, str key);
/* Whose tokens this SMTP server takes; NULL: nobody's that we know. */
const struct oauth_provider *oauth_provider_of_host(const struct oauth_providers *, str host);

/* With the tenant (empty: the default) in its URLs. ERR_CONFIG: the tenant has characters that no
 * tenant has, or the provider has none. */
must_use err oauth_provider_of_tenant(const struct oauth_provider *, str tenant, struct arena *,
                                      struct oauth_provider *ret_provider);
/* Ask ISSUER/.well-known/openid-configuration. Blocks. ERR_CONFIG, ERR_PROTOCOL, or what the
 * network says. */
must_use err oauth_provider_discover(str issuer, str ca_file, struct arena *,
                                     struct oauth_provider *ret_provider);
