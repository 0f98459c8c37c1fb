#include "message/mime_range_test.h"
#include "tests/test.h"
#include <dirent.h>
#include <stdio.h>

enum { SUITE_FILE_BYTES_MAX = 8 << 20 };

/* The file's bytes in the arena; empty when it is not there. */
static str read_whole(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (str){0};
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = arena_alloc(arena, (size_t)size + 1);
    size_t len = fread(text, 1, (size_t)size, file);
    fclose(file);
    return (str){text, len};
}

static void add(struct buf *out, str text) { CHECK_DONE(buf_add(out, text), "room"); }

static void add_escaped(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++)
        switch (text.ptr[i]) {
        case '&':
            add(out, S("&amp;"));
            break;
        case '<':
            add(out, S("&lt;"));
            break;
        case '>':
            add(out, S("&gt;"));
            break;
        default:
            add(out, str_slice(text, i, 1));
        }
}

static str without_cr(str text, struct arena *arena)
{
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\r')
            copy[len++] = text.ptr[i];
    return (str){copy, len};
}

/* One message of the suite, written as the suite writes what it expects. */
struct drawing {
    const char *folder, *name;
    str message;
    const struct message_mime_part *parts;
    size_t count;
    char path[MESSAGE_MIME_DEPTH_MAX + 2][8];  /* the number of each part on the way here */
    uint32_t seen[MESSAGE_MIME_DEPTH_MAX + 2]; /* children so far, by depth */
    struct buf *out;
    struct arena *arena;
    int bodies;
};

static str range(const struct drawing *d, uint64_t from, uint64_t to)
{
    return str_slice(d->message, from, to - from);
}

static void draw_header(struct drawing *d, const struct message_mime_part *part)
{
    str header = range(d, part->header_at, part->header_end);
    struct message_field f;
    add(d->out, S("<header>\n"));
    while (message_header_next(&header, &f)) {
        if (f.flags & (FIELD_NO_COLON | FIELD_BAD_NAME))
            continue; /* the suite leaves out what is no field */
        str raw = f.raw;
        while (str_ends_nocase(raw, S("\n")) || str_ends_nocase(raw, S("\r")))
            raw.len--;
        add(d->out, S("<field>\n"));
        add_escaped(d->out, raw);
        add(d->out, S("</field>\n"));
    }
    add(d->out, S("</header>\n"));
}

static bool same_body(struct drawing *d, const struct message_mime_part *part, str name, bool text)
{
    char path[4200];
    CLEANUP(buf_release) struct buf body;
    buf_init(&body, SUITE_FILE_BYTES_MAX);
    snprintf(path, sizeof path, "%s/%.*s", d->folder, STR_ARG(name));
    str want = read_whole(path, d->arena);
    CHECK_DONE(message_mime_decode(part, d->message, &body), "decoded");
    if (!text)
        return str_eq(want, buf_str(&body));
    return str_eq(without_cr(want, d->arena), without_cr(buf_str(&body), d->arena));
}

static void draw_leaf(struct drawing *d, const struct message_mime_part *part)
{
    char name[600];
    bool text = str_starts(part->type, S("text/")) || str_starts(part->type, S("message/"));
    int len = snprintf(name, sizeof name, "%s_decoded", d->name);
    for (size_t depth = 0; depth <= part->depth; depth++)
        len += snprintf(name + len, sizeof name - (size_t)len, "_%s", d->path[depth]);
    snprintf(name + len, sizeof name - (size_t)len, text ? ".txt" : ".bin");
    CHECK_DONE(buf_addf(d->out, "<%s name=\"%s\"/>\n", text ? "text-body" : "binary-body", name),
               "room");
    d->bodies++;
    if (!same_body(d, part, str_of(name), text))
        add(d->out, S("<other-bytes/>\n"));
}

