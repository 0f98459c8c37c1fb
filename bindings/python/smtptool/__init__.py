"""Compose, sign and send mail with libsmtptool.

    import smtptool

    message = smtptool.Message(sender="Alice <alice@example.com>", to="bob@example.net",
                               subject="Hello", text="Does it arrive?\\n")
    with smtptool.Client("smtp://mail.example.com", user="alice", password=secret) as client:
        result = client.send(message)

What cannot be done is an exception with the fields of smtptool.h's errors: kind, code, enhanced and text; after a
sending also result, with the verdict of each recipient. A Client or Message belongs to one thread at a time; while
send() waits, other threads run.
"""
import ctypes

from ._library import Field, Watch, library

__all__ = ["Client", "Error", "Invalid", "Later", "Message", "NoChannel", "NoHost", "NoLogin",
           "NoUser", "Recipient", "Refused", "Result", "Template", "version"]


# ---- errors


class Error(Exception):
    """kind: "later", "no_user" ... (smtptool_kind_name); code: of the reply, or 0; enhanced: "5.1.1" or ""; text:
    words; result: after a sending, else None."""

    def __init__(self, kind, text, code=0, enhanced="", result=None):
        super().__init__(text)
        self.kind, self.text, self.code, self.enhanced, self.result = kind, text, code, enhanced, result

    def __reduce__(self):
        return type(self), (self.kind, self.text, self.code, self.enhanced, self.result)


class Later(Error):
    """A 4xx, or no connection: it may work another time."""


class NoUser(Error):
    """A recipient was refused for good."""


class Refused(Error):
    """Refused for good, but not for the recipient."""


class NoHost(Error):
    """The server's name has no address."""


class NoChannel(Error):
    """No trusted TLS, or no SMTP is spoken there."""


class NoLogin(Error):
    """The login was refused, or no mechanism fits."""


class Invalid(Error, ValueError):
    """A value that cannot be, or is too large."""


_CLASSES = {"later": Later, "no_user": NoUser, "refused": Refused, "no_host": NoHost, "no_channel": NoChannel,
            "no_login": NoLogin, "invalid": Invalid, "too_large": Invalid}


def _text(pointer):
    return pointer.decode("utf-8", "replace") if pointer else ""


def _raise(error, result=None):
    """The exception for an error of the library, which is given back to it."""
    kind = _text(library.kind_name(library.error_kind(error)))
    raised = _CLASSES.get(kind, Error)(kind, _text(library.error_text(error)), library.error_code(error),
                                       _text(library.error_enhanced(error)), result)
    library.error_free(error)
    raise raised


def _call(function, *arguments):
    error = ctypes.c_void_p()
    if function(*arguments, ctypes.byref(error)):
        _raise(error)


def _bytes(name, value):
    """For C, where a text ends at its first NUL: what stands behind one must not get lost (attack 49)."""
    if value is None:
        return None
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"{name}: a text is needed, not {type(value).__name__}")
    try:
        value = value.encode() if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise Invalid("invalid", f"{name}: is not UTF-8") from None
    if b"\0" in value:
        raise Invalid("invalid", f"{name}: holds NUL, which would end it")
    return value


def _list(values):
    return [values] if isinstance(values, (str, bytes)) else list(values or ())


def version():
    return _text(library.version())


# ---- messages


