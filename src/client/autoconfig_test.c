/* The file of a provider, and files that are none. */
#include "client/autoconfig.h"
#include "tests/test.h"

#define FILE_OF(servers)                                                                    \
    "<?xml version=\"1.0\"?><clientConfig version=\"1.1\"><emailProvider id=\"e\">" servers \
    "</emailProvider></clientConfig>"

#define FOUR_IN "<a><a><a><a>"
#define FOUR_OUT "</a></a></a></a>"
#define TOO_DEEP                                                                         \
    "<clientConfig>" FOUR_IN FOUR_IN FOUR_IN FOUR_IN FOUR_OUT FOUR_OUT FOUR_OUT FOUR_OUT \
    "</clientConfig>"

TEST(client_autoconfig)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 16);
    struct client_autoconfig c;
    CHECK_DONE(
        client_autoconfig_parse(
            S(FILE_OF(
                "<incomingServer type=\"imap\"><hostname>imap.test</hostname><port>993</port>"
                "</incomingServer>"
                "<outgoingServer type=\"smtp\"><hostname> smtp.test </hostname><port>465</port>"
                "<socketType>SSL</socketType><username>%EMAILLOCALPART%</username>"
                "<authentication>OAuth2</authentication>"
                "<authentication>password-cleartext</authentication></outgoingServer>"
                "<outgoingServer type=\"exchange\"><hostname>e.test</hostname><port>1</port>"
                "</outgoingServer>"
                "<outgoingServer type=\"smtp\"><hostname>two.test</hostname><port>587</port>"
                "<socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username>"
                "</outgoingServer>")),
            S("me@example.com"), arena, &c),
        "done");
    CHECK(c.count == 2, "c.count");
    CHECK_STR(c.servers[0].host, "smtp.test", "c.servers[0].host");
    CHECK(c.servers[0].port == 465, "c.servers[0].port");
    CHECK(c.servers[0].socket == CLIENT_AUTOCONFIG_IMPLICIT, "c.servers[0].socket");
    CHECK_STR(c.servers[0].user, "me", "c.servers[0].user");
    CHECK(c.servers[0].oauth && c.servers[0].password && !c.servers[0].open,
          "c.servers[0].oauth && c.servers[0].password && !c.servers[0].open");
    CHECK_STR(c.servers[1].user, "me@example.com", "c.servers[1].user");
    CHECK(c.servers[1].socket == CLIENT_AUTOCONFIG_STARTTLS, "c.servers[1].socket");
}

TEST(client_autoconfig_refuses)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 16);
    static const char *const bad[] = {
        "",
        "no XML",
        "<html></html>",
        "<clientConfig>",
        /* entities that would grow, or be fetched */
        "<!DOCTYPE c [<!ENTITY a \"aaaa\">]><clientConfig>&a;</clientConfig>",
        "<!DOCTYPE c SYSTEM \"file:///etc/passwd\"><clientConfig></clientConfig>",
        TOO_DEEP,
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct client_autoconfig c;
        err e = client_autoconfig_parse(str_of(bad[i]), S("me@example.com"), arena, &c);
        CHECK(e != NULL && e->kind == ERR_PROTOCOL, "e != NULL && e->kind == ERR_PROTOCOL");
        err_forget();
    }
}
