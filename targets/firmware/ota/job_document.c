#include "ota/job_document.h"

#include "ota/base64_text.h"
#include "ota/json.h"
#include "ota/number_text.h"
#include "shared/memory.h"

enum field {
    FIELD_NONE,
    FIELD_JOB_ID,
    FIELD_SELF_TEST,
    FIELD_UPDATED_BY,
    FIELD_STREAM_NAME,
    FIELD_PROTOCOLS,
    FIELD_FILES,
    FIELD_FILE_PATH,
    FIELD_FILE_SIZE,
    FIELD_FILE_ID,
    FIELD_CERT_FILE,
    FIELD_URL,
    FIELD_AUTH_SCHEME,
    FIELD_SIGNATURE,
    FIELD_ATTRIBUTES,
    FIELD_FILE_TYPE,
};

struct parameter {
    uint8_t field; /* enum field; FIELD_NONE: only its presence matters */
    bool required;
    char path[46];
};

#define EXECUTION "execution"
#define DETAILS EXECUTION ".statusDetails"
#define DOCUMENT EXECUTION ".jobDocument"
#define AFR_OTA DOCUMENT ".afr_ota"

/* In the order in which they are looked for; a defect of an earlier one counts. The paths are
 * arrays and not pointers, so that the table is right at any address. */
static const struct parameter parameters[] = {
    {FIELD_NONE, false, "clientToken"},
    {FIELD_NONE, false, "timestamp"},
    {FIELD_NONE, true, EXECUTION},
    {FIELD_JOB_ID, true, EXECUTION ".jobId"},
    {FIELD_NONE, false, DETAILS},
    {FIELD_SELF_TEST, false, DETAILS ".self_test"},
    {FIELD_UPDATED_BY, false, DETAILS ".updatedBy"},
    {FIELD_NONE, true, DOCUMENT},
    {FIELD_NONE, true, AFR_OTA},
    {FIELD_STREAM_NAME, false, AFR_OTA ".streamname"},
    {FIELD_PROTOCOLS, true, AFR_OTA ".protocols"},
    {FIELD_FILES, true, AFR_OTA ".files"},
    {FIELD_FILE_PATH, false, "filepath"},
    {FIELD_FILE_SIZE, true, "filesize"},
    {FIELD_FILE_ID, true, "fileid"},
    {FIELD_CERT_FILE, false, "certfile"},
    {FIELD_URL, false, "update_data_url"},
    {FIELD_AUTH_SCHEME, false, "auth_scheme"},
    {FIELD_SIGNATURE, false, "sig-sha256-ecdsa"},
    {FIELD_ATTRIBUTES, false, "attr"},
    {FIELD_FILE_TYPE, false, "fileType"},
};
#define PARAMETERS (sizeof parameters / sizeof parameters[0])
#define TOKEN_AND_TIMESTAMP 3u /* the bits of the first two */

struct reader {
    struct slice text;
    const struct job_limits *limits;
    struct job_document *document;
    size_t file; /* where the first file begins, 0 if there is none */
};

static bool find(const struct reader *reader, const char *path, struct slice *value)
{
    struct slice keys = slice_of(path);
    if (json_find(reader->text, 0, keys, value))
        return true;
    return reader->file != 0 && json_find(reader->text, reader->file, keys, value);
}

static bool is_topic_level(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] == '/' || text.at[i] == '+' || text.at[i] == '#')
            return false;
    return true;
}

static bool take_text(struct slice text, size_t limit, struct slice *to)
{
    *to = text;
    return text.length <= limit;
}

static bool take_signature(struct slice text, struct job_document *document)
{
    size_t length;
    if (!base64_text(text, document->signature, sizeof document->signature, &length) ||
        length > MAX_SIGNATURE)
        return false;
    document->signature_length = (uint32_t)length;
    document->has_signature = true;
    return true;
}

