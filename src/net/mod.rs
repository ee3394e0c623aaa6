//! Sockets and waiting: everything that touches a file descriptor. What may enter: system calls
//! and the conversion of addresses. No CoAP.
