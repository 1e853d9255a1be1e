/* The limit under load: epoll loops that answer every read with one write. LOOPS says how many, each a process of its
   own with its own listening socket (SO_REUSEPORT). One read is taken for one request without a body. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include "hello.h"

static int listen_on(unsigned short port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        exit(1);
    return listener;
}

static void accept_all(int listener, int set) {
    int connection, on = 1;
    while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connection};
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(set, EPOLL_CTL_ADD, connection, &event);
    }
}

int main(void) {
    const char *port = getenv("PORT"), *loops = getenv("LOOPS");
    for (int more = loops ? atoi(loops) - 1 : 0; more > 0; more--)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            break;
        }
    int listener = listen_on((unsigned short)atoi(port ? port : "9000")), set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    char request[16384], response[RESPONSE_LEN];
    memcpy(response, RESPONSE, sizeof response);
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (time_t dated = -1;;) {
        int ready = epoll_wait(set, events, 256, -1);
        time_t now = time(NULL);
        if (now != dated)
            put_date(response, dated = now);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener, set);
            else if (read(fd, request, sizeof request) <= 0 ||
                     write(fd, response, sizeof response) != (ssize_t)sizeof response)
                close(fd);
        }
    }
}
