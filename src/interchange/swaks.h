/* interchange/swaks.h -- swaks's file of options, both ways */
#pragma once
#include "interchange/import.h"
#include "interchange/way.h"

/* ERR_CONFIG: "line 3: …", what personality/swaks_option.h says. */
must_use err interchange_swaks_read(struct interchange_import *, str text);
must_use err interchange_swaks_write(const struct interchange_way *, struct buf *out);
