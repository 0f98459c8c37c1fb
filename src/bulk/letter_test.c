#include "bulk/letter.h"
#include "bulk/report.h"
#include "tests/test.h"

struct bench {
    struct arena *arena;
    struct template_names *names;
    struct template_value *slots;
    struct buf out;
};

static const struct {
    const char *name, *value;
} columns[] = {
    {"name",  "Ann"                  },
    {"line",  "a\r\nBcc: x@y.example"},
    {"other", "ceo@bank.example"     },
    {"path",  "../secret"            },
    {"html",  "<b>"                  },
};

static void set_up(struct bench *b)
{
    b->arena = arena_open((size_t)BULK_LETTER_ARENA_BYTES_MAX);
    b->names = template_names_open(b->arena);
    b->slots = ARENA_ARRAY(b->arena, struct template_value, TEMPLATE_NAMES_MAX);
    buf_init(&b->out, 1 << 20);
    CHECK_DONE(bulk_letter_add_fields(b->names), "fields");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        size_t slot = 0;
        CHECK_DONE(template_names_add(b->names, str_of(columns[i].name), &slot), columns[i].name);
        b->slots[slot] = template_value_of_text(str_of(columns[i].value));
    }
    b->names->closed = true;
}

static void tear_down(struct bench *b)
{
    template_names_close(b->names);
    buf_release(&b->out);
    arena_close(b->arena);
}

static struct bulk_letter_options plain(void)
{
    return (struct bulk_letter_options){
        .campaign = S("spring"),
        .sender = S("news@our.example"),
        .from = {S("--from"),    S("News <news@our.example>")           },
        .subject = {S("--subject"), S("Hi {{name}}")                       },
        .text = {S("--text"),    S("Hello {{name}} {{unsubscribe_url}}")},
        .folder = "."
    };
}

/* The mail, or why there is none. */
static str work_out(struct bench *b, const struct bulk_letter_options *options)
{
    static char why[600];
    struct bulk_letter *letter;
    struct bulk_address address;
    CHECK(bulk_hygiene_read(S("Ann@X.Example"), b->arena, &address), "address");
    buf_clear(&b->out);
    err e = bulk_letter_open(options, b->names, &letter);
    if (e == NULL) {
        char key[BULK_TOKEN_KEY_CHARS];
        bulk_token_key(options->campaign, address.folded, key);
        struct bulk_letter_row row = {.slots = b->slots,
                                      .slot_count = b->names->count,
                                      .address = &address,
                                      .key = key,
                                      .now_ms = 1795000000000};
        e = bulk_letter_write(letter, &row, b->arena, &b->out);
        bulk_letter_close(letter);
    }
    if (e == NULL)
        return buf_str(&b->out);
    CHECK(b->out.len == 0, "nothing is left behind");
    err_words(e, why, sizeof why);
    err_forget();
    return str_of(why);
}

