#include "personality/msmtp_secure.h"
#include "runtime/tls_peer.h"
#include <stdio.h>
#include <string.h>

static bool is_off(const struct msmtp *m)
{
    return personality_msmtp_job_is(m, MSMTPRC_TLS_CERTCHECK, S("off"));
}

/* ---- priorities ------------------------------------------------------------------------- */

enum { SPEAKS_1_2 = 1, SPEAKS_1_3 = 2 };

static err change_versions(str version, bool add, unsigned *speaks)
{
    static const struct {
        const char *name;
        unsigned bits;
        bool old;
    } versions[] = {
        {"TLS1.3",  SPEAKS_1_3,              false},
        {"TLS1.2",  SPEAKS_1_2,              false},
        {"ALL",     SPEAKS_1_2 | SPEAKS_1_3, false},
        {"TLS-ALL", SPEAKS_1_2 | SPEAKS_1_3, false},
        {"TLS1.1",  0,                       true },
        {"TLS1.0",  0,                       true },
        {"SSL3.0",  0,                       true },
    };
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (!str_eq_nocase(version, str_of(versions[i].name)))
            continue;
        if (add && versions[i].old)
            return err_new(ERR_CONFIG, "%s is never spoken here: leave +VERS-%s out",
                           versions[i].name, versions[i].name);
        *speaks = add ? *speaks | versions[i].bits : *speaks & ~versions[i].bits;
        return NULL;
    }
    return err_new(ERR_CONFIG, "unknown version %.*s", STR_ARG(str_slice(version, 0, 50)));
}

static err take_priority(str word, unsigned *speaks)
{
    static const char *const bases[] = {"NORMAL",    "PFS",       "SECURE",
                                        "SECURE128", "SECURE192", "SECURE256"};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++)
        if (str_eq_nocase(word, str_of(bases[i])))
            return NULL; /* less than any of them is not spoken anyway */
    bool add = str_starts(word, S("+"));
    bool sign = add || str_starts(word, S("-")) || str_starts(word, S("!"));
    str version = str_from(word, sign ? 1 : 0);
    if (sign && str_skip_nocase(&version, S("VERS-")))
        return change_versions(version, add, speaks);
    return err_new(ERR_CONFIG,
                   "%.*s is not understood here, where ciphers and groups are fixed: "
                   "write only versions, like NORMAL:-VERS-ALL:+VERS-TLS1.3",
                   STR_ARG(str_slice(word, 0, 100)));
}

err personality_msmtp_secure_priorities(str words, enum tls_choice_version *ret_oldest,
                                        enum tls_choice_version *ret_newest)
{
    unsigned speaks = SPEAKS_1_2 | SPEAKS_1_3;
    while (words.len) {
        str word;
        str_split(words, ':', &word, &words);
        TRY(take_priority(word, &speaks));
    }
    if (speaks == 0)
        return err_new(ERR_CONFIG, "no version of TLS is left: add +VERS-TLS1.3");
    *ret_oldest = speaks & SPEAKS_1_2 ? TLS_CHOICE_1_2 : TLS_CHOICE_1_3;
    *ret_newest = speaks & SPEAKS_1_3 ? TLS_CHOICE_1_3 : TLS_CHOICE_1_2;
    return NULL;
}

/* ---- opening ---------------------------------------------------------------------------- */

static void choose_print(struct msmtp *m)
{
    uint8_t print[MSMTPRC_PRINT_BYTES_MAX];
    size_t count =
        personality_msmtprc_print(personality_msmtp_job_value(m, MSMTPRC_TLS_FINGERPRINT), print);
    if (count == 0 || is_off(m))
        return;
    m->tls_choice.pinned = count == TLS_CHOICE_PIN_BYTES;
    if (m->tls_choice.pinned)
        memcpy(m->tls_choice.pin, print, count);
    else
        memcpy(m->old_print, print, count);
    m->old_print_bytes = m->tls_choice.pinned ? 0 : count;
}