static void draw_multipart(struct drawing *d, const struct message_mime_part *part)
{
    add(d->out, S("<multipart>\n"));
    str preamble = range(d, part->body_at, part->preamble_end);
    str front = range(d, part->body_at, part->end);
    if (!str_skip(&front, S("--")) || !str_starts(front, part->boundary)) {
        add(d->out, S("<preamble>\n"));
        add_escaped(d->out, preamble);
        add(d->out, S("</preamble>\n"));
    }
}

static const char *tag_of(const struct drawing *d, size_t i)
{
    bool message = i == 0 || d->parts[d->parts[i].parent].kind == MIME_MESSAGE;
    return message ? "message" : "body-part";
}

static void draw_end(struct drawing *d, size_t i)
{
    const struct message_mime_part *part = &d->parts[i];
    if (part->kind == MIME_MULTIPART) {
        if (part->epilogue_at > 0 && part->epilogue_at < part->end) {
            add(d->out, S("<epilogue>\n"));
            add_escaped(d->out, range(d, part->epilogue_at, part->end));
            add(d->out, S("</epilogue>\n"));
        }
        add(d->out, S("</multipart>\n"));
    }
    CHECK_DONE(buf_addf(d->out, "</%s>\n", tag_of(d, i)), "room");
}

static void draw(struct drawing *d)
{
    size_t open = 0; /* the part whose end was not drawn yet */
    for (size_t i = 0; i < d->count; i++) {
        const struct message_mime_part *part = &d->parts[i];
        for (; i > 0 && open != part->parent; open = d->parts[open].parent)
            draw_end(d, open);
        open = i;
        snprintf(d->path[part->depth], sizeof d->path[0], "%u", i ? ++d->seen[part->depth] : 1);
        d->seen[part->depth + 1] = 0;
        CHECK_DONE(buf_addf(d->out, "<%s>\n", tag_of(d, i)), "room");
        draw_header(d, part);
        if (part->kind == MIME_LEAF)
            draw_leaf(d, part);
        else if (part->kind == MIME_MULTIPART)
            draw_multipart(d, part);
    }
    for (; open != 0; open = d->parts[open].parent)
        draw_end(d, open);
    draw_end(d, 0);
}

/* Where we differ from mime4j, and why. */
enum { ENCODED, EPILOGUE, BLANK_END, TOO_LONG, TEXT_BEHIND, NO_HEADER, UNPADDED, GOES_ON };
static const char *const reasons[] = {
    [ENCODED] = "RFC 2045 section 6.4: an encoded message is not opened; flagged",
    [EPILOGUE] = "RFC 2046 section 5.1.1: the last delimiter's line end is no epilogue",
    [BLANK_END] = "RFC 2046 section 5.1.1: no boundary ends in a blank; flagged",
    [TOO_LONG] = "RFC 5322 section 2.1.1: no line is as long as this boundary; flagged",
    [TEXT_BEHIND] = "RFC 2046 section 5.1.1: only blanks may follow a delimiter; flagged",
    [NO_HEADER] = "RFC 5322 section 2.1: only an empty line ends a header; flagged",
    [UNPADDED] = "a last group of base64 without padding is decoded, not dropped; flagged",
    [GOES_ON] = "base64 behind its padding is read, for another program may; flagged",
};

static const struct {
    const char *name;
    int reason;
} mime4j_differs[] = {
    {"base64encoded-rfc822message",          ENCODED    },
    {"base64encoded-rfc822message-nested",   ENCODED    },
    {"bad-newlines-multiple-parts-base64",   ENCODED    },
    {"multi-2gifs-base64",                   ENCODED    },
    {"attachment-filename-encoding-Latin1",  EPILOGUE   },
    {"attachment-filename-encoding-UTF8",    EPILOGUE   },
    {"empty-preamble",                       EPILOGUE   },
    {"ticket-60931",                         EPILOGUE   },
    {"twopart",                              EPILOGUE   },
    {"weird-boundary",                       BLANK_END  },
    {"very-long-boundary",                   BLANK_END  },
    {"very-very-long-boundary",              TOO_LONG   },
    {"ending-boundaries",                    TEXT_BEHIND},
    {"malformedHeaderStartsBody-noheader",   NO_HEADER  },
    {"malformedHeaderStartsBody-nocrlfcrlf", NO_HEADER  },
    {"frag",                                 UNPADDED   },
    {"multi-frag",                           GOES_ON    },
};

