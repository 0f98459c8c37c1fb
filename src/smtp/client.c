#include "smtp/client.h"
#include "base/codec.h"
#include "runtime/fiber.h"
#include "smtp/client_talk.h"
#include "smtp/data.h"
#include "smtp/times.h"
#include <string.h>

/* ---- opening ---------------------------------------------------------------------------- */

void smtp_client_init(struct smtp_client *c, struct net_conn *conn,
                      const struct smtp_client_options *options)
{
    *c = (struct smtp_client){.conn = conn, .options = *options, .until = DEADLINE_NEVER};
    c->arena = arena_open(SMTP_CLIENT_ARENA_BYTES_MAX);
    c->replies = arena_open(2 * SMTP_REPLY_BYTES_MAX);
}

void smtp_client_release(struct smtp_client *c)
{
    net_close(c->conn);
    arena_close(c->arena);
    arena_close(c->replies);
    *c = (struct smtp_client){0};
}

err smtp_client_greeting(struct smtp_client *c, struct smtp_reply *ret_reply)
{
    c->stage = SMTP_STAGE_GREETING;
    return smtp_client_talk_read(c, c->arena, ret_reply, c->options.timeouts.greeting);
}

static err say_hello(struct smtp_client *c, const char *verb, struct smtp_reply *ret_reply)
{
    TRY(smtp_client_talk_say(c, "%s %.*s", verb, STR_ARG(c->options.hello)));
    return smtp_client_talk_read(c, c->arena, ret_reply, c->options.timeouts.command);
}

err smtp_client_hello(struct smtp_client *c, struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    c->stage = SMTP_STAGE_HELLO;
    c->capabilities = (struct smtp_capabilities){0};
    TRY(say_hello(c, c->options.lmtp ? "LHLO" : "EHLO", &reply));
    c->esmtp = smtp_reply_ok(&reply);
    if (c->esmtp)
        c->capabilities = smtp_capabilities_parse(&reply, c->arena);
    else if (!c->options.lmtp && reply.code / 100 == 5) /* RFC 5321 section 3.2 */
        TRY(say_hello(c, "HELO", &reply));
    *ret_reply = reply;
    return NULL;
}

static void tell_tls(struct smtp_client *c)
{
    struct tls_facts facts;
    if (c->options.transcript && tls_get_facts(c->conn, &facts)) {
        str line =
            arena_printf(c->arena, "TLS started: %s, %s, %s%s%s", facts.version, facts.cipher,
                         facts.group, *facts.group ? ", " : "",
                         facts.verified ? "certificate verified" : "certificate not verified");
        c->options.transcript(c->options.transcript_arg, "==", line);
    }
}

static err ask_for_tls(struct smtp_client *c, struct smtp_reply *ret_reply)
{
    c->stage = SMTP_STAGE_STARTTLS;
    TRY(smtp_client_talk_say(c, "STARTTLS"));
    TRY(smtp_client_talk_read(c, c->arena, ret_reply, c->options.timeouts.command));
    if (net_pending(c->conn) > 0) /* attack 19: said in clear, to be believed later */
        return err_new(ERR_PROTOCOL, "response injection: input behind the reply to STARTTLS");
    return NULL;
}

static void start_anew(struct smtp_client *c)
{
    tell_tls(c);
    c->capabilities = (struct smtp_capabilities){0};
    c->esmtp = false;
}

err smtp_client_starttls(struct smtp_client *c, struct tls_client *tls, str server_name,
                         enum tls_verify verify, struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    TRY(ask_for_tls(c, &reply));
    if (smtp_reply_ok(&reply)) {
        deadline until = smtp_client_talk_until(c, c->options.timeouts.command);
        TRY(tls_connect(c->conn, tls, server_name, verify, until));
        start_anew(c);
    }
    *ret_reply = reply;
    return NULL;
}

