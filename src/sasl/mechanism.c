#include "sasl/mechanism.h"

static const char *const names[SASL_MECHANISM_COUNT] = {
    [SASL_NONE] = "",
    [SASL_PLAIN] = "PLAIN",
    [SASL_LOGIN] = "LOGIN",
    [SASL_CRAM_MD5] = "CRAM-MD5",
    [SASL_SCRAM_SHA_1] = "SCRAM-SHA-1",
    [SASL_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
    [SASL_OAUTHBEARER] = "OAUTHBEARER",
    [SASL_XOAUTH2] = "XOAUTH2",
};

enum sasl_mechanism sasl_mechanism_of(str name)
{
    for (int m = SASL_NONE + 1; m < SASL_MECHANISM_COUNT; m++)
        if (str_eq_nocase(name, str_of(names[m])))
            return (enum sasl_mechanism)m;
    return SASL_NONE;
}

str sasl_mechanism_name(enum sasl_mechanism m)
{
    ASSERT(m < SASL_MECHANISM_COUNT);
    return str_of(names[m]);
}

unsigned sasl_mechanism_offered(str list)
{
    unsigned set = 0;
    while (list.len) {
        str name;
        str_split(list, ' ', &name, &list);
        enum sasl_mechanism m = sasl_mechanism_of(name);
        if (m != SASL_NONE)
            set |= sasl_mechanism_bit(m);
    }
    return set;
}

static bool usable(enum sasl_mechanism m, unsigned offered, const struct sasl_mechanism_wish *wish)
{
    if (!(offered & sasl_mechanism_bit(m)))
        return false;
    return !sasl_mechanism_binds(m) || wish->binding_known;
}

enum sasl_mechanism sasl_mechanism_choose(unsigned offered, const struct sasl_mechanism_wish *wish)
{
    static const enum sasl_mechanism with_password[] = {SASL_SCRAM_SHA_256_PLUS,
                                                        SASL_SCRAM_SHA_1_PLUS,
                                                        SASL_SCRAM_SHA_256,
                                                        SASL_SCRAM_SHA_1,
                                                        SASL_CRAM_MD5,
                                                        SASL_PLAIN,
                                                        SASL_LOGIN};
    static const enum sasl_mechanism with_token[] = {SASL_OAUTHBEARER, SASL_XOAUTH2};
    if (wish->named != SASL_NONE)
        return usable(wish->named, offered, wish) ? wish->named : SASL_NONE;
    const enum sasl_mechanism *order = wish->token ? with_token : with_password;
    size_t count = wish->token ? ARRAY_LEN(with_token) : ARRAY_LEN(with_password);
    for (size_t i = 0; i < count; i++)
        if (usable(order[i], offered, wish))
            return order[i];
    return SASL_NONE;
}
