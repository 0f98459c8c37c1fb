#include "mailauth/spf.h"
#include "mailauth/spf_match.h"
#include "mailauth/spf_policy.h"
#include <assert.h>
#include <idn2.h>

enum {
    FRAMES_MAX = MAILAUTH_SPF_LOOKUPS_MAX + 1, /* each include takes a lookup */
    RECORDS_MAX = MAILAUTH_SPF_LOOKUPS_MAX + 1,
    NAMES_BYTES_MAX = 128 << 10, /* what is expanded: at most one name a lookup */
    CHECK_ARENA_BYTES =
        RECORDS_MAX * (MAILAUTH_SPF_RECORD_ARENA_BYTES + MAILAUTH_SPF_RECORD_BYTES_MAX + 1024) +
        NAMES_BYTES_MAX,
};

/* One policy under way. */
struct frame {
    str domain;
    struct mailauth_spf_record record;
    size_t at;
    const struct mailauth_spf_term *include; /* why it is looked at; NULL: it is the first */
};

struct check {
    struct mailauth_spf_state state;
    struct frame frames[FRAMES_MAX];
    unsigned depth;
    struct mailauth_spf *out;
    str exp, exp_domain; /* of the first policy, when it ended */
};

static struct frame *top(struct check *c) { return &c->frames[c->depth - 1]; }

/* The policy of a domain into the frame on top. False: there is none, or it failed. */
static err enter(struct check *c, str domain, bool *ret_found, const char **ret_why)
{
    struct mailauth_spf_state *s = &c->state;
    struct frame *f = top(c);
    struct mailauth_spf_policy p;
    TRY(mailauth_spf_policy_read(s, domain, &p));
    *ret_found = p.found;
    *ret_why = p.why;
    if (p.text.len)
        mailauth_story_tell(s->story, "%.*s says \"%.*s\"", STR_ARG(domain), STR_ARG(p.text));
    if (!p.found)
        return NULL;
    f->record = p.record;
    f->domain = s->values.domain = domain;
    f->at = 0;
    return NULL;
}

/* ---- walking ---- */

static void leave_frame(struct check *c)
{
    c->depth--;
    if (c->depth == 0)
        return;
    c->state.values.domain = top(c)->domain;
    if (c->state.story)
        c->state.story->depth--;
}

static void settle(struct check *c, enum mailauth_result result, const struct mailauth_spf_term *t)
{
    const struct frame *f = &c->frames[0];
    c->out->result = result;
    c->out->mechanism = t ? t->text : (str){0};
    c->out->policy = f->domain;
    c->exp = f->record.exp ? f->record.exp->domain : (str){0};
    c->exp_domain = f->domain;
}

/* A policy has come to a result by a mechanism (NULL: by none). Inside an include a pass matches
 * the include, which may end the policy around it as well (section 5.2). */
static void finish(struct check *c, enum mailauth_result result, const struct mailauth_spf_term *t)
{
    for (;;) {
        const struct mailauth_spf_term *include = top(c)->include;
        str name = mailauth_result_name(result);
        leave_frame(c);
        if (c->depth == 0) {
            settle(c, result, t);
            return;
        }
        bool matches = result == MAILAUTH_PASS;
        mailauth_story_tell(c->state.story, "%.*s: %.*s inside, so it %s", STR_ARG(include->text),
                            STR_ARG(name), matches ? "matches" : "does not match");
        if (!matches)
            return;
        result = include->result;
        t = include;
    }
}

/* Section 5.2, 6.1: a target without a policy is a permerror. */
static err enter_target(struct check *c, const struct mailauth_spf_term *t, str name)
{
    bool found;
    const char *why;
    TRY(enter(c, name, &found, &why));
    if (!found)
        mailauth_spf_state_fail(&c->state, MAILAUTH_PERMERROR, "%.*s: \"%.*s\" %s",
                                STR_ARG(t->text), STR_ARG(name), why);
    return NULL;
}

static err target_name(struct check *c, const struct mailauth_spf_term *t, str *ret_name)
{
    struct mailauth_spf_state *s = &c->state;
    mailauth_spf_state_count(s);
    mailauth_story_tell(s->story, "%.*s (lookup %u of %d)", STR_ARG(t->text), s->lookups,
                        MAILAUTH_SPF_LOOKUPS_MAX);
    *ret_name = (str){0};
    return s->failed ? NULL : mailauth_spf_state_name(s, t->domain, ret_name);
}

