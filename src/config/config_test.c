#include "config/config.h"
#include "config/yaml.h"
#include "tests/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 4 << 20 };

/* What the errors of a text look like; empty: it loads. */
static void load(const char *text, struct config **ret_config, struct buf *lines)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_from_text(str_of(text), S("t"), &config, &errors);
    CHECK((e == NULL) == (errors.count == 0), text);
    CHECK_DONE(config_errors_print(&errors, lines), "errors");
    if (ret_config)
        *ret_config = config;
    else
        config_close(config);
    config_errors_release(&errors);
    err_forget();
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL, path);
    if (file == NULL)
        return;
    fputs(text, file);
    fclose(file);
}

static void make_folder(char *ret_path)
{
    memcpy(ret_path, "/tmp/smtptool-config-XXXXXX", 28);
    CHECK(mkdtemp(ret_path) != NULL, "folder");
}

/* A variable of the environment that a test changes. */
struct kept {
    const char *name;
    bool there;
    char value[4096];
};

static struct kept keep(const char *name)
{
    struct kept kept = {.name = name, .there = getenv(name) != NULL};
    snprintf(kept.value, sizeof kept.value, "%s", kept.there ? getenv(name) : "");
    return kept;
}

static void put_back(const struct kept *kept)
{
    if (kept->there)
        setenv(kept->name, kept->value, 1);
    else
        unsetenv(kept->name);
}

TEST(config_default)
{
    struct kept home = keep("HOME"), state = keep("XDG_STATE_HOME");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/alice", 1);
    struct config *config = config_default();
    CHECK(config->hostname.len > 0, "hostname");
    CHECK(str_contains(config->hostname, S(".")), "a full name");
    CHECK_STR(config->state, "/home/alice/.local/state/smtptool", "state");
    CHECK_STR(config->admin_socket, "/home/alice/.local/state/smtptool/admin.sock", "socket");
    CHECK(config->no_route_holds, "nobody mails the world by accident");
    CHECK(config->route_count == 0, "no route");
    CHECK(config->listener_count == 2, "listeners");
    CHECK(config->listeners[0].address.port == 2525, "2525");
    CHECK(config->listeners[0].role == ROLE_SUBMISSION, "2525 submission");
    CHECK(config->listeners[0].tls == LISTENER_TLS_REQUIRED, "2525 required");
    CHECK(config->listeners[1].address.port == 2526, "2526");
    CHECK(config->listeners[1].role == ROLE_RELAY, "2526 relay");
    CHECK(address_is_loopback(&config->listeners[0].address), "loopback");
    CHECK(address_is_loopback(&config->listeners[1].address), "loopback");
    CHECK(config->trusted_count == 2, "loopback is trusted");
    CHECK(config->retry.give_up_ms == 432000000, "5d");
    CHECK(config->retry.factor == 2, "factor");
    CHECK(config->limits.message_bytes == 50 << 20, "50MiB");
    CHECK(config->timeouts.data_done_ms == 600000, "10m");
    CHECK(config->dns.servers == DNS_SYSTEM, "system");
    CHECK(config->tls_profile == TLS_PROFILE_INTERMEDIATE, "intermediate");
    CHECK_STR(config->events.to, "/home/alice/.local/state/smtptool/events/events.jsonl", "events");
    CHECK(config->events.rotate_bytes == 64 << 20, "64MiB");
    CHECK(config->events.keep == 8, "old files");
    config_close(config);

    setenv("XDG_STATE_HOME", "/state", 1);
    config = config_default();
    CHECK_STR(config->state, "/state/smtptool", "XDG");
    config_close(config);
    setenv("XDG_STATE_HOME", "relative", 1);
    config = config_default();
    CHECK_STR(config->state, "/home/alice/.local/state/smtptool", "a relative one is ignored");
    config_close(config);
    put_back(&home);
    put_back(&state);
}

