#include "personality/swaks_secure.h"
#include "personality/swaks_file.h"
#include "secret/netrc.h"
#include <stdlib.h>
#include <sys/stat.h>

/* ---- TLS -------------------------------------------------------------------------------- */

const char *const personality_swaks_secure_versions[TLS_TOOL_VERSIONS] = {
    "SSLv3", "TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"};

enum { ALL_VERSIONS = (1 << TLS_TOOL_VERSIONS) - 1 };

static unsigned version_bit(str word)
{
    for (unsigned i = 0; i < TLS_TOOL_VERSIONS; i++)
        if (str_eq_nocase(word, str_of(personality_swaks_secure_versions[i])))
            return 1u << i;
    return 0;
}

static err set_versions(struct swaks_tls *t)
{
    str rest = t->protocols;
    unsigned wanted = 0, refused = 0;
    while (rest.len) {
        str word, name;
        str_split(rest, ',', &word, &rest);
        name = word = str_trim(word);
        bool no = str_skip_nocase(&name, S("no_"));
        unsigned bit = version_bit(name);
        if (bit == 0 && !str_eq_nocase(name, S("sslv2"))) /* which nobody has any more */
            return err_new(ERR_CONFIG, "%.*s in --tls-protocol is not a known/supported protocol",
                           STR_ARG(str_slice(word, 0, 100)));
        *(no ? &refused : &wanted) |= bit;
        if (wanted && refused)
            return err_new(ERR_CONFIG, "cannot mix X and no_X forms in --tls-protocol option");
    }
    if (t->protocols.len && wanted + refused == 0)
        return err_new(ERR_CONFIG, "no valid arguments provided to --tls-protocol, exiting");
    t->options.refused = wanted ? ALL_VERSIONS & ~wanted : refused;
    return NULL;
}

static err set_files(struct swaks_plan *p)
{
    struct tls_tool_options *o = &p->tls.options;
    char path[1024];
    struct stat info;
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_CERT, &o->certificate));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_KEY, &o->key));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_CHAIN, &o->chain));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_CA, &o->ca));
    if ((o->certificate.len > 0) != (o->key.len > 0))
        return err_new(ERR_CONFIG, "--tls-cert and --tls-key require each other.  Exiting");
    if (o->chain.len && o->certificate.len == 0)
        return err_new(ERR_CONFIG, "--tls-chain requires --tls-cert and --tls-key.  Exiting");
    if (o->ca.len && (!str_to_chars(o->ca, path, sizeof path) || stat(path, &info) != 0))
        return err_new(ERR_CONFIG,
                       "--tls-ca-path: %.*s is not a valid file or directory.  Exiting.",
                       STR_ARG(str_slice(o->ca, 0, 150)));
    return NULL;
}

static err set_checks(struct swaks_plan *p)
{
    struct swaks_tls *t = &p->tls;
    TRY(personality_swaks_plan_line(p, SWAKS_TLS_VERIFY_TARGET, &t->options.verify_name));
    t->verify_host = personality_swaks_plan_flag(p, SWAKS_TLS_VERIFY_HOST);
    t->options.verify = personality_swaks_plan_flag(p, SWAKS_TLS_VERIFY) || t->verify_host ||
                        t->options.verify_name.len > 0;
    TRY(personality_swaks_plan_line(p, SWAKS_TLS_SNI, &t->options.sni));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_CIPHER, &t->options.ciphers));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_PROTOCOL, &t->protocols));
    t->show_cert = personality_swaks_plan_given(p, SWAKS_TLS_PEER_CERT);
    t->show_chain = personality_swaks_plan_given(p, SWAKS_TLS_PEER_CHAIN);
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_PEER_CERT, &t->cert_path));
    TRY(personality_swaks_plan_get(p, SWAKS_TLS_PEER_CHAIN, &t->chain_path));
    return set_versions(t);
}

err personality_swaks_secure_tls(struct swaks_plan *p)
{
    struct swaks_tls *t = &p->tls;
    bool wanted = personality_swaks_plan_flag(p, SWAKS_TLS);
    bool optional = personality_swaks_plan_flag(p, SWAKS_TLS_OPTIONAL);
    bool strict = personality_swaks_plan_flag(p, SWAKS_TLS_STRICT);
    bool on_connect = personality_swaks_plan_flag(p, SWAKS_TLS_CONNECT);
    if (wanted || optional || strict || on_connect) { /* they override those of --protocol */
        t->need = strict ? SWAKS_STRICT : optional ? SWAKS_OPTIONAL : SWAKS_NOT_WANTED;
        if (wanted && t->need == SWAKS_NOT_WANTED)
            t->need = SWAKS_REQUIRED;
        t->on_connect = on_connect;
    }
    if (t->need == SWAKS_NOT_WANTED && !t->on_connect)
        return NULL;
    TRY(set_files(p));
    return set_checks(p);
}

