/* The handlers of the transition table, by family; OTA_NONE lets the state change. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "ota/agent.h"

/* control.c */
enum ota_error handle_start(void);
enum ota_error handle_request_job(void);
enum ota_error handle_job_notification(const struct event_data *data);

/* job.c */
enum ota_error handle_process_job(const struct event_data *data);

/* self_test.c */
enum ota_error take_self_test_job(const struct job_document *document);
enum ota_error handle_in_self_test(void);

/* data.c */
enum ota_error handle_init_file(void);
enum ota_error handle_request_data(void);
enum ota_error handle_process_data(const struct event_data *data);

/* lifecycle.c */
void close_transfer(void);
enum ota_error handle_close_file(void);
enum ota_error handle_user_abort(void);
enum ota_error handle_suspend(void);
enum ota_error handle_resume(void);
enum ota_error handle_shutdown(void);

/* reporting.c */
enum ota_error report_receiving(uint32_t stored, uint32_t blocks);
void report_self_test(const char *stage);
void report_accepted(uint32_t version, uint32_t updated_by);
void report_failed(const char *word, uint32_t code);
void report_failed_with_values(uint32_t first, uint32_t second);
bool is_finished(struct slice job_id, uint32_t number);
void set_execution(const struct job_document *document);
/* Puts platform and agent into an image state and reports it if a job is active. */
enum ota_error decide(enum image_state wanted, uint32_t code);

#endif
