"""The platform layer of the reference device: two image slots in files and a boot loader.

``slots`` and ``boot_state`` are the flash, ``ab_platform`` is what the OTA agent calls (OTA spec
§9), ``boot_plan`` decides which slot runs, ``boot_loader`` is the process that runs it.
"""
