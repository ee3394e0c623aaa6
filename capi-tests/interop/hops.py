"""How many hops a datagram to a group may still cross when it comes. Run with group, interface and port; says `up`, then
the number for each datagram."""

import socket
import struct
import sys

IP_RECVTTL = 12  # which the module does not name

group, interface, port = sys.argv[1:]
index = socket.if_nametoindex(interface)
if ":" in group:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
else:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("=4s4si", socket.inet_aton(group), b"\0\0\0\0", index))
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
sock.bind(("", int(port)))
print("up", flush=True)
while True:
    _, control, _, _ = sock.recvmsg(2048, 64)
    print(struct.unpack("@i", control[0][2])[0], flush=True)
