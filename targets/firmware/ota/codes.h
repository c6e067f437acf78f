/* Numbers of the OTA library that show on the wire. */
#ifndef CODES_H
#define CODES_H

enum ota_error {
    OTA_NONE = 0x00,
    OTA_INVALID_ARG = 0x03,
    OTA_AGENT_STOPPED = 0x04,
    OTA_REQUEST_JOB_FAILED = 0x06,
    OTA_INIT_FILE_TRANSFER_FAILED = 0x07,
    OTA_REQUEST_FILE_BLOCK_FAILED = 0x08,
    OTA_UPDATE_JOB_STATUS_FAILED = 0x0B,
    OTA_JOB_PARSER_ERROR = 0x0C,
    OTA_INVALID_DATA_PROTOCOL = 0x0D,
    OTA_MOMENTUM_ABORT = 0x0E,
    OTA_DOWNGRADE_NOT_ALLOWED = 0x0F,
    OTA_SAME_FIRMWARE_VERSION = 0x10,
    OTA_IMAGE_STATE_MISMATCH = 0x11,
    OTA_NO_ACTIVE_JOB = 0x12,
    OTA_USER_ABORT = 0x13,
    OTA_ACTIVATE_FAILED = 0x16,
    OTA_EMPTY_JOB_DOCUMENT = 0x18,
};

enum job_parse_error {
    PARSE_ZERO_FILE_SIZE = 3,
    PARSE_NON_CONFORMING = 4,
    PARSE_BAD_MODEL_INIT_PARAMS = 5,
};

/* The main code of a platform status; the status is main << 24 | sub code. */
enum pal_main {
    PAL_SUCCESS = 0x00,
    PAL_UNINITIALIZED = 0xE0,
    PAL_NULL_FILE_CONTEXT = 0xE2,
    PAL_SIGNATURE_CHECK_FAILED = 0xE3,
    PAL_RX_FILE_TOO_LARGE = 0xE5,
    PAL_BOOT_INFO_CREATE_FAILED = 0xE6,
    PAL_BAD_SIGNER_CERT = 0xE7,
    PAL_BAD_IMAGE_STATE = 0xE8,
    PAL_ABORT_FAILED = 0xE9,
    PAL_REJECT_FAILED = 0xEA,
    PAL_COMMIT_FAILED = 0xEB,
    PAL_ACTIVATE_FAILED = 0xEC,
    PAL_FILE_CLOSE = 0xEE,
};
#define PAL_STATUS(main, sub) ((uint32_t)(main) << 24 | (uint32_t)(sub))

enum image_state {
    IMAGE_UNKNOWN = 0,
    IMAGE_TESTING = 1,
    IMAGE_ACCEPTED = 2,
    IMAGE_REJECTED = 3,
    IMAGE_ABORTED = 4,
};

enum pal_image_state {
    PAL_IMAGE_PENDING_COMMIT = 1,
    PAL_IMAGE_VALID = 2,
    PAL_IMAGE_INVALID = 3,
};

#endif