err personality_msmtp_secure_open(struct msmtp *m)
{
    struct tls_choice *o = &m->tls_choice;
    if (!personality_msmtp_job_is(m, MSMTPRC_TLS, S("on")))
        return NULL;
    err e = personality_msmtp_secure_priorities(
        personality_msmtp_job_value(m, MSMTPRC_TLS_PRIORITIES), &o->oldest, &o->newest);
    m->exit = EX_CONFIG;
    if (e)
        return err_wrap(e, "tls_priorities");
    choose_print(m);
    bool judged = !o->pinned && m->old_print_bytes == 0 && !is_off(m);
    if (judged && !personality_msmtp_job_is(m, MSMTPRC_TLS_TRUST_FILE, S("system")))
        o->ca_file = personality_msmtp_job_path(m, MSMTPRC_TLS_TRUST_FILE);
    if (judged)
        o->crl = personality_msmtp_job_path(m, MSMTPRC_TLS_CRL_FILE);
    o->certificate = personality_msmtp_job_path(m, MSMTPRC_TLS_CERT_FILE);
    o->key = personality_msmtp_job_path(m, MSMTPRC_TLS_KEY_FILE);
    m->exit = EX_NOINPUT;
    TRY(tls_choice_open(o, &m->tls));
    if (is_off(m) && m->mode != MSMTP_SERVERINFO)
        fprintf(stderr, "msmtp: warning: tls_certcheck is off: whoever is on the way can read and "
                        "change all of it, the password too. Pin the certificate with "
                        "tls_fingerprint, or trust it with tls_trust_file\n");
    return NULL;
}

str personality_msmtp_secure_name(const struct msmtp *m)
{
    str other = personality_msmtp_job_value(m, MSMTPRC_TLS_HOST_OVERRIDE);
    return other.len ? other : personality_msmtp_job_value(m, MSMTPRC_HOST);
}

enum tls_verify personality_msmtp_secure_verify(const struct msmtp *m)
{
    return is_off(m) || m->old_print_bytes ? TLS_VERIFY_NONE : TLS_VERIFY_NAME;
}

/* ---- after the handshake ---------------------------------------------------------------- */

str personality_msmtp_secure_print(const uint8_t *bytes, size_t count, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = ARENA_ARRAY(arena, char, count * 3 + 1);
    for (size_t i = 0; i < count; i++) {
        text[i * 3] = digits[bytes[i] >> 4];
        text[i * 3 + 1] = digits[bytes[i] & 15];
        text[i * 3 + 2] = ':';
    }
    return (str){text, count ? count * 3 - 1 : 0};
}

err personality_msmtp_secure_check(struct msmtp *m, const struct net_conn *conn)
{
    struct tls_peer peer;
    if (m->old_print_bytes == 0)
        return NULL;
    bool sha1 = m->old_print_bytes == TLS_PEER_SHA1_BYTES;
    bool same = tls_peer_get(conn, m->arena, &peer) &&
                memcmp(m->old_print, sha1 ? peer.sha1 : peer.md5, m->old_print_bytes) == 0;
    if (!same)
        return personality_msmtp_job_fail(
            m, EX_UNAVAILABLE,
            "TLS certificate verification failed: the certificate fingerprint does not match");
    str print = personality_msmtp_secure_print(peer.sha256, sizeof peer.sha256, m->arena);
    return personality_msmtp_job_fail(m, EX_CONFIG,
                                      "a fingerprint by %s can be forged and is not used: write "
                                      "tls_fingerprint %.*s",
                                      sha1 ? "SHA-1" : "MD5", STR_ARG(print));
}

err personality_msmtp_secure_failed(struct msmtp *m, const struct net_conn *conn, err e)
{
    char why[600];
    bool distrust = e->kind == ERR_TLS && tls_verify_error(conn) != 0;
    err_reason(e, why, sizeof why);
    if (distrust)
        return personality_msmtp_job_fail(m, EX_UNAVAILABLE,
                                          "TLS certificate verification failed: %s", why);
    return personality_msmtp_job_fail(m, e->kind == ERR_TLS ? EX_PROTOCOL : EX_TEMPFAIL,
                                      "TLS handshake failed: %s", why);
}
