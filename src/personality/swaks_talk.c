#include "personality/swaks_talk.h"
#include "base/codec.h"
#include "personality/swaks_link.h"

deadline personality_swaks_talk_until(const struct swaks_plan *p)
{
    return p->timeout_ms ? deadline_after(p->timeout_ms) : DEADLINE_NEVER;
}

void personality_swaks_talk_init(struct swaks_talk *t, struct swaks_plan *p, struct net_conn *conn)
{
    *t = (struct swaks_talk){.plan = p, .conn = conn};
    buf_init(&t->reply, SWAKS_REPLY_BYTES_MAX);
}

void personality_swaks_talk_release(struct swaks_talk *t)
{
    buf_release(&t->reply);
    net_close(t->conn);
    t->conn = NULL;
}

/* ---- ending ----------------------------------------------------------------------------- */

void personality_swaks_talk_end(struct swaks_talk *t, int exit)
{
    if (!t->ended)
        t->exit = exit;
    t->ended = true;
}

void personality_swaks_talk_drop(struct swaks_talk *t)
{
    personality_swaks_output_say(t->plan->output, SWAKS_SAYS, "Dropping connection");
    personality_swaks_talk_end(t, SWAKS_EXIT_OK);
}

static void end_lost(struct swaks_talk *t, int exit)
{
    personality_swaks_link_lost(t->plan);
    personality_swaks_talk_end(t, exit ? exit : SWAKS_EXIT_CLOSED);
}

