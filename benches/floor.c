/* The floor of a cached `get`: the bytes that docker-credential-ecr-rs sends to the session bus, in the same two
 * writes, the wait for the same answers, and the same JSON from them. Whatever the program takes beyond this, it
 * takes for what this does not do.
 *
 * It does not read the server from stdin, nor a configuration, nor an AWS identity; it looks at no attribute, so it
 * cannot tell a token that has ended; of the answers it checks only that they are no errors. It waits without a
 * bound and wipes nothing. It works for one item of one keyring: record-floor.py records that, and writes the
 * constants of recorded.h. What differs from run to run is the session, which is put in where it belongs.
 *
 * cc -O2 -static -I FOLDER_OF_RECORDED_H floor.c
 */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "recorded.h"

enum { PREFIX = 16, METHOD_RETURN = 2, REPLY_SERIAL = 5 };

static unsigned char in[1 << 16];
static size_t have, seen;
static int bus, is_error;

/* D-Bus numbers are aligned; this machine writes them as the messages do (the first byte is 'l'). */
static uint32_t number(size_t at)
{
    uint32_t value;
    memcpy(&value, in + at, sizeof value);
    return value;
}

static size_t aligned(size_t at, size_t to) { return (at + to - 1) / to * to; }

static void more(void)
{
    ssize_t count = have < sizeof in ? read(bus, in + have, sizeof in - have) : 0;
    if (count <= 0)
        _exit(3);
    have += (size_t)count;
}

static void say(int to, const void *bytes, size_t length)
{
    if (write(to, bytes, length) != (ssize_t)length)
        _exit(4);
}

/* Reads the next message, and gives the call that it answers (0 for a signal) and where its body starts. */
static uint32_t next(size_t *body)
{
    while (have - seen < PREFIX)
        more();
    size_t start = seen, fields = start + PREFIX, fields_end = fields + number(start + 12);
    *body = start + aligned(fields_end - start, 8);
    seen = *body + number(start + 4);
    while (have < seen)
        more();
    uint32_t to = 0;
    for (size_t at = fields; at < fields_end;) {
        at = start + aligned(at - start, 8);
        unsigned char code = in[at], type = in[at + 2];
        at += 4;
        if (type == 'g') {
            at += in[at] + 2u;
            continue;
        }
        at = start + aligned(at - start, 4);
        uint32_t value = number(at);
        at += 4 + (type == 'u' ? 0 : value + 1);
        if (code == REPLY_SERIAL)
            to = value;
    }
    /* Messages are read at their own start, so that what is aligned in them is aligned here. */
    is_error = in[start + 1] != METHOD_RETURN;
    return to;
}

/* Whether an answer to `to` is the one to `call`, which must be no error. */
static int is_answer(uint32_t to, uint32_t call)
{
    if (to == call && is_error)
        _exit(5);
    return to == call;
}

static void to_start(void)
{
    memmove(in, in + seen, have - seen);
    have -= seen;
    seen = 0;
}

int main(void)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bus < 0 || connect(bus, (struct sockaddr *)&place, sizeof place))
        return 2;
    say(bus, first_write, sizeof first_write);
    while (!memchr(in, '\n', have))
        more();
    seen = (size_t)((unsigned char *)memchr(in, '\n', have) - in) + 1;

    size_t body;
    char session[128];
    uint32_t session_length = 0, waiting = FIRST_ANSWERS;
    while (waiting) {
        to_start();
        uint32_t to = next(&body);
        for (size_t i = 0; i < sizeof first_serials / sizeof *first_serials; i++)
            waiting -= is_answer(to, first_serials[i]);
        if (to == OPEN_SESSION) { /* a variant with an empty string, then the path */
            size_t at = aligned(body + 9, 4);
            session_length = number(at);
            if (session_length >= sizeof session)
                return 6;
            memcpy(session, in + at + 4, session_length + 1);
        }
    }

    /* GetSecret's one argument is the session; the other message is as it was recorded. */
    unsigned char out[sizeof get_secret + sizeof session + 8 + sizeof get_attributes];
    uint32_t argument = 4 + session_length + 1;
    size_t length = sizeof get_secret;
    memcpy(out, get_secret, length);
    memcpy(out + 4, &argument, 4);
    memcpy(out + length, &session_length, 4);
    memcpy(out + length + 4, session, session_length + 1);
    length += argument;
    memcpy(out + length, get_attributes, sizeof get_attributes);
    say(bus, out, length + sizeof get_attributes);

    size_t secret = 0, secret_length = 0;
    static unsigned char json[1 << 16];
    size_t written = 0;
    for (waiting = 2; waiting;) {
        to_start();
        uint32_t to = next(&body);
        waiting -= is_answer(to, GET_SECRET) || is_answer(to, GET_ATTRIBUTES);
        if (to != GET_SECRET)
            continue;
        /* (oayays): the session, no parameters, the secret */
        size_t at = body + 4 + number(body) + 1;
        at = aligned(at, 4);
        at = aligned(at + 4 + number(at), 4);
        secret_length = number(at);
        secret = at + 4;
        memcpy(json, json_before, sizeof json_before);
        written = sizeof json_before;
        memcpy(json + written, in + secret, secret_length);
        written += secret_length;
        memcpy(json + written, json_after, sizeof json_after);
        written += sizeof json_after;
    }
    say(1, json, written);
    return 0;
}
