#include "config/text_test.h"
#include "tests/test.h"

enum { LINES_BYTES_MAX = 1 << 20 };

struct config *config_text_test(str text)
{
    CLEANUP(buf_release) struct buf lines;
    struct config_errors errors;
    struct config *config = NULL;
    buf_init(&lines, LINES_BYTES_MAX);
    config_errors_init(&errors);
    err e = config_from_text(text, S("test"), &config, &errors);
    CHECK_DONE(config_errors_print(&errors, &lines), "the mistakes");
    if (e)
        test_fail(__FILE__, __LINE__, "configuration", buf_chars(&lines));
    config_errors_release(&errors);
    err_forget();
    return config;
}
