/* How bytes are cut into packets changes nothing (attack 8): sessions made of drawn pieces of
 * dialog are played whole, byte by byte and in drawn cuts, and must say, keep and find the same.
 * A failure names the seed that drew its session. */
#include "base/rand.h"
#include "runtime/sim.h"
#include "smtp/client_test.h"
#include "smtp/data.h"
#include "smtp/session_test.h"
#include "tests/test.h"

enum {
    SESSIONS = 120,
    STREAMS = 400,
    PARTS_MAX = 40,
    CUTS = 3,
    CUT_BYTES_MAX = 150,
    INPUT_BYTES_MAX = 256 * 1024,
};

/* ---- what is drawn ------------------------------------------------------------------------ */

static void add_part(struct buf *out, const char *const *parts, size_t count)
{
    CHECK_DONE(buf_add(out, str_of(parts[rand_below(count)])), "room");
}

/* Bytes that decide where things end, more often than others. */
static void add_bytes(struct buf *out, size_t most)
{
    static const char alphabet[] = "\r\n\r\n\r\n..\t ax\xc3\xa4";
    for (size_t len = rand_below(most); len > 0; len--) {
        size_t i = rand_below(sizeof alphabet); /* the NUL is one of them */
        CHECK_DONE(buf_add_char(out, alphabet[i]), "room for a byte");
    }
}

static void add_chunk(struct buf *out)
{
    struct buf bytes;
    buf_init(&bytes, INPUT_BYTES_MAX);
    add_bytes(&bytes, 500);
    err e = buf_addf(out, "BDAT %zu%s\r\n", bytes.len, rand_below(2) ? " LAST" : "");
    if (e == NULL)
        e = buf_add(out, buf_str(&bytes));
    CHECK_DONE(e, "room for a chunk");
    buf_release(&bytes);
}

static void draw_mail(struct buf *out)
{
    static const char *const envelopes[] = {
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n",
        "MAIL FROM:<> SIZE=5\r\nRCPT TO:<nobody@d.example>\r\nRCPT TO:<e@d.example>\r\n",
        "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<later@d.example> NOTIFY=NEVER\r\n",
        "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\n",
    };
    static const char *const bodies[] = {
        "DATA\r\nSubject: x\r\n\r\n..stuffed\r\n.\r\n",
        "DATA\r\n.\r\n",
        "DATA\r\nbare\nline\r\n.\n\r\n.\r\n",
        "DATA\r\nx\r\n.\r\r\n\r\n.\r\n",
        "DATA\r\n\xc3\xa4\r\n.x\r\n.\r\n",
    };
    add_part(out, envelopes, ARRAY_LEN(envelopes));
    if (rand_below(2))
        return add_part(out, bodies, ARRAY_LEN(bodies));
    for (size_t n = 1 + rand_below(3); n > 0; n--)
        add_chunk(out);
}

static void draw_commands(struct buf *out)
{
    static const char *const others[] = {"EHLO c.example\r\n", "HELO c.example\r\n",
                                         "RSET\r\n",           "NOOP\r\n",
                                         "VRFY x\r\n",         "NOSUCH\r\n",
                                         "DATA\r\n",           "MAIL FROM:<a@b.example>\r\n",
                                         "BDAT 3\r\nxyz",      "RCPT TO:<x@y.example>\r\n"};
    CHECK_DONE(buf_add(out, S("EHLO c.example\r\nAUTH PLAIN =\r\n")), "room");
    for (size_t n = 3 + rand_below(PARTS_MAX); n > 0; n--) {
        if (rand_below(3))
            draw_mail(out);
        else
            add_part(out, others, ARRAY_LEN(others));
        if (rand_below(60) == 0)
            add_bytes(out, 60);
    }
    if (rand_below(3) == 0)
        for (size_t n = rand_below(3000); n > 0; n--)
            CHECK_DONE(buf_add_char(out, 'x'), "a long line");
    CHECK_DONE(buf_add(out, S("\r\nQUIT\r\n")), "room");
}

/* One transaction of a client that has so many recipients. */
static void draw_verdicts(struct buf *out, size_t rcpts)
{
    static const char *const takes[] = {"250 ok\r\n", "250-2.1.5 so\r\n250 2.1.5 ok\r\n"};
    static const char *const replies[] = {"250 ok\r\n", "251 2.1.5 on it goes\r\n", "250 ok\r\n",
                                          "550 5.1.1 no\r\n", "450-4.2.0 a\r\n450 4.2.0 b\r\n"};
    static const char *const ends[] = {"250 kept\r\n", "250 2.0.0 kept\r\n", "554 5.6.0 no\r\n",
                                       "421 4.3.2 bye\r\n"};
    add_part(out, takes, ARRAY_LEN(takes));
    for (size_t n = 0; n < rcpts; n++)
        add_part(out, replies, n ? ARRAY_LEN(replies) : 2);
    add_part(out, (const char *const[]){"354 go\r\n"}, 1);
    add_part(out, ends, ARRAY_LEN(ends));
}

