/* Job documents: from the bytes of a message to a job, or to what is wrong with it. */
#ifndef JOB_DOCUMENT_H
#define JOB_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

#define MAX_JOB_ID 72u
#define MAX_PROTOCOLS_TEXT 19u
#define MAX_SIGNATURE 384u        /* bytes that a document may bring */
#define MAX_STORED_SIGNATURE 80u  /* bytes that are kept: a P-256 signature has at most 72 */

enum job_defect {
    JOB_GOOD = 0,
    JOB_EMPTY,          /* the service says that there is no job */
    JOB_NONE,           /* no job id or no job document can be made out */
    JOB_NAMELESS,       /* the job id is too long, or no topic can be made of it */
    JOB_NON_CONFORMING, /* a job, but its fields cannot be taken */
    JOB_NO_BYTES,
    JOB_TOO_LARGE,
    JOB_SIZE_OVERFLOW,
};

struct job_limits {
    uint32_t max_file_size;
    uint32_t block_size;
    uint32_t max_stream_name;
    uint32_t max_url;
};

/* Texts are parts of the message. Absent ones are empty, absent numbers 0. */
struct job_document {
    struct slice job_id;
    struct slice stream_name;
    struct slice protocols; /* with its brackets */
    struct slice url;
    uint32_t updated_by;
    uint32_t file_size;
    uint32_t file_id;
    uint32_t attributes;
    uint32_t file_type;
    uint32_t execution_number;
    uint32_t signature_length; /* may be more than is stored, then it is no usable one */
    bool has_signature;
    bool self_test;
    uint8_t signature[MAX_STORED_SIGNATURE];
};

/* For JOB_NON_CONFORMING and the sizes, `job_id` and `execution_number` are there. */
enum job_defect job_document_read(struct slice message, const struct job_limits *limits,
                                  struct job_document *document);

#endif
