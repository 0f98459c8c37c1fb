/* tests/test.h -- unit tests: TEST(name) { CHECK(condition, "label of the row"); }
 *
 * A failing CHECK says where and goes on, so it may stand inside a fiber.
 */
#pragma once
#include "base/err.h"
#include <stdio.h>
#include <string.h>

struct test {
    const char *name, *file;
    void (*run)(void);
    struct test *next;
};

void test_add(struct test *);
void test_fail(const char *file, int line, const char *label, const char *what);
void test_skip(const char *why); /* the running test could not be done here */

/* The folder with the public conformance data, or NULL when there is none (then test_skip). */
const char *test_suites(const char *suite, char *ret_path, size_t size);

#define TEST(id)                                                   \
    static void test_##id(void);                                   \
    __attribute__((constructor)) static void test_##id##_add(void) \
    {                                                              \
        static struct test t = {#id, __FILE__, test_##id, NULL};   \
        test_add(&t);                                              \
    }                                                              \
    static void test_##id(void)

#define CHECK(condition, label) \
    ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, (label), #condition))

#define CHECK_STR(got, want, label) test_check_str(__FILE__, __LINE__, (label), (got), str_of(want))
void test_check_str(const char *file, int line, const char *label, str got, str want);

/* It was done; else the err is printed. */
#define CHECK_DONE(call, label) test_check_done(__FILE__, __LINE__, (label), (call))
void test_check_done(const char *file, int line, const char *label, err);
