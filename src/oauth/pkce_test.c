#include "oauth/pkce.h"
#include "tests/test.h"

TEST(oauth_pkce)
{
    struct oauth_pkce a, b;
    char challenge[OAUTH_PKCE_CHARS + 1];
    oauth_pkce_challenge(S("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), challenge);
    CHECK_STR(str_of(challenge), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
              "RFC 7636 appendix B");
    oauth_pkce_make(&a);
    oauth_pkce_make(&b);
    CHECK(strcmp(a.verifier, b.verifier) != 0, "drawn anew");
    CHECK(strlen(a.verifier) == OAUTH_PKCE_CHARS, "43 characters, as the RFC wants at least");
    CHECK(strspn(a.verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
              OAUTH_PKCE_CHARS,
          "base64url");
    oauth_pkce_challenge(str_of(a.verifier), challenge);
    CHECK_STR(str_of(a.challenge), challenge, "the challenge is of the verifier");
}