static err include(struct check *c, const struct mailauth_spf_term *t)
{
    str name;
    TRY(target_name(c, t, &name));
    if (c->state.failed)
        return NULL;
    ASSERT(c->depth < FRAMES_MAX);
    c->frames[c->depth++] = (struct frame){.include = t};
    if (c->state.story)
        c->state.story->depth++;
    return enter_target(c, t, name);
}

/* The target's policy takes the place of this one. */
static err redirect(struct check *c, const struct mailauth_spf_term *t)
{
    str name;
    TRY(target_name(c, t, &name));
    return c->state.failed ? NULL : enter_target(c, t, name);
}

static err match(struct check *c, const struct mailauth_spf_term *t)
{
    struct mailauth_spf_state *s = &c->state;
    bool matches;
    unsigned before = s->lookups;
    TRY(mailauth_spf_match(s, t, &matches));
    if (s->failed)
        return NULL;
    if (s->lookups > before)
        mailauth_story_tell(s->story, "%.*s %s (lookup %u of %d)", STR_ARG(t->text),
                            matches ? "matches" : "does not match", s->lookups,
                            MAILAUTH_SPF_LOOKUPS_MAX);
    else
        mailauth_story_tell(s->story, "%.*s %s", STR_ARG(t->text),
                            matches ? "matches" : "does not match");
    if (matches)
        finish(c, t->result, t);
    return NULL;
}

static err step(struct check *c)
{
    struct frame *f = top(c);
    if (f->at < f->record.count) {
        const struct mailauth_spf_term *t = &f->record.terms[f->at++];
        return t->kind == MAILAUTH_SPF_INCLUDE ? include(c, t) : match(c, t);
    }
    if (f->record.redirect)
        return redirect(c, f->record.redirect);
    mailauth_story_tell(c->state.story, "nothing matches and there is no \"all\": neutral");
    finish(c, MAILAUTH_NEUTRAL, NULL); /* section 4.7 */
    return NULL;
}

/* ---- explanations: section 6.2 ---- */

/* The text of an explanation, before its macros. Empty: there is none that could be used. */
static err find_explanation(struct check *c, str name, str *ret_text)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    bool asked;
    *ret_text = (str){0};
    TRY(mailauth_spf_state_ask(&c->state, name, DNS_TXT, arena, &a, &asked));
    bool usable = a.count == 1 && a.records[0].text.len <= MAILAUTH_SPF_RECORD_BYTES_MAX &&
                  mailauth_spf_macro_check(a.records[0].text, MAILAUTH_SPF_MACRO_TEXT) == NULL;
    if (usable)
        *ret_text = arena_str(c->state.arena, a.records[0].text);
    return NULL;
}

/* Whatever goes wrong here only leaves the explanation out. */
static err explain(struct check *c)
{
    struct mailauth_spf_state *s = &c->state;
    str name, text, clean;
    if (c->out->result != MAILAUTH_FAIL || c->exp.len == 0)
        return NULL;
    s->counts = false;
    s->values.domain = c->exp_domain;
    TRY(mailauth_spf_state_name(s, c->exp, &name));
    TRY(find_explanation(c, name, &text));
    TRY(mailauth_spf_state_text(s, text, &clean));
    c->out->explanation = clean;
    mailauth_story_tell(s->story, "%.*s explains: \"%.*s\"", STR_ARG(c->exp_domain),
                        STR_ARG(clean.len ? clean : S("nothing that could be used")));
    return NULL;
}

/* ---- the check ---- */

