#include "bulk/list.h"
#include "runtime/file.h"
#include "tests/test.h"
#include <stdio.h>
#include <unistd.h>

#define PATH "build-list-test"

/* "row/line: email|name[|bad];" of all rows, or the err of opening it. */
static str read_list(str text, const struct bulk_list_options *more, struct arena *arena)
{
    char path[64];
    struct bulk_list *list;
    struct bulk_list_options options = *more;
    struct template_names *names = template_names_open(arena);
    struct template_value *slots = ARENA_ARRAY(arena, struct template_value, TEMPLATE_NAMES_MAX);
    size_t name_slot;
    snprintf(path, sizeof path, "/tmp/" PATH "-%d", (int)getpid());
    CHECK_DONE(file_put(path, FILE_WRITE | FILE_CREATE, text), "file");
    options.path = path;
    str all = S("");
    err e = bulk_list_open(&options, names, &list);
    if (e) {
        all = arena_str(arena, e->text);
        all = str_from(all, str_starts(all, str_of(path)) ? strlen(path) + 2 : 0);
    }
    struct bulk_list_row row = {0};
    if (e == NULL && !template_names_find(names, S("name"), &name_slot))
        CHECK_DONE(template_names_add(names, S("name"), &name_slot), "name");
    while (e == NULL && !row.end) {
        CHECK_DONE(bulk_list_next(list, arena, slots, &row), "row");
        if (row.end)
            break;
        CHECK(names->closed == (text.ptr[0] != '{'), "CSV knows its fields");
        str name = template_value_as_text(&slots[name_slot], arena);
        all = arena_printf(arena, "%.*s%d/%d: %.*s|%.*s%s%s;", STR_ARG(all), (int)row.number,
                           (int)row.line, STR_ARG(row.email), STR_ARG(name), row.bad ? "|" : "",
                           row.bad ? row.bad : "");
    }
    if (e == NULL)
        bulk_list_close(list);
    template_names_close(names);
    CHECK_DONE(file_remove(path), "file");
    err_forget();
    return all;
}

