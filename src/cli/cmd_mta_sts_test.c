/* `smtptool mta-sts` as people call it: what it prints and what it exits with. */
#include "cli/run_test.h"
#include <unistd.h>

static const char zone_text[] = "$ORIGIN example.com.\n"
                                "@          MX   10 mx1\n"
                                "@          MX   20 mx2\n"
                                "_mta-sts   TXT  \"v=STSv1; id=20261121T1;\"\n"
                                "_smtp._tls TXT  \"v=TLSRPTv1; rua=mailto:tls@example.com\"\n"
                                "mta-sts    A    8.8.8.8\n"
                                "$ORIGIN bare.example.\n"
                                "@          MX   10 mx\n"
                                "mta-sts    A    10.0.0.1\n"
                                "$ORIGIN twice.example.\n"
                                "@          MX   10 mx\n"
                                "_mta-sts   TXT  \"v=STSv1; id=1;\"\n"
                                "_mta-sts   TXT  \"v=STSv1; id=2;\"\n"
                                "_smtp._tls TXT  \"v=TLSRPTv1; rua=ftp://x/\"\n"
                                "$ORIGIN down.example.\n"
                                "@          FAIL servfail\n"
                                "_mta-sts   FAIL timeout\n"
                                "_smtp._tls FAIL servfail\n"
                                "mta-sts    FAIL bogus\n";

static const char good_policy[] = "version: STSv1\nmode: enforce\nmx: mx1.example.com\n"
                                  "mx: mx2.example.com\nmx: old.example.com\nmax_age: 604800\n";
static const char narrow_policy[] =
    "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n";

enum { WORDS_MAX = 14, SAID_MAX = 5 };

static void check(const char *const *words, const char *zone, int exit, const char *const *said)
{
    static char text[1 << 14];
    const char *argv[WORDS_MAX + 6] = {"smtptool", "mta-sts"};
    size_t argc = 2;
    for (size_t i = 0; words[i]; i++)
        argv[argc++] = words[i];
    argv[argc++] = "--dns-zone";
    argv[argc] = zone;
    int code = run_test_cli(argv, text, sizeof text);
    CHECK(code == exit, text);
    for (size_t i = 0; i < SAID_MAX && said[i]; i++)
        if (strstr(text, said[i]) == NULL)
            CHECK_STR(str_of(text), said[i], "is to be said");
    err_forget();
}

TEST(cli_mta_sts)
{
    char zone[] = "/tmp/smtptool-zone-XXXXXX", good[] = "/tmp/smtptool-good-XXXXXX",
         narrow[] = "/tmp/smtptool-narrow-XXXXXX", bad[] = "/tmp/smtptool-bad-XXXXXX";
    run_test_put(zone, zone_text);
    run_test_put(good, good_policy);
    run_test_put(narrow, narrow_policy);
    run_test_put(bad, "garbage\n");
    const struct {
        const char *words[WORDS_MAX];
        int exit;
        const char *said[SAID_MAX];
    } cases[] = {
  /* clang-format off */
        {{"policy", "--mx", "mx1.example.com", "--mx", "mx2.example.com", "--mode", "enforce", "--id", "a1"}, CLI_OK,
         {"https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n",
          "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: mx2.example.com\nmax_age: 604800\n",
          "_mta-sts.DOMAIN. IN TXT \"v=STSv1; id=a1;\"\n", "_smtp._tls.DOMAIN. IN TXT \"v=TLSRPTv1; "}},
        {{"policy", "-q", "--mx", "*.example.com", "--max-age", "1d"}, CLI_OK,
         {"version: STSv1\r\nmode: testing\r\nmx: *.example.com\r\nmax_age: 86400\r\n"}},
        {{"policy", "--mode", "none"}, CLI_OK, {"mode: none\nmax_age: 604800\n"}},
        {{"policy", "--mx", "mx1.example.com", "--mx", "mx2.example.com", "example.com"}, CLI_OK,
         {"https://mta-sts.example.com/", "ok      _mta-sts.example.com: v=STSv1; id=20261121T1;\n",
          "ok      mx2.example.com: an MX host that the policy names\n", "ok      mta-sts.example.com: 1 addresses"}},
        {{"policy", "--mx", "mx1.example.com", "--mode", "enforce", "Example.COM."}, CLI_FINDINGS,
         {"error   mx2.example.com: an MX host that the policy does not name: it gets no mail"}},
        {{"policy", "--mx", "mx.bare.example", "bare.example"}, CLI_FINDINGS,
         {"error   _mta-sts.bare.example: no record begins with \"v=STSv1;\"",
          "note    _smtp._tls.bare.example: no record",
          "error   mta-sts.bare.example: an address is not of the public Internet"}},
        {{"policy", "--mx", "mx.twice.example", "twice.example"}, CLI_FINDINGS,
         {"error   _mta-sts.twice.example: 2 MTA-STS records count as none",
          "error   _smtp._tls.twice.example: the TLS-RPT record: no URI in rua",
          "error   mta-sts.twice.example: it has no address"}},
        {{"policy", "--timeout", "1s", "--mx", "mx.down.example", "down.example"}, CLI_UNKNOWN,
         {"unknown _smtp._tls.down.example: ", "unknown down.example: its MX records: "}},
        {{"policy", "--json", "--mx", "mx1.example.com", "--id", "a1", "example.com"}, CLI_FINDINGS,
         {"{\"domain\":\"example.com\",\"policy\":\"version: STSv1\\r\\n", "\"id\":\"a1\"",
          "{\"weight\":\"error\",\"about\":\"mx2.example.com\""}},
        {{"policy"}, CLI_USAGE, {"needs --mx"}},
        {{"policy", "--timeout", "1h", "--mx", "a.example"}, CLI_USAGE, {"--timeout is a time"}},
        {{"policy", "--timeout", "soon", "--mx", "a.example"}, CLI_USAGE, {"not \"soon\""}},
        {{"policy", "--mx", "mx*.example.com"}, CLI_USAGE, {"--mx: \"mx*.example.com\" is not"}},
        {{"policy", "--mx", "a.example", "--mode", "strict"}, CLI_USAGE, {"--mode: \"strict\" is not"}},
        {{"policy", "--mx", "a.example", "--max-age", "400d"}, CLI_USAGE, {"more than a year"}},
        {{"policy", "--mx", "a.example", "--max-age", "7"}, CLI_USAGE, {"--max-age"}},
        {{"policy", "--mx", "a.example", "--id", "a-b"}, CLI_USAGE, {"--id"}},
        {{"policy", "--mx", "a.example", "x\x1b[2J"}, CLI_USAGE, {"is not a domain"}},
        {{"check", "example.com", "--file", good}, CLI_OK,
         {": mode enforce, max_age 604800 s\n", "note    old.example.com: the policy names it, and no MX"}},
        {{"check", "example.com", "--file", narrow}, CLI_FINDINGS, {"error   mx2.example.com: "}},
        {{"check", "-q", "example.com", "--file", bad}, CLI_FINDINGS, {"sts-policy-invalid: line 1: not \"name: value\"\n"}},
        {{"check", "example.com", "--file", "/nowhere/policy"}, CLI_NO_INPUT, {"/nowhere/policy"}},
        {{"check"}, CLI_USAGE, {"DOMAIN"}},
  /* clang-format on */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].words, zone, cases[i].exit, cases[i].said);
    unlink(zone);
    unlink(good);
    unlink(narrow);
    unlink(bad);
}
