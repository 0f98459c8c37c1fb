/* secret/netrc.h -- "netrc:HOST" or "netrc:HOST/USER": ~/.netrc, as ftp, curl and msmtp read it
 *
 * Words between blanks and line ends: "machine NAME", "default", "login", "password", "account";
 * "…" holds blanks, with a backslash before what would end it. A macdef goes on to an empty line.
 * "#" begins a remark where an entry's word is expected.
 */
#pragma once
#include "secret/netrc_words.h"
#include "secret/secret.h"

/* The password for the host: of the first entry that has it, and user as its login unless that is
 * empty; "default" stands for any host that no entry before it named. Appended.
 * ERR_CONFIG: there is none, or what is there is no netrc; says in which line. */
must_use err secret_netrc_find(str text, str host, str user, struct buf *out);
/* The same, with the entry's login appended to login; nothing when it has none. */
must_use err secret_netrc_find_login(str text, str host, str user, struct buf *login,
                                     struct buf *out);

/* The same in $NETRC, else ~/.netrc, which every other user may neither read nor write. */
must_use err secret_netrc_read(str host, str user, struct buf *ret_secret);
/* The same with the login; here nobody else at all may read the file, not even its group. */
must_use err secret_netrc_login(str host, str user, struct buf *ret_login, struct buf *ret_secret);
