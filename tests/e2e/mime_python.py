"""The parts of a message as Python's email package sees them, and as we do (attacks 130 to 137).

Every message of three public suites is parsed by both: the tree of types and the decoded bytes of
each leaf must be the same, or the file stands in the table below with the reason.
"""
import email
import email.policy
import glob
import hashlib
import json
import os
import subprocess
import sys

from _check import SMTPTOOL, Report, need_program, skip_all, suite

PATTERNS = ("mime-mime4j/*/*.msg", "mime-enmime/*/*.raw", "mime-enmime/encode/*.golden",
            "mime-cpython-email/*.txt")
FILES_LEAST = 238

# Why we differ. Whatever is ambiguous in these messages is flagged; the flag stands behind the reason.
TWICE = "two delimiters in a row hold an empty part; Python swallows the second (no-separator)"
CONTAINER = "RFC 2045 section 6.4: an encoded message is not opened (encoded-container)"
HEADER = "RFC 5322 section 2.1: only an empty line ends a header (bad-field, no-separator)"
BLANK_LINE = "RFC 5322 section 3.2.2: a line of blanks goes on with the field (folded-blank)"
FOLD = "a fold inside the quotes of the boundary goes, its blank stays (RFC 5322 section 2.2.3)"
BLANK_END = "RFC 2046 section 5.1.1: no boundary ends in a blank (bad-boundary)"
TOO_LONG = "a boundary longer than any line may be (no-boundary)"
GARBAGE = "the type ends at a blank or is text/plain, RFC 2045 section 5.2 (bad-type)"
BASE64 = "broken base64: Python gives the text or stops, we read on (decode flags)"
BLANK_BEHIND = "blanks behind the encoding's name mean nothing; Python does not decode then"
REUSED = "one boundary at two levels: it is the inner one's until that is closed (reused-boundary)"
UNENDED = "a part that the end of the message ends has its last line end (unended)"
NEAR = "RFC 2046 section 5.1.1: only blanks may follow a delimiter (near-boundary)"
EXPLAINED = {
    "2002_06_12_doublebound.msg": TWICE,
    "double-bound.msg": TWICE,
    "msg_37.txt": TWICE,
    "bad-newlines-multiple-parts-base64.msg": CONTAINER,
    "base64encoded-rfc822message.msg": CONTAINER,
    "base64encoded-rfc822message-nested.msg": CONTAINER,
    "multi-2gifs-base64.msg": CONTAINER,
    "bad-header-wrap.raw": HEADER,
    "erroneous.raw": HEADER,
    "malformedHeader-nocrlfcrlf.msg": HEADER,
    "malformedHeader-noheader.msg": HEADER,
    "malformedHeaderStartsBody-nocrlfcrlf.msg": HEADER,
    "malformedHeaderStartsBody-noheader.msg": HEADER,
    "msg_19.txt": HEADER,
    "msg_35.txt": HEADER,
    "msg_47.txt": HEADER,
    "multi-malformed.raw": HEADER,
    "multipartemptypart.msg": HEADER,
    "obsolete.msg": HEADER,
    "part-message-rfc822.golden": HEADER,
    "qp-utf8-header-no-break.raw": HEADER,
    "basic-plain-with-bad-header-separator.msg": BLANK_LINE,
    "hdr-fakeout.msg": BLANK_LINE,
    "multi-badnames.msg": FOLD,
    "multi-clen.msg": FOLD,
    "multi-digest.msg": FOLD,
    "multi-simple.msg": FOLD,
    "very-long-boundary.msg": BLANK_END,
    "weird-boundary.msg": BLANK_END,
    "very-very-long-boundary.msg": TOO_LONG,
    "ctype-invalid-characters.raw": GARBAGE,
    "mime-bad-content-type.raw": GARBAGE,
    "mime-blank-media-name.raw": GARBAGE,
    "extra-base64-character.raw": BASE64,
    "mime-bad-content-transfer-encoding.raw": BASE64,
    "twopart.msg": BLANK_BEHIND,
    "msg_15.txt": REUSED,
    "msg_38.txt": HEADER,
    "msg_39.txt": REUSED,
    "badboundary.raw": UNENDED,
    "jt-0498.msg": UNENDED,
    "multi-bad.msg": UNENDED,
    "multimixed-no-closing-boundary.raw": UNENDED,
    "epilogue-sample.raw": NEAR,
}


def crlf(raw):
    return raw if b"\r\n" in raw else raw.replace(b"\n", b"\r\n")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def is_opaque(kind):
    """Python makes parts of what other programs take as text: there only the type is compared."""
    return kind.startswith("message/") and kind != "message/rfc822"


def tree_of_python(part, depth=0):
    kind = part.get_content_type()
    if is_opaque(kind) or (kind.startswith("multipart/") and not part.is_multipart()):
        return [(depth, kind, None)]
    if not part.is_multipart():
        return [(depth, kind, digest(part.get_payload(decode=True) or b""))]
    found = [(depth, kind, None)]
    for inner in part.get_payload():
        found += tree_of_python(inner, depth + 1)
    return found


def tree_of_ours(path):
    done = subprocess.run([SMTPTOOL, "lint", "--json", path], capture_output=True, check=False)
    parts = json.loads(done.stdout)["parts"]
    return [(p["depth"], p["type"],
             None if is_opaque(p["type"]) or p["type"].startswith("multipart/") else p.get("sha256"))
            for p in parts]


def main():
    report = Report()
    need_program()
    root = suite("")
    if root is None:
        skip_all("MIME beside Python", "there is no folder of suites")
    paths = sorted(path for pattern in PATTERNS for path in glob.glob(os.path.join(root, pattern)))
    report.check("every message was seen", len(paths) >= FILES_LEAST, len(paths))
    for path in paths:
        with open(path, "rb") as f:
            message = email.message_from_bytes(crlf(f.read()), policy=email.policy.compat32)
        name = os.path.basename(path)
        same = tree_of_python(message) == tree_of_ours(path)
        report.check(f"{name}: the same parts", same or name in EXPLAINED)
        report.check(f"{name}: still another view", not (same and name in EXPLAINED))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
