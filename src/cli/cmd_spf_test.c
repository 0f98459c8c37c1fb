/* `smtptool spf` as people call it: what it prints and what it exits with. */
#include "cli/run_test.h"
#include <unistd.h>

static const char zone_text[] = "$ORIGIN example.com.\n"
                                "@      TXT \"v=spf1 mx include:_spf.example.net -all\"\n"
                                "@      MX  10 mx\n"
                                "mx     A   192.0.2.25\n"
                                "_spf.example.net. TXT \"v=spf1 ip4:198.51.100.0/24 ?all\"\n"
                                "bad    TXT \"v=spf1 a/33 -all\"\n"
                                "down   FAIL servfail\n"
                                "warn   TXT \"v=spf1 +all\"\n";

TEST(cli_spf)
{
    char zone[] = "/tmp/smtptool-zone-XXXXXX", text[8192];
    run_test_put(zone, zone_text);
    const struct {
        const char *argv[10];
        int exit;
        const char *said[3];
    } cases[] = {
        {{"eval", "--ip", "198.51.100.7", "--from", "<bob@example.com>", "--helo", "h.example.com"},
         CLI_OK,                                                                                                   {"SPF pass by include:_spf.example.net\n2 of 10 lookups", "  ip4:198.51.100.0/24 matches",
          "\nReceived-SPF: pass ("}                                                                                                                                         },
        {{"eval", "--ip", "2001:db8::1", "--from", "bob@example.com"},
         CLI_FINDINGS,                                                                                             {"SPF fail by -all", "-> if this client does send"}                      },
        {{"eval", "-q", "--ip", "192.0.2.25", "--helo", "example.com"},                              CLI_OK,       {"pass\n"}                                                               },
        {{"eval", "--ip", "192.0.2.25", "--from", "a@down.example.com"},
         CLI_UNKNOWN,                                                                                              {"SPF temperror: the policy of down.example.com", "451"}                 },
        {{"eval", "--ip", "192.0.2.25", "--from", "a@bad.example.com"},
         CLI_FINDINGS,                                                                                             {"term 1 \"a/33\" at byte 7: a prefix length above 32", "spf tree"}      },
        {{"eval", "--json", "--ip", "192.0.2.25", "--from", "a@example.com"},
         CLI_OK,                                                                                                   {"{\"result\":\"pass\",\"identity\":\"mailfrom\",\"domain\":\"example.com\"",
          "\"mechanism\":\"mx\"", "{\"depth\":0,\"text\":\"the MX host mx.example.com has it\"}"}                                                                           },
        {{"tree", "example.com"},
         CLI_OK,                                                                                                   {"  mx   [1 lookup]\n      192.0.2.25\n", "\n    ip4:198.51.100.0/24\n",
          "2 of 10 lookups, 0 of 2 for nothing\nnothing is wrong with it\n"}                                                                                                },
        {{"tree", "-q", "warn.example.com"},                                                         CLI_FINDINGS, {"warning: warn.example.com: \"+all\""}                                  },
        {{"tree", "down.example.com"},                                                               CLI_UNKNOWN,  {"unknown: ", "ask again later"}                                         },
        {{"tree", "--json", "bad.example.com"},
         CLI_FINDINGS,                                                                                             {"{\"domain\":\"bad.example.com\",\"lookups\":0", "\"weight\":\"error\""}},
        {{"eval", "--ip", "192.0.2.25"},                                                             CLI_USAGE,    {"needs --ip, and --from or --helo"}                                     },
        {{"eval", "--ip", "x\x1b[2J", "--helo", "h"},
         CLI_USAGE,                                                                                                {"\"x?[2J\" is not an IP address"}                                       },
        {{"tree"},                                                                                   CLI_USAGE,    {"usage: smtptool spf tree DOMAIN"}                                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *argv[16] = {"smtptool", "spf"};
        size_t argc = 2;
        while (cases[i].argv[argc - 2]) {
            argv[argc] = cases[i].argv[argc - 2];
            argc++;
        }
        argv[argc++] = "--dns-zone";
        argv[argc] = zone;
        int code = run_test_cli(argv, text, sizeof text);
        CHECK(code == cases[i].exit, text);
        for (size_t j = 0; j < 3 && cases[i].said[j]; j++)
            CHECK(strstr(text, cases[i].said[j]) != NULL, cases[i].said[j]);
        err_forget();
    }
    const char *missing[] = {"smtptool",   "spf",           "tree", "example.com",
                             "--dns-zone", "/nowhere/zone", NULL};
    CHECK(run_test_cli(missing, text, sizeof text) == CLI_NO_INPUT, text);
    unlink(zone);
}
