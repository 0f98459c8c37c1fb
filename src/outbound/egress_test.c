#include "config/text_test.h"
#include "outbound/egress.h"
#include "tests/test.h"

static const char yaml[] =
    "hostname: mail.example.com\n"
    "domains: { ours.example: { deliver: \"lmtp://127.0.0.1:24\" } }\n"
    "egress:\n"
    "  a: { address: 192.0.2.1 }\n"
    "  b: { address: [192.0.2.2, \"2001:db8::2\"] }\n"
    "  c: { address: \"2001:db8::3\" }\n"
    "  acme: { dedicated_to: { tenants: acme } }\n"
    "  acme-bills: { dedicated_to: { tenants: acme, streams: [bills, receipts] } }\n"
    "  shop1: { dedicated_to: { senders: shop.example } }\n"
    "  shop2: { dedicated_to: { senders: [shop.example, store.example] } }\n"
    "egress_pools:\n"
    "  pool: { members: { a: 3, acme: 5, b: 1 }, overflow: next }\n"
    "  drained: { members: { a: 0, b: 1 } }\n"
    "routes:\n"
    "  - { to: one.example, via: mx, egress: a }\n"
    "  - { to: pool.example, via: mx, egress: pool }\n"
    "  - { to: drained.example, via: mx, egress: drained }\n"
    "  - { to: hop.example, via: \"smtp://relay.example\" }\n"
    "  - { to: hop2.example, via: \"smtp://relay.example\", egress: pool }\n"
    "  - { to: \"*\", via: mx }\n";

static struct config *load(const char *text) { return config_text_test(str_of(text)); }

struct case_mail {
    const char *to, *tenant, *stream, *sender, *key;
};

static void choose(const struct config *c, const struct case_mail *m,
                   struct outbound_egress_health *health, struct outbound_egress_choice *ret_choice)
{
    struct outbound_route route;
    struct envelope_flow flow = {.tenant = str_of(m->tenant), .stream = str_of(m->stream)};
    outbound_route_find(c, str_of(m->to), &route);
    struct outbound_egress_mail mail = {.route = &route,
                                        .flow = &flow,
                                        .sender_domain = str_of(m->sender),
                                        .key = m->key ? str_of(m->key) : S("4Xk2")};
    outbound_egress_choose(c, &mail, health, ret_choice);
}

/* Does the list hold these names and no others, in any order? */
static bool holds(const struct outbound_egress_choice *c, str names)
{
    size_t count = 0;
    while (names.len > 0) {
        str name;
        bool found = false;
        str_split(names, ' ', &name, &names);
        count++;
        for (size_t i = 0; i < c->count; i++)
            found |= str_eq(c->list[i].egress->name, name);
        if (!found)
            return false;
    }
    return count == c->count;
}

static void set_out(struct outbound_egress_health *health, const char *name)
{
    struct outbound_egress_state state = {
        .standing = EGRESS_OUT, .out = true, .since_ms = 1, .reason = "listed by bl.example"};
    outbound_egress_health_set(health, str_of(name), &state);
}

TEST(outbound_egress_choose)
{
    static const struct {
        const char *label;
        struct case_mail mail;
        const char *out; /* names */
        const char *want, *why;
        bool dedicated;
    } cases[] = {
        {"nothing said",                       {"x@else.example"},                          "",     "default",          "", false},
        {"one egress",                         {"x@one.example"},                           "",     "a",                "", false},
        {"a pool, without what is somebody's", {"x@pool.example"},                          "",     "a b",              "", false},
        {"weight 0",                           {"x@drained.example"},                       "",     "b",                "", false},
        {"the tenant's",                       {"x@pool.example", "acme"},                  "",     "acme",             "", true },
        {"the tenant's, without a pool",       {"x@else.example", "acme"},                  "",     "acme",             "", true },
        {"names are not case-sensitive",       {"x@else.example", "ACME"},                  "",     "acme",             "", true },
        {"the narrower one wins",              {"x@else.example", "acme", "bills"},         "",     "acme-bills",       "", true },
        {"the stream of another tenant",
         {"x@else.example", "b", "bills"},
         "",                                                                                        "default",
         "",                                                                                                                false},
        {"two for one domain",
         {"x@else.example", "", "", "shop.example"},
         "",                                                                                        "shop1 shop2",
         "",                                                                                                                true },
        {"one of them",                        {"x@else.example", "", "", "store.example"}, "",     "shop2",            "", true },
        {"tenant and domain",
         {"x@else.example", "acme", "", "shop.example"},
         "",                                                                                        "acme shop1 shop2",
         "",                                                                                                                true },
        {"our own domain is no matter",        {"x@ours.example", "acme"},                  "",     "inside",           "", false},
        {"nor is a provider",                  {"x@hop.example", "acme"},                   "",     "default",          "", false},
        {"a provider with an egress",          {"x@hop2.example", "acme"},                  "",     "acme",             "", true },
        {"a provider with a pool",             {"x@hop2.example"},                          "",     "a b",              "", false},
        {"one is out",                         {"x@pool.example"},                          "a",    "b",                "", false},
        {"all are out",
         {"x@pool.example"},
         "a b",                                                                                     "",
         "every egress is out: a (listed by bl.example), b (listed by bl.example)",                                         false},
        {"a dedicated one is out: no other",
         {"x@pool.example", "acme"},
         "acme",                                                                                    "",
         "every egress for this mail is out: acme (listed by bl.example)",                                                  true },
        {"somebody else's is out",             {"x@pool.example"},                          "acme", "a b",              "", false},
        {"the default is out",
         {"x@else.example"},
         "default",                                                                                 "",
         "every egress is out: default (listed by bl.example)",                                                             false},
    };
    const struct config *c = load(yaml);
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        struct outbound_egress_health *health = outbound_egress_health_open();
        struct outbound_egress_choice choice;
        str out = str_of(cases[i].out), name;
        while (out.len > 0) {
            char text[32];
            str_split(out, ' ', &name, &out);
            CHECK(str_to_chars(name, text, sizeof text), cases[i].label);
            set_out(health, text);
        }
        choose(c, &cases[i].mail, health, &choice);
        CHECK(holds(&choice, str_of(cases[i].want)), cases[i].label);
        CHECK_STR(str_of(choice.why), cases[i].why, cases[i].label);
        CHECK(choice.dedicated == cases[i].dedicated, cases[i].label);
        outbound_egress_health_close(health);
    }
    config_close(c);
}

