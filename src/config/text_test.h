/* config/text_test.h -- a configuration that stands in a test as text */
#pragma once
#include "config/config.h"

/* The test fails, and tells the mistakes, when it has any; then it is NULL. config_close() it. */
struct config *config_text_test(str text);
