/* Deliberate faults, one bit each, from the device page: a rig must catch a device that has one. */
#ifndef FAULTS_H
#define FAULTS_H

enum fault {
    FAULT_NO_SIGNATURE_CHECK = 1 << 0,
    FAULT_NO_ROLLBACK = 1 << 1,
    FAULT_COMMIT_BEFORE_SELF_TEST = 1 << 2,
    FAULT_ANY_VERSION = 1 << 3,
    FAULT_WRITES_OUTSIDE_SLOT = 1 << 4,
    FAULT_RETAINS = 1 << 5,
    FAULT_WRONG_UPDATED_BY = 1 << 6,
    FAULT_SILENT = 1 << 7,
    /* Seen only by cutting the power. */
    FAULT_ARMS_BEFORE_IMAGE = 1 << 8,
    FAULT_TRUSTS_TORN_RECORD = 1 << 9,
    FAULT_NO_RE_ERASE = 1 << 10,
    FAULT_TRIAL_IN_RAM = 1 << 11,
    /* Seen only in memory. */
    FAULT_SKIPS_STATE = 1 << 12,
};

#endif
