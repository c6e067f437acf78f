"""The vocabulary of AWS IoT OTA that a device and its tester share: words, codes, messages.

Pure functions and frozen values; nothing here does I/O. Each module is one idea of the OTA spec.
"""