TEST(bulk_list_rows)
{
    static const struct bulk_list_column_type dmy[] =
        {
            {{"name", 4}, BULK_TYPE_DATE_DMY}
    },
                                              number[] = {{{"name", 4}, BULK_TYPE_NUMBER}};
    static const struct bulk_list_options plain =
                                              {
                                                  0
    },
                                          latin = {.latin = true},
                                          other = {.email = {"kontakt", 7}},
                                          dated = {.types = dmy, .type_count = 1},
                                          numbered = {.types = number, .type_count = 1};
    static const struct {
        const char *label, *input;
        const struct bulk_list_options *options;
        const char *want;
    } cases[] = {
        {"CSV",                     "name,email\nAnn,a@x.example\nBob,b@x.example\n",                    &plain,
         "1/2: a@x.example|Ann;2/3: b@x.example|Bob;"                                                                                                     },
        {"semicolons, BOM, CRLF",
         "\xEF\xBB\xBF"
         "Email;name\r\na@x.example;Ann\r\n",                                                            &plain,    "1/2: a@x.example|Ann;"               },
        {"a line end inside",       "email,name\na@x.example,\"A\nnn\"\nb@x.example,B\n",                &plain,
         "1/2: a@x.example|A\nnn;2/4: b@x.example|B;"                                                                                                     },
        {"empty lines are no rows", "email,name\n\n\na@x.example,Ann\n\n",                               &plain,
         "1/4: a@x.example|Ann;"                                                                                                                          },
        {"a short row",             "email,name\na@x.example\n",                                         &plain,    "1/2: a@x.example|;"                  },
        {"a long row",              "email,name\na@x.example,b,c\nb@x.example,d\n",                      &plain,
         "1/2: ||3 fields where the columns are 2;2/3: b@x.example|d;"                                                                                    },
        {"addresses alone",         "a@x.example\nb@x.example\r\n\n",                                    &plain,
         "1/1: a@x.example|;2/2: b@x.example|;"                                                                                                           },
        {"JSON lines",
         "{\"email\":\"a@x.example\",\"name\":\"Ann\"}\n\n{\"email\":\"b@x.example\"}",                  &plain,
         "1/1: a@x.example|Ann;2/3: b@x.example|;"                                                                                                        },
        {"JSON, one bad",           "{\"email\":\"a@x.example\"}\n{oops\n{\"email\":\"b@x.example\"}\n",
         &plain,
         "1/1: a@x.example|;2/2: ||byte 2: a name in quotes is wanted here;3/3: b@x.example|;"                                                            },
        {"no UTF-8",                "email,name\na@x.example,\xC4\n",                                    &plain,    "1/2: |\xC4|bytes"                    },
        {"Windows-1252",            "email,name\na@x.example,\xC4 \x80\n",                               &latin,    "1/2: a@x.example|Ä €;"            },
        {"another column",          "kontakt,name\na@x.example,Ann\n",                                   &other,    "1/2: a@x.example|Ann;"               },
        {"dates",                   "email,name\na@x.example,1.2.2026\nb@x.example,31.02.2026\n",        &dated,
         "1/2: a@x.example|2026-02-01;2/3: |31.02.2026|name: no date;"                                                                                    },
        {"numbers",                 "email,name\na@x.example,12\nb@x.example,x\nc@x.example,\n",         &numbered,
         "1/2: a@x.example|12;2/3: |x|name: no number;3/4: c@x.example|;"                                                                                 },
        {"no addresses",            "name,plan\nAnn,pro\n",                                              &plain,
         "no column is called \"email\": which one has the addresses?"                                                                                    },
        {"twice",                   "email,name,name\n",                                                 &plain,    "two columns are called \"name\""     },
        {"nothing",                 "\n",                                                                &plain,    "the first line must name the columns"},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str got = read_list(str_of(cases[i].input), cases[i].options, arena);
        if (strcmp(cases[i].label, "no UTF-8") == 0)
            CHECK(str_contains(got, S("bytes that are no UTF-8")), cases[i].label);
        else
            CHECK_STR(got, cases[i].want, cases[i].label);
    }
}

TEST(bulk_list_long)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 8 << 20);
    CHECK_DONE(buf_add(&text, S("email,name\n")), "head");
    for (int i = 0; i < 20000; i++)
        CHECK_DONE(buf_addf(&text, "u%d@x.example,\"a line\nof %d\"\n", i, i), "row");
    char path[64];
    snprintf(path, sizeof path, "/tmp/" PATH "-%d", (int)getpid());
    CHECK_DONE(file_put(path, FILE_WRITE | FILE_CREATE, buf_str(&text)), "file");
    struct bulk_list_options options = {.path = path};
    struct template_names *names = template_names_open(arena);
    struct bulk_list *list;
    CHECK_DONE(bulk_list_open(&options, names, &list), "open");
    for (int pass = 0; pass < 2; pass++) {
        struct template_value slots[2];
        struct bulk_list_row row = {0};
        int wrong = 0, rows = 0;
        for (;; rows++) {
            char want[64];
            CLEANUP(arena_cleanup) struct arena *one = arena_open(BULK_LIST_ROW_ARENA_BYTES_MAX);
            CHECK_DONE(bulk_list_next(list, one, slots, &row), "row");
            if (row.end)
                break;
            snprintf(want, sizeof want, "a line\nof %d", rows);
            wrong += row.bad || !str_eq(slots[1].text, str_of(want));
        }
        CHECK(rows == 20000 && wrong == 0, "all rows across all reads");
        CHECK_DONE(bulk_list_rewind(list), "again");
    }
    bulk_list_close(list);
    template_names_close(names);
    CHECK_DONE(file_remove(path), "file");
}
