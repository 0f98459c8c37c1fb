#include "inbound/once.h"
#include "base/table.h"
#include "inbound/session.h"
#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

enum { LIST_BYTES_MAX = 64 << 10 };

static_assert((int)QUEUE_ONCE_NAME_BYTES <= SHA256_DIGEST_LENGTH, "part of the hash");

/* With its length in front, so that no two lists of texts are one. */
static void add_text(struct buf *list, str text)
{
    err e = buf_addf(list, "%zu:", text.len);
    if (e == NULL)
        e = buf_add(list, text);
    ASSERT(e == NULL); /* logins and tenants are bounded */
}

static void name_of(const struct inbound_session *s, const uint8_t key[SMTP_COMMAND_ONCE_BYTES],
                    uint8_t ret_name[QUEUE_ONCE_NAME_BYTES])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    CLEANUP(buf_release) struct buf list;
    str login = s->smtp.login;
    buf_init(&list, LIST_BYTES_MAX);
    add_text(&list, s->tenant);
    add_text(&list, login);
    add_text(&list, login.len ? (str){0} : str_of(s->peer_ip));
    add_text(&list, (str){(const char *)key, SMTP_COMMAND_ONCE_BYTES});
    SHA256((const unsigned char *)list.ptr, list.len, digest);
    memcpy(ret_name, digest, QUEUE_ONCE_NAME_BYTES);
}

/* What a key stands for. */
static uint32_t about(struct inbound_session *s, str to)
{
    struct arena *arena = s->smtp.mail_arena;
    str both = arena_printf(arena, "<%.*s> <%.*s>", STR_ARG(s->envelope.sender), STR_ARG(to));
    return (uint32_t)hash_fixed(both);
}

void inbound_once_mail(struct inbound_session *s, const struct smtp_mail *mail,
                       struct smtp_answer *a)
{
    uint8_t name[QUEUE_ONCE_NAME_BYTES];
    if (!mail->has_once)
        return;
    name_of(s, mail->once, name);
    s->once.keyed = true;
    switch (queue_once_claim(s->in->queue, name, &s->once.claim, &s->once.known)) {
    case QUEUE_ONCE_NEW:
        return;
    case QUEUE_ONCE_KNOWN:
        s->once.repeats = true;
        return;
    case QUEUE_ONCE_BUSY:
        smtp_answer_set(a, 450, "4.5.0", "Mail with this key is under way, try again later");
        return;
    case QUEUE_ONCE_FULL:
        smtp_answer_set(a, 452, "4.3.1", "No more keys can be kept now, try again later");
        return;
    }
}

bool inbound_once_rcpt(struct inbound_session *s, str to, struct smtp_answer *a)
{
    const struct envelope *env = &s->envelope;
    if (!s->once.keyed)
        return false;
    if (!s->once.repeats) {
        bool another = env->rcpt_count > 0 && !str_eq(env->rcpts[0].address, to);
        if (another)
            smtp_answer_set(a, 452, "4.5.3", "One recipient for each key: send it on its own");
        return another;
    }
    if (about(s, to) != s->once.known.about)
        smtp_answer_set(a, 550, "5.5.4", "Another mail was accepted with this key");
    return true;
}

void inbound_once_begin(struct inbound_session *s)
{
    if (s->once.claim == NULL)
        return;
    queue_once_set(s->once.claim, about(s, s->envelope.rcpts[0].address));
    inbound_intake_once(s->intake, &s->once.claim);
}

void inbound_once_answer(struct inbound_session *s, struct smtp_answer *a)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_REPEATED, &facts);
    e.queue_id = str_of(s->once.known.id.text);
    e.sender = s->envelope.sender;
    e.tenant = s->tenant;
    event_emit(s->in->events, &e);
    smtp_answer_setf(a, 250, "2.0.0", "%s already accepted", s->once.known.id.text);
}

void inbound_once_end(struct inbound_session *s)
{
    queue_once_release(&s->once.claim);
    s->once = (struct inbound_once){0};
}
