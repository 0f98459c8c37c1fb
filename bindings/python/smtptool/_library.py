"""libsmtptool by ctypes: its functions with their types, and nothing else.

The library is looked for in $SMTPTOOL_LIBRARY, then as libsmtptool.so.0 where the system finds libraries.
"""
import ctypes
import os

_OPAQUE = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_ERROR = ctypes.POINTER(_OPAQUE)

Watch = ctypes.CFUNCTYPE(None, _OPAQUE, _TEXT, _TEXT)


class Field(ctypes.Structure):
    _fields_ = [("name", _TEXT), ("value", _TEXT)]


# name: (result, parameters)
_FUNCTIONS = {
    "version": (_TEXT, []),
    "kind_name": (_TEXT, [ctypes.c_int]),
    "free": (None, [_OPAQUE]),
    "error_kind": (ctypes.c_int, [_OPAQUE]),
    "error_text": (_TEXT, [_OPAQUE]),
    "error_code": (ctypes.c_int, [_OPAQUE]),
    "error_enhanced": (_TEXT, [_OPAQUE]),
    "error_free": (None, [_OPAQUE]),
    "message_new": (_OPAQUE, []),
    "message_free": (None, [_OPAQUE]),
    "message_from": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_to": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_cc": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_bcc": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_subject": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_text": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_html": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "message_header": (ctypes.c_int, [_OPAQUE, _TEXT, _TEXT, _ERROR]),
    "message_unsubscribe": (ctypes.c_int, [_OPAQUE, _TEXT, ctypes.c_int, _ERROR]),
    "message_attach": (ctypes.c_int, [_OPAQUE, _TEXT, _TEXT, _TEXT, ctypes.c_size_t, _ERROR]),
    "message_inline": (ctypes.c_int, [_OPAQUE, _TEXT, _TEXT, _TEXT, _TEXT, ctypes.c_size_t, _ERROR]),
    "message_raw": (ctypes.c_int, [_OPAQUE, _TEXT, ctypes.c_size_t, _ERROR]),
    "dkim_sign": (ctypes.c_int, [_OPAQUE, _TEXT, _TEXT, _TEXT, _ERROR]),
    "message_render": (ctypes.c_int, [_OPAQUE, ctypes.POINTER(_OPAQUE), ctypes.POINTER(ctypes.c_size_t), _ERROR]),
    "template_compile": (ctypes.c_int, [ctypes.c_int, _TEXT, _TEXT, ctypes.POINTER(_OPAQUE), _ERROR]),
    "template_free": (None, [_OPAQUE]),
    "template_render": (ctypes.c_int, [_OPAQUE, ctypes.POINTER(Field), ctypes.c_size_t, ctypes.POINTER(_OPAQUE),
                                       ctypes.POINTER(ctypes.c_size_t), _ERROR]),
    "client_new": (ctypes.c_int, [_TEXT, ctypes.POINTER(_OPAQUE), _ERROR]),
    "client_free": (None, [_OPAQUE]),
    "client_login": (ctypes.c_int, [_OPAQUE, _TEXT, _TEXT, ctypes.c_int, _ERROR]),
    "client_mechanism": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "client_ca_file": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "client_hello": (ctypes.c_int, [_OPAQUE, _TEXT, _ERROR]),
    "client_timeouts": (ctypes.c_int, [_OPAQUE, ctypes.c_long, ctypes.c_long, ctypes.c_long, _ERROR]),
    "client_retries": (ctypes.c_int, [_OPAQUE, ctypes.c_int, ctypes.c_long, _ERROR]),
    "client_watch": (ctypes.c_int, [_OPAQUE, Watch, _OPAQUE, _ERROR]),
    "client_send": (ctypes.c_int, [_OPAQUE, _TEXT, ctypes.POINTER(_TEXT), ctypes.c_size_t, _OPAQUE,
                                   ctypes.POINTER(_OPAQUE), _ERROR]),
    "client_send_all": (ctypes.c_int, [_OPAQUE, ctypes.POINTER(_OPAQUE), ctypes.c_size_t, ctypes.c_int,
                                       ctypes.POINTER(_OPAQUE), _ERROR]),
    "results_count": (ctypes.c_size_t, [_OPAQUE]),
    "results_address": (_TEXT, [_OPAQUE, ctypes.c_size_t]),
    "results_kind": (ctypes.c_int, [_OPAQUE, ctypes.c_size_t]),
    "results_code": (ctypes.c_int, [_OPAQUE, ctypes.c_size_t]),
    "results_enhanced": (_TEXT, [_OPAQUE, ctypes.c_size_t]),
    "results_text": (_TEXT, [_OPAQUE, ctypes.c_size_t]),
    "results_why": (_TEXT, [_OPAQUE]),
    "results_message_id": (_TEXT, [_OPAQUE]),
    "results_server": (_TEXT, [_OPAQUE]),
    "results_tls": (_TEXT, [_OPAQUE]),
    "results_attempts": (ctypes.c_int, [_OPAQUE]),
    "results_free": (None, [_OPAQUE]),
}


class _Library:
    """smtptool_message_new() is library.message_new()."""

    def __init__(self, path):
        shared = ctypes.CDLL(path)
        for name, (result, parameters) in _FUNCTIONS.items():
            function = getattr(shared, "smtptool_" + name)
            function.restype, function.argtypes = result, parameters
            setattr(self, name, function)


library = _Library(os.environ.get("SMTPTOOL_LIBRARY") or "libsmtptool.so.0")
