#include "net/http_head.h"

#include "shared/memory.h"

void http_head_begin(struct http_head *head)
{
    memory_fill(head, 0, sizeof *head);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Takes the name of a header, in any case, and the blanks behind it. */
static bool take_name(struct slice *line, const char *name)
{
    struct slice wanted = slice_of(name);
    if (line->length < wanted.length)
        return false;
    for (size_t i = 0; i < wanted.length; i++)
        if (lower(line->at[i]) != wanted.at[i])
            return false;
    line->at += wanted.length;
    line->length -= wanted.length;
    while (slice_take(line, slice_of(" ")) || slice_take(line, slice_of("\t"))) {
    }
    return true;
}

static bool take_number(struct slice *text, uint32_t *number)
{
    size_t digits = 0;
    uint32_t value = 0;
    while (digits < text->length && text->at[digits] >= '0' && text->at[digits] <= '9') {
        uint32_t digit = (uint32_t)(text->at[digits++] - '0');
        if (value > (0xFFFFFFFFu - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    text->at += digits;
    text->length -= digits;
    *number = value;
    return digits > 0;
}

static void take_status(struct http_head *head, struct slice line)
{
    uint32_t status;
    bool known = slice_take(&line, slice_of("HTTP/1.1 "));
    if (!known && slice_take(&line, slice_of("HTTP/1.0 ")))
        known = head->closes = true;
    if (!known || !take_number(&line, &status) || status < 100 || status > 999)
        head->broken = true;
    else
        head->status = (uint16_t)status;
}

static void take_header(struct http_head *head, struct slice line)
{
    if (take_name(&line, "content-length:")) {
        head->has_length = take_number(&line, &head->length) && line.length == 0;
        if (!head->has_length)
            head->broken = true;
    } else if (take_name(&line, "content-range:")) {
        if (take_name(&line, "bytes"))
            head->has_range = take_number(&line, &head->range_first);
        if (!head->has_range)
            head->broken = true;
    } else if (take_name(&line, "connection:")) {
        if (take_name(&line, "close"))
            head->closes = true;
    } else if (take_name(&line, "transfer-encoding:")) {
        head->broken = true;
    }
}

bool http_head_take(struct http_head *head, char c)
{
    if (c != '\n') {
        if (head->line_length < HTTP_LINE)
            head->line[head->line_length++] = c;
        return false;
    }
    struct slice line = {head->line, head->line_length};
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    head->line_length = 0;
    if (line.length == 0) {
        /* An interim answer (1xx) is followed by the real one. */
        bool interim = head->status >= 100 && head->status < 200;
        if (interim)
            http_head_begin(head);
        return !interim && head->status_seen;
    }
    if (!head->status_seen) {
        head->status_seen = true;
        take_status(head, line);
    } else {
        take_header(head, line);
    }
    return false;
}

bool http_url_read(struct slice text, struct http_url *url)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
        if (text.at[i] == '#')
            text.length = i; /* a fragment is not sent */
    }
    struct slice rest = text;
    if (!slice_take(&rest, slice_of("https://")) && !slice_take(&rest, slice_of("http://")))
        return false;
    size_t length = 0;
    while (length < rest.length && rest.at[length] != '/' && rest.at[length] != '?')
        length++;
    url->host = (struct slice){rest.at, length};
    url->origin = (struct slice){text.at, (size_t)(rest.at - text.at) + length};
    url->target = (struct slice){rest.at + length, rest.length - length};
    return length > 0;
}
