#include "net/http.h"

#include "net/http_head.h"
#include "net/link.h"
#include "shared/memory.h"

#define MAX_URL 1500u
/* Refreshes in a row without a block; after that the agent's request timer ends the attempts. */
#define MAX_REFRESHES 3u

enum http_state { HTTP_IDLE, HTTP_OPENING, HTTP_HEAD, HTTP_BODY };

static struct {
    struct http_handlers handlers;
    enum http_state state;
    bool kept;      /* the connection has served a request before */
    bool set;       /* the URL can be fetched */
    uint8_t refreshes;
    uint32_t index;
    uint32_t first;
    uint32_t size;
    uint32_t received;
    struct http_url url;
    struct http_head head;
    size_t url_length;
    char url_text[MAX_URL];
    uint8_t body[HTTP_MAX_BODY + 1]; /* one more, so that a body that is too long shows */
} http;

void http_set_handlers(struct http_handlers handlers)
{
    http.handlers = handlers;
}

void http_set_url(struct slice url)
{
    http.url_length = url.length <= MAX_URL ? url.length : 0;
    memory_copy(http.url_text, url.at, http.url_length);
    http.set = false;
}

bool http_begin(void)
{
    channel_close(CHANNEL_HTTP);
    http.state = HTTP_IDLE;
    http.set = http_url_read((struct slice){http.url_text, http.url_length}, &http.url);
    return http.set;
}

void http_end(void)
{
    channel_close(CHANNEL_HTTP);
    http.state = HTTP_IDLE;
    http.set = false;
    http.refreshes = 0;
}

static void open(void)
{
    http.kept = false;
    http.state = HTTP_OPENING;
    channel_open(CHANNEL_HTTP, SOCKET_HTTP, http.url.origin);
}

static void send(void)
{
    char range[48];
    struct text text = text_in(range, sizeof range);
    text_add(&text, "\r\nRange: bytes=");
    text_decimal(&text, http.first);
    text_char(&text, '-');
    text_decimal(&text, http.first + http.size - 1);
    bool rooted = http.url.target.length > 0 && http.url.target.at[0] == '/';
    struct slice pieces[] = {
        slice_of(rooted ? "GET " : "GET /"),
        http.url.target,
        slice_of(" HTTP/1.1\r\nHost: "),
        http.url.host,
        text_slice(&text),
        slice_of("\r\nAccept-Encoding: identity\r\n\r\n"),
    };
    http_head_begin(&http.head);
    http.received = 0;
    http.state = HTTP_HEAD;
    if (!channel_send(CHANNEL_HTTP, pieces, sizeof pieces / sizeof pieces[0]))
        http.state = HTTP_IDLE; /* the agent's timer asks again */
}

bool http_request(uint32_t index, uint32_t first, uint32_t size)
{
    if (!http.set || size > HTTP_MAX_BODY)
        return false;
    http.index = index;
    http.first = first;
    http.size = size;
    if (http.state == HTTP_IDLE && channel_state(CHANNEL_HTTP) == CHANNEL_OPEN) {
        http.kept = true;
        send();
    } else {
        /* Also when the last answer is still due: it must not be taken for this one's. */
        channel_close(CHANNEL_HTTP);
        open();
    }
    return true;
}

static bool is_usable(void)
{
    const struct http_head *head = &http.head;
    if (head->broken || !head->has_length)
        return false;
    if (head->status == 206)
        return !head->has_range || head->range_first == http.first;
    /* The whole file is as good as the range that covers it. */
    return head->status == 200 && http.first == 0 && head->length == http.size;
}

static void finish(void)
{
    uint16_t status = http.head.status;
    bool usable = is_usable();
    http.state = HTTP_IDLE;
    if (http.head.closes || http.received != http.head.length || !http.head.has_length)
        channel_close(CHANNEL_HTTP);
    if (usable) {
        http.refreshes = 0;
        http.handlers.body(http.index, (struct slice){(const char *)http.body, http.received});
    } else if ((status == 400 || status == 403 || status == 404) &&
               http.refreshes < MAX_REFRESHES) {
        http.refreshes++;
        http.handlers.refused();
    }
}

/* The whole head, or all of the body that is of interest. */
static bool has_answer(void)
{
    while (http.state == HTTP_HEAD) {
        uint8_t byte;
        if (channel_read(CHANNEL_HTTP, &byte, 1) == 0)
            return false;
        if (http_head_take(&http.head, (char)byte))
            http.state = HTTP_BODY;
    }
    if (!is_usable())
        return true;
    uint32_t wanted = http.head.length < sizeof http.body ? http.head.length : sizeof http.body;
    while (http.received < wanted) {
        size_t count =
            channel_read(CHANNEL_HTTP, http.body + http.received, wanted - http.received);
        if (count == 0)
            return false;
        http.received += (uint32_t)count;
    }
    return true;
}

void http_poll(void)
{
    if (http.state == HTTP_IDLE)
        return;
    if (http.state == HTTP_OPENING) {
        if (channel_state(CHANNEL_HTTP) == CHANNEL_OPEN)
            send();
        else if (channel_state(CHANNEL_HTTP) != CHANNEL_OPENING)
            http.state = HTTP_IDLE;
        return;
    }
    if (has_answer()) {
        finish();
    } else if (channel_state(CHANNEL_HTTP) == CHANNEL_CLOSED) {
        /* A connection kept alive may have been closed meanwhile: only that is repeated. */
        if (http.kept && http.state == HTTP_HEAD && !http.head.status_seen)
            open();
        else
            http.state = HTTP_IDLE;
    }
}
