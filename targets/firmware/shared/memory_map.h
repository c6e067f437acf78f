/* Where everything is. The same numbers stand in boot.ld and image.ld. */
#ifndef MEMORY_MAP_H
#define MEMORY_MAP_H

#define FLASH_PAGE_SIZE 0x400u
#define DEVICE_PAGE_ADDRESS 0x3C00u
#define BOOT_RECORD_ADDRESS 0x4000u
#define SLOT_A_ADDRESS 0x5000u
#define SLOT_B_ADDRESS 0x22800u
#define SLOT_SIZE 0x1D800u

/* RAM that boot loader and image share; each program's own begins at PROGRAM_RAM_ADDRESS. */
#define RTT_BLOCK_ADDRESS 0x20000000u
#define HANDOVER_ADDRESS 0x20000060u
#define RTT_UP_ADDRESS 0x20000080u
#define RTT_UP_SIZE 1024u
#define RTT_DOWN_ADDRESS 0x20000480u
#define RTT_DOWN_SIZE 128u
#define PROGRAM_RAM_ADDRESS 0x20000500u
#define RAM_END_ADDRESS 0x20004000u

#endif
