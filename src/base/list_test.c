#include "base/list.h"
#include "tests/test.h"

struct item {
    char name;
    struct list node;
};

static const char *names(struct list *head, char text[16])
{
    size_t used = 0;
    LIST_EACH(head, node)
    text[used++] = LIST_OF(node, struct item, node)->name;
    text[used] = '\0';
    return text;
}

TEST(list_order)
{
    char text[16];
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};
    list_init(&head);
    CHECK(list_empty(&head) && list_take_first(&head) == NULL, "empty");
    CHECK(!list_linked(&a.node), "in no list");
    list_add_last(&head, &b.node);
    list_add_last(&head, &d.node);
    list_add_first(&head, &a.node);
    list_insert_before(&d.node, &c.node);
    CHECK_STR(str_of(names(&head, text)), "abcd", "first, before, last");
    CHECK(list_take_first(&head) == &a.node && !list_linked(&a.node), "taken");
    list_remove(&c.node);
    list_remove(&c.node); /* does nothing */
    CHECK_STR(str_of(names(&head, text)), "bd", "removed");
    list_add_first(&head, &c.node);
    CHECK_STR(str_of(names(&head, text)), "cbd", "and back again");
}

TEST(list_each_may_remove)
{
    char text[16];
    struct list head;
    struct item items[5] = {
        {.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}, {.name = 'e'}};
    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_add_last(&head, &items[i].node);
    LIST_EACH(&head, node)
    if (LIST_OF(node, struct item, node)->name % 2)
        list_remove(node);
    CHECK_STR(str_of(names(&head, text)), "bd", "every other one went");
    LIST_EACH(&head, node)
    list_remove(node);
    CHECK(list_empty(&head), "all went");
}