TEST(config_routes)
{
    CLEANUP(buf_release) struct buf lines;
    struct config *config;
    buf_init(&lines, TEXT_BYTES_MAX);
    load("routes: mx\n", &config, &lines);
    CHECK(!config->no_route_holds, "mx");
    CHECK(config->route_count == 1, "one");
    CHECK(config->routes[0].kind == ROUTE_MX, "kind");
    CHECK_STR(config->routes[0].to, "*", "to");
    CHECK_STR(config->routes[0].name, "1", "name");
    config_close(config);
    load("routes: []\n", &config, &lines);
    CHECK(!config->no_route_holds, "an empty list is said, too");
    config_close(config);
    CHECK(lines.len == 0, "no errors");
}

/* What each text must be told, in whole lines. */
TEST(config_one_error)
{
    static const struct {
        const char *label, *text, *lines;
    } cases[] = {
        {"no mapping",            "just text\n",                                                   "t:1:1: keys are wanted here, not a single value\n"   },
        {"a list",                "- a\n",                                                         "t:1:1: keys are wanted here, not a list\n"           },
        {"comment only",          "# nothing\n",                                                   ""                                                    },
        {"null groups",           "tls:\ndomains: ~\nlimits: {}\n",                                ""                                                    },
        {"null list",             "listeners:\n",
         "t:1:11: listeners: a list is wanted (each item starts with \"- \"; [] for none)\n"                                                             },
        {"no listener",           "listeners: []\n",
         "t:1:12: listeners: the list is empty, so nobody could be heard: name a listener, or "
         "leave it out for 127.0.0.1:2525 and 127.0.0.1:2526\n"                                                                                          },
        {"byte order mark",       "\xef\xbb\xbfworkers: 2\n",                                      ""                                                    },
        {"UTF-16",                "\xff\xfew\0",                                                   "t: not YAML: invalid leading UTF-8 octet at byte 0\n"},
        {"domain, two spellings", "domains: {EXAMPLE.com: {}, example.com: {}}\n",
         "t:1:10: domains: example.com is given twice, in two spellings\n"                                                                               },
        {"merge key",             "limits: {<<: {message: 1MiB}}\n",
         "t:1:10: limits.<<: unknown key; known here: message, recipients, connections, "
         "per_address, draft_memory, free_space, messages_per_connection, commands_per_message, "
         "invalid_recipients, logins_failed_per_minute, connect_rate_per_minute, hops, header, "
         "minimum_bytes_per_second, priority, hold, once_window, once_keys\n"                                                                            },
        {"complex key",           "? [a]\n: b\n",                                                  "t:1:3: a key must be a plain text\n"                 },
        {"NUL in a value",        "user: \"a\\0b\"\n",
         "t:1:7: user: a value is one line without control characters\n"                                                                                 },
        {"rotated too often",     "events: { rotate: 1KiB }\n",
         "t:1:19: events.rotate: too small: at least 1MiB, or 0B for never\n"                                                                            },
        {"no DNS server",         "dns: {servers: []}\n",
         "t:1:16: dns.servers: the list is empty: name a server, or write system\n"                                                                      },
        {"IPv6 without quotes",   "listeners:\n  - { address: [::]:25, role: mx }\n",
         "t:2:17: not YAML: while parsing a flow node, did not find expected node content; an IPv6 "
         "address needs quotes\n"                                                                                                                        },
        {"star without quotes",   "routes:\n  - to: *\n",
         "t:2:10: not YAML: while scanning an alias, did not find expected alphabetic or numeric "
         "character; a text that starts with * needs quotes\n"                                                                                           },
        {"file is missing",
         "domains: {a.example: {deliver: \"smtp://b.example\", recipients: \"file:/no/file\"}}\n", NULL                                                  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf lines;
        buf_init(&lines, TEXT_BYTES_MAX);
        load(cases[i].text, NULL, &lines);
        if (cases[i].lines)
            CHECK_STR(buf_str(&lines), cases[i].lines, cases[i].label);
        else
            CHECK(str_contains(buf_str(&lines), S("cannot read the file")), cases[i].label);
    }
}

/* What a listener really offers is told, with tls.minimum applied. */
TEST(config_show_ciphers)
{
    static const struct {
        const char *label, *text, *has, *has_not;
    } cases[] = {
        {"the default", "{}\n",                                                      "#   127.0.0.1:2525: intermediate\n", "opportunistic is"},
        {"its ciphers", "{}\n",                                                      " ECDHE-ECDSA-AES128-GCM-SHA256 ",    " AES128-SHA"     },
        {"mx",          "listeners: [{ address: \"127.0.0.1:25\", role: mx }]\n",    " AES256-SHA\n",
         "modern is"                                                                                                                         },
        {"minimum",     "tls: { minimum: TLSv1.3 }\n",                               "#   127.0.0.1:2525: modern\n",       "ECDHE"           },
        {"no TLS",      "listeners: [{ address: \"127.0.0.1:25\", role: relay }]\n",
         "#   127.0.0.1:25: no TLS\n",                                                                                     "TLS_AES"         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf lines, shown;
        struct config *config = NULL;
        buf_init(&lines, TEXT_BYTES_MAX);
        buf_init(&shown, TEXT_BYTES_MAX);
        load(cases[i].text, &config, &lines);
        CHECK_DONE(config_show(config, false, &shown), cases[i].label);
        CHECK(str_contains(buf_str(&shown), str_of(cases[i].has)), cases[i].label);
        CHECK(!str_contains(buf_str(&shown), str_of(cases[i].has_not)), cases[i].label);
        config_close(config);
    }
}

/* The folder of the event file is the server's to change: what else lies in it would be, too. */
TEST(config_events_folder)
{
    static const struct {
        const char *label, *to, *told; /* told: NULL: it is taken */
    } cases[] = {
        {"elsewhere",                              "/var/log/smtptool/events.jsonl",    NULL                                },
        {"below the state",                        "/state/box/events/events.jsonl",    NULL                                },
        {"deeper",                                 "/state/box/a/b/events.jsonl",       NULL                                },
        {"a name that begins alike",               "/state/bo/events.jsonl",            NULL                                },
        {"a name that goes on",                    "/state/boxes/events.jsonl",         NULL                                },
        {"stderr",                                 "stderr",                            NULL                                },
        {"none",                                   "none",                              NULL                                },
        {"attack 145: in the state folder itself", "/state/box/events.jsonl",
         "a folder of its own"                                                                                              },
        {"attack 145: in the folder above",        "/state/events.jsonl",               "a folder of its own"               },
        {"attack 145: in the root",                "/events.jsonl",                     "say /state/box/events/events.jsonl"},
        {"up again: cli/state.h sees to that",     "/state/box/events/../events.jsonl", NULL                                },
        {"attack 145: two slashes",                "/state//box/events.jsonl",          "a folder of its own"               },
        {"attack 145: a dot",                      "/state/box/./events.jsonl",         "a folder of its own"               },
        {"a folder",                               "/var/log/",                         "name is wanted"                    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf lines, text;
        buf_init(&lines, TEXT_BYTES_MAX);
        buf_init(&text, TEXT_BYTES_MAX);
        CHECK_DONE(buf_addf(&text, "state: /state/box/\nevents: { to: \"%s\", rotate: 0B }\n",
                            cases[i].to),
                   "text");
        load(buf_chars(&text), NULL, &lines);
        if (cases[i].told)
            CHECK(str_contains(buf_str(&lines), str_of(cases[i].told)), cases[i].label);
        else
            CHECK_STR(buf_str(&lines), "", cases[i].label);
    }
}

static void add_times(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        CHECK_DONE(buf_add(b, str_of(text)), "text");
}

/* What is too much is refused by name, and costs no more than its reading. */
TEST(config_bounds)
{
    static const struct {
        const char *label, *before, *each, *told;
        size_t times;
    } cases[] = {
        {"deep list",    "",                    "[",                "nested more than 32 deep", 100000},
        {"deep map",     "",                    "{a: ",             "nested more than 32 deep", 100000},
        {"many nodes",   "relay: { trusted: [", "a,",               "more than 100000 values",  200000},
        {"large",        "#",                   "################", "larger than 1 MiB",        70000 },
        {"many errors",  "",                    "x: 1\n",           "and ",                     5000  },
        {"many anchors", "",                    "- &a 1\n",         "and ",                     90000 },
        {"many items",   "listeners:\n",        "- 1\n",            "more than 20000 items",    30000 },
        {"many domains", "domains:\n",          "  -a:\n",          "and ",                     20000 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf text, lines;
        buf_init(&text, TEXT_BYTES_MAX);
        buf_init(&lines, TEXT_BYTES_MAX);
        add_times(&text, cases[i].before, 1);
        add_times(&text, cases[i].each, cases[i].times);
        load(buf_chars(&text), NULL, &lines);
        CHECK(str_contains(buf_str(&lines), str_of(cases[i].told)), cases[i].label);
    }
}

/* Attack 143: a broken file gives errors with line and column and leaves what was there alone. */
TEST(config_load_broken)
{
    char folder[64], path[100];
    struct config_errors errors;
    struct config *before = config_default(), *config = before;
    CLEANUP(buf_release) struct buf lines;
    buf_init(&lines, TEXT_BYTES_MAX);
    make_folder(folder);
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    write_file(path, "hostname: a.example\nlimits: { message: 50 }\nretry: [\n");
    config_errors_init(&errors);
    err e = config_load(str_of(path), &config, &errors);
    CHECK(e && e->kind == ERR_CONFIG, "attack 143");
    CHECK(config == before, "attack 143: the old one stays");
    CHECK(errors.count == 1, "attack 143");
    CHECK(errors.list[0].line > 0 && errors.list[0].col > 0, "attack 143: line and column");
    CHECK_STR(errors.list[0].file, path, "attack 143: the file");
    config_errors_release(&errors);

    write_file(path, "hostname: a.example\nlimits: { message: 50 }\n");
    config_errors_init(&errors);
    e = config_load(str_of(path), &config, &errors);
    CHECK(e != NULL && config == before, "attack 143: a value");
    CHECK(errors.count == 1 && errors.list[0].line == 2 && errors.list[0].col == 20, "its place");
    config_errors_release(&errors);
    unlink(path);

    config_errors_init(&errors);
    e = config_load(str_of(path), &config, &errors);
    CHECK(e && e->kind == ERR_SYSTEM, "no file");
    CHECK(config == before, "no file");
    CHECK_DONE(config_errors_print(&errors, &lines), "no file");
    CHECK(str_contains(buf_str(&lines), S("No such file")), "no file");
    e = config_load(str_of(folder), &config, &errors);
    CHECK(e != NULL && config == before, "a folder");
    config_errors_release(&errors);
    rmdir(folder);
    config_close(before);
}

static void check_found(const char *label, const char *hostname)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_load((str){0}, &config, &errors);
    CHECK((e == NULL) == (hostname != NULL), label);
    if (config && hostname)
        CHECK_STR(config->hostname, hostname, label);
    config_close(config);
    config_errors_release(&errors);
    err_forget();
}

TEST(config_search_order)
{
    char folder[64], named[100], xdg[100], below[100];
    struct kept kept = keep("XDG_CONFIG_HOME");
    make_folder(folder);
    snprintf(named, sizeof named, "%s/named.yaml", folder);
    snprintf(below, sizeof below, "%s/smtptool", folder);
    CHECK(mkdir(below, 0700) == 0, "folder");
    snprintf(xdg, sizeof xdg, "%s/smtptool/smtptool.yaml", folder);
    write_file(named, "hostname: named.example\n");
    write_file(xdg, "hostname: xdg.example\n");
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("SMTPTOOL_CONFIG", named, 1);
    check_found("the environment's comes first", "named.example");
    unlink(named);
    check_found("one that is named must be there", NULL);
    unsetenv("SMTPTOOL_CONFIG");
    check_found("then XDG", "xdg.example");
    unlink(xdg);
    put_back(&kept);
    rmdir(below);
    rmdir(folder);
}

TEST(config_recipients_file)
{
    char folder[64], path[100], text[400];
    CLEANUP(buf_release) struct buf lines;
    struct config *config;
    buf_init(&lines, TEXT_BYTES_MAX);
    make_folder(folder);
    snprintf(path, sizeof path, "%s/list", folder);
    snprintf(text, sizeof text,
             "domains: {a.example: {deliver: \"smtp://b.example\", recipients: \"file:%s\"}}\n",
             path);
    write_file(path, "# who is here\ninfo\n  bob@a.example  # Bob\r\n\n\tcarol");
    load(text, &config, &lines);
    CHECK(lines.len == 0, "no errors");
    if (config) {
        struct config_domain *domain = &config->domains[0];
        CHECK(domain->recipient_count == 3, "three");
        CHECK_STR(domain->recipient_list[0], "info", "1");
        CHECK_STR(domain->recipient_list[1], "bob@a.example", "2");
        CHECK_STR(domain->recipient_list[2], "carol", "3");
        CHECK_STR(domain->recipients_file, path, "path");
        config_close(config);
    }
    write_file(path, "info\nbob@b.example\na b\n");
    load(text, NULL, &lines);
    snprintf(text, sizeof text,
             "%s:2:1: \"bob@b.example\" is not an address in a.example\n"
             "%s:3:1: \"a b\" is not an address or a local part\n",
             path, path);
    CHECK_STR(buf_str(&lines), text, "places in the list");
    unlink(path);
    rmdir(folder);
}

static void check_round_trip(const char *text, const char *label)
{
    CLEANUP(buf_release) struct buf first, second, errors;
    struct config *config = NULL, *again = NULL;
    buf_init(&first, TEXT_BYTES_MAX);
    buf_init(&second, TEXT_BYTES_MAX);
    buf_init(&errors, TEXT_BYTES_MAX);
    load(text, &config, &errors);
    CHECK_STR(buf_str(&errors), "", label);
    if (config == NULL)
        return;
    CHECK_DONE(config_show(config, false, &first), label);
    load(buf_chars(&first), &again, &errors);
    CHECK_STR(buf_str(&errors), "", label);
    if (again) {
        CHECK_DONE(config_show(again, false, &second), label);
        CHECK_STR(buf_str(&second), buf_chars(&first), label);
        CHECK(again->no_route_holds == config->no_route_holds, label);
    }
    buf_clear(&first);
    CHECK_DONE(config_show(config, true, &first), label);
    config_close(again);
    load(buf_chars(&first), &again, &errors);
    CHECK_STR(buf_str(&errors), "", "comments change nothing");
    config_close(again);
    config_close(config);
}

TEST(config_show_round_trip)
{
    static const char *const texts[] = {
        "",
        "routes: mx\n",
        "routes: []\ndomains: {}\naccounts: {}\nrelay: {trusted: []}\n",
        "tls: {sni: {a.example: {certificate: '/a \"b\\c', key: /k}}}\n",
        "domains: {\"true.example\": {deliver: \"lmtp://[::1]\", recipients: [\"true\", '1', "
        "a~b]}}\n",
        "accounts: {\"null\": {user: \"\\u00e9 x\", secret: \"command:pass show 'a: # b'\"}}\n",
        "routes: [{to: a.example, via: [\"smtp://[::1]:25\"], account: no}]\n"
        "accounts: {no: {user: 'no', secret: 'env:X', mechanism: PLAIN}}\n",
        "accounts: {g: {user: a@gmail.com, secret: 'env:X', preset: gmail, aliases: [b.example, "
        "\"*.c.example\"], from_policy: rewrite, quota: {per_hour: 20, burst: 5}}}\n"
        "routes: [{to: '*', via: ['account:g', 'smtp://b.example']}]\n",
        "retry: {give_up: 2h, first: 90s, longest: 3661s}\nlimits: {message: 1000001B}\ndns: "
        "{servers: root}\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_round_trip(texts[i], texts[i]);
}

TEST(config_account_preset)
{
    static const char text[] =
        "accounts:\n"
        "  g: {user: a@gmail.com, secret: 'env:X', preset: gmail}\n"
        "  m: {user: m@b.example, secret: 'env:X', preset: microsoft365, licence: enterprise,\n"
        "      quota: {per_day: 800, per_minute: 0, spread: none}, from_policy: off}\n"
        "  c: {preset: microsoft365-connector, host: b-example.mail.protection.outlook.com}\n"
        "  s: {user: u, secret: 'env:X', servers: ['smtps://one.example', 'smtp://two.example']}\n"
        "  old: {user: u, secret: 'env:X'}\n"
        "routes:\n"
        "  - {to: '*', via: ['account:g', 'smtp://relay.example', 'account:c', 'account:s'],\n"
        "     account: old}\n";
    static const struct {
        const char *url, *login;
        int way;
    } hops[] = {
        {"smtp://smtp.gmail.com:587",                       "g",   0},
        {"smtps://smtp.gmail.com:465",                      "g",   0},
        {"smtp://relay.example",                            "old", 1},
        {"smtp://b-example.mail.protection.outlook.com:25", "",    2},
        {"smtps://one.example",                             "s",   3},
        {"smtp://two.example",                              "s",   3},
    };
    CLEANUP(buf_release) struct buf errors;
    struct config *config = NULL;
    buf_init(&errors, TEXT_BYTES_MAX);
    load(text, &config, &errors);
    CHECK_STR(buf_str(&errors), "", "loads");
    if (config == NULL)
        return;
    const struct config_account *a = config->accounts;
    CHECK(a[0].quota.per_day == 500 && a[0].quota.recipients_per_message == 100, "of the preset");
    CHECK(a[0].from_rule == FROM_RULE_REWRITES && a[0].from_policy == FROM_POLICY_WARN, "warns");
    CHECK_STR(a[0].provider, "Gmail", "its name");
    CHECK(a[1].quota.per_day == 800 && a[1].quota.per_minute == 0, "own keys win, 0 as well");
    CHECK(a[1].quota.recipients_per_day == 10000, "the licence's");
    CHECK(a[1].quota.spread == QUOTA_SPREAD_NONE && a[0].quota.spread == QUOTA_SPREAD_EVEN, "even");
    CHECK(a[1].from_policy == FROM_POLICY_OFF && a[3].from_policy == FROM_POLICY_OFF, "off");
    const struct config_route *route = &config->routes[0];
    CHECK(route->hop_count == ARRAY_LEN(hops), "every server of every account");
    for (size_t i = 0; i < ARRAY_LEN(hops) && i < route->hop_count; i++) {
        const struct config_hop *hop = &route->hops[i];
        CHECK_STR(hop->url, hops[i].url, hops[i].url);
        CHECK_STR(hop->login ? hop->login->name : (str){0}, hops[i].login, hops[i].url);
        CHECK(hop->way == hops[i].way, hops[i].url);
    }
    config_close(config);
}

TEST(config_account_mistakes)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"accounts: {a: {user: u, secret: 'env:X', preset: gmial}}\n",
         "t:1:50: accounts.a.preset: there is no such preset: `smtptool preset ls` shows them all "
         "(did you mean \"gmail\"?)\n"                                                                                                            },
        {"accounts: {a: {user: u, secret: 'env:X', preset: microsoft365, licence: enterprize}}\n",
         "t:1:73: accounts.a.licence: Microsoft 365 (SMTP AUTH) has no such licence: `smtptool "
         "preset show microsoft365` (did you mean \"enterprise\"?)\n"                                                                             },
        {"accounts: {a: {user: u, secret: 'env:X', preset: tuta}}\n",
         "t:1:50: accounts.a.preset: Tuta: Tuta has no SMTP: mail leaves only through its own "
         "programs\n"                                                                                                                             },
        {"accounts: {a: {user: u, secret: 'env:X', preset: webhostmost}}\n",
         "t:1:50: accounts.a.preset: host: is wanted beside it: the mail server that the control "
         "panel shows\n"                                                                                                                          },
        {"accounts: {a: {user: u, secret: 'env:X', licence: paid}}\n",
         "t:1:51: accounts.a.licence: a licence is of a preset: give preset: as well\n"                                                           },
        {"accounts: {a: {user: u, secret: 'env:X', from_policy: rewrite}}\n",
         "t:1:55: accounts.a.from_policy: rewrite to what? Neither user nor aliases has an "
         "address\n"                                                                                                                              },
        {"accounts: {a: {user: u}}\n",
         "t:1:15: accounts.a: \"secret\" is missing: file:/path, env:NAME or command:… is "
         "wanted\n"                                                                                                                               },
        {"routes: [{to: '*', via: 'account:b'}]\naccounts: {a: {user: u, secret: 'env:X'}}\n",
         "t:1:25: routes[0].via: there is no such account: add it to accounts\n"                                                                  },
        {"routes: [{to: '*', via: 'account:a'}]\naccounts: {a: {user: u, secret: 'env:X'}}\n",
         "t:1:25: routes[0].via: account a names no server: give it a preset: or servers:\n"                                                      },
        {"routes: [{to: '*', via: 'account:a'}]\n"
         "accounts: {a: {user: u, secret: 'env:X', servers: 'smtp://b.example?tls=none'}}\n", "t:1:25: routes[0].via: the login would go to a server that is not verified: leave "
         "?tls= out, or leave account out\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf errors;
        buf_init(&errors, TEXT_BYTES_MAX);
        load(cases[i].text, NULL, &errors);
        CHECK_STR(buf_str(&errors), cases[i].error, cases[i].text);
    }
}

TEST(config_account_oauth)
{
    static const struct {
        const char *label, *account, *secret, *error; /* error NULL: it is taken */
        bool token;
    } cases[] = {
        {"a password",                  "secret: 'env:X'",                     "env:X",              NULL,                  false},
        {"a token of another's making", "secret: 'env:X', mechanism: XOAUTH2", "env:X",              NULL,                  true },
        {"a login",                     "oauth: shop",                         "oauth:shop",         NULL,                  true },
        {"as a reference",              "secret: 'oauth:me@x.example'",        "oauth:me@x.example", NULL,                  true },
        {"with its mechanism",          "oauth: shop, mechanism: OAUTHBEARER", "oauth:shop",         NULL,                  true },
        {"both",                        "oauth: shop, secret: 'env:X'",        NULL,                 "one of them",         false},
        {"by a password's mechanism",   "oauth: shop, mechanism: PLAIN",       NULL,
         "by XOAUTH2 or OAUTHBEARER",                                                                                       false},
        {"a path",                      "oauth: ../shop",                      NULL,                 "is not a name",       false},
        {"no name",                     "secret: 'oauth:'",                    NULL,                 "the name of a login", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        CLEANUP(buf_release) struct buf errors;
        buf_init(&errors, TEXT_BYTES_MAX);
        snprintf(text, sizeof text, "accounts: {a: {user: u, %s}}\n", cases[i].account);
        struct config *config = NULL;
        load(text, &config, &errors);
        CHECK((config != NULL) == (cases[i].error == NULL), cases[i].label);
        CHECK(config || str_contains(buf_str(&errors), str_of(cases[i].error)), cases[i].label);
        if (config == NULL)
            continue;
        CHECK_STR(config->accounts[0].secret, cases[i].secret, cases[i].label);
        CHECK(config_account_has_token(&config->accounts[0]) == cases[i].token, cases[i].label);
        config_close(config);
    }
}

TEST(config_holders)
{
    struct config *config = config_default();
    const struct config *held = config_hold(config);
    config_close(config);
    CHECK(held->hostname.len > 0, "still there");
    config_close(held);
    config_close(NULL);
}