static const char *reason_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(mime4j_differs); i++)
        if (strcmp(mime4j_differs[i].name, name) == 0)
            return reasons[mime4j_differs[i].reason];
    return NULL;
}

static void check_mime4j(const char *folder, const char *file, int *bodies)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(256 << 20);
    CLEANUP(buf_release) struct buf out;
    char name[256], path[4096];
    buf_init(&out, SUITE_FILE_BYTES_MAX);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 4), file);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    struct drawing d = {.folder = folder, .name = name, .out = &out, .arena = arena};
    d.message = read_whole(path, arena);
    d.parts = message_mime_parse(d.message, arena, &d.count);
    draw(&d);
    snprintf(path, sizeof path, "%s/%s_decoded.xml", folder, name);
    str want = without_cr(read_whole(path, arena), arena);
    bool same = str_eq(want, without_cr(buf_str(&out), arena));
    CHECK(same == (reason_of(name) == NULL), name);
    CHECK(mime_range_holds(d.message, d.parts, d.count), name);
    *bodies += d.bodies;
}

typedef void check_file(const char *folder, const char *file, int *count);

/* Every file of the folder with that ending; how many there were. */
static int each_file(const char *suite, const char *ending, check_file *check, int *count)
{
    char folder[2048];
    int files = 0;
    if (test_suites(suite, folder, sizeof folder) == NULL)
        return 0;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL)
        if (str_ends_nocase(str_of(entry->d_name), str_of(ending))) {
            check(folder, entry->d_name, count);
            files++;
        }
    if (dir)
        closedir(dir);
    return files;
}

TEST(message_mime_mime4j)
{
    int bodies = 0;
    int messages = each_file("mime-mime4j/testmsgs", ".msg", check_mime4j, &bodies);
    messages += each_file("mime-mime4j/mimetools-testmsgs", ".msg", check_mime4j, &bodies);
    if (messages == 0)
        return;
    CHECK(messages == 80, "every message was seen");
    CHECK(bodies > 150, "bodies were compared");
}

/* No golden structure stands beside these two: every byte is found again in its part, however the
 * message is cut, and every body is decoded. */
static void check_ranges(const char *folder, const char *file, int *count)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(256 << 20);
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    str message = read_whole(path, arena);
    size_t parts;
    const struct message_mime_part *items = message_mime_parse(message, arena, &parts);
    CHECK(mime_range_holds(message, items, parts), file);
    CHECK(mime_range_pieces_agree(message, items, parts, 7, arena), file);
    for (size_t i = 0; i < parts; i++) {
        CLEANUP(buf_release) struct buf text;
        bool exact;
        buf_init(&text, SUITE_FILE_BYTES_MAX);
        CHECK_DONE(message_mime_text(&items[i], message, &text, &exact), file);
    }
    *count += (int)parts;
}

TEST(message_mime_enmime)
{
    int parts = 0;
    int files = each_file("mime-enmime/mail", ".raw", check_ranges, &parts);
    files += each_file("mime-enmime/low-quality", ".raw", check_ranges, &parts);
    files += each_file("mime-enmime/parts", ".raw", check_ranges, &parts);
    files += each_file("mime-enmime/encode", ".raw", check_ranges, &parts);
    files += each_file("mime-enmime/encode", ".golden", check_ranges, &parts);
    if (files == 0)
        return;
    CHECK(files == 87 + 23, "every message was seen");
    CHECK(parts > files, "parts were found");
}

TEST(message_mime_cpython)
{
    int parts = 0;
    int files = each_file("mime-cpython-email", ".txt", check_ranges, &parts);
    CHECK(files == 0 || files >= 48, "every message was seen");
    CHECK(files == 0 || parts > files, "parts were found");
}
