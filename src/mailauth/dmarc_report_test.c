#include "base/codec.h"
#include "mailauth/dmarc_gzip.h"
#include "mailauth/dmarc_mail.h"
#include "mailauth/dmarc_tally.h"
#include "message/header.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

static struct mailauth_dmarc_record record;

static struct mailauth_dmarc_report sample(struct arena *arena)
{
    CHECK_DONE(
        mailauth_dmarc_record_parse(
            S("v=DMARC1; p=reject; sp=quarantine; adkim=s; fo=1:d; ruf=mailto:a@b.example; t=y"),
            arena, &record),
        "record");
    return (struct mailauth_dmarc_report){.receiver = S("mx.example.net"),
                                          .org_name = S("Example & Sons"),
                                          .email = S("dmarc@example.net"),
                                          .id = S("19ab3c5d7e00123456789abcdef"),
                                          .begin_s = 1795219200,
                                          .end_s = 1795305599,
                                          .domain = S("example.com"),
                                          .record = &record,
                                          .errors = {S("several records at _dmarc.<x>")},
                                          .error_count = 1};
}

static struct mailauth_dmarc_row *sample_row(struct arena *arena, const char *ip)
{
    struct mailauth_dmarc_row *row = ARENA_NEW(arena, struct mailauth_dmarc_row);
    CHECK_DONE(address_parse_ip(str_of(ip), &row->source), ip);
    row->count = 3;
    row->disposition = MAILAUTH_DMARC_QUARANTINE;
    row->header_from = row->envelope_from = S("news.example.com");
    row->envelope_to = S("example.net");
    row->reasons[0] = (struct mailauth_dmarc_reason){MAILAUTH_DMARC_OVERRIDE_TEST_MODE, {0}};
    row->reason_count = 1;
    row->dkim[0] = (struct mailauth_dmarc_dkim){
        .result = MAILAUTH_PASS, .domain = S("example.org"), .selector = S("s1"), .partial = true};
    row->dkim_count = 1;
    row->spf = (struct mailauth_dmarc_spf){MAILAUTH_SOFTFAIL, S("news.example.com")};
    return row;
}

static void write_report(const struct mailauth_dmarc_report *report,
                         struct mailauth_dmarc_row *const *rows, size_t count, struct buf *out)
{
    CHECK_DONE(mailauth_dmarc_report_begin(report, out), "begin");
    for (size_t i = 0; i < count; i++)
        CHECK_DONE(mailauth_dmarc_report_row(rows[i], out), "row");
    CHECK_DONE(mailauth_dmarc_report_end(out), "end");
}

TEST(mailauth_dmarc_report)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    struct mailauth_dmarc_report report = sample(arena);
    struct mailauth_dmarc_row *row = sample_row(arena, "2001:db8::1");
    write_report(&report, &row, 1, &out);
    CHECK_STR(buf_str(&out),
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
              "  <report_metadata>\n"
              "    <org_name>Example &amp; Sons</org_name>\n"
              "    <email>dmarc@example.net</email>\n"
              "    <report_id>19ab3c5d7e00123456789abcdef</report_id>\n"
              "    <date_range>\n"
              "      <begin>1795219200</begin>\n"
              "      <end>1795305599</end>\n"
              "    </date_range>\n"
              "    <error>several records at _dmarc.&lt;x&gt;</error>\n"
              "  </report_metadata>\n"
              "  <policy_published>\n"
              "    <domain>example.com</domain>\n"
              "    <discovery_method>treewalk</discovery_method>\n"
              "    <adkim>s</adkim>\n"
              "    <aspf>r</aspf>\n"
              "    <p>reject</p>\n"
              "    <sp>quarantine</sp>\n"
              "    <np>quarantine</np>\n"
              "    <fo>1:d</fo>\n"
              "  </policy_published>\n"
              "  <record>\n"
              "    <row>\n"
              "      <source_ip>2001:db8:0:0:0:0:0:1</source_ip>\n"
              "      <count>3</count>\n"
              "      <policy_evaluated>\n"
              "        <disposition>quarantine</disposition>\n"
              "        <dkim>fail</dkim>\n"
              "        <spf>fail</spf>\n"
              "        <reason>\n"
              "          <type>policy_test_mode</type>\n"
              "        </reason>\n"
              "      </policy_evaluated>\n"
              "    </row>\n"
              "    <identifiers>\n"
              "      <envelope_to>example.net</envelope_to>\n"
              "      <envelope_from>news.example.com</envelope_from>\n"
              "      <header_from>news.example.com</header_from>\n"
              "    </identifiers>\n"
              "    <auth_results>\n"
              "      <dkim>\n"
              "        <domain>example.org</domain>\n"
              "        <selector>s1</selector>\n"
              "        <result>pass</result>\n"
              "        <human_result>l= leaves a part of the body unsigned</human_result>\n"
              "      </dkim>\n"
              "      <spf>\n"
              "        <domain>news.example.com</domain>\n"
              "        <scope>mfrom</scope>\n"
              "        <result>softfail</result>\n"
              "      </spf>\n"
              "    </auth_results>\n"
              "  </record>\n"
              "</feedback>\n",
              "a report");
}

