/* oauth/pkce.h -- proof that who redeems a code is who asked for it (RFC 7636), and the state
 *
 * The verifier stays here; the provider gets its SHA-256 first (S256, the only method of ours) and
 * the verifier with the code. Both are base64url (RFC 4648 section 5) without padding.
 */
#pragma once
#include "base/str.h"

enum { OAUTH_PKCE_CHARS = 43 }; /* 32 bytes */

struct oauth_pkce {
    char verifier[OAUTH_PKCE_CHARS + 1], challenge[OAUTH_PKCE_CHARS + 1];
};

void oauth_pkce_make(struct oauth_pkce *);
void oauth_pkce_challenge(str verifier, char ret_challenge[OAUTH_PKCE_CHARS + 1]);
/* 256 random bits as text: a state that nobody can guess. */
void oauth_pkce_random(char ret_text[OAUTH_PKCE_CHARS + 1]);