/* ---- login: the types ------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum swaks_login_kind kind;
    bool named_only; /* it needs a token, or is a variant of another */
} kinds[] = {
  /* the strongest first, then as swaks does: in the order of their names */
    {"SCRAM-SHA-256-PLUS", SWAKS_LOGIN_SASL,          false},
    {"SCRAM-SHA-1-PLUS",   SWAKS_LOGIN_SASL,          false},
    {"SCRAM-SHA-256",      SWAKS_LOGIN_SASL,          false},
    {"SCRAM-SHA-1",        SWAKS_LOGIN_SASL,          false},
    {"CRAM-MD5",           SWAKS_LOGIN_CRAM_MD5,      false},
    {"CRAM-SHA1",          SWAKS_LOGIN_CRAM_SHA1,     false},
    {"LOGIN",              SWAKS_LOGIN_LOGIN,         false},
    {"PLAIN",              SWAKS_LOGIN_PLAIN,         false},
    {"LOGIN-INITIAL",      SWAKS_LOGIN_LOGIN_INITIAL, true },
    {"OAUTHBEARER",        SWAKS_LOGIN_SASL,          true },
    {"XOAUTH2",            SWAKS_LOGIN_SASL,          true },
};

static const struct {
    const char *name, *reason;
} absent[] = {
    {"DIGEST-MD5", "obsolete and unsafe (RFC 6331): use SCRAM-SHA-256, or PLAIN over TLS"},
    {"NTLM",       "MD4 and DES, and never a standard: use PLAIN over TLS, or XOAUTH2"   },
    {"SPA",        "another name for NTLM"                                               },
    {"MSN",        "another name for NTLM"                                               },
};

const char *personality_swaks_secure_type(size_t index)
{
    return index < ARRAY_LEN(kinds) ? kinds[index].name : NULL;
}

const char *personality_swaks_secure_absent(size_t index, const char **ret_reason)
{
    if (index >= ARRAY_LEN(absent))
        return NULL;
    *ret_reason = absent[index].reason;
    return absent[index].name;
}

/* The value of KEY in "KEY=VALUE,KEY=VALUE"; empty: it is not there. */
static str map_find(str map, str key)
{
    while (map.len) {
        str pair, name, value;
        str_split(map, ',', &pair, &map);
        str_split(str_trim(pair), '=', &name, &value);
        if (str_eq_nocase(name, key))
            return value;
    }
    return (str){0};
}

str personality_swaks_secure_aliases(const struct swaks_plan *p, const char *type)
{
    str list = str_of(type), map = p->auth.map;
    while (map.len) {
        str pair, name, base;
        str_split(map, ',', &pair, &map);
        str_split(str_trim(pair), '=', &name, &base);
        if (str_eq_nocase(base, str_of(type)))
            list = arena_printf(p->arena, "%.*s, %.*s", STR_ARG(list), STR_ARG(name));
    }
    return list;
}

static err check_map(str map, const char *what)
{
    while (map.len) {
        str pair;
        str_split(map, ',', &pair, &map);
        pair = str_trim(pair);
        size_t equals = str_find(pair, '=');
        if (equals == STR_NONE || equals == 0 || equals + 1 == pair.len)
            return err_new(ERR_CONFIG, "Unknown %s format '%.*s'", what,
                           STR_ARG(str_slice(pair, 0, 100)));
    }
    return NULL;
}

static bool add_type(struct swaks_auth *a, str name, str base)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq_nocase(str_of(kinds[i].name), base) || a->type_count == SWAKS_LOGINS_MAX)
            continue;
        a->types[a->type_count++] =
            (struct swaks_login){name, str_of(kinds[i].name), kinds[i].kind};
        return true;
    }
    return false;
}

static void refuse_type(struct swaks_plan *p, str name, str base)
{
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (!str_eq_nocase(str_of(absent[i].name), base))
            continue;
        personality_swaks_output_say(p->output, SWAKS_FAILS, "AUTH %s not available: %s",
                                     absent[i].name, absent[i].reason);
        return;
    }
    personality_swaks_output_say(p->output, SWAKS_FAILS,
                                 "%.*s is not a recognized auth type, skipping",
                                 STR_ARG(str_slice(name, 0, 100)));
}

static void take_any(struct swaks_auth *a)
{
    a->any = true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!kinds[i].named_only)
            (void)add_type(a, str_of(kinds[i].name), str_of(kinds[i].name));
    for (str map = a->map; map.len;) {
        str pair, name, base;
        str_split(map, ',', &pair, &map);
        str_split(str_trim(pair), '=', &name, &base);
        (void)add_type(a, name, base);
    }
}