TEST(mailauth_dmarc_report_texts)
{
    static const struct {
        const char *label, *text, *want;
    } cases[] = {
        {"markup",                    "<a href=\"x\">&'</a>", "&lt;a href=&quot;x&quot;&gt;&amp;&apos;&lt;/a&gt;"},
        {"line ends",                 "a\r\nb\tc",            "a  b c"                                           },
        {"control bytes",             "a\x01\x1b[2Jb\x7f",    "a??[2Jb?"                                         },
        {"UTF-8",
         "b\xc3\xbc"
         "cher",                                              "b\xc3\xbc"
         "cher"                                                                                  },
        {"not UTF-8",
         "b\xfc"
         "cher\xc3",                                          "b?cher?"                                          },
        {"overlong",
         "\xc0\xbc"
         "x",                                                 "??x"                                              },
        {"a surrogate",               "\xed\xa0\x80",         "???"                                              },
        {"U+FFFE, which XML has not", "\xef\xbf\xbe",         "?"                                                },
        {"beyond 16 bits",            "\xf0\x9f\x93\xa7",     "\xf0\x9f\x93\xa7"                                 },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        struct mailauth_dmarc_row *row = sample_row(arena, "192.0.2.1");
        buf_init(&out, 1 << 20);
        row->header_from = str_of(cases[i].text);
        CHECK_DONE(mailauth_dmarc_report_row(row, &out), cases[i].label);
        str want = arena_printf(arena, "<header_from>%s</header_from>", cases[i].want);
        CHECK(str_contains(buf_str(&out), want), cases[i].label);
    }
}

/* The schema as it was published does not compile: its types are named without their namespace.
 * It is given one, and its elements with it, as the examples beside it have them. */
static bool write_schema(const char *from, const char *to)
{
    static const char anchor[] = "targetNamespace=\"urn:ietf:params:xml:ns:dmarc-2.0\"";
    static char text[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    bool good = in && out;
    if (good) {
        size_t len = fread(text, 1, sizeof text - 1, in);
        char *at = strstr(text, anchor);
        good = at != NULL && len > 0;
        if (good) {
            at += sizeof anchor - 1;
            fwrite(text, 1, (size_t)(at - text), out);
            fputs(" xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\" elementFormDefault=\"qualified\"",
                  out);
            fwrite(at, 1, len - (size_t)(at - text), out);
        }
    }
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return good;
}

static void write_file(const char *path, str bytes)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len, path);
    if (file)
        fclose(file);
}

static int run_xmllint(const char *schema, const char *report)
{
    char command[512];
    snprintf(command, sizeof command, "xmllint --noout --schema %s %s 2>/dev/null", schema, report);
    return system(command); // NOLINT(cert-env33-c): the words are ours
}

