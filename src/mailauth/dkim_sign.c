#include "mailauth/dkim_sign.h"
#include "mailauth/dkim_field.h"
#include "mailauth/dkim_header.h"

enum { QUOTED_BYTES_MAX = 60 };

struct mailauth_dkim_sign {
    struct arena *arena;
    struct mailauth_canon_hash *body;
    struct mailauth_dkim_header *header;
    const struct mailauth_dkim_plan *plans;
    str names[MAILAUTH_DKIM_SIGN_PLANS_MAX];
    size_t hashes[MAILAUTH_DKIM_SIGN_PLANS_MAX];
    size_t count;
};

/* ---- which fields -----------------------------------------------------------------------------
 */

enum how { NEVER, IF_THERE, NO_MORE };

/* RFC 6376 section 5.4.1 is where the choice begins; RFC 8058 asks for List-Unsubscribe-Post. */
static const struct {
    const char *name;
    uint8_t how[3]; /* by enum mailauth_dkim_purpose: mail, bulk, listed */
} table[] = {
    {"From",                      {NO_MORE, NO_MORE, NO_MORE}   },
    {"Sender",                    {IF_THERE, IF_THERE, NEVER}   },
    {"Reply-To",                  {NO_MORE, NO_MORE, IF_THERE}  },
    {"Subject",                   {NO_MORE, NO_MORE, NO_MORE}   },
    {"Date",                      {NO_MORE, NO_MORE, NO_MORE}   },
    {"To",                        {NO_MORE, NO_MORE, NO_MORE}   },
    {"Cc",                        {NO_MORE, NO_MORE, NO_MORE}   },
    {"Message-ID",                {NO_MORE, NO_MORE, NO_MORE}   },
    {"In-Reply-To",               {NO_MORE, NO_MORE, NO_MORE}   },
    {"References",                {NO_MORE, NO_MORE, NO_MORE}   },
    {"MIME-Version",              {NO_MORE, NO_MORE, NO_MORE}   },
    {"Content-Type",              {NO_MORE, NO_MORE, NO_MORE}   },
    {"Content-Transfer-Encoding", {NO_MORE, NO_MORE, NO_MORE}   },
    {"Content-ID",                {IF_THERE, IF_THERE, IF_THERE}},
    {"Content-Description",       {IF_THERE, IF_THERE, IF_THERE}},
    {"Content-Disposition",       {IF_THERE, IF_THERE, IF_THERE}},
    {"Resent-Date",               {IF_THERE, IF_THERE, IF_THERE}},
    {"Resent-From",               {IF_THERE, IF_THERE, IF_THERE}},
    {"Resent-To",                 {IF_THERE, IF_THERE, IF_THERE}},
    {"Resent-Cc",                 {IF_THERE, IF_THERE, IF_THERE}},
    {"Resent-Message-ID",         {IF_THERE, IF_THERE, IF_THERE}},
    {"List-Id",                   {IF_THERE, NO_MORE, NEVER}    },
    {"List-Unsubscribe",          {IF_THERE, NO_MORE, NEVER}    },
    {"List-Unsubscribe-Post",     {IF_THERE, NO_MORE, NEVER}    },
    {"List-Help",                 {IF_THERE, IF_THERE, NEVER}   },
    {"List-Subscribe",            {IF_THERE, IF_THERE, NEVER}   },
    {"List-Post",                 {IF_THERE, IF_THERE, NEVER}   },
    {"List-Owner",                {IF_THERE, IF_THERE, NEVER}   },
    {"List-Archive",              {IF_THERE, IF_THERE, NEVER}   },
    {"Feedback-ID",               {IF_THERE, IF_THERE, IF_THERE}},
    {"Auto-Submitted",            {IF_THERE, IF_THERE, IF_THERE}},
};

static err add_names(const struct mailauth_dkim_header *h, enum mailauth_dkim_purpose purpose,
                     struct buf *out)
{
    size_t total = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum how how = table[i].how[purpose];
        size_t times = mailauth_dkim_header_count(h, str_of(table[i].name));
        times = how == NEVER ? 0 : times + (how == NO_MORE);
        total += times;
        if (total > MAILAUTH_DKIM_SIGN_NAMES_MAX)
            return err_new(ERR_PROTOCOL, "more than %d fields to sign",
                           MAILAUTH_DKIM_SIGN_NAMES_MAX);
        for (; times > 0; times--)
            TRY(buf_addf(out, "%s%s", out->len > 0 ? ":" : "", table[i].name));
    }
    return NULL;
}

static err choose_names(const struct mailauth_dkim_header *h, enum mailauth_dkim_purpose purpose,
                        struct arena *arena, str *ret_names)
{
    struct buf names;
    buf_init(&names, MAILAUTH_DKIM_FIELD_BYTES_MAX);
    err e = add_names(h, purpose, &names);
    if (e == NULL)
        *ret_names = arena_str(arena, buf_str(&names));
    buf_release(&names);
    return e;
}