err smtp_client_starttls_dane(struct smtp_client *c, struct tls_client *tls,
                              const struct tls_dane *dane, struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    TRY(ask_for_tls(c, &reply));
    if (smtp_reply_ok(&reply)) {
        deadline until = smtp_client_talk_until(c, c->options.timeouts.command);
        TRY(tls_connect_dane(c->conn, tls, dane, until));
        start_anew(c);
    }
    *ret_reply = reply;
    return NULL;
}

/* ---- what the server can take ----------------------------------------------------------- */

bool smtp_client_needs_smtputf8(const struct envelope *env, const struct envelope_rcpt *rcpt)
{
    if (!str_is_ascii(env->sender) || !str_is_ascii(rcpt->address))
        return true;
    return env->smtputf8 && (env->found & FOUND_8BIT_HEADER);
}

/* RFC 2852 section 4.1: who has asked for it back rather than late gets it back from us where the
 * next hop would not see to that. LMTP is the delivery itself. */
static smtp_refusal check_times(const struct smtp_client *c, const struct smtp_offer *o)
{
    static const struct smtp_refusal by = {554, "5.3.3", "The next hop knows no DELIVERBY"},
                                     late = {554, "5.4.7", "Too late for the time it was given"},
                                     hold = {554, "5.3.3", "The server knows no FUTURERELEASE"},
                                     longer = {554, "5.3.3", "The server does not hold it so long"};
    const struct smtp_capabilities *can = &c->capabilities;
    const struct envelope *env = o->envelope;
    int64_t hold_s = (env->not_before_ms - clock_real_ms()) / 1000;
    if (o->ask_to_hold && env->not_before_ms && !can->future_release)
        return &hold;
    if (o->ask_to_hold && can->hold_seconds_max > 0 && hold_s > (int64_t)can->hold_seconds_max)
        return &longer;
    if (env->by_ms == 0 || env->by_mode != BY_RETURN)
        return NULL;
    int64_t left = smtp_times_left_seconds(env, clock_real_ms());
    if (left <= 0)
        return &late;
    if (c->options.lmtp)
        return NULL;
    if (!can->deliver_by)
        return &by;
    return (uint64_t)left < can->by_seconds_min ? &late : NULL;
}

smtp_refusal smtp_client_check(const struct smtp_client *c, const struct smtp_offer *o)
{
    static const struct smtp_refusal binary = {554, "5.6.3",
                                               "The next hop takes no binary content"},
                                     eight = {554, "5.6.3", "The next hop takes no 8-bit content"},
                                     utf8 = {550, "5.6.7",
                                             "The next hop takes no internationalised addresses"},
                                     size = {552, "5.3.4", "Bigger than the next hop takes"},
                                     requiretls = {550, "5.7.30",
                                                   "The next hop promises no REQUIRETLS"};
    const struct smtp_capabilities *can = &c->capabilities;
    const struct envelope *env = o->envelope;
    if (o->requiretls && !(can->requiretls && tls_active(c->conn)))
        return &requiretls;
    if (o->needs_smtputf8 && !can->smtputf8)
        return &utf8;
    if ((env->declared == BODY_BINARYMIME && (o->found & (FOUND_BINARY | FOUND_LONG_LINES))) ||
        (o->found & FOUND_BINARY))
        return can->binary_mime && can->chunking ? NULL : &binary;
    bool eight_bit = (o->found & FOUND_8BIT) != 0; /* raw 8-bit headers create no need */
    if (eight_bit && !can->eight_bit_mime && env->declared != BODY_7BIT)
        return &eight;
    if (can->size && can->size_max > 0 && o->size > can->size_max)
        return &size;
    return check_times(c, o);
}

static bool needs_binary(const struct smtp_offer *o)
{
    return (o->found & FOUND_BINARY) ||
           (o->envelope->declared == BODY_BINARYMIME && (o->found & FOUND_LONG_LINES));
}

