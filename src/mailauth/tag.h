/* mailauth/tag.h -- "v=DKIM1; k=rsa; p=..." (RFC 6376 section 3.2)
 *
 * The form that DKIM, ARC, DMARC, BIMI, MTA-STS and TLS-RPT records and signatures share. Names are
 * told apart by case, as the RFC has it. Values keep their inner blanks and folds; who knows that a
 * tag holds base64 takes them out with mailauth_tag_squeeze().
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_TAGS_MAX = 64, MAILAUTH_TAGS_BYTES_MAX = 64 << 10 };

struct mailauth_tag {
    str name;
    str value; /* without blanks and folds around */
    str raw;   /* from the name to the end of the value, as written */
};

struct mailauth_tags {
    struct mailauth_tag *items; /* views into the text, in its order */
    size_t count;
};

/* ERR_PROTOCOL: not a tag list, or a name stands there twice; the message says where. ERR_LIMIT:
 * more than the maxima. A ";" at the end is allowed; an empty text has no tags. */
must_use err mailauth_tag_parse(str text, struct arena *, struct mailauth_tags *ret_tags);

/* NULL: there is no such tag. */
const struct mailauth_tag *mailauth_tag_find(const struct mailauth_tags *, str name);
/* The tag's value, or other when there is none. */
str mailauth_tag_value(const struct mailauth_tags *, str name, str other);

/* The value without any blank or line end. */
str mailauth_tag_squeeze(str value, struct arena *);

/* Take the next part of a list such as "from:to:date" off the front; blanks around it do not
 * count. False: nothing is left. "a::b" has an empty part in the middle. */
bool mailauth_tag_next(str *list, char separator, str *ret_part);
