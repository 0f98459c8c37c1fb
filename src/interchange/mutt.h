/* interchange/mutt.h -- the sending half of a muttrc, mutt's or NeoMutt's
 *
 * "set" and "unset" of what smtp_url and its like are, in files that are sourced, too, to a bound.
 * Nothing that a muttrc would run is run: backticks become a reference, or a note.
 */
#pragma once
#include "interchange/import.h"

enum {
    INTERCHANGE_MUTT_FILES_MAX = 16, /* with those that are sourced */
    INTERCHANGE_MUTT_DEPTH_MAX = 8,
    INTERCHANGE_MUTT_SETTINGS_MAX = 300,
    INTERCHANGE_MUTT_VALUES_BYTES_MAX = 8 << 20, /* of all that was ever set */
};

/* ERR_LIMIT: values above the maximum. Anything else that is odd is a note. */
must_use err interchange_mutt_read(struct interchange_import *, str text);
