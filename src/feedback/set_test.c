#include "feedback/set.h"
#include "tests/test.h"

TEST(feedback_set)
{
    enum { COUNT = 20000 };
    struct feedback_set *s = feedback_set_open();
    char text[40];
    size_t others = 0;
    CHECK(feedback_set_is_empty(s) && !feedback_set_may_have(s, S("a@x.example")), "empty");
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "user%d@x.example", i);
        feedback_set_add(s, str_of(text));
        feedback_set_add(s, str_of(text));
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "user%d@x.example", i);
        CHECK(feedback_set_may_have(s, str_of(text)), "none is lost");
        snprintf(text, sizeof text, "user%d@y.example", i);
        others += feedback_set_may_have(s, str_of(text));
    }
    CHECK(others == 0, "64 bits: no other is taken for one of them");
    feedback_set_close(s);
}