static bool by_chunks(const struct smtp_client *c, const struct smtp_offer *o)
{
    return c->capabilities.chunking && (needs_binary(o) || o->size >= SMTP_CLIENT_BDAT_FROM_BYTES);
}

/* ---- the envelope ----------------------------------------------------------------------- */

static err add_xtext(struct buf *line, const char *key, str value)
{
    TRY(buf_addf(line, " %s=", key));
    return codec_xtext_encode(value, line);
}

/* MT-PRIORITY (RFC 6710 section 4.3), BY with what is left (RFC 2852 section 4.1), HOLDUNTIL. */
static err add_times(struct buf *line, const struct smtp_client *c, const struct smtp_offer *o)
{
    const struct smtp_capabilities *can = &c->capabilities;
    const struct envelope *env = o->envelope;
    char text[SMTP_TIMES_BY_BYTES], date[CLOCK_RFC3339_BYTES];
    if (can->mt_priority && env->priority)
        TRY(buf_addf(line, " MT-PRIORITY=%d", env->priority));
    if (can->deliver_by && env->by_ms) {
        smtp_times_write_by(env, clock_real_ms(), text);
        TRY(buf_addf(line, " BY=%s", text));
    }
    if (!o->ask_to_hold || !can->future_release || env->not_before_ms == 0)
        return NULL;
    clock_rfc3339(env->not_before_ms, date);
    return buf_addf(line, " HOLDUNTIL=%.19sZ", date);
}

static err add_path(struct buf *line, str command, str path)
{
    char *room;
    TRY(buf_reserve(line, command.len + path.len + 100, &room));
    TRY(buf_add(line, command));
    TRY(buf_add(line, path));
    return buf_add_char(line, '>');
}

static err say_mail(struct smtp_client *c, const struct smtp_offer *o)
{
    const struct smtp_capabilities *can = &c->capabilities;
    const struct envelope *env = o->envelope;
    struct buf line;
    buf_init(&line, 4096);
    err e = add_path(&line, S("MAIL FROM:<"), env->sender);
    if (e == NULL && can->size)
        e = buf_addf(&line, " SIZE=%llu", (unsigned long long)o->size);
    if (e == NULL && needs_binary(o))
        e = buf_add(&line, S(" BODY=BINARYMIME"));
    else if (e == NULL && can->eight_bit_mime && (o->found & (FOUND_8BIT | FOUND_8BIT_HEADER)))
        e = buf_add(&line, S(" BODY=8BITMIME"));
    if (e == NULL && o->needs_smtputf8)
        e = buf_add(&line, S(" SMTPUTF8"));
    if (e == NULL && o->requiretls)
        e = buf_add(&line, S(" REQUIRETLS"));
    if (e == NULL && can->dsn && env->ret != RET_NONE)
        e = buf_addf(&line, " RET=%s", env->ret == RET_FULL ? "FULL" : "HDRS");
    if (e == NULL && can->dsn && env->envid.len)
        e = add_xtext(&line, "ENVID", env->envid);
    if (e == NULL && can->once && o->once.len)
        e = add_xtext(&line, "XONCE", o->once);
    if (e == NULL)
        e = add_times(&line, c, o);
    if (e == NULL)
        e = smtp_client_talk_say_line(c, buf_str(&line));
    buf_release(&line);
    return e;
}

static err add_notify(struct buf *line, uint8_t notify)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {
        {NOTIFY_NEVER,   "NEVER"  },
        {NOTIFY_SUCCESS, "SUCCESS"},
        {NOTIFY_FAILURE, "FAILURE"},
        {NOTIFY_DELAY,   "DELAY"  },
    };
    const char *before = " NOTIFY=";
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(notify & names[i].bit))
            continue;
        TRY(buf_addf(line, "%s%s", before, names[i].name));
        before = ",";
    }
    return NULL;
}