static void draw_replies(struct buf *out, unsigned wishes)
{
    static const char *const offers[] = {
        "250 x\r\n",
        "250-x\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE\r\n",
        "250-x\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN CRAM-MD5 OAUTHBEARER\r\n",
        "502 no\r\n250 x\r\n",
    };
    static const char *const logins[] = {"235 2.7.0 welcome\r\n", "334 \r\n235 x\r\n",
                                         "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 x\r\n",
                                         "535 5.7.8 no\r\n"};
    size_t offer = rand_below(ARRAY_LEN(offers));
    CHECK_DONE(buf_add(out, S("220-x ESMTP\r\n220 welcome\r\n")), "room");
    add_part(out, offers + offer, 1);
    if ((wishes & SMTP_CLIENT_TEST_LOGIN) && offer == 2)
        add_part(out, logins, ARRAY_LEN(logins));
    for (int n = 0; n < 2; n++)
        draw_verdicts(out, wishes & SMTP_CLIENT_TEST_UTF8 ? 3 : 2);
    if (rand_below(8) == 0)
        add_bytes(out, 30);
    for (int n = 0; n < 100 && rand_below(20); n++) /* a long reply at the end */
        CHECK_DONE(buf_addf(out, "250-%0300d\r\n", n), "room");
    CHECK_DONE(buf_add(out, S("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n")), "room");
}

/* ---- the sessions ------------------------------------------------------------------------- */

struct play {
    unsigned seed;
    bool ok;
    int kept; /* messages that went all the way */
    struct buf input;
};

static void play_server(struct smtp_session_test *t, struct play *p, size_t piece, bool drawn)
{
    smtp_session_test_init(t);
    t->mechanisms = S("PLAIN");
    t->options.login_offered = true;
    t->piece = piece;
    t->piece_drawn = drawn;
    t->pause_ms = piece ? 1 : 0;
    smtp_session_test_talk(t, buf_str(&p->input));
}

static void compare_servers(void *arg)
{
    struct play *p = arg;
    struct smtp_session_test whole, cut;
    draw_commands(&p->input);
    play_server(&whole, p, 0, false);
    for (int i = 0; i <= CUTS; i++) {
        play_server(&cut, p, i ? CUT_BYTES_MAX : 1, i > 0);
        p->ok &= str_eq(buf_str(&whole.replies), buf_str(&cut.replies)) &&
                 str_eq(buf_str(&whole.content), buf_str(&cut.content)) && whole.kept == cut.kept;
        smtp_session_test_release(&cut);
    }
    p->kept = whole.kept;
    smtp_session_test_release(&whole);
}

static void play_client(struct smtp_client_test *t, struct play *p, size_t piece, bool drawn)
{
    smtp_client_test_init(t);
    t->wishes = p->seed % 256;
    t->piece = piece;
    t->piece_drawn = drawn;
    smtp_client_test_talk(t, buf_str(&p->input));
}

static void compare_clients(void *arg)
{
    struct play *p = arg;
    struct smtp_client_test whole, cut;
    draw_replies(&p->input, p->seed % 256);
    play_client(&whole, p, 0, false);
    for (int i = 0; i <= CUTS; i++) {
        play_client(&cut, p, i ? CUT_BYTES_MAX : 1, i > 0);
        p->ok &= str_eq(buf_str(&whole.heard), buf_str(&cut.heard)) &&
                 str_eq(buf_str(&whole.told), buf_str(&cut.told));
        smtp_client_test_release(&cut);
    }
    p->kept = str_contains(buf_str(&whole.told), S("offer 0"));
    smtp_client_test_release(&whole);
}

static void play_all(void (*compare)(void *play))
{
    int kept = 0;
    for (unsigned seed = 1; seed <= SESSIONS; seed++) {
        struct play p = {.seed = seed, .ok = true};
        char label[40];
        snprintf(label, sizeof label, "seed %u", seed);
        buf_init(&p.input, INPUT_BYTES_MAX);
        sim_run(seed, compare, &p);
        CHECK(p.ok, label);
        kept += p.kept;
        buf_release(&p.input);
    }
    CHECK(kept > SESSIONS / 4, "what is drawn goes beyond the first command");
}

TEST(smtp_chunking_server) { play_all(compare_servers); }
TEST(smtp_chunking_client) { play_all(compare_clients); }

/* ---- the readers alone -------------------------------------------------------------------- */

struct cut {
    str rest;
    size_t most; /* SIZE_MAX: whole */
};

static str next_cut(struct cut *c)
{
    str piece = str_slice(c->rest, 0, c->most == SIZE_MAX ? SIZE_MAX : 1 + rand_below(c->most));
    c->rest = str_from(c->rest, piece.len);
    return piece;
}