/* Stores a value; false if it cannot be taken. */
static bool take(struct reader *reader, enum field field, struct slice value)
{
    struct job_document *document = reader->document;
    struct slice text = json_raw(value);
    switch (field) {
    case FIELD_JOB_ID:
        return take_text(text, MAX_JOB_ID, &document->job_id) && is_topic_level(text);
    case FIELD_SELF_TEST:
        document->self_test = true;
        return true;
    case FIELD_UPDATED_BY:
        return number_text(text, &document->updated_by);
    case FIELD_STREAM_NAME:
        return take_text(text, reader->limits->max_stream_name, &document->stream_name) &&
               is_topic_level(text);
    case FIELD_PROTOCOLS:
        return take_text(text, MAX_PROTOCOLS_TEXT, &document->protocols);
    case FIELD_FILE_SIZE:
        return number_text(text, &document->file_size);
    case FIELD_FILE_ID:
        return number_text(text, &document->file_id);
    case FIELD_URL:
        return take_text(text, reader->limits->max_url, &document->url);
    case FIELD_SIGNATURE:
        return take_signature(text, document);
    case FIELD_ATTRIBUTES:
        return number_text(text, &document->attributes);
    case FIELD_FILE_TYPE:
        return number_text(text, &document->file_type);
    default:
        return true;
    }
}

/* The library's way through the fields: a value that can be taken makes good for text that is
 * broken elsewhere, the first that cannot ends the search. */
static enum job_defect read_fields(struct reader *reader, bool valid)
{
    uint32_t found = 0;
    uint32_t required = 0;
    for (size_t i = 0; i < PARAMETERS; i++) {
        const struct parameter *parameter = &parameters[i];
        struct slice value;
        required |= (uint32_t)parameter->required << i;
        if (!find(reader, parameter->path, &value))
            continue;
        found |= 1u << i;
        if (parameter->field == FIELD_NONE)
            continue;
        if (parameter->field == FIELD_FILES) {
            if (value.at[0] == '[')
                reader->file = (size_t)(value.at - reader->text.at) + 1;
            if (!valid)
                break;
            continue;
        }
        valid = take(reader, (enum field)parameter->field, value);
        if (!valid)
            break;
    }
    if (!valid)
        return JOB_NON_CONFORMING;
    if (found == TOKEN_AND_TIMESTAMP)
        return JOB_EMPTY;
    return (found & required) == required ? JOB_GOOD : JOB_NON_CONFORMING;
}

/* The fields cannot be taken: is it a job at all, and can it be named? */
static enum job_defect not_conforming(const struct reader *reader)
{
    struct slice id;
    struct slice body;
    if (!find(reader, EXECUTION ".jobId", &id) || !find(reader, DOCUMENT, &body))
        return JOB_NONE;
    id = json_raw(id);
    if (id.length == 0)
        return JOB_NONE;
    if (id.length > MAX_JOB_ID || !is_topic_level(id))
        return JOB_NAMELESS;
    reader->document->job_id = id;
    return JOB_NON_CONFORMING;
}

static enum job_defect check_size(const struct reader *reader)
{
    uint32_t size = reader->document->file_size;
    if (size == 0)
        return JOB_NO_BYTES;
    if (size > 0xFFFFFFFFu - reader->limits->block_size + 1)
        return JOB_SIZE_OVERFLOW;
    return size > reader->limits->max_file_size ? JOB_TOO_LARGE : JOB_GOOD;
}

enum job_defect job_document_read(struct slice message, const struct job_limits *limits,
                                  struct job_document *document)
{
    memory_fill(document, 0, sizeof *document);
    struct slice text = {message.at, json_readable(message)};
    struct reader reader = {text, limits, document, 0};
    bool valid = text.length == message.length && json_is_valid(text);
    enum job_defect defect = read_fields(&reader, valid);
    if (defect == JOB_NON_CONFORMING)
        defect = not_conforming(&reader);
    else if (defect == JOB_GOOD)
        defect = check_size(&reader);
    struct slice number;
    if (find(&reader, EXECUTION ".executionNumber", &number))
        (void)number_text(json_raw(number), &document->execution_number);
    return defect;
}