static err say_rcpt(struct smtp_client *c, const struct envelope_rcpt *rcpt)
{
    struct buf line;
    buf_init(&line, 4096);
    err e = add_path(&line, S("RCPT TO:<"), rcpt->address);
    if (e == NULL && c->capabilities.dsn && rcpt->notify)
        e = add_notify(&line, rcpt->notify);
    str type, address;
    str_split(rcpt->orcpt, ';', &type, &address);
    if (e == NULL && c->capabilities.dsn && rcpt->orcpt.len) {
        e = buf_addf(&line, " ORCPT=%.*s;", STR_ARG(type));
        if (e == NULL)
            e = codec_xtext_encode(address, &line);
    }
    if (e == NULL)
        e = smtp_client_talk_say_line(c, buf_str(&line));
    buf_release(&line);
    return e;
}

/* ---- verdicts --------------------------------------------------------------------------- */

struct transaction {
    struct smtp_client *client;
    const struct smtp_offer *offer;
    struct arena *arena;
    struct smtp_verdict *verdicts;
    size_t accepted; /* recipients that RCPT took and nothing has decided since */
};

/* What stays of a reply when the next one comes. */
static struct smtp_reply keep(struct transaction *t, const struct smtp_reply *reply)
{
    return (struct smtp_reply){
        reply->code, arena_str(t->arena, reply->enhanced),
        arena_str(t->arena, str_slice(reply->text, 0, SMTP_VERDICT_TEXT_BYTES_MAX))};
}

static void decide(struct transaction *t, size_t i, enum smtp_stage stage,
                   const struct smtp_reply *reply)
{
    t->verdicts[i] = (struct smtp_verdict){true, stage, keep(t, reply)};
}

/* One reply for all that are still open. */
static void decide_open(struct transaction *t, enum smtp_stage stage,
                        const struct smtp_reply *reply)
{
    struct smtp_reply kept = keep(t, reply);
    for (size_t i = 0; i < t->offer->rcpt_count; i++)
        if (!t->verdicts[i].decided)
            t->verdicts[i] = (struct smtp_verdict){true, stage, kept};
    t->accepted = 0;
}

/* The reply is good until the next one. */
static err hear(struct transaction *t, struct smtp_reply *ret_reply, int64_t timeout_ms)
{
    arena_clear(t->client->replies);
    return smtp_client_talk_read(t->client, t->client->replies, ret_reply, timeout_ms);
}

static err reset(struct transaction *t)
{
    arena_reset(t->client->replies);
    return smtp_client_talk_reset(t->client, t->client->replies);
}

static err read_reply(struct transaction *t, struct smtp_reply *ret_reply, int64_t timeout_ms)
{
    TRY(hear(t, ret_reply, timeout_ms));
    if (ret_reply->code == 421) /* the server is about to leave: what it has not answered is open */
        return err_new(ERR_CLOSED, "the server closes: 421 %.*s",
                       STR_ARG(str_slice(ret_reply->text, 0, 120)));
    if (ret_reply->code / 100 == 3 && t->client->stage != SMTP_STAGE_DATA)
        return err_new(ERR_PROTOCOL, "reply %d to %s", ret_reply->code,
                       smtp_verdict_stage_name(t->client->stage));
    return NULL;
}

static err read_mail_verdict(struct transaction *t, bool *ret_ok)
{
    struct smtp_reply reply;
    t->client->stage = SMTP_STAGE_MAIL;
    TRY(read_reply(t, &reply, t->client->options.timeouts.command));
    *ret_ok = smtp_reply_ok(&reply);
    if (!*ret_ok)
        decide_open(t, SMTP_STAGE_MAIL, &reply);
    return NULL;
}

static err read_rcpt_verdict(struct transaction *t, size_t i)
{
    struct smtp_reply reply;
    t->client->stage = SMTP_STAGE_RCPT;
    TRY(read_reply(t, &reply, t->client->options.timeouts.rcpt));
    if (t->verdicts[i].decided) /* MAIL was refused: this 503 tells nothing */
        return NULL;
    if (smtp_reply_ok(&reply))
        t->accepted++;
    else
        decide(t, i, SMTP_STAGE_RCPT, &reply);
    return NULL;
}