TEST(bulk_letter_write)
{
    struct bench b;
    set_up(&b);
    struct bulk_letter_options o = plain();
    o.unsubscribe_url = S("https://our.example/u?x=1");
    o.unsubscribe_mailto = S("u@our.example");
    o.secret = S("0123456789abcdef");
    o.html = (struct template_source){S("h"), S("<p>{{html}}</p>")};
    str first = arena_str(b.arena, work_out(&b, &o)), again = work_out(&b, &o);
    CHECK(str_eq(first, again), "the same each time: its key, its links, its boundaries");
    static const char *const wanted[] = {"To: Ann@x.example\r\n",
                                         "Subject: Hi Ann\r\n",
                                         "<https://our.example/u?x=1&u=",
                                         "<mailto:u@our.example?subject=unsubscribe%20",
                                         "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
                                         "@our.example>\r\n",
                                         "&lt;b&gt;",
                                         "Hello Ann https://our.example/u?x=1"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        CHECK(str_contains(first, str_of(wanted[i])), wanted[i]);
    o.campaign = S("summer");
    char key[BULK_TOKEN_KEY_CHARS];
    bulk_token_key(S("spring"), S("ann@x.example"), key);
    CHECK(str_contains(first, str_of(key)), "the key is in its Message-ID");
    CHECK(!str_contains(work_out(&b, &o), str_of(key)), "another campaign, another key");
    tear_down(&b);
}

TEST(bulk_letter_refused)
{
    static const struct {
        const char *label, *from, *to, *subject, *file, *header, *want;
    } cases[] = {
        {"attack 48: a line end in the subject",    NULL,            NULL,                   "{{line}}", NULL,                NULL,
         "{{line}}: a line end"                                                                                                                                         },
        {"attack 49: a line end in a display name", NULL,            "{{line}} <{{email}}>", NULL,       NULL,                NULL,
         "{{line}}: a line end"                                                                                                                                         },
        {"attack 51: a path upwards",               NULL,            NULL,                   NULL,       "{{path}}",          NULL,
         "\"../secret\" is no file below"                                                                                                                               },
        {"attack 53: From of another domain",       "X <{{other}}>", NULL,                   NULL,       NULL,                NULL,
         "From is of bank.example, and the mailing of our.example"                                                                                                      },
        {"attack 50: a field of ours",              NULL,            NULL,                   NULL,       NULL,                "From",
         "headers: From has an option of its own"                                                                                                                       },
        {"attack 50: no name",                      NULL,            NULL,                   NULL,       NULL,                "X Y",  "headers: this is no field's name"},
        {"a misspelt field",                        NULL,            NULL,                   "{{nmae}}", NULL,                NULL,
         "--subject:1:3: there is no field \"nmae\" (did you mean \"name\"?)"                                                                                           },
        {"no such attachment",                      NULL,            NULL,                   NULL,       "none-{{name}}.pdf", NULL,
         "attachment none-Ann.pdf"                                                                                                                                      },
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bulk_letter_options o = plain();
        if (cases[i].from)
            o.from.text = str_of(cases[i].from);
        o.to.text = str_of(cases[i].to);
        if (cases[i].subject)
            o.subject.text = str_of(cases[i].subject);
        o.files[0].text = str_of(cases[i].file);
        o.file_count = cases[i].file != NULL;
        o.headers[0] = (struct bulk_letter_header){
            str_of(cases[i].header), {S("h"), S("x")}
        };
        o.header_count = cases[i].header != NULL;
        str got = work_out(&b, &o);
        CHECK_STR(str_slice(got, 0, strlen(cases[i].want)), cases[i].want, cases[i].label);
    }
    tear_down(&b);
}

TEST(bulk_tally_and_report)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct bulk_tally *t = ARENA_NEW(arena, struct bulk_tally);
    CLEANUP(buf_release) struct buf page;
    buf_init(&page, BULK_REPORT_BYTES_MAX);
    uint8_t group = bulk_tally_group(t, S("<script>"));
    CHECK(group == 1 && bulk_tally_group(t, S("<script>")) == 1 && bulk_tally_group(t, S("")) == 2,
          "groups");
    for (uint32_t i = 0; i < 1000; i++) {
        bulk_tally_entry(
            t, &(struct bulk_entry){.kind = BULK_ENTRY_TRY, .group = group, .at_s = 1000 + i});
        bulk_tally_entry(t,
                         &(struct bulk_entry){.kind = i % 10 ? BULK_ENTRY_SENT : BULK_ENTRY_REFUSED,
                                              .group = group,
                                              .at_s = 1000 + i});
    }
    bulk_tally_reply(t, 550, S("5.1.1"), S("<a@x.example> No such user 4711"));
    bulk_tally_reply(t, 550, S("5.1.1"), S("<b@x.example> No such user 4712"));
    uint64_t sent = 0;
    for (size_t i = 0; i < BULK_TALLY_BUCKETS; i++)
        sent += t->sent_at[i];
    CHECK(sent == 900 && t->all.sent == 900 && t->all.refused == 100 && t->groups[0].tried == 1000,
          "counts");
    CHECK(t->bucket_s == 16, "buckets double until all fits");
    CHECK(t->reply_count == 1 && t->replies[0].count == 2,
          "replies that differ in ids only are one");
    struct bulk_report report = {S("a & b"), S("done"), 1795000000000};
    CHECK_DONE(bulk_report_write(&report, t, &page), "report");
    CHECK(str_contains(buf_str(&page), S("a &amp; b")) &&
              str_contains(buf_str(&page), S("&lt;script&gt;")),
          "escaped");
    CHECK(!str_contains(buf_str(&page), S("<script")), "no markup of theirs");
    for (int i = 0; i < 200; i++)
        (void)bulk_tally_group(t, arena_printf(arena, "g%d", i));
    CHECK(t->group_count == BULK_TALLY_GROUPS_MAX &&
              bulk_tally_group(t, S("more")) == BULK_TALLY_GROUPS_MAX,
          "the last one is others");
}

TEST(bulk_hygiene)
{
    static const struct {
        const char *input, *want;
    } cases[] = {
        {"a@x.example",              "a@x.example"},
        {"A@X.EXAMPLE",              "a@x.example"},
        {"a@x",                      NULL         },
        {"a",                        NULL         },
        {"a@x.example, b@x.example", NULL         },
        {"a b@x.example",            NULL         },
        {"a@x.example\r\n",          NULL         },
        {"@x.example",               NULL         },
        {"a@[192.0.2.1]",            NULL         },
        {"a@b@x.example",            NULL         },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bulk_address address = {0};
        bool fine = bulk_hygiene_read(str_of(cases[i].input), arena, &address);
        CHECK(fine == (cases[i].want != NULL), cases[i].input);
        CHECK_STR(address.folded, cases[i].want, cases[i].input);
    }
    CHECK(bulk_hygiene_is_role(S("Info@x.example")) &&
              !bulk_hygiene_is_role(S("information@x.example")),
          "roles");
}
