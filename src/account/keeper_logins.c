#include "account/keeper_logins.h"
#include "oauth/store.h"
#include "secret/resolver.h"
#include <stdio.h>

static err read_client_secret(void *arg, str reference, struct buf *ret_secret)
{
    return secret_resolver_read(arg, reference, false, ret_secret, NULL);
}

err keeper_logins_path(str state, char ret_path[KEEPER_LOGINS_PATH_CHARS])
{
    int n = snprintf(ret_path, KEEPER_LOGINS_PATH_CHARS, "%.*s/oauth", STR_ARG(state));
    if (n < 0 || n >= KEEPER_LOGINS_PATH_CHARS)
        return err_new(ERR_CONFIG, "the path of the state folder is too long");
    return NULL;
}

err keeper_logins_open(str state, struct secret_resolver *secrets, struct oauth_store **ret_store)
{
    char path[KEEPER_LOGINS_PATH_CHARS];
    TRY(keeper_logins_path(state, path));
    struct oauth_store_options o = {
        .folder = str_of(path), .own_key = true, .secret = read_client_secret, .arg = secrets};
    return oauth_store_open(&o, ret_store);
}