TEST(mailauth_dmarc_report_validates)
{
    char suite[600], folder[] = "/tmp/smtptool-dmarc-XXXXXX", schema[64], path[64];
    if (test_suites("dmarc-schema/rua-schema.xsd", suite, sizeof suite) == NULL)
        return;
    if (system("command -v xmllint >/dev/null") != 0) { // NOLINT(cert-env33-c): the words are ours
        test_skip("no xmllint");
        return;
    }
    CHECK(mkdtemp(folder) != NULL, "a folder");
    snprintf(schema, sizeof schema, "%s/schema.xsd", folder);
    snprintf(path, sizeof path, "%s/report.xml", folder);
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    CHECK(write_schema(suite, schema), "the schema");
    struct mailauth_dmarc_report report = sample(arena);
    struct mailauth_dmarc_row *rows[3] = {sample_row(arena, "2001:db8::1"),
                                          sample_row(arena, "192.0.2.1"),
                                          sample_row(arena, "203.0.113.255")};
    rows[1]->dkim_count = rows[1]->reason_count = 0;
    rows[1]->envelope_from = rows[1]->envelope_to = S("");
    rows[1]->spf.result = MAILAUTH_POLICY;
    rows[2]->header_from = S("\xff<\x01&]]>\xef\xbf\xbf");
    rows[2]->dkim[0].result = MAILAUTH_SOFTFAIL;
    rows[2]->reasons[0].comment = S("\"quoted\" <!-- -->");
    rows[2]->reasons[0].type = MAILAUTH_DMARC_OVERRIDE_OTHER;
    write_report(&report, rows, 3, &out);
    write_file(path, buf_str(&out));
    CHECK(run_xmllint(schema, path) == 0, "it validates");
    write_file(path, S("<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"><x/></feedback>"));
    CHECK(run_xmllint(schema, path) != 0, "and another does not");
    unlink(path);
    unlink(schema);
    rmdir(folder);
}

TEST(mailauth_dmarc_report_row_of)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_dmarc_row *row = ARENA_NEW(arena, struct mailauth_dmarc_row);
    struct mailauth_dmarc_dkim dkim[4] = {
        {.result = MAILAUTH_FAIL, .domain = S("example.com"),      .selector = S("fails")  },
        {.result = MAILAUTH_PASS, .domain = S("example.net"),      .selector = S("other")  },
        {.result = MAILAUTH_PASS, .domain = S("mail.example.com"), .selector = S("relaxed")},
        {.result = MAILAUTH_PASS, .domain = S("Example.com"),      .selector = S("strict") }
    };
    struct mailauth_dmarc_input in = {.dkim = dkim, .dkim_count = 4};
    struct mailauth_dmarc dmarc = {.result = MAILAUTH_FAIL,
                                   .author = S("example.com"),
                                   .organizational = S("example.com"),
                                   .disposition = MAILAUTH_DMARC_QUARANTINE,
                                   .softened = true};
    struct address source, local = {.family = ADDRESS_UNIX};
    CHECK_DONE(address_parse_ip(S("192.0.2.1"), &source), "an address");
    CHECK(mailauth_dmarc_report_row_of(&dmarc, &in, &source, S("a"), S("b"), row), "a failure");
    static const char *const order[] = {"strict", "relaxed", "other", "fails"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        CHECK_STR(row->dkim[i].selector, order[i], "RFC 9990 section 3.1.4");
    CHECK(row->reason_count == 1 && row->reasons[0].type == MAILAUTH_DMARC_OVERRIDE_TEST_MODE,
          "t=y is a reason");
    CHECK(row->count == 1 && row->disposition == MAILAUTH_DMARC_QUARANTINE, "what was done");
    CHECK(!mailauth_dmarc_report_row_of(&dmarc, &in, &local, S("a"), S("b"), row), "a socket");
    dmarc.result = MAILAUTH_TEMPERROR;
    CHECK(!mailauth_dmarc_report_row_of(&dmarc, &in, &source, S("a"), S("b"), row), "not applied");
}

TEST(mailauth_dmarc_tally)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_dmarc_tally *t = mailauth_dmarc_tally_open();
    struct mailauth_dmarc_row *row = sample_row(arena, "192.0.2.1");
    CHECK_DONE(mailauth_dmarc_tally_add(t, row), "the first");
    CHECK_DONE(mailauth_dmarc_tally_add(t, row), "the same again");
    row->dkim[0].selector = S("s2");
    CHECK_DONE(mailauth_dmarc_tally_add(t, row), "another selector");
    CHECK(mailauth_dmarc_tally_count(t) == 2, "two kinds");
    CHECK(mailauth_dmarc_tally_row(t, 0)->count == 6, "counted together");
    CHECK_STR(mailauth_dmarc_tally_row(t, 1)->dkim[0].selector, "s2", "in their order");
    err e = NULL;
    for (int i = 0; i < 2 * MAILAUTH_DMARC_TALLY_ROWS_MAX && e == NULL; i++) {
        row->source.ip[2] = (uint8_t)(i >> 8);
        row->source.ip[3] = (uint8_t)i;
        e = mailauth_dmarc_tally_add(t, row);
    }
    CHECK(e && e->kind == ERR_LIMIT, "bounded");
    row->source.ip[2] = 0;
    row->source.ip[3] = 1;
    CHECK_DONE(mailauth_dmarc_tally_add(t, row), "what is there still counts");
    mailauth_dmarc_tally_close(t);
}

/* The packed bytes give the same again. */
static void check_unpacked(str packed, str want)
{
    static char plain[1 << 20];
    z_stream z = {.next_in = (Bytef *)packed.ptr,
                  .avail_in = (uInt)packed.len,
                  .next_out = (Bytef *)plain,
                  .avail_out = sizeof plain};
    CHECK(inflateInit2(&z, 15 + 16) == Z_OK, "zlib");
    CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END, "one whole file");
    inflateEnd(&z);
    CHECK(str_eq((str){plain, z.total_out}, want), "the same bytes");
}