err mailauth_dkim_sign_names(str header, enum mailauth_dkim_purpose purpose, struct arena *arena,
                             str *ret_names)
{
    struct mailauth_dkim_header *h;
    TRY(mailauth_dkim_header_open(header, arena, &h));
    return choose_names(h, purpose, arena, ret_names);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static err check_message(const struct mailauth_dkim_header *h)
{
    size_t from = mailauth_dkim_header_count(h, S("From"));
    if (from != 1)
        return err_new(ERR_PROTOCOL, "a message with %zu From fields is not signed", from);
    for (size_t i = 0; i < mailauth_dkim_header_size(h); i++)
        if (mailauth_dkim_header_at(h, i)->flags & FIELD_BARE_BYTES)
            return err_new(ERR_PROTOCOL, "a header with CR, LF or NUL alone is not signed");
    return NULL;
}

/* Text that stays within its tag. */
static err check_text(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~' || text.ptr[i] == ';')
            return err_new(ERR_CONFIG, "\"%.*s\" cannot stand in a signature",
                           STR_ARG(str_slice(text, 0, QUOTED_BYTES_MAX)));
    return NULL;
}

/* A signature with these tags is read as a verifier would. */
err mailauth_dkim_sign_check(const struct mailauth_dkim_plan *p, str names, struct arena *arena)
{
    TRY(check_text(p->domain));
    TRY(check_text(p->selector));
    TRY(check_text(p->identity));
    TRY(check_text(names));
    str text = arena_printf(
        arena, "X: v=1; a=rsa-sha256; d=%.*s; s=%.*s; %s%.*s; h=%.*s; b=AA==; bh=%s\r\n",
        STR_ARG(p->domain), STR_ARG(p->selector),
        p->identity.len > 0 ? "i=" : "z=", STR_ARG(p->identity), STR_ARG(names),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    struct message_field field;
    bool is_field = message_header_next(&text, &field);
    ASSERT(is_field);
    struct mailauth_dkim_signature read;
    mailauth_dkim_signature_read(&field, MAILAUTH_DKIM_FIELD_DKIM, arena, &read);
    if (read.wrong.len > 0)
        return err_new(ERR_CONFIG, "signing for %.*s: %.*s", STR_ARG(p->domain),
                       STR_ARG(read.wrong));
    return NULL;
}

/* ---- signing --------------------------------------------------------------------------------- */

err mailauth_dkim_sign_open(str header, const struct mailauth_dkim_plan *plans, size_t count,
                            struct mailauth_canon_hash *body, struct arena *arena,
                            struct mailauth_dkim_sign **ret_sign)
{
    struct mailauth_dkim_sign *s = ARENA_NEW(arena, struct mailauth_dkim_sign);
    *s = (struct mailauth_dkim_sign){.arena = arena, .body = body, .plans = plans, .count = count};
    if (count > MAILAUTH_DKIM_SIGN_PLANS_MAX)
        return err_new(ERR_LIMIT, "more than %d signatures", MAILAUTH_DKIM_SIGN_PLANS_MAX);
    TRY(mailauth_dkim_header_open(header, arena, &s->header));
    TRY(check_message(s->header));
    for (size_t i = 0; i < count; i++) {
        s->names[i] = plans[i].names;
        if (s->names[i].len == 0)
            TRY(choose_names(s->header, plans[i].purpose, arena, &s->names[i]));
        TRY(mailauth_dkim_sign_check(&plans[i], s->names[i], arena));
        TRY(mailauth_canon_hash_want(body, plans[i].body_canon, MAILAUTH_CANON_WHOLE,
                                     &s->hashes[i]));
    }
    *ret_sign = s;
    return NULL;
}

static str canon_names(const struct mailauth_dkim_plan *p)
{
    static const char *const names[2][2] = {
        {"simple/simple",  "simple/relaxed" },
        {"relaxed/simple", "relaxed/relaxed"}
    };
    return str_of(names[p->header_canon][p->body_canon]);
}

static err write_tags(struct mailauth_dkim_field *f, const struct mailauth_dkim_plan *p, str names,
                      const uint8_t *body_hash, int64_t now_s)
{
    TRY(mailauth_dkim_field_begin(f, S("DKIM-Signature")));
    TRY(mailauth_dkim_field_tag(f, "v", S("1")));
    TRY(mailauth_dkim_field_tag(f, "a", mailauth_dkim_field_algorithm(p->signer->algorithm)));
    TRY(mailauth_dkim_field_tag(f, "c", canon_names(p)));
    TRY(mailauth_dkim_field_tag(f, "d", p->domain));
    TRY(mailauth_dkim_field_tag(f, "s", p->selector));
    if (p->identity.len > 0)
        TRY(mailauth_dkim_field_tag(f, "i", p->identity));
    TRY(mailauth_dkim_field_number(f, "t", now_s));
    if (p->valid_s > 0)
        TRY(mailauth_dkim_field_number(f, "x", now_s + p->valid_s));
    TRY(mailauth_dkim_field_names(f, names));
    TRY(mailauth_dkim_field_bytes(f, "bh",
                                  (str){(const char *)body_hash, MAILAUTH_DKIM_DIGEST_BYTES}));
    return mailauth_dkim_field_mark(f);
}

static err sign_one(struct mailauth_dkim_sign *s, size_t i, int64_t now_s,
                    struct mailauth_dkim_digest *digest, struct buf *out, deadline until)
{
    const struct mailauth_dkim_plan *p = &s->plans[i];
    struct mailauth_dkim_field field;
    mailauth_dkim_field_open(&field);
    err e = write_tags(&field, p, s->names[i], mailauth_canon_hash_digest(s->body, s->hashes[i]),
                       now_s);
    mailauth_dkim_header_hash(s->header, s->names[i], p->header_canon, NULL, digest);
    if (e == NULL)
        e = mailauth_dkim_field_sign(&field, p->header_canon, digest, p->signer, out, until);
    mailauth_dkim_field_release(&field);
    return e;
}

err mailauth_dkim_sign_finish(struct mailauth_dkim_sign *s, int64_t now_s, struct buf *out_fields,
                              deadline until)
{
    mailauth_canon_hash_end(s->body);
    struct mailauth_dkim_digest *digest = mailauth_dkim_digest_open(s->arena);
    for (size_t i = 0; i < s->count; i++)
        TRY(sign_one(s, i, now_s, digest, out_fields, until));
    return NULL;
}
