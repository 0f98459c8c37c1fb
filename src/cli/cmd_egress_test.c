/* `smtptool egress` as people call it: what it prints and what it exits with. */
#include "cli/run_test.h"
#include <unistd.h>

static const char zone_text[] = "$ORIGIN .\n"
                                "10.2.0.192.in-addr.arpa PTR out1.example.com.\n"
                                "out1.example.com A 192.0.2.10\n"
                                "11.2.0.192.in-addr.arpa PTR liar.example.com.\n"
                                "12.2.0.192.in-addr.arpa FAIL servfail\n"
                                "10.2.0.192.bl.example A 127.0.0.9\n"
                                "bl.example TXT x\n";

static const char yaml_text[] =
    "hostname: mail.example.com\n"
    "admin_socket: /nonexistent/admin.sock\n"
    "egress:\n"
    "  out1: { address: 192.0.2.10, hello: out1.example.com }\n"
    "  out2: { address: 192.0.2.11, dedicated_to: { tenants: [acme, beta], senders: a.example } }\n"
    "  out3: { address: 192.0.2.12 }\n"
    "  near: { address: 127.0.0.1 }\n"
    "  far: { via: \"socks5://127.0.0.1:1\" }\n"
    "egress_pools: { bulk: { members: { out1: 3, out3: 1 } } }\n"
    "egress_watch: { dnsbl: bl.example }\n"
    "routes: [{ to: \"*\", via: mx, egress: bulk, name: all }]\n";

enum { WORDS_MAX = 6, SAID_MAX = 8 };

TEST(cli_egress)
{
    static const struct {
        const char *words[WORDS_MAX];
        int exit;
        const char *said[SAID_MAX];
    } cases[] = {
        {{"egress", "ls"},
         0,                                         {"out1  not known: no server runs", "address    192.0.2.10\n",
          "EHLO       out1.example.com", "pools      bulk 3 of 4", "shared by  route all (to *)",
          "alone for  tenants acme, beta; senders a.example", "via        socks5://127.0.0.1:1",
          "default  not watched"}                                                                                   },
        {{"egress", "ls", "near"},
         0,                                         {"near  not known", "shared by  nobody: no route leads to it"}             },
        {{"egress", "ls", "out1", "--json"},
         0,                                         {"\"name\":\"out1\"", "\"pools\":\"bulk 3 of 4\"", "\"health\":null"}      },
        {{"egress", "ls", "out9"},              64, {"there is no egress \"out9\""}                                            },
        {{"egress", "check", "near"},
         0,                                         {"ok      near: 127.0.0.1: this machine has the address",
          "a private address: the world does not see it"}                                                           },
        {{"egress", "check", "out1"},
         1,                                         {"error   out1: 192.0.2.10: this machine does not have the address",
          "error   out1: 192.0.2.10: 192.0.2.10 is listed by bl.example (127.0.0.9)"}                               },
        {{"egress", "check", "out2"},
         1,                                         {"is called liar.example.com in the DNS, which does not lead back to it"}  },
        {{"egress", "check", "out3"},           1,  {"unknown out3: 192.0.2.12: the DNS could not say"}                        },
        {{"egress", "check", "far"},            1,  {"error   far: 127.0.0.1:1: the proxy: "}                                  },
        {{"egress", "check", "near", "--json"}, 0,  {"\"egress\":\"near\"", "\"weight\":\"ok\""}                               },
        {{"config", "check"},
         0,                                         {"warning: egress out1: this machine does not have the address 192.0.2.10"}},
    };
    static char text[1 << 14];
    char zone[] = "/tmp/smtptool-zone-XXXXXX", yaml[] = "/tmp/smtptool-yaml-XXXXXX";
    run_test_put(zone, zone_text);
    run_test_put(yaml, yaml_text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *argv[WORDS_MAX + 6] = {"smtptool", "-C", yaml};
        size_t argc = 3;
        for (size_t k = 0; k < WORDS_MAX && cases[i].words[k]; k++)
            argv[argc++] = cases[i].words[k];
        if (strcmp(cases[i].words[0], "egress") == 0) {
            argv[argc++] = "--dns-zone";
            argv[argc] = zone;
        }
        int code = run_test_cli(argv, text, sizeof text);
        CHECK(code == cases[i].exit, text);
        for (size_t k = 0; k < SAID_MAX && cases[i].said[k]; k++)
            if (strstr(text, cases[i].said[k]) == NULL)
                CHECK_STR(str_of(text), cases[i].said[k], "is to be said");
        err_forget();
    }
    unlink(zone);
    unlink(yaml);
}