/* ---- the content ------------------------------------------------------------------------ */

static err block_deadline(struct smtp_client *c, str run)
{
    return net_write(c->conn, run, smtp_client_talk_until(c, c->options.timeouts.data_block));
}

static err send_stuffed(struct smtp_client *c, const struct smtp_offer *o)
{
    struct smtp_data_writer writer;
    smtp_data_writer_init(&writer);
    for (;;) {
        str piece, run;
        TRY(o->read(o->body, &piece, smtp_client_talk_until(c, c->options.timeouts.data_block)));
        if (piece.len == 0)
            break;
        do {
            TRY(smtp_data_write(&writer, &piece, &run));
            if (run.len)
                TRY(block_deadline(c, run));
        } while (run.len);
    }
    str end;
    TRY(smtp_data_write_end(&writer, &end));
    return block_deadline(c, end);
}

static err flush_content(struct smtp_client *c, uint64_t bytes)
{
    smtp_client_talk_note(c, "->", bytes);
    TRY(net_flush(c->conn, smtp_client_talk_until(c, c->options.timeouts.data_block)));
    c->after_dot = true;
    return NULL;
}

/* One chunk of BDAT: pieces are collected until it is full or the body ends. */
static err send_chunk(struct smtp_client *c, const struct smtp_offer *o, str *rest, uint64_t *left)
{
    uint64_t size = *left < SMTP_CLIENT_CHUNK_BYTES ? *left : SMTP_CLIENT_CHUNK_BYTES;
    bool last = size == *left;
    TRY(smtp_client_talk_say(c, "BDAT %llu%s", (unsigned long long)size, last ? " LAST" : ""));
    *left -= size;
    while (size > 0) {
        if (rest->len == 0)
            TRY(o->read(o->body, rest, smtp_client_talk_until(c, c->options.timeouts.data_block)));
        if (rest->len == 0)
            return err_new(ERR_DAMAGED, "the body is shorter than its size says");
        str run = str_slice(*rest, 0, (size_t)size);
        TRY(block_deadline(c, run));
        *rest = str_from(*rest, run.len);
        size -= run.len;
    }
    return NULL;
}

static err read_final_verdicts(struct transaction *t)
{
    struct smtp_client *c = t->client;
    c->stage = SMTP_STAGE_BODY;
    for (size_t i = 0; c->options.lmtp && i < t->offer->rcpt_count; i++) {
        struct smtp_reply reply;
        if (t->verdicts[i].decided)
            continue;
        TRY(hear(t, &reply, c->options.timeouts.data_done));
        decide(t, i, SMTP_STAGE_BODY, &reply);
    }
    if (!c->options.lmtp) {
        struct smtp_reply reply;
        TRY(hear(t, &reply, c->options.timeouts.data_done));
        decide_open(t, SMTP_STAGE_BODY, &reply);
    }
    c->after_dot = false;
    return NULL;
}

static err send_by_chunks(struct transaction *t)
{
    struct smtp_client *c = t->client;
    uint64_t left = t->offer->size;
    str rest = {0};
    do {
        TRY(send_chunk(c, t->offer, &rest, &left));
        if (left == 0)
            break;
        struct smtp_reply reply;
        c->stage = SMTP_STAGE_BODY;
        TRY(net_flush(c->conn, smtp_client_talk_until(c, c->options.timeouts.data_block)));
        TRY(read_reply(t, &reply, c->options.timeouts.data_done));
        if (!smtp_reply_ok(&reply)) {
            decide_open(t, SMTP_STAGE_BODY, &reply);
            return reset(t);
        }
    } while (left > 0);
    TRY(flush_content(c, t->offer->size));
    return read_final_verdicts(t);
}