static void note(struct buf *found, int event, str bytes)
{
    CHECK_DONE(buf_addf(found, "%d ", event), "room");
    CHECK_DONE(buf_add(found, bytes), "room");
    CHECK_DONE(buf_add_char(found, '\n'), "room");
}

/* Every event and the bytes that came with it, as one text. */
static void read_lines(struct cut c, struct buf *found)
{
    struct smtp_line_reader r = {0};
    struct buf waiting;
    enum smtp_line_event event = SMTP_LINE_MORE;
    buf_init(&waiting, INPUT_BYTES_MAX);
    while (c.rest.len > 0 && event != SMTP_LINE_BARE) {
        CHECK_DONE(buf_add(&waiting, next_cut(&c)), "room");
        str rest = buf_str(&waiting), line;
        do {
            line = (str){0};
            event = smtp_line_take(&r, 64, &rest, &line);
            if (event != SMTP_LINE_MORE)
                note(found, (int)event, line);
        } while (event == SMTP_LINE_READY || event == SMTP_LINE_TOO_LONG);
        buf_cut_front(&waiting, waiting.len - rest.len);
    }
    buf_release(&waiting);
}

static void tell_scan(const struct smtp_scan *s, struct buf *found)
{
    CHECK_DONE(buf_addf(found, "\n%llu %llu %llu %llu %d%d%d%d%d", (unsigned long long)s->bytes,
                        (unsigned long long)s->line_bytes, (unsigned long long)s->longest_line,
                        (unsigned long long)s->header_bytes, s->bare_cr, s->bare_lf, s->nul,
                        s->eight_bit_header, s->eight_bit_body),
               "room");
}

static void read_data(struct cut c, struct buf *found)
{
    struct smtp_data_reader r;
    enum smtp_data_event event = SMTP_DATA_MORE;
    smtp_data_reader_init(&r);
    size_t len = c.rest.len, taken = 0;
    while (c.rest.len > 0 && event != SMTP_DATA_END) {
        str piece = next_cut(&c), run;
        while ((event = smtp_data_read(&r, &piece, &run)) == SMTP_DATA_RUN)
            CHECK_DONE(buf_add(found, run), "room");
        taken = len - c.rest.len - piece.len;
    }
    if (event != SMTP_DATA_END)
        smtp_scan_end(&r.scan);
    CHECK_DONE(buf_addf(found, " %d after %zu", event, taken), "room");
    tell_scan(&r.scan, found);
}

static void scan(struct cut c, struct buf *found)
{
    struct smtp_scan s = {0};
    while (c.rest.len > 0)
        smtp_scan_feed(&s, next_cut(&c));
    smtp_scan_end(&s);
    tell_scan(&s, found);
}

static void stuff(struct cut c, struct buf *found)
{
    struct smtp_data_writer w;
    err e = NULL;
    str run = {0};
    smtp_data_writer_init(&w);
    while (e == NULL && c.rest.len > 0) {
        str piece = next_cut(&c);
        do {
            e = smtp_data_write(&w, &piece, &run);
            if (e == NULL)
                CHECK_DONE(buf_add(found, run), "room");
        } while (e == NULL && run.len > 0);
    }
    if (e == NULL)
        e = smtp_data_write_end(&w, &run);
    if (e)
        buf_clear(found); /* how much goes out before a refusal is a matter of cuts */
    CHECK_DONE(buf_addf(found, "%s%.*s", e ? "refused" : "", e ? 0 : (int)run.len, run.ptr),
               "room");
    err_forget();
}

static void compare_readers(void (*read)(struct cut, struct buf *))
{
    struct buf input, whole, cut;
    buf_init(&input, INPUT_BYTES_MAX);
    buf_init(&whole, INPUT_BYTES_MAX);
    buf_init(&cut, INPUT_BYTES_MAX);
    for (unsigned seed = 1; seed <= STREAMS; seed++) {
        static const size_t most[] = {1, 2, 5, 70, CUT_BYTES_MAX};
        char label[40];
        rand_seed(seed);
        snprintf(label, sizeof label, "seed %u", seed);
        buf_clear(&input);
        buf_clear(&whole);
        add_bytes(&input, seed % 2 ? 40 : 600);
        read((struct cut){buf_str(&input), SIZE_MAX}, &whole);
        for (size_t i = 0; i < ARRAY_LEN(most); i++) {
            buf_clear(&cut);
            read((struct cut){buf_str(&input), most[i]}, &cut);
            CHECK(str_eq(buf_str(&whole), buf_str(&cut)), label);
        }
    }
    rand_seed_off();
    buf_release(&input);
    buf_release(&whole);
    buf_release(&cut);
}

TEST(smtp_chunking_line) { compare_readers(read_lines); }
TEST(smtp_chunking_data) { compare_readers(read_data); }
TEST(smtp_chunking_scan) { compare_readers(scan); }
TEST(smtp_chunking_stuffing) { compare_readers(stuff); }
