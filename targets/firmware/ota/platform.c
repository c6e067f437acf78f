#include "ota/platform.h"

#include "chip/clock.h"
#include "chip/flash.h"
#include "ota/der.h"
#include "ota/signature.h"
#include "shared/boot_record.h"
#include "shared/crc.h"
#include "shared/device_page.h"
#include "shared/faults.h"
#include "shared/image_header.h"
#include "shared/memory.h"

#define SUB_NO_SIGNATURE 1u
#define SUB_UNREADABLE_SIGNATURE 2u
#define SUB_WRONG_SIGNATURE 3u
#define SUB_MADE_TO_FAIL 2u

static struct {
    enum slot running;
    bool on_trial;
    bool rejected; /* the trial was refused and ends with the next reset */
    bool open;
    bool verified; /* the other slot holds `image_size` bytes that may be activated */
    bool wants_reset;
    uint32_t image_size;
    uint32_t image_crc;
    uint32_t faults;
    enum platform_call fails_next;
} platform;

static bool fault(uint32_t bit)
{
    return (platform.faults & bit) != 0;
}

void platform_fail_next(enum platform_call call)
{
    platform.fails_next = call;
}

static bool is_made_to_fail(enum platform_call call)
{
    bool fails = platform.fails_next == call;
    if (fails)
        platform.fails_next = CALL_NONE;
    return fails;
}

static const struct image_header *running_header(void)
{
    return flash_at(slot_address(platform.running));
}

static uint32_t target(void)
{
    return slot_address(other_slot(platform.running));
}

void platform_begin(enum slot running, bool on_trial)
{
    memory_fill(&platform, 0, sizeof platform);
    platform.running = running;
    platform.on_trial = on_trial;
    platform.faults = device_page_faults(flash_at(DEVICE_PAGE_ADDRESS), FLASH_PAGE_SIZE);
    boot_record_begin(platform.faults);
}

uint32_t platform_version(void)
{
    return running_header()->version;
}

uint32_t platform_faults(void)
{
    return platform.faults;
}

static bool save(enum slot active, enum trial_phase phase)
{
    struct boot_state state = {
        .active = (uint8_t)active,
        .phase = (uint8_t)phase,
        .image_size = platform.image_size,
        .image_crc = platform.image_crc,
    };
    return boot_record_save(state);
}

/* Nothing that was received before may be started any more. */
static bool forget_received(void)
{
    platform.verified = false;
    return boot_record_load().phase == TRIAL_NONE || save(platform.running, TRIAL_NONE);
}

/* The deliberate fault: a slot whose erasing was cut short begins with an erased word, too. */
static bool passes_for_erased(void)
{
    return fault(FAULT_NO_RE_ERASE) && *(const uint32_t *)flash_at(target()) == 0xFFFFFFFFu;
}

uint32_t platform_create_file(uint32_t size)
{
    if (platform.on_trial) /* the other slot holds the only image known to be good */
        return PAL_STATUS(PAL_BOOT_INFO_CREATE_FAILED, 1);
    if (size > SLOT_SIZE)
        return PAL_STATUS(PAL_RX_FILE_TOO_LARGE, 0);
    if (is_made_to_fail(CALL_CREATE_FILE))
        return PAL_STATUS(PAL_RX_FILE_CREATE_FAILED, SUB_MADE_TO_FAIL);
    if (!forget_received())
        return PAL_STATUS(PAL_BOOT_INFO_CREATE_FAILED, 0);
    bool is_erased = passes_for_erased();
    for (uint32_t offset = 0; offset < size && !is_erased; offset += FLASH_PAGE_SIZE)
        flash_erase_page(target() + offset);
    if (fault(FAULT_ARMS_BEFORE_IMAGE) && !save(platform.running, TRIAL_ARMED))
        return PAL_STATUS(PAL_BOOT_INFO_CREATE_FAILED, 0);
    platform.open = true;
    return 0;
}

bool platform_write_block(uint32_t offset, struct slice block)
{
    if (!platform.open || offset > SLOT_SIZE || block.length > SLOT_SIZE - offset)
        return false;
    flash_write(target() + offset, block.at, block.length);
    if (fault(FAULT_WRITES_OUTSIDE_SLOT)) {
        uint32_t zero = 0; /* the last bytes of the running image: only filling */
        uint32_t end = slot_address(platform.running) + running_header()->image_size;
        flash_write((end - 4) & ~3u, &zero, sizeof zero);
    }
    return true;
}

