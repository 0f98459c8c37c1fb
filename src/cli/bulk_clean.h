/* cli/bulk_clean.h -- smtptool bulk clean: who of a list is left, and why the others are not
 *
 * Writes the rows that are kept, and the addresses that are removed with their reasons. With
 * --reconfirm those who are only inactive make a list of their own, and a job that asks them.
 */
#pragma once
#include "cli/bulk_plan.h"

int cli_bulk_clean(struct cli_bulk_plan *);
