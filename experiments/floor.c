/* The floor: what one HTTP response costs when nothing is parsed.
 *
 * usage: floor RESPONSE-FILE [PORT]
 *
 * One thread, one epoll instance, one recv and one send a readable connection. It finds where each
 * request head ends and answers it with the bytes of RESPONSE-FILE, so pipelined heads and heads
 * split over reads are right; request bodies and "Connection: close" are not understood. Every
 * connection is kept alive until the client closes it. Ends with status 0 on SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 2048, BATCH = 64, EVENTS = 512, INPUT = 65536, MAX_RESPONSE = 16384, MAX_FD = 65536 };

static const uint32_t HEAD_END = 0x0d0a0d0a; /* "\r\n\r\n" */

static struct {
    uint32_t last; /* the last four bytes received */
    size_t owed;   /* bytes of response that the client has yet to get */
} connections[MAX_FD];

static char batch[BATCH * MAX_RESPONSE]; /* the response, BATCH times over */
static size_t length;                    /* of one response */
static int poller;

static void die(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_sigterm(int number) {
    (void)number;
    _exit(0);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    length = fread(batch, 1, MAX_RESPONSE + 1, file);
    fclose(file);
    if (length == 0 || length > MAX_RESPONSE) {
        fprintf(stderr, "floor: %s: want 1 to %d bytes\n", path, MAX_RESPONSE);
        exit(1);
    }
    for (int i = 1; i < BATCH; i++)
        memcpy(batch + i * length, batch, length);
}

static void watch(int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, operation, fd, &event) < 0)
        die("epoll_ctl");
}

static int listen_on_loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, BACKLOG) < 0 || /* accepted sockets inherit TCP_NODELAY */
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    fprintf(stderr, "floor: ready http://127.0.0.1:%d pid=%d\n", ntohs(address.sin_port), getpid());
    return listener;
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        connections[fd].last = 0;
        connections[fd].owed = 0;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

/* Send what is owed. While the socket takes no more, wait for it and read nothing. */
static void answer(int fd, int was_blocked) {
    size_t *owed = &connections[fd].owed;
    while (*owed) {
        size_t offset = (length - *owed % length) % length;
        size_t size = BATCH * length - offset < *owed ? BATCH * length - offset : *owed;
        ssize_t sent = send(fd, batch + offset, size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                close(fd);
            else if (!was_blocked)
                watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
            return;
        }
        *owed -= sent;
    }
    if (was_blocked)
        watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void receive(int fd) {
    static unsigned char input[INPUT];
    ssize_t size = recv(fd, input, sizeof input, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    uint32_t last = connections[fd].last;
    for (ssize_t i = 0; i < size; i++) {
        last = last << 8 | input[i];
        if (last == HEAD_END)
            connections[fd].owed += length;
    }
    connections[fd].last = last;
    if (connections[fd].owed)
        answer(fd, 0);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: floor RESPONSE-FILE [PORT]\n");
        return 2;
    }
    signal(SIGTERM, on_sigterm);
    load(argv[1]);
    if ((poller = epoll_create1(0)) < 0)
        die("epoll_create1");
    int listener = listen_on_loopback(argc == 3 ? atoi(argv[2]) : 0); /* 0: any free one */
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poller, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                answer(fd, 1);
            else
                receive(fd);
        }
    }
}
