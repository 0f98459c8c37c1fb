#include "lib/results.h"
#include "base/mem.h"
#include <assert.h>
#include <stdio.h>

static_assert((int)CLIENT_SENT == SMTPTOOL_OK && (int)CLIENT_LATER == SMTPTOOL_LATER &&
                  (int)CLIENT_NO_USER == SMTPTOOL_NO_USER &&
                  (int)CLIENT_REFUSED == SMTPTOOL_REFUSED &&
                  (int)CLIENT_NO_HOST == SMTPTOOL_NO_HOST &&
                  (int)CLIENT_NO_CHANNEL == SMTPTOOL_NO_CHANNEL &&
                  (int)CLIENT_NO_LOGIN == SMTPTOOL_NO_LOGIN,
              "an outcome is a kind");

/* ---- making ----------------------------------------------------------------------------- */

static int kind_of(const struct client_mail *mail, const struct smtp_verdict *v)
{
    if (!v->decided)
        return mail->outcome == CLIENT_SENT ? SMTPTOOL_LATER : (int)mail->outcome;
    if (v->reply.code / 100 == 2)
        return SMTPTOOL_OK;
    if (v->reply.code / 100 == 4)
        return SMTPTOOL_LATER;
    return v->stage == SMTP_STAGE_RCPT ? SMTPTOOL_NO_USER : SMTPTOOL_REFUSED;
}

struct smtptool_results *lib_results_make(const struct client_mail *mail, const char *message_id)
{
    struct smtptool_results *r = MEM_NEW(struct smtptool_results);
    struct arena *arena = mail->arena;
    r->arena = arena;
    r->count = mail->envelope->rcpt_count;
    r->items = ARENA_ARRAY(arena, struct lib_results_item, r->count);
    for (size_t i = 0; i < r->count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        r->items[i] = (struct lib_results_item){
            kind_of(mail, v), v->decided ? v->reply.code : 0,
            arena_chars(arena, mail->envelope->rcpts[i].address),
            arena_chars(arena, v->reply.enhanced), arena_chars(arena, v->reply.text)};
    }
    r->why = arena_chars(arena, str_of(mail->why));
    r->message_id = arena_chars(arena, str_of(message_id));
    r->server = arena_chars(arena, str_of(mail->address));
    r->tls = mail->tls_active ? arena_chars(arena, str_of(mail->tls.version)) : "";
    r->attempts = mail->attempts;
    return r;
}

/* The first recipient that is as badly off as the mail. */
static const struct smtp_verdict *worst_of(const struct client_mail *mail, size_t *ret_index)
{
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++)
        if (mail->verdicts[i].decided && kind_of(mail, &mail->verdicts[i]) == (int)mail->outcome) {
            *ret_index = i;
            return &mail->verdicts[i];
        }
    return NULL;
}

void lib_results_error(const struct client_mail *mail, struct smtptool_error *ret_error)
{
    struct smtptool_error e = {.kind = (int)mail->outcome};
    size_t index = 0;
    const struct smtp_verdict *v = mail->outcome == CLIENT_SENT ? NULL : worst_of(mail, &index);
    if (v) {
        str address = mail->envelope->rcpts[index].address;
        e.code = v->reply.code;
        str_to_chars(v->reply.enhanced, e.enhanced, sizeof e.enhanced);
        snprintf(e.text, sizeof e.text, "%.*s: %d %.*s%s%.*s (at %s)", STR_ARG(address), e.code,
                 STR_ARG(v->reply.enhanced), v->reply.enhanced.len ? " " : "",
                 STR_ARG(str_slice(v->reply.text, 0, 300)), smtp_verdict_stage_name(v->stage));
    } else {
        e.code = mail->refused_code;
        snprintf(e.enhanced, sizeof e.enhanced, "%s", mail->refused_enhanced);
        snprintf(e.text, sizeof e.text, "%s", mail->why[0] ? mail->why : "not sent");
    }
    *ret_error = e;
}

/* ---- the calls -------------------------------------------------------------------------- */

static const struct lib_results_item *item(const struct smtptool_results *r, size_t index)
{
    static const struct lib_results_item none = {SMTPTOOL_MISUSE, 0, "", "", ""};
    return r && index < r->count ? &r->items[index] : &none;
}

size_t smtptool_results_count(const struct smtptool_results *r) { return r ? r->count : 0; }

const char *smtptool_results_address(const struct smtptool_results *r, size_t index)
{
    return item(r, index)->address;
}

int smtptool_results_kind(const struct smtptool_results *r, size_t index)
{
    return item(r, index)->kind;
}

int smtptool_results_code(const struct smtptool_results *r, size_t index)
{
    return item(r, index)->code;
}

const char *smtptool_results_enhanced(const struct smtptool_results *r, size_t index)
{
    return item(r, index)->enhanced;
}

const char *smtptool_results_text(const struct smtptool_results *r, size_t index)
{
    return item(r, index)->text;
}

const char *smtptool_results_why(const struct smtptool_results *r) { return r ? r->why : ""; }
const char *smtptool_results_server(const struct smtptool_results *r) { return r ? r->server : ""; }
const char *smtptool_results_tls(const struct smtptool_results *r) { return r ? r->tls : ""; }
int smtptool_results_attempts(const struct smtptool_results *r) { return r ? r->attempts : 0; }

const char *smtptool_results_message_id(const struct smtptool_results *r)
{
    return r ? r->message_id : "";
}

void smtptool_results_free(struct smtptool_results *r)
{
    if (r == NULL)
        return;
    arena_close(r->arena);
    mem_free(r);
}
