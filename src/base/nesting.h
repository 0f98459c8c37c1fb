/* base/nesting.h -- how deep a text of JSON goes, before anybody parses it
 *
 * jansson calls itself for each level, up to a depth that no fiber's stack has room for. So who
 * reads JSON from others counts the levels first.
 */
#pragma once
#include "base/str.h"

/* At most so many braces and brackets are open at once; those in strings do not count. Any text may
 * be asked about: one that is no JSON gives an answer that is good for the part that is. */
bool nesting_is_shallow(str json, int most);