static bool is_signed_by_known_key(uint32_t size, const uint8_t r_s[64], bool *has_key)
{
    const uint8_t *page = flash_at(DEVICE_PAGE_ADDRESS);
    struct slice key;
    for (unsigned i = 0; device_page_find(page, FLASH_PAGE_SIZE, TAG_SIGNER_KEY, i, &key); i++) {
        if (key.length != SIGNER_KEY_SIZE)
            continue;
        *has_key = true;
        if (signature_is_valid(flash_at(target()), size, r_s, (const uint8_t *)key.at))
            return true;
    }
    return false;
}

static uint32_t check_signature(uint32_t size, const uint8_t *der, uint32_t length)
{
    uint8_t r_s[64];
    bool has_key = false;
    if (fault(FAULT_NO_SIGNATURE_CHECK))
        return 0;
    if (length == 0)
        return PAL_STATUS(PAL_SIGNATURE_CHECK_FAILED, SUB_NO_SIGNATURE);
    if (length > MAX_STORED_SIGNATURE || !der_read_signature(der, length, r_s))
        return PAL_STATUS(PAL_SIGNATURE_CHECK_FAILED, SUB_UNREADABLE_SIGNATURE);
    if (is_signed_by_known_key(size, r_s, &has_key))
        return 0;
    if (!has_key)
        return PAL_STATUS(PAL_BAD_SIGNER_CERT, 0);
    return PAL_STATUS(PAL_SIGNATURE_CHECK_FAILED, SUB_WRONG_SIGNATURE);
}

uint32_t platform_close_file(uint32_t size, bool firmware, const uint8_t *signature,
                             uint32_t signature_length)
{
    if (!platform.open)
        return PAL_STATUS(PAL_NULL_FILE_CONTEXT, 0);
    platform.open = false;
    uint32_t status = check_signature(size, signature, signature_length);
    if (status != 0 && fault(FAULT_NO_RE_ERASE))
        flash_erase_page(target());
    if (status != 0 || !firmware)
        return status;
    enum image_flaw flaw = size < IMAGE_HEADER_SIZE + sizeof(struct image_entry)
                               ? IMAGE_NOT_ONE
                               : image_flaw(flash_at(target()), SLOT_SIZE, size);
    if (flaw != IMAGE_FITS)
        return PAL_STATUS(PAL_FILE_CLOSE, flaw);
    platform.verified = true;
    platform.image_size = size;
    platform.image_crc = crc32(flash_at(target()), size);
    return 0;
}

void platform_abort(void)
{
    platform.open = false;
}

uint32_t platform_activate(void)
{
    if (!platform.verified || !save(platform.running, TRIAL_ARMED))
        return PAL_STATUS(PAL_ACTIVATE_FAILED, 0);
    platform_reset();
    return 0;
}

enum pal_image_state platform_image_state(void)
{
    if (!platform.on_trial)
        return PAL_IMAGE_VALID;
    return platform.rejected ? PAL_IMAGE_INVALID : PAL_IMAGE_PENDING_COMMIT;
}

static uint32_t commit(void)
{
    if (!platform.on_trial)
        return 0;
    if (is_made_to_fail(CALL_COMMIT))
        return PAL_STATUS(PAL_COMMIT_FAILED, SUB_MADE_TO_FAIL);
    if (platform.rejected || !save(platform.running, TRIAL_NONE))
        return PAL_STATUS(PAL_COMMIT_FAILED, 0);
    platform.on_trial = false;
    clock_guard_stop(GUARD_TRIAL);
    return 0;
}

static uint32_t give_up(enum pal_main failure)
{
    bool done;
    platform.open = false;
    if (platform.on_trial) {
        platform.rejected = true;
        done = boot_record_load().phase == TRIAL_NONE || /* already permanent: a deliberate fault */
               save(other_slot(platform.running), TRIAL_REJECTED);
    } else {
        done = forget_received();
    }
    return done ? 0 : PAL_STATUS(failure, 0);
}

uint32_t platform_set_image_state(enum image_state state)
{
    switch (state) {
    case IMAGE_TESTING:
        return 0;
    case IMAGE_ACCEPTED:
        return commit();
    case IMAGE_REJECTED:
        return give_up(PAL_REJECT_FAILED);
    case IMAGE_ABORTED:
        return give_up(PAL_ABORT_FAILED);
    default:
        return PAL_STATUS(PAL_BAD_IMAGE_STATE, 0);
    }
}

void platform_reset(void)
{
    if (!is_made_to_fail(CALL_RESET)) /* it has no effect; a reset tells no status */
        platform.wants_reset = true;
}

bool platform_wants_reset(void)
{
    return platform.wants_reset;
}