void personality_swaks_talk_quit(struct swaks_talk *t, int exit, deadline until)
{
    if (t->ended || t->quit_sent)
        return;
    t->quit_sent = t->may_lose = true;
    t->drop_before_reply = false;
    bool answered = personality_swaks_talk_ask(t, 221, S("QUIT"), until);
    t->may_lose = false;
    if (t->lost) {
        end_lost(t, exit);
        return;
    }
    personality_swaks_link_closed(t->plan);
    personality_swaks_talk_end(
        t, exit == SWAKS_EXIT_OK && !answered && t->plan->quit == 0 ? SWAKS_EXIT_QUIT : exit);
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool ends_reply(str line)
{
    if (line.len < 3 || !char_is_digit(line.ptr[0]) || !char_is_digit(line.ptr[1]) ||
        !char_is_digit(line.ptr[2]))
        return false;
    return line.len == 3 || line.ptr[3] == ' ';
}

static void show_raw(struct swaks_talk *t)
{
    str input = net_input(t->conn);
    if (t->plan->raw && input.len > t->raw_shown)
        personality_swaks_output_hex(t->plan->output, SWAKS_RECEIVED_RAW,
                                     str_from(input, t->raw_shown));
    t->raw_shown = input.len;
}

static err add_reply_line(struct swaks_talk *t, str line)
{
    if (t->reply.len)
        TRY(buf_add_char(&t->reply, '\n'));
    return buf_add(&t->reply, line);
}

/* Take what is whole. True: the reply ends with it. */
static err take_lines(struct swaks_talk *t, bool *ret_whole)
{
    for (*ret_whole = false; !*ret_whole;) {
        str input = net_input(t->conn);
        size_t end = str_find(input, '\n');
        if (end == STR_NONE)
            return NULL;
        str line = str_slice(input, 0, end);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        *ret_whole = ends_reply(line);
        TRY(add_reply_line(t, line));
        net_consume(t->conn, end + 1);
        t->raw_shown -= end + 1;
    }
    return NULL;
}

static err read_reply(struct swaks_talk *t, deadline until)
{
    bool whole = false;
    buf_clear(&t->reply);
    for (;;) {
        show_raw(t);
        TRY(take_lines(t, &whole));
        if (whole)
            return NULL;
        TRY(net_fill(t->conn, until));
    }
}

static bool is_hoped(const struct swaks_step *s, str line)
{
    uint64_t code;
    if (!ends_reply(line) || !str_to_u64(str_slice(line, 0, 3), 999, &code))
        return false;
    return (int)code == s->hoped || (s->hoped_or && (int)code == s->hoped_or);
}

static bool judge_reply(const struct swaks_talk *t, const struct swaks_step *s)
{
    str rest = buf_str(&t->reply);
    bool fine = false;
    while (rest.len) {
        str line;
        str_split(rest, '\n', &line, &rest);
        fine |= is_hoped(s, line);
    }
    return fine;
}

/* "334 VXNlcm5hbWU6" as "334 Username:". What is no base64 stays as it is. */
static str decode_reply(struct swaks_talk *t)
{
    str code, text, shown = buf_str(&t->reply);
    struct buf plain;
    str_split(shown, ' ', &code, &text);
    buf_init(&plain, SWAKS_REPLY_BYTES_MAX);
    if (str_find(text, ' ') == STR_NONE && codec_base64_decode(text, &plain) == NULL)
        shown = arena_printf(t->plan->arena, "%.*s %.*s", STR_ARG(code), STR_ARG(buf_str(&plain)));
    err_forget();
    buf_release(&plain);
    return shown;
}

static void tell_lapse(const struct swaks_talk *t, int64_t *since_ns)
{
    int64_t now = clock_steady_ns(), ms = (now - *since_ns) / 1000000;
    if (t->plan->lapse == SWAKS_LAPSE_FINE)
        personality_swaks_output_say(t->plan->output, SWAKS_SAYS, "response in %lld.%03llds",
                                     (long long)ms / 1000, (long long)ms % 1000);
    else if (t->plan->lapse == SWAKS_LAPSE_SECONDS)
        personality_swaks_output_say(t->plan->output, SWAKS_SAYS, "response in %llds",
                                     (long long)ms / 1000);
    *since_ns = now;
}

static void note_failure(struct swaks_talk *t, const struct swaks_step *s)
{
    t->mail_refused |= s->stage == SWAKS_STAGE_MAIL;
    t->rcpts_refused += s->stage == SWAKS_STAGE_RCPT;
}

/* One reply, read, shown and judged. A timeout is a reply that nobody hoped for. */
static bool take_reply(struct swaks_talk *t, const struct swaks_step *s, int64_t *since_ns,
                       deadline until)
{
    struct swaks_output *o = t->plan->output;
    err e = read_reply(t, until);
    tell_lapse(t, since_ns);
    if (e && e->kind == ERR_TIMEOUT) {
        buf_clear(&t->reply);
        e = buf_addf(&t->reply, "Timeout (%lld secs) waiting for server response",
                     (long long)t->plan->timeout_ms / 1000);
        ASSERT(e == NULL);
    } else if (e) {
        t->lost = true;
    }
    bool fine = e == NULL && judge_reply(t, s);
    str shown = s->decode ? decode_reply(t) : buf_str(&t->reply);
    if (shown.len)
        personality_swaks_output_text(o, fine ? SWAKS_RECEIVED : SWAKS_RECEIVED_BAD, shown);
    if (!fine)
        note_failure(t, s);
    err_forget();
    return fine;
}

/* ---- sending ---------------------------------------------------------------------------- */

static void show_sent(struct swaks_talk *t, const struct swaks_step *s)
{
    struct swaks_output *o = t->plan->output;
    if (s->count_only)
        personality_swaks_output_count(o, s->line);
    else
        personality_swaks_output_text(o, SWAKS_SENT, s->shown.len ? s->shown : s->line);
}

static err send_step(struct swaks_talk *t, const struct swaks_step *s, struct buf *raw,
                     deadline until)
{
    if (!s->sends)
        return NULL;
    show_sent(t, s);
    if (t->plan->raw) {
        TRY(buf_add(raw, s->line));
        TRY(buf_add(raw, s->no_line_end ? S("") : S("\r\n")));
    }
    TRY(net_write(t->conn, s->line, until));
    return s->no_line_end ? NULL : net_write(t->conn, S("\r\n"), until);
}

static err send_all(struct swaks_talk *t, deadline until)
{
    struct buf raw;
    err e = NULL;
    buf_init(&raw, SIZE_MAX / 2);
    for (size_t i = 0; i < t->pending_count && e == NULL; i++)
        e = send_step(t, &t->pending[i], &raw, until);
    if (e == NULL)
        e = net_flush(t->conn, until);
    if (raw.len)
        personality_swaks_output_hex(t->plan->output, SWAKS_SENT_RAW, buf_str(&raw));
    buf_release(&raw);
    return e;
}

/* The first refusal that ends the talk, once all replies are there. */
static void settle(struct swaks_talk *t)
{
    deadline until = personality_swaks_talk_until(t->plan);
    if (t->mail_refused)
        personality_swaks_talk_quit(t, SWAKS_EXIT_MAIL, until);
    else if (t->rcpts && t->rcpts_refused == t->rcpts)
        personality_swaks_talk_quit(t, SWAKS_EXIT_RCPT, until);
}

static bool flush(struct swaks_talk *t, deadline until)
{
    int64_t since_ns = clock_steady_ns();
    bool fine = true;
    err e =
        send_all(t, until); /* a connection that takes nothing may still have something to say */
    if (e)
        err_forget();
    if (t->drop_before_reply) {
        personality_swaks_talk_drop(t);
        return false;
    }
    size_t count = t->pending_count;
    for (size_t i = 0; i < count && !t->lost; i++)
        if (!t->pending[i].no_reply)
            fine = take_reply(t, &t->pending[i], &since_ns, personality_swaks_talk_until(t->plan));
    t->pending_count = 0;
    if (t->lost && !t->may_lose)
        end_lost(t, SWAKS_EXIT_OK);
    if (!t->ended && !t->lost)
        settle(t);
    return fine && !t->ended && !t->lost;
}

bool personality_swaks_talk_do(struct swaks_talk *t, const struct swaks_step *step, deadline until)
{
    if (t->ended)
        return false;
    ASSERT(t->pending_count < SWAKS_PENDING_MAX);
    t->pending[t->pending_count++] = *step;
    return flush(t, until);
}

bool personality_swaks_talk_defer(struct swaks_talk *t, const struct swaks_step *step,
                                  deadline until)
{
    if (!t->pipelining || t->pending_count + 2 > SWAKS_PENDING_MAX)
        return personality_swaks_talk_do(t, step, until);
    t->pending[t->pending_count++] = *step;
    return true;
}

bool personality_swaks_talk_ask(struct swaks_talk *t, int hoped, str line, deadline until)
{
    struct swaks_step step = {.sends = true, .line = line, .hoped = hoped};
    return personality_swaks_talk_do(t, &step, until);
}