/* A-labels; a domain that has none stays as it is, and is judged as it is. */
static str ascii_domain(str domain, struct arena *arena)
{
    char *ascii = NULL;
    if (str_is_ascii(domain) || !str_is_utf8(domain) || str_find(domain, '\0') != STR_NONE)
        return domain;
    int rc = idn2_lookup_u8((const uint8_t *)arena_chars(arena, domain), (uint8_t **)&ascii,
                            IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    str out = rc == IDN2_OK ? arena_str(arena, str_of(ascii)) : domain;
    idn2_free(ascii);
    return out;
}

/* Section 2.3, 2.4, 4.3: who is judged. */
static void set_identity(struct check *c, const struct mailauth_spf_args *args)
{
    struct mailauth_spf_macro_values *v = &c->state.values;
    bool helo = args->identity == MAILAUTH_SPF_HELO || args->sender.len == 0;
    size_t at = helo ? STR_NONE : str_find_last(args->sender, '@');
    str domain = helo ? args->helo : str_from(args->sender, at == STR_NONE ? 0 : at + 1);
    v->local = at == STR_NONE || at == 0 ? S("postmaster") : str_slice(args->sender, 0, at);
    domain = ascii_domain(domain, c->state.arena);
    if (domain.len > 1 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    v->sender_domain = v->domain = domain;
    v->sender = arena_printf(c->state.arena, "%.*s@%.*s", STR_ARG(v->local), STR_ARG(domain));
    v->helo = args->helo;
    v->receiver = args->receiver.len ? args->receiver : S("unknown");
    v->validated = S("unknown");
    v->ip = args->ip;
    v->now_ms = c->state.ask->now_ms;
    c->out->identity = args->identity;
    c->out->domain = domain;
    c->out->sender = v->sender;
}

static err run(struct check *c, str domain)
{
    struct mailauth_spf_state *s = &c->state;
    bool found = false;
    const char *why = "is no host's name";
    c->depth = 1;
    c->out->result = MAILAUTH_NONE;
    if (dns_name_is_host(domain))
        TRY(enter(c, domain, &found, &why));
    if (!found && s->failed == MAILAUTH_NONE) {
        c->out->reason = arena_printf(s->arena, "\"%.*s\" %s", STR_ARG(domain), why);
        return NULL;
    }
    while (c->depth > 0 && s->failed == MAILAUTH_NONE)
        TRY(step(c));
    if (s->failed) {
        c->out->result = s->failed;
        c->out->reason = s->reason;
        c->out->policy = top(c)->domain.len ? top(c)->domain : domain;
        return NULL;
    }
    return explain(c);
}

/* The result's texts, out of the check's memory into the ask's. */
static void keep(const struct check *c, struct arena *arena, struct mailauth_spf *ret_spf)
{
    *ret_spf = *c->out;
    ret_spf->lookups = c->state.lookups;
    ret_spf->void_lookups = c->state.void_lookups;
    str *const texts[] = {&ret_spf->domain, &ret_spf->sender,      &ret_spf->mechanism,
                          &ret_spf->policy, &ret_spf->explanation, &ret_spf->reason};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_str(arena, *texts[i]);
}

static void tell_result(struct mailauth_story *story, const struct mailauth_spf *spf)
{
    mailauth_story_tell(story, "SPF %.*s%s%.*s%s%.*s", STR_ARG(mailauth_result_name(spf->result)),
                        spf->mechanism.len ? " by " : "", STR_ARG(spf->mechanism),
                        spf->reason.len ? ": " : "", STR_ARG(spf->reason));
}

static bool can_be_judged(const struct mailauth_spf_args *args)
{
    return (args->ip->family == ADDRESS_IP4 || args->ip->family == ADDRESS_IP6) &&
           args->helo.len <= MAILAUTH_SPF_INPUT_BYTES_MAX &&
           args->sender.len <= MAILAUTH_SPF_INPUT_BYTES_MAX;
}

static_assert(MAILAUTH_SPF_RECORD_BYTES_MAX + 4 * MAILAUTH_SPF_INPUT_BYTES_MAX +
                      MAILAUTH_SPF_EXPLANATION_BYTES_MAX + 1024 <
                  MAILAUTH_SPF_BYTES_MAX,
              "what is promised to the ask's arena");

err mailauth_spf_check(const struct mailauth_ask *ask, const struct mailauth_spf_args *args,
                       struct mailauth_story *story, struct mailauth_spf *ret_spf)
{
    struct mailauth_spf out = {.result = MAILAUTH_NONE, .identity = args->identity};
    char ip[ADDRESS_CHARS];
    if (!can_be_judged(args)) {
        out.reason = S("the client has no IP address, or its HELO or MAIL FROM is too long");
        tell_result(story, &out);
        *ret_spf = out;
        return NULL;
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CHECK_ARENA_BYTES);
    struct check *c = ARENA_NEW(arena, struct check);
    c->state = (struct mailauth_spf_state){
        .ask = ask, .story = story, .arena = arena, .ip = args->ip, .counts = true};
    c->out = &out;
    set_identity(c, args);
    address_format_ip(args->ip, ip);
    mailauth_story_tell(story, "may %s send as %.*s? (%s; HELO %.*s)", ip, STR_ARG(out.sender),
                        args->identity == MAILAUTH_SPF_HELO ? "HELO" : "MAIL FROM",
                        STR_ARG(args->helo));
    unsigned depth = story ? story->depth : 0;
    err e = run(c, out.domain);
    if (story)
        story->depth = depth;
    TRY(e);
    tell_result(story, &out);
    keep(c, ask->arena, ret_spf);
    return NULL;
}