/* The server said 354 although it took no recipient: an empty message, whose reply means nothing
 * (RFC 2920 section 3.1). */
static err end_empty_data(struct transaction *t)
{
    struct smtp_reply ignored;
    TRY(smtp_client_talk_say(t->client, "."));
    return hear(t, &ignored, t->client->options.timeouts.data_done);
}

static err read_data_verdict(struct transaction *t, bool *ret_go)
{
    struct smtp_reply reply;
    t->client->stage = SMTP_STAGE_DATA;
    TRY(read_reply(t, &reply, t->client->options.timeouts.data_init));
    *ret_go = reply.code == 354;
    if (*ret_go)
        return NULL;
    if (reply.code < 400) /* no server may say so; the mail was not sent */
        return err_new(ERR_PROTOCOL, "reply %d to DATA", reply.code);
    decide_open(t, SMTP_STAGE_DATA, &reply);
    return reset(t);
}

/* MAIL, RCPT and DATA of the next one go out with the end of this one. */
static err say_ahead(struct smtp_client *c, const struct smtp_offer *now)
{
    if (now->next == NULL || !c->capabilities.pipelining || c->options.lmtp)
        return NULL;
    const struct smtp_offer *o = now->next(now->body);
    if (o == NULL || by_chunks(c, o) || o->rcpt_count > SMTP_CLIENT_RCPTS_AT_ONCE)
        return NULL;
    c->ahead = o;
    c->after_dot = true; /* the dot may get through where not all behind it does */
    TRY(say_mail(c, o));
    for (size_t i = 0; i < o->rcpt_count; i++)
        TRY(say_rcpt(c, &o->envelope->rcpts[o->rcpts[i]]));
    return smtp_client_talk_say(c, "DATA");
}

static err send_by_data(struct transaction *t, bool data_said)
{
    bool go;
    if (!data_said)
        TRY(smtp_client_talk_say(t->client, "DATA"));
    TRY(read_data_verdict(t, &go));
    if (!go)
        return NULL;
    if (t->accepted == 0)
        return end_empty_data(t);
    TRY(send_stuffed(t->client, t->offer));
    TRY(say_ahead(t->client, t->offer));
    TRY(flush_content(t->client, t->offer->size));
    return read_final_verdicts(t);
}

/* ---- one transaction -------------------------------------------------------------------- */

/* Recipients from the given one on, up to a window's worth; with pipelining all before the first
 * reply. last: DATA goes along with them. */
static err offer_window(struct transaction *t, size_t from, size_t count, bool *mail_open,
                        bool say_data)
{
    struct smtp_client *c = t->client;
    const struct smtp_offer *o = t->offer;
    bool pipelined = c->capabilities.pipelining, mail_ok = true;
    for (size_t i = from; i < from + count; i++) {
        if (!pipelined && *mail_open) {
            TRY(read_mail_verdict(t, &mail_ok));
            *mail_open = false;
            if (!mail_ok)
                return NULL;
        }
        TRY(say_rcpt(c, &o->envelope->rcpts[o->rcpts[i]]));
        if (!pipelined)
            TRY(read_rcpt_verdict(t, i));
    }
    if (!pipelined)
        return NULL;
    if (say_data)
        TRY(smtp_client_talk_say(c, "DATA"));
    if (*mail_open)
        TRY(read_mail_verdict(t, &mail_ok));
    *mail_open = false;
    for (size_t i = from; i < from + count; i++)
        TRY(read_rcpt_verdict(t, i));
    return NULL;
}

