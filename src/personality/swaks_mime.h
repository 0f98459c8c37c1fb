/* personality/swaks_mime.h -- attachments: the body becomes a MIME message
 *
 * What a file is called and what type it has comes from the command line: neither can end its
 * line, and quotes in a name are escaped.
 */
#pragma once
#include "personality/swaks_plan.h"

/* Without attachments nothing happens. Else *body becomes all parts, and *ret_type the header
 * fields to go with it, each with its line end. */
must_use err personality_swaks_mime_make(struct swaks_plan *, str *body, str *ret_type);
