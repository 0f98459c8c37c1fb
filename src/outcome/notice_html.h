/* outcome/notice_html.h -- the words of a notice that comes as HTML alone
 *
 * Not a reading of HTML: tags become blanks or line ends, what is no text (styles, scripts,
 * comments) is left out, the few entities that notices use are undone. What comes out is only
 * looked at for words and addresses, never shown as HTML again.
 */
#pragma once
#include "base/arena.h"

str outcome_notice_html_words(str html, struct arena *);
