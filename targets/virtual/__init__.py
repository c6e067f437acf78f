"""A micro:bit that is no hardware: QEMU's nRF51822 behind a debug probe that pyOCD can use."""