static err offer_envelope(struct transaction *t, bool *ret_data_said)
{
    const struct smtp_offer *o = t->offer;
    bool mail_open = true, data = t->client->capabilities.pipelining && !by_chunks(t->client, o);
    *ret_data_said = false;
    TRY(say_mail(t->client, o));
    for (size_t from = 0; from < o->rcpt_count; from += SMTP_CLIENT_RCPTS_AT_ONCE) {
        size_t left = o->rcpt_count - from;
        bool last = left <= SMTP_CLIENT_RCPTS_AT_ONCE;
        if (from > 0 && t->accepted == 0 && t->verdicts[0].decided &&
            t->verdicts[0].stage == SMTP_STAGE_MAIL)
            return NULL;
        *ret_data_said = last && data;
        TRY(offer_window(t, from, last ? left : SMTP_CLIENT_RCPTS_AT_ONCE, &mail_open,
                         last && data));
    }
    return NULL;
}

/* What was said with the end of the mail before it is answered now. */
static err hear_envelope(struct transaction *t, bool *ret_data_said)
{
    bool mail_ok;
    *ret_data_said = true;
    TRY(read_mail_verdict(t, &mail_ok));
    for (size_t i = 0; i < t->offer->rcpt_count; i++)
        TRY(read_rcpt_verdict(t, i));
    return NULL;
}

err smtp_client_offer(struct smtp_client *c, const struct smtp_offer *o, struct arena *arena,
                      struct smtp_verdict *verdicts)
{
    struct transaction t = {c, o, arena, verdicts, 0};
    bool data_said, was_said = c->ahead == o;
    ASSERT(o->rcpt_count > 0);
    ASSERT(c->ahead == NULL || was_said);
    memset(verdicts, 0, o->rcpt_count * sizeof *verdicts);
    c->mails++;
    c->after_dot = false;
    c->ahead = NULL;
    TRY(was_said ? hear_envelope(&t, &data_said) : offer_envelope(&t, &data_said));
    if (t.accepted == 0 && !data_said)
        return reset(&t);
    return by_chunks(c, o) ? send_by_chunks(&t) : send_by_data(&t, data_said);
}

static err ask(struct smtp_client *c, str address, struct arena *arena,
               struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    ASSERT(c->ahead == NULL);
    TRY(smtp_client_talk_say(c, "MAIL FROM:<>%s", str_is_ascii(address) ? "" : " SMTPUTF8"));
    c->stage = SMTP_STAGE_MAIL;
    TRY(smtp_client_talk_read(c, arena, &reply, c->options.timeouts.command));
    if (!smtp_reply_ok(&reply)) /* says nothing of the recipient */
        return err_new(ERR_PROTOCOL, "MAIL FROM:<> is answered %d %.*s", reply.code,
                       STR_ARG(str_slice(reply.text, 0, 120)));
    c->stage = SMTP_STAGE_RCPT;
    TRY(smtp_client_talk_say(c, "RCPT TO:<%.*s>", STR_ARG(address)));
    TRY(smtp_client_talk_read(c, arena, &reply, c->options.timeouts.rcpt));
    *ret_reply = reply;
    struct smtp_reply ignored;
    TRY(smtp_client_talk_say(c, "RSET"));
    err e = smtp_client_talk_read(c, arena, &ignored, c->options.timeouts.command);
    return e && fiber_canceled() ? e : NULL; /* the recipient's own reply is here */
}

err smtp_client_ask(struct smtp_client *c, str address, struct arena *arena,
                    struct smtp_reply *ret_reply, deadline until)
{
    deadline before = c->until;
    c->until = deadline_sooner(before, until);
    err e = ask(c, address, arena, ret_reply);
    c->until = before;
    return e;
}

enum { QUIT_WAIT_MS = 2000 };

void smtp_client_quit(struct smtp_client *c)
{
    struct arena *scratch = arena_open(SMTP_REPLY_BYTES_MAX * 2);
    struct smtp_reply ignored;
    err e = c->ahead ? err_new(ERR_CLOSED, "a mail was begun") : smtp_client_talk_say(c, "QUIT");
    if (e == NULL)
        e = smtp_client_talk_read(c, scratch, &ignored, QUIT_WAIT_MS);
    (void)e; /* we are leaving anyway */
    arena_close(scratch);
}
