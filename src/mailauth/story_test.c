#include "mailauth/result.h"
#include "mailauth/story.h"
#include "tests/test.h"

TEST(mailauth_story)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_story story;
    mailauth_story_init(&story, arena);
    mailauth_story_tell(NULL, "to nobody");
    mailauth_story_tell(&story, "one %d", 1);
    story.depth++;
    mailauth_story_tell(&story, "a\x1b[2J\r\nb");
    CHECK_STR(story.steps[0].text, "one 1", "as it was told");
    CHECK(story.steps[1].depth == 1, "deeper");
    CHECK_STR(story.steps[1].text, "a?[2J??b", "a terminal is not driven by it");
    for (int i = 0; i < 2 * MAILAUTH_STORY_LINES_MAX; i++)
        mailauth_story_tell(&story, "again");
    CHECK(story.count == MAILAUTH_STORY_LINES_MAX, "bounded");
    CHECK_STR(story.steps[story.count - 1].text, "... and more that is not told", "and says so");
}

TEST(mailauth_result_names)
{
    CHECK_STR(mailauth_result_name(MAILAUTH_NONE), "none", "the first");
    CHECK_STR(mailauth_result_name(MAILAUTH_PERMERROR), "permerror", "the last");
}
