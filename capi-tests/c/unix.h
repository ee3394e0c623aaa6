/* What programs share that talk over Unix domain sockets: a directory of their own, its paths as addresses, and what
 * is in it. */

#ifndef UNIX_H
#define UNIX_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "peer.h"

/* Short, since an address has room for 26 bytes: /tmp/cuXXXXXX */
static char directory[16];

UNUSED static void
enter_directory(void) {
  strcpy(directory, "/tmp/cuXXXXXX");
  NEED(mkdtemp(directory));
}

/* The path of a name in the directory, in one of four buffers. */
UNUSED static const char *
at(const char *name) {
  static char paths[4][200];
  static unsigned int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
  return path;
}

UNUSED static void
leave_directory(void) {
  NEED(rmdir(directory) == 0);
}

/* What is at a name: `socket`, `file`, `nothing`. */
UNUSED static const char *
what_is(const char *name) {
  struct stat status;
  if (lstat(at(name), &status) < 0)
    return "nothing";
  return S_ISSOCK(status.st_mode) ? "socket" : S_ISREG(status.st_mode) ? "file" : "something";
}

UNUSED static void
put_file(const char *name) {
  int fd = open(at(name), O_CREAT | O_EXCL | O_WRONLY, 0600);
  NEED(fd >= 0);
  close(fd);
}

/* An address with the bytes of a path, of which there are at most 26. */
UNUSED static coap_address_t
unix_path(const char *path, size_t length) {
  coap_address_t address;
  coap_address_init(&address);
  address.addr.cun.sun_family = AF_UNIX;
  NEED(length <= sizeof(address.addr.cun.sun_path));
  memcpy(address.addr.cun.sun_path, path, length);
  return address;
}

UNUSED static coap_address_t
unix_at(const char *name) {
  const char *path = at(name);
  return unix_path(path, strlen(path));
}

/* An abstract name: one that is no file. */
UNUSED static coap_address_t
unix_abstract(const char *name) {
  char path[26] = "";
  int length = snprintf(path + 1, sizeof(path) - 1, "%s%s", directory + 5, name);
  coap_address_t address = unix_path(path, (size_t)length + 1);
  address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1);
  return address;
}

/* Prints a text with the directory as DIR, and without an interface. */
UNUSED static void
show_text(const char *label, const char *text) {
  printf("%s:", label);
  while (text && *text) {
    if (strncmp(text, directory, strlen(directory)) == 0) {
      printf("%s", "DIR");
      text += strlen(directory);
    } else {
      putchar(*text++);
    }
  }
  puts(text ? "." : " NULL");
  fflush(stdout);
}

/* Prints a text as a session has it. On the reference, the interface of one is the number of a file descriptor. */
UNUSED static void
show_session_text(const char *label, const char *text) {
  char copy[256];
  const char *from = strstr(text, " (if");
  size_t length = from ? (size_t)(from - text) : strlen(text);
  snprintf(copy, sizeof(copy), "%.*s%s", (int)length, text, from ? strchr(from, ')') + 1 : "");
  show_text(label, copy);
}

/* ---- a bare socket ---- */

/* A datagram or stream socket, bound to a path; to nothing if that is NULL. */
UNUSED static int
bare_socket(int type, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type, 0);
  NEED(fd >= 0);
  if (path) {
    NEED(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    NEED(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
  }
  return fd;
}

/* A file that was left by a socket which is closed. */
UNUSED static void
put_stale(int type, const char *name) {
  close(bare_socket(type, at(name)));
}

UNUSED static void
send_bytes(int fd, const char *path, const void *bytes, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  NEED(sendto(fd, bytes, length, 0, (struct sockaddr *)&address, sizeof(address)) == (ssize_t)length);
}

#endif
