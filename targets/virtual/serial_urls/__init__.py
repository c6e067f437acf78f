"""Kinds of URL that pyserial learns from here (its `protocol_handler_packages`)."""
