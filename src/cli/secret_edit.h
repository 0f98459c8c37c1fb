/* cli/secret_edit.h -- a secret in an editor, without a trace on a disk */
#pragma once
#include "base/buf.h"

/* $VISUAL, $EDITOR or vi on a file of mode 0600 in memory (tmpfs); what it leaves there, backups
 * too, is overwritten and removed. One line end at the end is the editor's and is cut. ERR_CONFIG:
 * no place in memory, or the editor failed: nothing is to be changed then. */
must_use err cli_secret_edit(str before, struct buf *ret_after);