/* The order is the weights', the mail's own, and as it was when another one comes or goes. */
TEST(outbound_egress_order)
{
    enum { MAILS = 8000 };
    const struct config *c = load(yaml);
    struct outbound_egress_health *health = outbound_egress_health_open();
    int first_a = 0, moved = 0;
    set_out(health, "b");
    for (int i = 0; c && i < MAILS; i++) {
        char key[16];
        struct outbound_egress_choice all, again, without;
        snprintf(key, sizeof key, "%d", i);
        struct case_mail mail = {.to = "x@pool.example", .key = key};
        choose(c, &mail, NULL, &all);
        choose(c, &mail, NULL, &again);
        choose(c, &mail, health, &without);
        CHECK(all.list[0].egress == again.list[0].egress, "the same mail, the same egress");
        bool a = str_eq(all.list[0].egress->name, S("a"));
        first_a += a;
        moved += a && without.list[0].egress != all.list[0].egress;
        CHECK(all.list[0].share == (a ? 750 : 250), "share");
        CHECK(all.list[0].way == (a ? 1 : 3), "way: the place in the pool");
        CHECK(without.list[0].share == 1000, "all of it for who is left");
    }
    CHECK(first_a > MAILS * 73 / 100 && first_a < MAILS * 77 / 100, "three of four leave by a");
    CHECK(moved == 0, "nobody moves who need not");
    outbound_egress_health_close(health);
    config_close(c);
}

TEST(outbound_egress_pool)
{
    const struct config *c = load(yaml);
    struct outbound_egress_choice choice;
    choose(c, &(struct case_mail){.to = "x@pool.example"}, NULL, &choice);
    CHECK_STR(choice.pool, "pool", "its name");
    CHECK(choice.overflow == OVERFLOW_NEXT, "overflow");
    choose(c, &(struct case_mail){.to = "x@drained.example"}, NULL, &choice);
    CHECK(choice.overflow == OVERFLOW_WAIT, "by default");
    choose(c, &(struct case_mail){.to = "x@one.example"}, NULL, &choice);
    CHECK_STR(choice.pool, "", "none");
    config_close(c);
}

TEST(outbound_egress_reaches)
{
    static const struct {
        const char *egress, *to, *from; /* from: empty, none is given; NULL: cannot be reached */
    } cases[] = {
        {"a",       "198.51.100.1", "192.0.2.1"  },
        {"a",       "2001:db8::99", NULL         },
        {"b",       "198.51.100.1", "192.0.2.2"  },
        {"b",       "2001:db8::99", "2001:db8::2"},
        {"c",       "198.51.100.1", NULL         },
        {"default", "198.51.100.1", ""           },
        {"default", "2001:db8::99", ""           },
        {"a",       "127.0.0.1",    ""           },
        {"a",       "::1",          ""           },
    };
    const struct config *c = load(yaml);
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        const struct config_egress *e = config_egress_find(c, str_of(cases[i].egress));
        struct address to;
        char text[ADDRESS_CHARS] = "";
        CHECK_DONE(address_parse_ip(str_of(cases[i].to), &to), cases[i].to);
        CHECK(outbound_egress_reaches(e, &to) == (cases[i].from != NULL), cases[i].to);
        const struct address *from = outbound_egress_address(e, &to);
        if (from)
            address_format_ip(from, text);
        CHECK_STR(str_of(text), cases[i].from ? cases[i].from : "", cases[i].to);
    }
    config_close(c);
}
