/* cli/run_test.h -- the program as people call it, for tests of its subcommands */
#pragma once
#include "cli/cli.h"
#include "tests/test.h"

/* argv ends with NULL and begins with "smtptool". What it prints on both streams becomes the text,
 * cut at its size; its exit code comes back. */
int run_test_cli(const char *const *argv, char *ret_text, size_t size);

/* A new file of that content; path is as mkstemp() wants it, and becomes its name. */
void run_test_put(char *path, const char *content);
