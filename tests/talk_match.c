#include "tests/talk_match.h"

bool talk_match_line(str pattern, str line)
{
    size_t p = 0, i = 0, star = STR_NONE, from = 0;
    while (i < line.len) {
        bool digit = p < pattern.len && pattern.ptr[p] == '?' && char_is_digit(line.ptr[i]);
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            from = i;
        } else if (digit || (p < pattern.len && pattern.ptr[p] == line.ptr[i])) {
            p++;
            i++;
        } else if (star != STR_NONE) {
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool has_keyword(str reply, str keyword)
{
    while (reply.len > 0) {
        str line;
        str_split(reply, '\n', &line, &reply);
        str text = str_from(line, 4);
        bool whole = talk_match_line(keyword, text);
        if (whole || (text.len > keyword.len && text.ptr[keyword.len] == ' ' &&
                      talk_match_line(keyword, str_slice(text, 0, keyword.len))))
            return true;
    }
    return false;
}

static bool has_all(str keywords, str reply)
{
    while (keywords.len > 0) {
        str keyword;
        str_split(keywords, ',', &keyword, &keywords);
        keyword = str_trim(keyword);
        bool wanted = !str_skip(&keyword, S("no "));
        if (has_keyword(reply, keyword) != wanted)
            return false;
    }
    return true;
}

bool talk_match_is_part(str pattern) { return pattern.len > 3 && pattern.ptr[3] == '-'; }

bool talk_match_reply(str pattern, str reply)
{
    str first, rest;
    str_split(reply, '\n', &first, &rest);
    if (talk_match_is_part(pattern))
        return talk_match_line(pattern, first);
    if (first.len < 3)
        return talk_match_line(pattern, first);
    if (str_starts(str_from(pattern, 3), S(" has ")))
        return talk_match_line(str_slice(pattern, 0, 3), str_slice(first, 0, 3)) &&
               has_all(str_from(pattern, 8), reply);
    if (!talk_match_line(str_slice(pattern, 0, 3), str_slice(first, 0, 3)))
        return false;
    /* "250 *" fits a first line "250-mail.example.com" as well, and "250" alone. */
    str wanted = str_from(pattern, 3), text = str_from(first, 3);
    if (str_starts(wanted, S(" ")) && (str_starts(text, S("-")) || str_starts(text, S(" "))))
        return talk_match_line(str_from(wanted, 1), str_from(text, 1));
    return talk_match_line(wanted, text);
}
