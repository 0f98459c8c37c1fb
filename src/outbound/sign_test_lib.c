#include "base/log.h"
#include "mailauth/dkim_keys_test.h"
#include "outbound/sign_test.h"

static err list_keys(void *state, str domain, struct arena *arena,
                     struct keeper_dkim_keys *ret_keys, deadline until)
{
    struct sign_test_keys *k = state;
    (void)arena, (void)until;
    *ret_keys = (struct keeper_dkim_keys){0};
    k->asked++;
    if (!str_eq(domain, str_of(k->domain)))
        return NULL;
    if (!k->no_rsa)
        ret_keys->list[ret_keys->count++] =
            (struct keeper_dkim_key){k->rotated ? S("r2") : S("r"), MAILAUTH_DKIM_RSA};
    ret_keys->list[ret_keys->count++] =
        (struct keeper_dkim_key){k->rotated ? S("e2") : S("e"), MAILAUTH_DKIM_ED25519};
    return NULL;
}

static err sign(void *state, const struct keeper_digest *d, struct buf *out, deadline until)
{
    struct sign_test_keys *k = state;
    struct mailauth_dkim_signer *signer =
        mailauth_dkim_private_signer(d->algorithm == MAILAUTH_DKIM_RSA ? k->rsa : k->ed25519);
    bool is_new = d->selector.len == 2;
    if (is_new != k->rotated)
        return err_new(ERR_CONFIG, "there is no key %.*s", STR_ARG(d->selector));
    k->signatures++;
    if (is_new)
        return signer->sign(signer, d->bytes, out, until);
    CHECK_STR(d->selector, d->algorithm == MAILAUTH_DKIM_RSA ? "r" : "e", "selector");
    return k->busy ? err_new(ERR_TIMEOUT, "the keeper is busy")
                   : signer->sign(signer, d->bytes, out, until);
}

static uint64_t announced_size(str line)
{
    uint64_t size = 0;
    for (str word; line.len > 0;) {
        str_split(line, ' ', &word, &line);
        if (str_skip(&word, S("SIZE=")))
            CHECK(str_to_u64(word, UINT64_MAX, &size), "SIZE");
    }
    return size;
}

str sign_test_heard(const struct town_server *s, struct arena *arena, uint64_t *ret_size)
{
    str rest = buf_str(&s->heard), line;
    struct buf out;
    buf_init(&out, 1 << 20);
    *ret_size = 0;
    do {
        str_split(rest, '\n', &line, &rest);
        if (str_starts(line, S("MAIL FROM:")))
            *ret_size = announced_size(line);
    } while (rest.len > 0 && !str_eq(line, S("DATA")));
    for (str_split(rest, '\n', &line, &rest); rest.len > 0 && !str_eq(line, S("."));
         str_split(rest, '\n', &line, &rest)) {
        str_skip(&line, S("."));
        CHECK_DONE(buf_addf(&out, "%.*s\r\n", STR_ARG(line)), "a line");
    }
    str mail = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return mail;
}

void sign_test_publish(struct dkim_bench *b, const struct mailauth_dkim_private *key,
                       const char *name, const char *domain)
{
    struct buf line;
    buf_init(&line, 1 << 12);
    CHECK_DONE(mailauth_dkim_private_zone_line(key, str_of(name), str_of(domain), &line), "zone");
    CHECK_DONE(buf_add(&b->zone, buf_str(&line)), "zone");
    buf_release(&line);
}

void sign_test_open(struct sign_test_keys *k, struct dkim_bench *b, const char *domain)
{
    dkim_bench_open(b);
    *k = (struct sign_test_keys){.domain = domain};
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), b->arena, &k->rsa), "RSA");
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_ed25519_pem), b->arena, &k->ed25519),
               "Ed25519");
    sign_test_publish(b, k->rsa, "r", domain);
    sign_test_publish(b, k->ed25519, "e", domain);
}

struct keeper sign_test_keeper(struct sign_test_keys *k)
{
    return (struct keeper){.dkim_keys = list_keys, .dkim_sign = sign, .state = k};
}

static void say_nothing(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

void sign_test_be_quiet(void) { log_set_sink(say_nothing, NULL); }