static void take_types(struct swaks_plan *p, str list)
{
    struct swaks_auth *a = &p->auth;
    while (list.len) {
        str name;
        str_split(list, ',', &name, &list);
        name = personality_swaks_plan_upper(p->arena, str_trim(name));
        str base = map_find(a->map, name);
        base = base.len ? base : name;
        if (!add_type(a, name, base))
            refuse_type(p, name, base);
    }
}

/* ---- login: who ------------------------------------------------------------------------- */

static err no_types(struct swaks_plan *p)
{
    struct swaks_auth *a = &p->auth;
    if (a->need == SWAKS_REQUIRED) {
        p->exit = SWAKS_EXIT_MISSING;
        return err_new(ERR_CONFIG, "No auth types supported");
    }
    personality_swaks_output_say(p->output, SWAKS_FAILS, "No auth types supported");
    a->unavailable = a->need == SWAKS_STRICT;
    if (!a->unavailable)
        a->need = SWAKS_NOT_WANTED;
    return NULL;
}

/* What is empty, from the server's entry (the one of this user, when he is named). */
static void take_from_netrc(struct swaks_plan *p)
{
    struct swaks_auth *a = &p->auth;
    struct buf user, password;
    buf_init(&user, SECRET_NETRC_WORD_BYTES_MAX);
    buf_init(&password, SECRET_NETRC_WORD_BYTES_MAX);
    if (secret_netrc_login(p->server, a->user, &user, &password) == NULL) {
        if (a->user.len == 0)
            a->user = arena_str(p->arena, buf_str(&user));
        if (a->password.len == 0)
            a->password = arena_str(p->arena, buf_str(&password));
    }
    err_forget(); /* no file, or nothing in it: a person is asked */
    secret_wipe(&user);
    secret_wipe(&password);
}

static err set_credentials(struct swaks_plan *p)
{
    struct swaks_auth *a = &p->auth;
    TRY(personality_swaks_plan_get(p, SWAKS_AUTH_USER, &a->user));
    TRY(personality_swaks_plan_get(p, SWAKS_AUTH_PASSWORD, &a->password));
    if (a->user.len == 0 || a->password.len == 0)
        take_from_netrc(p);
    if (a->user.len == 0)
        TRY(personality_swaks_value_ask(p->values, "Username: ", false, true, &a->user));
    if (a->password.len == 0)
        TRY(personality_swaks_value_ask(p->values, "Password: ", true, true, &a->password));
    if (str_eq(a->user, S("<>")))
        a->user = (str){0};
    if (str_eq(a->password, S("<>")))
        a->password = (str){0};
    return NULL;
}

/* Which of the three, and its list of types. */
static err find_need(struct swaks_plan *p, str *ret_types)
{
    struct swaks_auth *a = &p->auth;
    const struct {
        enum swaks_key key;
        enum swaks_need need;
    } all[] = {
        {SWAKS_AUTH_STRICT,   SWAKS_STRICT  },
        {SWAKS_AUTH_OPTIONAL, SWAKS_OPTIONAL},
        {SWAKS_AUTH,          SWAKS_REQUIRED},
    };
    enum swaks_need need = SWAKS_NOT_WANTED;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (need == SWAKS_NOT_WANTED && personality_swaks_plan_given(p, all[i].key))
            need = all[i].need;
        if (ret_types->len == 0)
            TRY(personality_swaks_plan_get(p, all[i].key, ret_types));
    }
    bool named = personality_swaks_plan_given(p, SWAKS_AUTH_USER) ||
                 personality_swaks_plan_given(p, SWAKS_AUTH_PASSWORD);
    if (need != SWAKS_NOT_WANTED)
        a->need = need;
    else if (named)
        a->need = SWAKS_REQUIRED;
    return NULL;
}

err personality_swaks_secure_auth(struct swaks_plan *p)
{
    struct swaks_auth *a = &p->auth;
    str types = {0};
    TRY(find_need(p, &types));
    a->show_plain = personality_swaks_plan_flag(p, SWAKS_AUTH_PLAINTEXT);
    a->hide = personality_swaks_plan_given(p, SWAKS_AUTH_HIDE);
    TRY(personality_swaks_plan_get(p, SWAKS_AUTH_HIDE, &a->hidden));
    if (a->hidden.len == 0)
        a->hidden = S("PROVIDED_BUT_REMOVED");
    TRY(personality_swaks_plan_line(p, SWAKS_AUTH_MAP, &a->map));
    TRY(personality_swaks_plan_line(p, SWAKS_AUTH_EXTRA, &a->extra));
    if (a->need == SWAKS_NOT_WANTED)
        return NULL;
    TRY(check_map(a->map, "auth-map"));
    TRY(check_map(a->extra, "auth-extra"));
    if (types.len)
        take_types(p, types);
    else
        take_any(a);
    return a->type_count ? set_credentials(p) : no_types(p);
}