TEST(mailauth_dmarc_gzip)
{
    CLEANUP(buf_release) struct buf out, plain, small;
    buf_init(&out, 1 << 20);
    buf_init(&plain, 1 << 20);
    buf_init(&small, 4000);
    struct mailauth_dmarc_gzip *g = mailauth_dmarc_gzip_open(&out);
    for (int i = 0; i < 20000; i++) {
        size_t before = plain.len;
        CHECK_DONE(buf_addf(&plain, "%d.%d,", i, i * 7919 % 10007), "text");
        CHECK_DONE(mailauth_dmarc_gzip_add(g, str_from(buf_str(&plain), before)), "add");
    }
    CHECK_DONE(mailauth_dmarc_gzip_finish(g), "finish");
    mailauth_dmarc_gzip_close(g);
    check_unpacked(buf_str(&out), buf_str(&plain));
    g = mailauth_dmarc_gzip_open(&small);
    err e = mailauth_dmarc_gzip_add(g, buf_str(&plain));
    CHECK(e && e->kind == ERR_LIMIT, "no room");
    mailauth_dmarc_gzip_close(g);
}

TEST(mailauth_dmarc_mail)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out, file;
    struct mailauth_dmarc_report report = sample(arena);
    struct mailauth_dmarc_mail mail = {.report = &report,
                                       .from = S("dmarc@mx.example.net"),
                                       .to = S("reports@example.com"),
                                       .file = S("\x1f\x8b..."),
                                       .now_ms = 1795305600000};
    struct message_field field;
    buf_init(&out, 1 << 20);
    buf_init(&file, 1000);
    CHECK_DONE(mailauth_dmarc_mail_write(&mail, &out), "the mail");
    str text = buf_str(&out);
    CHECK(message_header_find(text, S("Subject"), &field), "a subject");
    CHECK_STR(field.value,
              " Report Domain: example.com Submitter: mx.example.net Report-ID:\r\n"
              " <19ab3c5d7e00123456789abcdef@mx.example.net>",
              "RFC 9990 section 3.5.2");
    CHECK(message_header_find(text, S("Auto-Submitted"), &field), "nobody answers it");
    CHECK(str_contains(text, S("filename=\"mx.example.net!example.com!1795219200!1795305599!"
                               "19ab3c5d7e00123456789abcdef.xml.gz\"")),
          "the file's name");
    CHECK_DONE(codec_base64_encode_lines(mail.file, &file), "the file");
    CHECK(str_contains(text, buf_str(&file)), "the file");
    mail.to = S("a@b.example\r\nBcc: c@d.example");
    CHECK(mailauth_dmarc_mail_write(&mail, &out) != NULL, "attack 41: a line end in To");
    mail.to = S("a@b.example, c@d.example");
    CHECK(mailauth_dmarc_mail_write(&mail, &out) != NULL, "two addresses");
    mail.to = S("a@b.example");
    report.domain = S("x\r\ny");
    CHECK(mailauth_dmarc_mail_write(&mail, &out) != NULL, "attack 41: in the domain");
    report.domain = S("example.com");
    report.id = S("a b");
    CHECK(mailauth_dmarc_mail_write(&mail, &out) != NULL, "an id that is none");
}

TEST(mailauth_dmarc_report_ids)
{
    char a[MESSAGE_DAILY_REPORT_ID_CHARS], b[MESSAGE_DAILY_REPORT_ID_CHARS];
    message_daily_report_id(1795305600000, a);
    message_daily_report_id(1795305600000, b);
    CHECK(strcmp(a, b) != 0, "no two are the same");
    for (size_t i = 0; a[i]; i++)
        CHECK(char_is_alnum(a[i]), "RFC 9990: unique-id");
}