class Message:
    """Parts may be given at once or one after another. text and html are str; headers a dictionary."""

    def __init__(self, sender=None, to=None, cc=None, bcc=None, subject=None, text=None, html=None, headers=None):
        self._handle = library.message_new()
        try:
            self._fill(sender, to, cc, bcc, subject, text, html, headers)
        except BaseException:
            self.close()
            raise

    def _fill(self, sender, to, cc, bcc, subject, text, html, headers):
        for set_part, value in ((self.sender, sender), (self.subject, subject), (self.text, text), (self.html, html)):
            if value is not None:
                set_part(value)
        for add, values in ((self.to, to), (self.cc, cc), (self.bcc, bcc)):
            for value in _list(values):
                add(value)
        for name, value in (headers or {}).items():
            self.header(name, value)

    @classmethod
    def raw(cls, content):
        """A whole message that exists: bytes, or what has as_bytes() like email.message.EmailMessage."""
        content = content.as_bytes() if hasattr(content, "as_bytes") else content
        message = cls()
        _call(library.message_raw, message._handle, content, len(content))
        return message

    def sender(self, mailbox):
        _call(library.message_from, self._handle, _bytes("From", mailbox))

    def to(self, mailboxes):
        _call(library.message_to, self._handle, _bytes("To", mailboxes))

    def cc(self, mailboxes):
        _call(library.message_cc, self._handle, _bytes("Cc", mailboxes))

    def bcc(self, mailboxes):
        _call(library.message_bcc, self._handle, _bytes("Bcc", mailboxes))

    def subject(self, subject):
        _call(library.message_subject, self._handle, _bytes("Subject", subject))

    def text(self, text):
        _call(library.message_text, self._handle, _bytes("text", text))

    def html(self, html):
        _call(library.message_html, self._handle, _bytes("html", html))

    def header(self, name, value):
        _call(library.message_header, self._handle, _bytes("header name", name), _bytes("header value", value))

    def unsubscribe(self, url, one_click=False):
        _call(library.message_unsubscribe, self._handle, _bytes("List-Unsubscribe", url), int(one_click))

    def attach(self, content, name=None, type=None): # pylint: disable=redefined-builtin
        _call(library.message_attach, self._handle, _bytes("file name", name), _bytes("file type", type), content,
              len(content))

    def inline(self, content_id, content, name=None, type=None): # pylint: disable=redefined-builtin
        _call(library.message_inline, self._handle, _bytes("content id", content_id), _bytes("file name", name),
              _bytes("file type", type), content, len(content))

    def sign(self, domain, selector, pem):
        """A DKIM signature by this private key, when the message is rendered or sent."""
        _call(library.dkim_sign, self._handle, _bytes("domain", domain), _bytes("selector", selector),
              _bytes("key", pem))

    def render(self):
        """The message as it is sent: bytes, CRLF lines."""
        content, size = ctypes.c_void_p(), ctypes.c_size_t()
        _call(library.message_render, self._handle, ctypes.byref(content), ctypes.byref(size))
        return ctypes.string_at(content, size.value)

    def close(self):
        handle, self._handle = self._handle, None
        library.message_free(handle)

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()


# ---- templates


class Template:
    """context: what the rendered text is for: "plain", "html", "header", "addresses" or "url"."""

    _CONTEXTS = {"plain": 0, "html": 1, "header": 2, "addresses": 3, "url": 4}

    def __init__(self, text, context="plain", name=None):
        self._handle = None
        handle = ctypes.c_void_p()
        if context not in self._CONTEXTS:
            raise Invalid("invalid", f"there is no context {context!r}")
        _call(library.template_compile, self._CONTEXTS[context], _bytes("name", name), _bytes("template", text),
              ctypes.byref(handle))
        self._handle = handle

    def render(self, fields=None, **more):
        row = {**(fields or {}), **more}
        table = (Field * len(row))()
        for place, (name, value) in zip(table, row.items()):
            place.name = _bytes("field name", name)
            place.value = None if value is None else _bytes(name, value if isinstance(value, bytes) else str(value))
        text, size = ctypes.c_void_p(), ctypes.c_size_t()
        _call(library.template_render, self._handle, table, len(row), ctypes.byref(text), ctypes.byref(size))
        try:
            return ctypes.string_at(text, size.value).decode()
        finally:
            library.free(text)

    def __del__(self):
        if getattr(self, "_handle", None):
            library.template_free(self._handle)


# ---- sending


class Recipient:
    """What was said of one: address, kind ("ok": accepted), code, enhanced, text."""

    def __init__(self, results, index):
        self.address = _text(library.results_address(results, index))
        self.kind = _text(library.kind_name(library.results_kind(results, index)))
        self.code = library.results_code(results, index)
        self.enhanced = _text(library.results_enhanced(results, index))
        self.text = _text(library.results_text(results, index))

    def __repr__(self):
        return f"<{self.address}: {self.kind} {self.code} {self.enhanced} {self.text}>"


