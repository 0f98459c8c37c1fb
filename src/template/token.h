/* template/token.h -- the words of the expression language
 *
 * Names are letters, digits and "_", with "-" and "." inside; any other name stands in brackets:
 * [First name]. A text stands in " or ' with \" \' \\ \n \t inside.
 */
#pragma once
#include "base/arena.h"
#include "template/source.h"
#include "template/value.h"

enum template_token_kind {
    TOKEN_END,
    TOKEN_NAME,  /* text: the name; a keyword is one, too */
    TOKEN_FIELD, /* "@name" or "[any name]": a field wherever it stands */
    TOKEN_VALUE, /* a text, number, date or age */
    TOKEN_MARK,  /* text: one of = != < <= > >= ( ) , | : */
};

struct template_token {
    enum template_token_kind kind;
    const char *at;
    str text;
    struct template_value value;
};

struct template_tokens {
    const struct template_source *source;
    struct arena *arena;
    str rest; /* inside the source's text */
    const char *end;
};

must_use err template_token_next(struct template_tokens *, struct template_token *ret_token);
bool template_token_is(const struct template_token *, const char *mark);   /* TOKEN_MARK */
bool template_token_word(const struct template_token *, const char *word); /* a keyword, any case */
