/*
 * How the programs under test begin and end. Public API only.
 */
#ifndef BEGIN_H
#define BEGIN_H

#include <coap3/coap.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t quit;

static void
on_signal(int number) {
  (void)number;
  quit = 1;
}

/* A context, or NULL, and the address of a port of 127.0.0.1. From now on the program ends after ten minutes. */
static coap_context_t *
begin(const char *port, coap_address_t *address) {
  struct sigaction action = {.sa_handler = on_signal};

  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  alarm(600);
  coap_address_init(address);
  address->size = sizeof(address->addr.sin);
  address->addr.sin.sin_family = AF_INET;
  address->addr.sin.sin_port = htons((uint16_t)atoi(port));
  address->addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  coap_startup();
  return coap_new_context(NULL);
}

/* Says that it is ready, with the library's version, and serves until a signal comes. */
static void
serve(coap_context_t *context) {
  printf("ready %s\n", coap_package_version());
  fflush(stdout);
  while (!quit && coap_io_process(context, 1000) >= 0) {
  }
  coap_free_context(context);
  coap_cleanup();
}

#endif