class Result:
    """recipients, message_id, server ("192.0.2.1:587"), tls ("TLSv1.3", or ""), attempts, why."""

    def __init__(self, results):
        self.recipients = [Recipient(results, i) for i in range(library.results_count(results))]
        self.message_id = _text(library.results_message_id(results))
        self.server = _text(library.results_server(results))
        self.tls = _text(library.results_tls(results))
        self.attempts = library.results_attempts(results)
        self.why = _text(library.results_why(results))
        library.results_free(results)


class Client:
    """url: smtp://host, smtps://host:465, lmtp+unix:///path ...; timeouts in seconds. watch(mark, line) hears the
    conversation."""

    def __init__(self, url, user=None, password=None, token=None, mechanism=None, ca_file=None, hello=None,
                 connect_timeout=0, reply_timeout=0, retries=0, retry_wait=5, watch=None):
        self._handle = None
        handle = ctypes.c_void_p()
        if (user is None) != (password is None and token is None) or (password is not None and token is not None):
            raise Invalid("invalid", "a login is a user with either a password or a token")
        _call(library.client_new, _bytes("url", url), ctypes.byref(handle))
        self._handle = handle
        if user is not None:
            secret = password if token is None else token
            _call(library.client_login, handle, _bytes("user", user), _bytes("secret", secret),
                  int(token is not None))
        _call(library.client_mechanism, handle, _bytes("mechanism", mechanism))
        if ca_file is not None:
            _call(library.client_ca_file, handle, _bytes("ca_file", ca_file))
        _call(library.client_hello, handle, _bytes("hello", hello))
        _call(library.client_timeouts, handle, round(connect_timeout * 1000), round(reply_timeout * 1000), 0)
        _call(library.client_retries, handle, retries, max(1, round(retry_wait * 1000)))
        self._raised = None
        self._user_watch = watch
        self._watch = Watch(self._hear) if watch else Watch()
        _call(library.client_watch, handle, self._watch, None)

    def _hear(self, _, mark, line):
        """An exception cannot pass through C: it waits until the sending is over."""
        try:
            if self._raised is None:
                self._user_watch(_text(mark), _text(line))
        except BaseException as e: # pylint: disable=broad-except
            self._raised = e

    def _finish(self, error, result):
        raised, self._raised = self._raised, None
        if raised is not None:
            library.error_free(error)
            raise raised
        if error:
            _raise(error, result)
        return result

    def send(self, message, sender=None, recipients=None):
        """Returns a Result when every recipient was accepted. sender and recipients: of the envelope; None: those
        of the message; sender "": the null sender."""
        error, results, table, count = ctypes.c_void_p(), ctypes.c_void_p(), None, 0
        if recipients is not None:
            given = [_bytes("recipient", r) for r in _list(recipients)]
            table, count = (ctypes.c_char_p * max(len(given), 1))(*given), len(given)
        library.client_send(self._handle, _bytes("sender", sender), table, count, message._handle,
                            ctypes.byref(results), ctypes.byref(error))
        return self._finish(error, Result(results) if results else None)

    def send_all(self, messages, connections=1):
        """Many messages, each to its own recipients, over shared connections; returns their Results. When one of
        them fails, the exception's result is that list."""
        messages = list(messages)
        error, count = ctypes.c_void_p(), len(messages)
        handles = (ctypes.c_void_p * max(count, 1))(*[m._handle for m in messages])
        results = (ctypes.c_void_p * max(count, 1))()
        library.client_send_all(self._handle, handles, count, connections,
                                ctypes.cast(results, ctypes.POINTER(ctypes.c_void_p)), ctypes.byref(error))
        return self._finish(error, [Result(ctypes.c_void_p(r)) if r else None for r in results[:count]])

    def close(self):
        handle, self._handle = self._handle, None
        library.client_free(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()
